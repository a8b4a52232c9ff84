# SPDX-License-Identifier: MIT
# The tests. Host programs by folder; then the machine tests, which boot disk images.

include $(wildcard tests/unit/*.mk) tests/emu/rules.mk tests/system/rules.mk

# Scripts that boot machines, the longest first, and what they need.
MACHINE_TESTS := $(addprefix tests/system/,conformance seabios refusals svam panic/run)
MACHINE_IMAGES = $(B)/whit.efi $(B)/vmm.efi $(B)/conformance.efi $(SYSTEM_APP_FILES) \
	$(B)/panic/whit.efi

.PHONY: host-tests
host-tests: $(HOST_TESTS)

.PHONY: test
test: deps ## everything: lint, both compilers, host tests, machine tests; ends with `N passed, N failed`
	@B=$(B) tests/run

.PHONY: test-host
test-host: host-tests ## the host tests alone
	@tests/tally $(B)/logs/host $(HOST_TESTS)

.PHONY: lint
lint: ## format, include table, headers alone, symbols, where assembly stands
	@tests/lint/run

.PHONY: format
format: ## let clang-format have its way
	@clang-format -i $$(git ls-files -co --exclude-standard '*.c' '*.h')

.PHONY: bench
bench: deps ## costs in Bochs ticks, `bench NAME NUMBER UNIT`
	@$(MAKE) --quiet -j2 all $(B)/bench.efi
	@B=$(B) tests/bench/run

# For tests/run.
.PHONY: print-host-tests print-machine-tests machine-tests
print-host-tests:
	@echo $(HOST_TESTS) tests/unit/whp_headers/run
print-machine-tests:
	@echo $(MACHINE_TESTS)
machine-tests: $(MACHINE_IMAGES)

# SPDX-License-Identifier: MIT
# The tests. Host programs by folder; then the machine tests, which boot disk images.

include tests/system/rules.mk tests/bench/emu.mk tests/bench/kvm.mk

# What the scripts need that boot machines: tests/system/spread.
MACHINE_IMAGES = $(B)/whit.efi $(B)/vmm.efi $(B)/conformance.efi $(SYSTEM_APP_FILES) \
	$(B)/panic/whit.efi $(B)/linux_bare.efi $(LINUX_GUEST)

# Scripts that run on the host, and the programs that they need.
HOST_SCRIPTS := tests/system/options tests/system/machine-choice tests/emu/install tests/unit/whp_headers/run tests/unit/whp_client/run

include tests/unit/rules.mk tests/emu/rules.mk tests/fuzz/rules.mk tests/model/rules.mk

.PHONY: host-tests
host-tests: $(HOST_TESTS) $(B)/libwhitemu.a $(addprefix $(B)/fuzz/,emu_fuzz hv_fuzz vtx_fuzz)

.PHONY: test
test: deps ## everything: lint, both compilers, host tests, machine tests; ends with `N passed, N failed`
	@B=$(B) tests/run

.PHONY: test-host
test-host: host-tests ## the host tests alone
	@B=$(B) tests/tally $(B)/logs/host $(HOST_SCRIPTS) $(HOST_TESTS)

.PHONY: test-machine
test-machine: deps ## the machine tests alone; MACHINE=bochs, bochs3, tcg, tcg10, kvm: on that one
	@$(MAKE) --quiet -j2 machine-tests
	@B=$(B) tests/tally $(B)/logs/machine $$(B=$(B) tests/system/spread)

# How many times `make soak` starts Whit.
BOOTS ?= 100

.PHONY: soak
soak: deps ## with two to four processors: BOOTS (100) starts of Whit on VT-x and on AMD-V, Linux as the root, the whole suite on each
	@$(MAKE) --quiet -j2 machine-tests
	@B=$(B) JOBS=$${JOBS:-2} tests/system/soak $(BOOTS)
	@! tests/system/machine runs tcg || B=$(B) JOBS=$${JOBS:-2} MACHINE=tcg tests/system/soak $(BOOTS)
	@B=$(B) tests/system/processors linux suite 2 3

.PHONY: coverage
coverage: ## lines and branches of emu/ that the host tests reach
	@B=$(B) tests/emu/coverage

.PHONY: lint
lint: ## format, include table, headers alone, symbols, where assembly stands
	@B=$(B) tests/lint/run

.PHONY: format
format: ## let clang-format have its way, and fill comments that are too long
	@clang-format -i $$(tests/lint/files '*.c' '*.h')
	@tests/lint/comments --fix

.PHONY: bench
bench: deps ## costs in Bochs ticks and callgrind instructions, `bench NAME NUMBER UNIT`
	@$(MAKE) --quiet -j2 all linux-guest $(B)/bench.efi $(B)/smp.efi $(B)/linux_bare.efi $(B)/bench/emu $(B)/linux/kvm/initrd
	@B=$(B) tests/bench/emu-run
	@B=$(B) tests/bench/run
	@B=$(B) tests/bench/kvm-run
	@B=$(B) tests/bench/linux

.PHONY: bench-emu
bench-emu: $(B)/bench/emu ## the emulator's figures alone
	@B=$(B) tests/bench/emu-run

# For tests/lint/stack.
.PHONY: print-hv-cflags
print-hv-cflags:
	@echo $(HV_CFLAGS)
	@echo $(HV_LTO)

# The host tests of hv/, for tests/mutants/run.
.PHONY: print-hv-tests mutants
print-hv-tests:
	@echo $(HV_TESTS) $(AMD_TESTS) $(TSAN_TESTS) $(B)/tsan/lines $(B)/host/hv_replay

mutants: ## break hv/ in the ways of tests/mutants/list, and see that the host tests notice
	@B=$(B) tests/mutants/run

# For tests/run.
.PHONY: print-host-tests print-machine-tests machine-tests
print-host-tests:
	@echo $(HOST_SCRIPTS) $(HOST_TESTS)
print-machine-tests:
	@B=$(B) tests/system/spread
machine-tests: $(MACHINE_IMAGES)

# SPDX-License-Identifier: MIT
# Tests of emu/. A file of tests/emu/ without an underscore in its name is a program, $(B)/host/NAME, that is linked as
# those of tests/unit/ are; oracles have several.
#
#	make docs/emulator.md	writes the document anew
#	make emu-fuzz		runs the libFuzzer target for FUZZ_SECONDS
#	make fuzz-long		every oracle with hundreds of millions of cases; see there

FUZZ_SECONDS ?= 60

# Millions of cases want speed, and the sanitizers' shadow the addresses that native has its segments at; it lies in the
# first 2 GiB itself, where 16-bit code reaches its exit. tests/emu/coverage counts in the other tree.
FAST ?= fast
FAST_CFLAGS = $(filter-out -O1 -fsanitize% -fno-sanitize%,$(TEST_CFLAGS)) -O2 -fno-pie

$(B)/fast/%.o: %.c tests/emu/rules.mk
	@mkdir -p $(@D)
	$(CC) $(FAST_CFLAGS) -MMD -MP -c $< -o $@

$(B)/fast/libcheck.a: $(B)/fast/tests/check.o $(B)/fast/tests/check_host.o
$(B)/fast/libemu.a: $(patsubst %.c,$(B)/fast/%.o,$(wildcard emu/*.c))
$(B)/fast/%.a:
	rm -f $@
	$(AR) rcs $@ $^

$(B)/host/%.o $(B)/fast/%.o: %.S
	@mkdir -p $(@D)
	$(CC) -I. -c $< -o $@

-include $(shell find $(B)/fast -name '*.d' 2>/dev/null)

# $(call emu_objects,TREE,FILES): of tests/emu/
emu_objects = $(foreach file,$(2),$(B)/$(1)/tests/emu/$(file).o)

VECTOR_TESTS := $(patsubst tests/emu/%.c,$(B)/host/%,$(wildcard tests/emu/vectors*.c)) $(addprefix $(B)/host/,absent home list)
EMU_TESTS := $(VECTOR_TESTS) $(addprefix $(B)/host/,decode_oracle vex_oracle native native_vector emu_replay)
HOST_TESTS += $(EMU_TESTS)

$(VECTOR_TESTS): $(B)/host/%: $(B)/host/tests/emu/%.o $(B)/host/libcheck.a $(B)/host/libemu.a
	$(TEST_LINK)

$(B)/host/native_vector: $(call emu_objects,host,native_vector native_vector_run native_vector_case native_vector_entry probe) \
		$(B)/host/libcheck.a $(B)/host/libemu.a
	$(TEST_LINK)

$(B)/host/decode_oracle: $(patsubst %.c,$(B)/$(FAST)/%.o,$(wildcard tests/emu/decode_oracle*.c))
$(B)/host/decode_oracle: LIBS := -lZydis -lopcodes -lbfd
$(B)/host/vex_oracle: $(call emu_objects,$(FAST),vex_oracle decode_oracle_newer)
$(B)/host/vex_oracle: LIBS := -lZydis
$(B)/host/native: $(call emu_objects,$(FAST),native native_run native_ops native_form native_case native_diff native_entry probe)

FAST_TESTS := $(addprefix $(B)/host/,decode_oracle vex_oracle native)
$(FAST_TESTS): $(B)/$(FAST)/libcheck.a $(B)/$(FAST)/libemu.a
$(FAST_TESTS): FAST_LINK = $(if $(filter fast,$(FAST)),$(FAST_CFLAGS),$(TEST_CFLAGS)) -no-pie
$(FAST_TESTS):
	$(CC) $(FAST_LINK) $(filter %.o,$^) $(filter %.a,$^) $(LIBS) -o $@

# For tests/emu/coverage.
.PHONY: print-emu-tests
print-emu-tests:
	@echo $(notdir $(EMU_TESTS))

.PHONY: docs/emulator.md
docs/emulator.md: $(B)/host/list
	$< --write > $@.new && mv $@.new $@

# Everything that looks for differences, for long: the processor, the decoders, the fuzzer; on all
# processors. SEED gives other cases; FROM goes on where a run of the first was stopped, as its last
# line said. A difference ends it with a status of 1, after the program that found it.
SEED ?= 1
FROM ?= 0
LONG_NATIVE_CASES ?= 200000000
LONG_VECTOR_CASES ?= 40000000
LONG_STRINGS ?= 50000000
LONG_FUZZ_SECONDS ?= 600
LONG_HV_SECONDS ?= 3600
LONG_VTX_SECONDS ?= 3600

.PHONY: fuzz-long
fuzz-long: $(addprefix $(B)/host/,native native_vector decode_oracle vex_oracle) ## compare the emulator with processor and decoders on 290 million cases, fuzz it for 10 minutes, and the hypervisor for two hours
	SEED=$(SEED) FROM=$(FROM) $(B)/host/native $(LONG_NATIVE_CASES)
	@jobs=$$(nproc); pids=; status=0; \
	for i in $$(seq $$jobs); do \
		$(B)/host/native_vector $$(($(LONG_VECTOR_CASES) / jobs)) $$(($(SEED) * 4096 + i)) & \
		pids="$$pids $$!"; \
	done; \
	for pid in $$pids; do wait $$pid || status=1; done; exit $$status
	$(B)/host/decode_oracle $(LONG_STRINGS) $(SEED)
	$(B)/host/vex_oracle
	$(MAKE) emu-fuzz FUZZ_SECONDS=$(LONG_FUZZ_SECONDS)
	$(MAKE) hv-fuzz FUZZ_SECONDS=$(LONG_HV_SECONDS)
	$(MAKE) vtx-fuzz FUZZ_SECONDS=$(LONG_VTX_SECONDS)

# SPDX-License-Identifier: MIT
#
# The fuzz target on the model of VT-x: its corpus once through, with any compiler, is a host test; the fuzzer itself is
# clang's. tests/fuzz/vtx_run is a test as well.
#
#	make vtx-fuzz		runs the fuzzer for FUZZ_SECONDS; finds go to the build directory

VTX_SOURCES := $(wildcard hv/*.c hv/*/*.c emu/*.c tests/vtx/*.c tests/fuzz/vtx_*.c) $(filter-out arch/vmx/offsets.c,$(wildcard arch/vmx/*.c)) \
	$(filter-out $(addprefix arch/x86/,start.c gdt.c idt.c string.c),$(wildcard arch/x86/*.c))
VTX_OBJECTS := $(VTX_SOURCES:%.c=$(B)/vtx/%.o)
VTX_FUZZ_OBJECTS := $(VTX_SOURCES:%.c=$(B)/vtx-fuzz/%.o)

# Headers of the model stand before those of arch/, whose place they take.
VTX_CFLAGS := -std=gnu11 -O2 -g -Itests/vtx/include -I. -Iinclude \
	-Wall -Wextra -Wno-unused-parameter -Wshadow -Wmissing-prototypes -Wundef -Wconversion -Wno-sign-conversion \
	-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

HOST_TESTS += $(B)/host/vtx_replay
HOST_SCRIPTS += tests/fuzz/vtx_run

host-tests: $(B)/tests/fuzz/vtx_fuzz

$(B)/vtx/%.o: %.c tests/fuzz/vtx.mk
	@mkdir -p $(@D)
	$(CC) $(VTX_CFLAGS) -DFUZZ_REPLAY -MMD -MP -c $< -o $@

# Unit tests of arch/vmx on the same model: $(B)/host/vmx_NAME.
VMX_OBJECTS := $(filter $(B)/vtx/arch/% $(B)/vtx/tests/vtx/%,$(VTX_OBJECTS))
VMX_TESTS := $(patsubst tests/unit/%.c,$(B)/host/%,$(wildcard tests/unit/vmx_*.c))
HOST_TESTS += $(VMX_TESTS)

$(VMX_TESTS): $(B)/host/%: $(B)/vtx/tests/unit/%.o $(VMX_OBJECTS) $(CHECK:%.c=$(B)/vtx/%.o)
	@mkdir -p $(@D)
	$(CC) $(VTX_CFLAGS) $^ -o $@

-include $(VMX_TESTS:$(B)/host/%=$(B)/vtx/tests/unit/%.d)

$(B)/host/vtx_replay: $(VTX_OBJECTS)
	@mkdir -p $(@D)
	$(CC) $(VTX_CFLAGS) $^ -o $@

# The input says by a number what to do: comparisons need not be traced, which costs most of the time.
$(B)/vtx-fuzz/%.o: %.c tests/fuzz/vtx.mk
	@mkdir -p $(@D)
	clang $(VTX_CFLAGS) -fsanitize=fuzzer-no-link -fno-sanitize-coverage=trace-cmp -MMD -MP -c $< -o $@

$(B)/tests/fuzz/vtx_fuzz: $(VTX_FUZZ_OBJECTS)
	@mkdir -p $(@D)
	clang $(VTX_CFLAGS) -fsanitize=fuzzer $^ -o $@

-include $(VTX_OBJECTS:.o=.d) $(VTX_FUZZ_OBJECTS:.o=.d)

.PHONY: vtx-fuzz
vtx-fuzz: $(B)/tests/fuzz/vtx_fuzz ## fuzz hypervisor and VT-x model for FUZZ_SECONDS (60); finds go to the build directory
	@mkdir -p $(B)/tests/fuzz/vtx_corpus
	cd $(B)/tests/fuzz && ./vtx_fuzz -max_len=500 -len_control=0 -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 \
		vtx_corpus $(CURDIR)/tests/fuzz/vtx_corpus

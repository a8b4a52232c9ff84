# SPDX-License-Identifier: MIT
#
# Tests of hv/ on the host, on the fake machine (arch/fake), under sanitizers. Needs B and CC.

HV_TESTS := hv_frame hv_gpa hv_gpa_dirty hv_partition hv_root_memory hv_register hv_property hv_hypercall hv_reserved \
	hv_hostile hv_docs hv_apic hv_apic_timer hv_apic_restore hv_apic_ipi hv_state hv_time hv_counter hv_reset hv_completion event event_wait \
	device device_apic device_move device_state device_string \
	run_cr run_cpuid run_model run_msr run_msr_root run_entry run_exit run_loop run_event run_apic run_root run_docs \
	walk walk_all translate

HV_TEST_CFLAGS := -std=gnu11 -O1 -g -I. -Iinclude \
	-Wall -Wextra -Wno-unused-parameter -Wshadow -Wmissing-prototypes -Wundef -Wconversion \
	-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

HV_TEST_OBJECTS := $(patsubst %.c,$(B)/host/hv/%.o,$(wildcard hv/*.c hv/*/*.c emu/*.c arch/fake/*.c))

HOST_TESTS += $(addprefix $(B)/host/,$(HV_TESTS))

$(B)/host/hv/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(HV_TEST_CFLAGS) $(HV_FUZZ_REPLAY) -MMD -MP -c $< -o $@

$(addprefix $(B)/host/,$(HV_TESTS)): $(B)/host/%: $(B)/host/hv/tests/unit/%.o $(HV_TEST_OBJECTS)
	$(CC) $(HV_TEST_CFLAGS) $(HV_LDFLAGS) $^ $(CHECK) -o $@

$(B)/host/device: HV_LDFLAGS := -Wl,--wrap=gpa_find_page
$(B)/host/run_msr_root: HV_LDFLAGS := -Wl,--wrap=virt_root_guard_msr,--wrap=root_memory_retype
$(B)/host/run_root: HV_LDFLAGS := -Wl,--wrap=virt_inject,--wrap=hypercall,--wrap=root_memory_fault
$(B)/host/run_apic: HV_LDFLAGS := -Wl,--wrap=vp_prepare_apic,--wrap=apic_exit,--wrap=device_memory
$(B)/host/translate: HV_LDFLAGS := -Wl,--wrap=buffer_is_legal
$(B)/host/walk: HV_LDFLAGS := -pthread
$(B)/host/hv_register: HV_LDFLAGS := -Wl,--wrap=virt_set

-include $(HV_TEST_OBJECTS:.o=.d)
-include $(patsubst %,$(B)/host/hv/tests/unit/%.d,$(HV_TESTS))

# The fuzz targets of the GPA space and of the page walk: their corpus once through, with any compiler; and the fuzzers
# themselves, clang only: `$(B)/fuzz/gpa_fuzz tests/fuzz/gpa_corpus`
HOST_TESTS += $(B)/host/gpa_replay $(B)/host/walk_replay

$(B)/host/gpa_replay $(B)/host/walk_replay: $(B)/host/%_replay: tests/fuzz/%_fuzz.c $(HV_TEST_OBJECTS) $(wildcard tests/unit/*.h)
	@mkdir -p $(@D)
	$(CC) $(HV_TEST_CFLAGS) $(HV_LDFLAGS) -DFUZZ_REPLAY $< $(HV_TEST_OBJECTS) $(CHECK) -o $@

$(B)/fuzz/gpa_fuzz $(B)/fuzz/walk_fuzz: $(B)/fuzz/%: tests/fuzz/%.c $(wildcard hv/*.c hv/*.h hv/*/*.c hv/*/*.h emu/*.c emu/*.h arch/*.h arch/fake/*)
	@mkdir -p $(@D)
	clang $(HV_TEST_CFLAGS) $(HV_LDFLAGS) -fsanitize=fuzzer $(filter %.c,$^) $(CHECK) -o $@

$(B)/host/walk_replay $(B)/fuzz/walk_fuzz: HV_LDFLAGS := -Wl,--wrap=gpa_find_page

# The fuzz target of hv/ with emu/ whole: its corpus once through, with any compiler; and the fuzzer itself, clang only.
HOST_TESTS += $(B)/host/hv_replay

HV_FUZZ_SOURCES := $(wildcard tests/fuzz/hv/*.c)
HV_FUZZ_OBJECTS := $(patsubst %.c,$(B)/fuzz/hv/%.o,$(wildcard hv/*.c hv/*/*.c emu/*.c arch/fake/*.c) $(HV_FUZZ_SOURCES))

$(HV_FUZZ_SOURCES:%.c=$(B)/host/hv/%.o): HV_FUZZ_REPLAY := -DFUZZ_REPLAY

$(B)/host/hv_replay: $(HV_FUZZ_SOURCES:%.c=$(B)/host/hv/%.o) $(HV_TEST_OBJECTS) $(B)/tests/unit/forms.o
	@mkdir -p $(@D)
	$(CC) $(HV_TEST_CFLAGS) $^ -o $@

# What is not fuzzed is not counted, and has no sanitizers; and comparisons, which are many, guide nobody: the input is
# made of choices.
HV_FUZZ_COVERAGE := -fsanitize=fuzzer-no-link -fno-sanitize-coverage=trace-cmp
$(B)/fuzz/hv/arch/%.o $(B)/fuzz/hv/tests/fuzz/hv/hv_fuzz_check.o: HV_FUZZ_COVERAGE := -O2 -fno-sanitize=all

$(B)/fuzz/hv/%.o: %.c
	@mkdir -p $(@D)
	clang $(HV_TEST_CFLAGS) $(HV_FUZZ_CFLAGS) $(HV_FUZZ_COVERAGE) -MMD -MP -c $< -o $@

$(B)/fuzz/hv_fuzz: $(HV_FUZZ_OBJECTS) $(B)/tests/unit/forms.o
	clang $(HV_TEST_CFLAGS) $(HV_FUZZ_CFLAGS) -fsanitize=fuzzer $^ -o $@

-include $(HV_FUZZ_OBJECTS:.o=.d) $(HV_FUZZ_SOURCES:%.c=$(B)/host/hv/%.d)

.PHONY: hv-fuzz hv-coverage
hv-fuzz: $(B)/fuzz/hv_fuzz ## fuzz hv/ for FUZZ_SECONDS (60); finds go to the build directory
	@mkdir -p $(B)/fuzz/hv_corpus
	cd $(B)/fuzz && ./hv_fuzz -max_len=800 -detect_leaks=0 -max_total_time=$(FUZZ_SECONDS) -timeout=20 -print_final_stats=1 \
		hv_corpus $(CURDIR)/tests/fuzz/hv_corpus

hv-coverage: ## lines of hv/ that the corpus of its fuzz target reaches
	@B=$(B) tests/fuzz/hv_coverage

# SPDX-License-Identifier: MIT
#
# Fuzz targets. With -DFUZZ_REPLAY one is a program of the host, $(B)/host/NAME_replay, that runs its corpus once, with
# any compiler. The fuzzer itself, $(B)/fuzz/NAME_fuzz, is clang's.
#
#	make NAME-fuzz		runs it for FUZZ_SECONDS; finds go to the build directory

HOST_TESTS   += $(addprefix $(B)/host/,gpa_replay walk_replay hv_replay vtx_replay)
HOST_SCRIPTS += tests/fuzz/emu_run tests/fuzz/hv_run tests/fuzz/vtx_run
FUZZERS      := $(patsubst %,$(B)/fuzz/%_fuzz,emu gpa walk hv vtx)

# ---- Replays

$(B)/host/tests/fuzz/%.o $(B)/vtx/%.o: TEST_DEFINES := -DFUZZ_REPLAY

HV_FUZZ_SOURCES := $(wildcard tests/fuzz/hv/*.c)

$(B)/host/emu_replay: $(B)/host/tests/fuzz/emu_fuzz.o $(B)/host/libemu.a
$(B)/host/gpa_replay $(B)/host/walk_replay: $(B)/host/%_replay: $(B)/host/tests/fuzz/%_fuzz.o
$(B)/host/hv_replay: $(HV_FUZZ_SOURCES:%.c=$(B)/host/%.o)
$(addprefix $(B)/host/,gpa_replay walk_replay): $(B)/host/libcheck.a
$(addprefix $(B)/host/,gpa_replay walk_replay hv_replay): $(B)/host/libhv.a $(B)/host/libemu.a
$(addprefix $(B)/host/,emu_replay gpa_replay walk_replay hv_replay vtx_replay):
	$(TEST_LINK)

# ---- Fuzzers. Comparisons, which are many, guide nobody where the input is made of choices, and what is not fuzzed is
# not counted and has no sanitizers.

FUZZ_CFLAGS   = $(TEST_CFLAGS) $(HV_FUZZ_CFLAGS) -fsanitize=fuzzer-no-link
FUZZ_COVERAGE = -fno-sanitize-coverage=trace-cmp
FUZZ_LINK     = clang $(TEST_CFLAGS) $(HV_FUZZ_CFLAGS) -fsanitize=fuzzer \
	$$(nm $(filter %.o,$^) | sed -n 's/.* T __wrap_/-Wl,--wrap=/p') $^ -o $@

$(B)/fuzz/%.o: %.c tests/fuzz/rules.mk
	@mkdir -p $(@D)
	clang $(FUZZ_CFLAGS) $(FUZZ_COVERAGE) -MMD -MP -c $< -o $@

$(B)/fuzz/bytes/%.o: %.c tests/fuzz/rules.mk
	@mkdir -p $(@D)
	clang $(FUZZ_CFLAGS) -MMD -MP -c $< -o $@

$(B)/fuzz/arch/%.o $(B)/fuzz/tests/fuzz/hv/hv_fuzz_check.o: FUZZ_COVERAGE := -O2 -fno-sanitize=all

FUZZ_HV := $(patsubst %.c,$(B)/fuzz/%.o,$(wildcard hv/*.c hv/*/*.c arch/fake/*.c emu/*.c))

$(B)/fuzz/emu_fuzz: $(patsubst %.c,$(B)/fuzz/bytes/%.o,tests/fuzz/emu_fuzz.c $(wildcard emu/*.c))
$(B)/fuzz/gpa_fuzz $(B)/fuzz/walk_fuzz: $(B)/fuzz/%: $(B)/fuzz/tests/fuzz/%.o $(FUZZ_HV) $(B)/fuzz/tests/check.o $(B)/fuzz/tests/check_host.o
$(B)/fuzz/hv_fuzz: $(HV_FUZZ_SOURCES:%.c=$(B)/fuzz/%.o) $(FUZZ_HV) $(B)/host/tests/guest/forms.o
$(FUZZERS):
	$(FUZZ_LINK)

# ---- hv/ and arch/vmx on the model of VT-x, whose headers stand before those of arch/, whose place they take.

VTX_SOURCES := $(wildcard hv/*.c hv/*/*.c emu/*.c tests/vtx/*.c tests/fuzz/vtx_*.c) \
	$(filter-out %/offsets.c,$(wildcard arch/vmx/*.c)) \
	$(filter-out $(addprefix arch/x86/,start.c gdt.c idt.c string.c offsets.c),$(wildcard arch/x86/*.c))
VTX_CFLAGS   = -Itests/vtx/include $(TEST_CFLAGS) -O2

$(B)/vtx/%.o: %.c tests/fuzz/rules.mk
	@mkdir -p $(@D)
	$(CC) $(VTX_CFLAGS) $(TEST_DEFINES) -MMD -MP -c $< -o $@

$(B)/fuzz/vtx/%.o: %.c tests/fuzz/rules.mk
	@mkdir -p $(@D)
	clang $(VTX_CFLAGS) -fsanitize=fuzzer-no-link $(FUZZ_COVERAGE) -MMD -MP -c $< -o $@

# Unit tests of arch/vmx on the same model.
VMX_TESTS  := $(filter $(B)/host/vmx_%,$(UNIT_TESTS))

$(VMX_TESTS): $(B)/host/%: $(B)/vtx/tests/unit/%.o $(patsubst %.c,$(B)/vtx/%.o,$(filter arch/% tests/vtx/%,$(VTX_SOURCES)))

# Those of arch/svm: its files with headers of their own, on the model of AMD-V, whose processor is otherwise the same.
SVM_TESTS := $(filter $(B)/host/svm_%,$(UNIT_TESTS))

$(B)/svm/%.o: %.c tests/fuzz/rules.mk
	@mkdir -p $(@D)
	$(CC) -Itests/svm/include $(VTX_CFLAGS) $(TEST_DEFINES) -MMD -MP -c $< -o $@

$(SVM_TESTS): $(B)/host/%: $(B)/svm/tests/unit/%.o $(B)/vtx/tests/vtx/cpu.o \
	$(patsubst %.c,$(B)/svm/%.o,$(filter-out %/offsets.c,$(wildcard arch/svm/*.c tests/svm/*.c))) \
	$(patsubst %.c,$(B)/vtx/%.o,$(filter arch/x86/%,$(VTX_SOURCES)))

# And of arch/x86, with the same headers and instructions of the program's own.
X86_TESTS := $(filter $(B)/host/x86_%,$(UNIT_TESTS))

$(B)/vtx/libx86.a: $(patsubst %.c,$(B)/vtx/%.o,$(filter arch/x86/%,$(VTX_SOURCES)))
	rm -f $@
	$(AR) rcs $@ $^

$(X86_TESTS): $(B)/host/%: $(B)/vtx/tests/unit/%.o $(B)/vtx/libx86.a

$(B)/host/vtx_replay: $(VTX_SOURCES:%.c=$(B)/vtx/%.o)
$(B)/fuzz/vtx_fuzz: $(VTX_SOURCES:%.c=$(B)/fuzz/vtx/%.o)

-include $(shell find $(B)/fuzz $(B)/vtx $(B)/svm -name '*.d' 2>/dev/null)

# ---- To run them

FUZZ_RUN = @mkdir -p $(B)/fuzz/$(1)_corpus && cd $(B)/fuzz && ./$(1)_fuzz -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 \
	$(2) $(1)_corpus $(CURDIR)/tests/fuzz/$(1)_corpus

.PHONY: emu-fuzz hv-fuzz vtx-fuzz hv-coverage
emu-fuzz: $(B)/fuzz/emu_fuzz ## fuzz the emulator for FUZZ_SECONDS (60); finds go to the build directory
	$(call FUZZ_RUN,emu,-max_len=400 -dict=$(CURDIR)/tests/fuzz/emu.dict)

hv-fuzz: $(B)/fuzz/hv_fuzz ## fuzz hv/ for FUZZ_SECONDS (60); finds go to the build directory
	$(call FUZZ_RUN,hv,-max_len=800 -detect_leaks=0 -timeout=20)

vtx-fuzz: $(B)/fuzz/vtx_fuzz ## fuzz hypervisor and VT-x model for FUZZ_SECONDS (60); finds go to the build directory
	$(call FUZZ_RUN,vtx,-max_len=500 -len_control=0)

hv-coverage: ## lines of hv/ that the corpus of its fuzz target reaches
	@B=$(B) tests/fuzz/hv_coverage

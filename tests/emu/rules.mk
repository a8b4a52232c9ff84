# SPDX-License-Identifier: MIT
# Tests of emu/, to be included by the top-level Makefile. Uses B (build directory) and CC; adds to
# HOST_TESTS the programs that run without arguments from the top of the tree.
#
#	make docs/emulator.md	writes the document anew
#	make emu-fuzz		builds the libFuzzer target with clang, and runs it for FUZZ_SECONDS
#	make fuzz-long		every oracle with hundreds of millions of cases; see there

B ?= build
FUZZ_SECONDS ?= 60

EMU_SOURCES := $(sort $(wildcard emu/*.c))
EMU_HEADERS := $(wildcard emu/*.h include/x86/*.h) tests/check.h tests/emu/bus.h
EMU_TEST_CFLAGS := -std=gnu11 -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -Wall -Wextra \
	-Wshadow -Wundef -I. -Iinclude
EMU_TEST_OBJECTS := $(EMU_SOURCES:emu/%.c=$(B)/tests/emu/obj/%.o)
EMU_TESTS := $(addprefix $(B)/tests/emu/,vectors vectors_rest vectors_segment vectors_system vectors_simd vectors_parts absent home decode_oracle vex_oracle native native_vector docs_check fuzz_replay)

HOST_TESTS += $(EMU_TESTS)

$(B)/tests/emu/obj/%.o: emu/%.c $(EMU_HEADERS)
	@mkdir -p $(@D)
	$(CC) $(EMU_TEST_CFLAGS) -c $< -o $@

$(addprefix $(B)/tests/emu/,vectors vectors_segment vectors_system vectors_simd vectors_parts absent home): $(B)/tests/emu/%: tests/emu/%.c \
		$(EMU_TEST_OBJECTS) $(EMU_HEADERS)
	$(CC) $(EMU_TEST_CFLAGS) $< $(EMU_TEST_OBJECTS) $(CHECK) -o $@

# Optimized and without sanitizers: it decodes more than 10 million strings.
EMU_ORACLE_SOURCES := $(sort $(wildcard tests/emu/decode_oracle*.c))
EMU_ORACLE_HEADERS := tests/emu/decode_oracle.h tests/emu/oracle_newer.h
$(B)/tests/emu/decode_oracle: $(EMU_ORACLE_SOURCES) $(EMU_ORACLE_HEADERS) $(EMU_SOURCES) $(EMU_HEADERS)
	@mkdir -p $(@D)
	$(CC) $(filter-out -O1 -fsanitize=% -fno-sanitize%,$(EMU_TEST_CFLAGS)) -O2 $(EMU_ORACLE_SOURCES) \
		$(EMU_SOURCES) $(CHECK) -lZydis -lopcodes -lbfd -o $@

# Likewise: more than 180 million.
EMU_VEX_ORACLE_SOURCES := tests/emu/vex_oracle.c tests/emu/decode_oracle_newer.c
$(B)/tests/emu/vex_oracle: $(EMU_VEX_ORACLE_SOURCES) tests/emu/oracle_newer.h $(EMU_SOURCES) $(EMU_HEADERS)
	@mkdir -p $(@D)
	$(CC) $(filter-out -O1 -fsanitize=% -fno-sanitize%,$(EMU_TEST_CFLAGS)) -O2 $(EMU_VEX_ORACLE_SOURCES) \
		$(EMU_SOURCES) $(CHECK) -lZydis -o $@

# Millions of cases want speed, and the sanitizers' shadow the addresses that the program has its segments
# at; it lies in the first 2 GiB itself, where 16-bit code reaches its exit.
NATIVE_CFLAGS := -std=gnu11 -g -O2 -Wall -Wextra -Wshadow -Wundef -I. -Iinclude -fno-pie
NATIVE_SOURCES := $(addprefix tests/emu/native,.c _run.c _ops.c _form.c _case.c _diff.c _entry.S) \
	tests/emu/probe.c
FAST_OBJECTS := $(EMU_SOURCES:emu/%.c=$(B)/tests/emu/fast/%.o)

$(B)/tests/emu/fast/%.o: emu/%.c $(EMU_HEADERS)
	@mkdir -p $(@D)
	$(CC) $(NATIVE_CFLAGS) -c $< -o $@

$(B)/tests/emu/native: $(NATIVE_SOURCES) tests/emu/native.h tests/emu/native_frame.h tests/emu/probe.h $(FAST_OBJECTS) \
		$(EMU_HEADERS)
	$(CC) $(NATIVE_CFLAGS) -no-pie $(NATIVE_SOURCES) $(FAST_OBJECTS) $(CHECK) -o $@

NATIVE_VECTOR_SOURCES := $(addprefix tests/emu/native_vector,.c _run.c _case.c _entry.S) tests/emu/probe.c
$(B)/tests/emu/native_vector: $(NATIVE_VECTOR_SOURCES) tests/emu/native_vector.h tests/emu/probe.h $(EMU_TEST_OBJECTS) \
		$(EMU_HEADERS)
	$(CC) $(EMU_TEST_CFLAGS) $(NATIVE_VECTOR_SOURCES) $(EMU_TEST_OBJECTS) $(CHECK) -o $@

$(B)/tests/emu/list: tests/emu/list.c $(EMU_TEST_OBJECTS) $(EMU_HEADERS)
	$(CC) $(EMU_TEST_CFLAGS) $< $(EMU_TEST_OBJECTS) $(CHECK) -o $@

$(B)/tests/emu/docs_check: tests/emu/list.c $(EMU_TEST_OBJECTS) $(EMU_HEADERS)
	$(CC) $(EMU_TEST_CFLAGS) -DDOCS_CHECK $< $(EMU_TEST_OBJECTS) $(CHECK) -o $@

$(B)/tests/emu/fuzz_replay: tests/fuzz/emu_fuzz.c $(EMU_TEST_OBJECTS) $(EMU_HEADERS)
	$(CC) $(EMU_TEST_CFLAGS) -DFUZZ_REPLAY $< $(EMU_TEST_OBJECTS) $(CHECK) -o $@

$(B)/tests/emu/vectors_rest: tests/emu/vectors_rest.c $(EMU_TEST_OBJECTS) $(EMU_HEADERS)
	$(CC) $(EMU_TEST_CFLAGS) $< $(EMU_TEST_OBJECTS) $(CHECK) -o $@

# The decode oracle again, for tests/emu/coverage: with the objects that are counted.
$(B)/tests/emu/decode_coverage: $(EMU_ORACLE_SOURCES) $(EMU_ORACLE_HEADERS) $(EMU_TEST_OBJECTS) $(EMU_HEADERS)
	$(CC) $(EMU_TEST_CFLAGS) $(EMU_ORACLE_SOURCES) $(EMU_TEST_OBJECTS) $(CHECK) -lZydis -lopcodes -lbfd -o $@

$(B)/tests/fuzz/obj/%.o: emu/%.c $(EMU_HEADERS)
	@mkdir -p $(@D)
	clang $(EMU_TEST_CFLAGS) -fsanitize=fuzzer-no-link -c $< -o $@

$(B)/tests/fuzz/emu_fuzz: tests/fuzz/emu_fuzz.c $(EMU_SOURCES:emu/%.c=$(B)/tests/fuzz/obj/%.o)
	clang $(EMU_TEST_CFLAGS) -fsanitize=fuzzer $^ -o $@

# For tests/emu/coverage.
.PHONY: print-emu-tests
print-emu-tests:
	@echo $(notdir $(EMU_TESTS))

.PHONY: docs/emulator.md emu-fuzz
docs/emulator.md: $(B)/tests/emu/list
	$< > $@.new && mv $@.new $@

emu-fuzz: $(B)/tests/fuzz/emu_fuzz ## fuzz the emulator for FUZZ_SECONDS (60); finds go to the build directory
	@mkdir -p $(B)/tests/fuzz/emu_corpus
	cd $(B)/tests/fuzz && ./emu_fuzz -max_len=400 -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 \
		-dict=$(CURDIR)/tests/fuzz/emu.dict emu_corpus $(CURDIR)/tests/fuzz/emu_corpus

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
fuzz-long: $(addprefix $(B)/tests/emu/,native native_vector decode_oracle vex_oracle) $(B)/tests/fuzz/emu_fuzz ## compare the emulator with processor and decoders on 290 million cases, fuzz it for 10 minutes, and the hypervisor for two hours
	SEED=$(SEED) FROM=$(FROM) $(B)/tests/emu/native $(LONG_NATIVE_CASES)
	@jobs=$$(nproc); pids=; status=0; \
	for i in $$(seq $$jobs); do \
		$(B)/tests/emu/native_vector $$(($(LONG_VECTOR_CASES) / jobs)) $$(($(SEED) * 4096 + i)) & \
		pids="$$pids $$!"; \
	done; \
	for pid in $$pids; do wait $$pid || status=1; done; exit $$status
	$(B)/tests/emu/decode_oracle $(LONG_STRINGS) $(SEED)
	$(B)/tests/emu/vex_oracle
	$(MAKE) emu-fuzz FUZZ_SECONDS=$(LONG_FUZZ_SECONDS)
	$(MAKE) hv-fuzz FUZZ_SECONDS=$(LONG_HV_SECONDS)
	$(MAKE) vtx-fuzz FUZZ_SECONDS=$(LONG_VTX_SECONDS)

# SPDX-License-Identifier: MIT
# Tests of emu/, to be included by the top-level Makefile. Uses B (build directory) and CC; adds to
# HOST_TESTS the programs that run without arguments from the top of the tree.
#
#	make docs/emulator.md	writes the document anew
#	make emu-fuzz		builds the libFuzzer target with clang, and runs it for FUZZ_SECONDS

B ?= build
FUZZ_SECONDS ?= 60

EMU_SOURCES := $(sort $(wildcard emu/*.c))
EMU_HEADERS := $(wildcard emu/*.h include/x86/*.h) tests/emu/check.h tests/emu/bus.h
EMU_TEST_CFLAGS := -std=gnu11 -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -Wall -Wextra \
	-Wshadow -Wundef -I. -Iinclude
EMU_TEST_OBJECTS := $(EMU_SOURCES:emu/%.c=$(B)/tests/emu/obj/%.o)
EMU_TESTS := $(addprefix $(B)/tests/emu/,vectors decode_oracle native docs_check fuzz_replay)

HOST_TESTS += $(EMU_TESTS)

$(B)/tests/emu/obj/%.o: emu/%.c $(EMU_HEADERS)
	@mkdir -p $(@D)
	$(CC) $(EMU_TEST_CFLAGS) -c $< -o $@

$(B)/tests/emu/vectors: tests/emu/vectors.c $(EMU_TEST_OBJECTS) $(EMU_HEADERS)
	$(CC) $(EMU_TEST_CFLAGS) $< $(EMU_TEST_OBJECTS) -o $@

$(B)/tests/emu/decode_oracle: tests/emu/decode_oracle.c $(EMU_TEST_OBJECTS) $(EMU_HEADERS)
	$(CC) $(EMU_TEST_CFLAGS) $< $(EMU_TEST_OBJECTS) -lZydis -o $@

$(B)/tests/emu/native: tests/emu/native.c tests/emu/native_entry.S $(EMU_TEST_OBJECTS) $(EMU_HEADERS)
	$(CC) $(EMU_TEST_CFLAGS) $< tests/emu/native_entry.S $(EMU_TEST_OBJECTS) -o $@

$(B)/tests/emu/list: tests/emu/list.c $(EMU_TEST_OBJECTS) $(EMU_HEADERS)
	$(CC) $(EMU_TEST_CFLAGS) $< $(EMU_TEST_OBJECTS) -o $@

$(B)/tests/emu/docs_check: tests/emu/list.c $(EMU_TEST_OBJECTS) $(EMU_HEADERS)
	$(CC) $(EMU_TEST_CFLAGS) -DDOCS_CHECK $< $(EMU_TEST_OBJECTS) -o $@

$(B)/tests/emu/fuzz_replay: tests/fuzz/emu_fuzz.c $(EMU_TEST_OBJECTS) $(EMU_HEADERS)
	$(CC) $(EMU_TEST_CFLAGS) -DEMU_FUZZ_REPLAY $< $(EMU_TEST_OBJECTS) -o $@

$(B)/tests/fuzz/emu_fuzz: tests/fuzz/emu_fuzz.c $(EMU_SOURCES) $(EMU_HEADERS)
	@mkdir -p $(@D)
	clang $(EMU_TEST_CFLAGS) -fsanitize=fuzzer $< $(EMU_SOURCES) -o $@

.PHONY: docs/emulator.md emu-fuzz
docs/emulator.md: $(B)/tests/emu/list
	$< > $@.new && mv $@.new $@

emu-fuzz: $(B)/tests/fuzz/emu_fuzz
	@mkdir -p $(B)/tests/fuzz/emu_corpus
	cd $(B)/tests/fuzz && ./emu_fuzz -max_len=700 -max_total_time=$(FUZZ_SECONDS) emu_corpus \
		$(CURDIR)/tests/fuzz/emu_corpus

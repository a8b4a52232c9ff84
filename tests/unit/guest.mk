# SPDX-License-Identifier: MIT
# Tests of what hv/ does with a guest's state: page walk, events, device emulation. Private to each
# program, so that gpa_page() and the VP can be the test's own; no object is shared with other tests.

GUEST_CFLAGS := -I. -Iinclude -std=gnu11 -O1 -g -fsanitize=address,undefined \
	-fno-sanitize-recover=all -fno-omit-frame-pointer -Wall -Wextra -Wno-unused-parameter -Wshadow \
	-Wmissing-prototypes -Wundef -Wconversion
GUEST_HEADERS = $(wildcard tests/unit/*.h arch/*.h arch/fake/*.h hv/*.h hv/*/*.h emu/*.h include/*/*.h)
GUEST_EMU := $(filter-out emu/name.c,$(wildcard emu/*.c))
GUEST_TESTS := $(addprefix $(B)/tests/unit/,walk walk_all translate walk_replay)

HOST_TESTS += $(GUEST_TESTS)

$(B)/tests/unit/walk: tests/unit/walk.c hv/mem/walk.c hv/mem/walk_memo.c hv/emulate/fetch.c $(GUEST_HEADERS)
	@mkdir -p $(@D)
	$(CC) $(GUEST_CFLAGS) $< $(CHECK) -pthread -o $@

$(B)/tests/unit/walk_all: tests/unit/walk_all.c hv/mem/walk.c $(GUEST_HEADERS)
	@mkdir -p $(@D)
	$(CC) $(GUEST_CFLAGS) $< $(CHECK) -o $@

$(B)/tests/unit/translate: tests/unit/translate.c hv/mem/walk.c hv/register/translate.c $(GUEST_HEADERS)
	@mkdir -p $(@D)
	$(CC) $(GUEST_CFLAGS) $< $(CHECK) -o $@

# The fuzz target's corpus once through, with any compiler.
$(B)/tests/unit/walk_replay: tests/fuzz/walk_fuzz.c hv/mem/walk.c hv/register/translate.c $(GUEST_HEADERS)
	@mkdir -p $(@D)
	$(CC) $(GUEST_CFLAGS) -DFUZZ_REPLAY $< -o $@

# The fuzzer itself: clang only. `$(B)/fuzz/walk_fuzz tests/fuzz/walk_corpus`
$(B)/fuzz/walk_fuzz: tests/fuzz/walk_fuzz.c hv/mem/walk.c hv/register/translate.c $(GUEST_HEADERS)
	@mkdir -p $(@D)
	clang $(GUEST_CFLAGS) -fsanitize=fuzzer $< -o $@

# The list of instructions that the machine runs is held against the emulator's tables.
HOST_TESTS += $(B)/tests/unit/device_forms

$(B)/tests/unit/forms.o: tests/guest/forms.asm tests/guest/forms.inc tests/guest/guest.inc
	@mkdir -p $(@D)
	nasm -f elf64 -I./ -o $@ $<

$(B)/tests/unit/device_forms: tests/unit/device_forms.c $(B)/tests/unit/forms.o $(GUEST_EMU) $(GUEST_HEADERS)
	@mkdir -p $(@D)
	$(CC) $(GUEST_CFLAGS) $(filter %.c %.o,$^) $(CHECK) -o $@

# SPDX-License-Identifier: MIT
# A test of the emulator and of the guest that the machine tests run.

GUEST_CFLAGS := -I. -Iinclude -std=gnu11 -O1 -g -fsanitize=address,undefined \
	-fno-sanitize-recover=all -fno-omit-frame-pointer -Wall -Wextra -Wno-unused-parameter -Wshadow \
	-Wmissing-prototypes -Wundef -Wconversion
GUEST_HEADERS = $(wildcard tests/unit/*.h arch/*.h arch/fake/*.h hv/*.h hv/*/*.h emu/*.h include/*/*.h)
GUEST_EMU := $(filter-out emu/name.c,$(wildcard emu/*.c))
# The list of instructions that the machine runs is held against the emulator's tables.
HOST_TESTS += $(B)/tests/unit/device_forms

$(B)/tests/unit/forms.o: tests/guest/forms.asm tests/guest/forms.inc tests/guest/guest.inc
	@mkdir -p $(@D)
	nasm -f elf64 -I./ -o $@ $<

$(B)/tests/unit/device_forms: tests/unit/device_forms.c $(B)/tests/unit/forms.o $(GUEST_EMU) $(GUEST_HEADERS)
	@mkdir -p $(@D)
	$(CC) $(GUEST_CFLAGS) $(filter %.c %.o,$^) $(CHECK) -o $@

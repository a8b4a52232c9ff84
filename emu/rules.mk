# SPDX-License-Identifier: MIT
#
# The emulator for others: $(B)/libwhitemu.a, one relocatable object of which emu/emu.h's functions alone are visible.
# It needs memcpy, memmove, memset and memcmp of whoever links it, and no floating point. Included by the Makefile at
# the top.
#
#   make install-emu DESTDIR=… PREFIX=/usr/local    the archive, and the headers as <whitemu/emu.h>

PREFIX  ?= /usr/local
INSTALL ?= install

EMU_LIB_CFLAGS  := -std=gnu11 -O2 -g -ffreestanding -fPIC -mgeneral-regs-only -mno-red-zone -fno-stack-protector \
	-fno-strict-aliasing -fno-asynchronous-unwind-tables -Wall -Wextra -Wshadow -Wmissing-prototypes -Wundef \
	$(WERROR) -I. -Iinclude
EMU_LIB_OBJECTS := $(patsubst emu/%.c,$(B)/libwhitemu/%.o,$(wildcard emu/*.c))

# What emu.h includes, with what that includes.
EMU_LIB_HEADERS := addr.h cpuid.h seg.h static_assert.h

$(B)/libwhitemu/%.o: emu/%.c
	@mkdir -p $(@D)
	$(CC) $(EMU_LIB_CFLAGS) -MMD -MP -c $< -o $@

-include $(wildcard $(B)/libwhitemu/*.d)

$(B)/libwhitemu.a: $(EMU_LIB_OBJECTS) emu/emu.h emu/rules.mk
	grep -oE '\bemu_[a-z0-9_]+\(' emu/emu.h | tr -d '(' | sort -u >$(B)/libwhitemu/public
	$(LD) -r -o $(B)/libwhitemu/whitemu.o $(EMU_LIB_OBJECTS)
	$(OBJCOPY) --keep-global-symbols=$(B)/libwhitemu/public $(B)/libwhitemu/whitemu.o
	rm -f $@
	$(AR) rcs $@ $(B)/libwhitemu/whitemu.o

.PHONY: libwhitemu
libwhitemu: $(B)/libwhitemu.a ## the instruction emulator alone, as an archive

# The headers find each other without -I, wherever they stand.
.PHONY: install-emu
install-emu: $(B)/libwhitemu.a ## install libwhitemu.a and <whitemu/emu.h> below DESTDIR and PREFIX
	$(INSTALL) -d $(DESTDIR)$(PREFIX)/lib $(DESTDIR)$(PREFIX)/include/whitemu/x86
	$(INSTALL) -m 644 $(B)/libwhitemu.a $(DESTDIR)$(PREFIX)/lib
	$(INSTALL) -m 644 emu/emu.h $(DESTDIR)$(PREFIX)/include/whitemu
	for header in $(EMU_LIB_HEADERS); do \
		sed 's|#include "x86/|#include "|' include/x86/$$header \
			>$(DESTDIR)$(PREFIX)/include/whitemu/x86/$$header || exit 1; \
	done

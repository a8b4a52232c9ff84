# SPDX-License-Identifier: MIT
#
# The root partition's side: the WHP library and the UEFI applications that are linked with it. Included by the
# Makefile at the top, after boot/rules.mk, whose efi_app builds them.
#
#   $(B)/vmm.efi           runs Linux or SeaBIOS in a child partition
#   $(B)/conformance.efi   the WHP conformance suite
#   $(B)/bench.efi         the figures of `make bench`
#   $(B)/smp.efi           those with several processors
#   $(B)/linux_bare.efi    for one of them: the VMM's loader on the machine itself
#
# The library with its engine (root/call) and the instruction emulator (emu/) is $(B)/libwhp.a: an application gets what it uses.
#
# Code here includes headers by their path from the top (-I.).

root_objects = $(addprefix $(B)/efi/,$(addsuffix .o,$(basename $(1))))

AR ?= ar

WHP_LIB         := $(B)/libwhp.a
WHP_LIB_SOURCES := $(wildcard root/lib/*.c root/call/*.c root/call/*.asm root/call/uefi/*.c root/call/uefi/*.asm emu/*.c)
VMM_SOURCES     := $(wildcard root/vmm/*.c root/vmm/uefi/*.c root/vmm/uefi/*.asm)
CONFORMANCE_SOURCES := $(wildcard tests/system/apps/conformance/*.c tests/system/apps/conformance/*.asm) tests/check.c \
	$(filter-out tests/guest/bench.asm,$(wildcard tests/guest/*.asm)) \
	tests/system/apps/insn.asm root/vmm/terminal.c
FIGURE_SOURCES  := tests/bench/figure.c tests/bench/loops.asm tests/guest/bench.asm tests/guest/script.asm \
	$(addprefix tests/system/apps/conformance/,board.c child.c console.c idt.c place.c place_entry.asm) \
	tests/system/apps/insn.asm root/vmm/terminal.c
BENCH_SOURCES   := tests/bench/bench.c tests/bench/bench_vp.c tests/bench/longest.c $(FIGURE_SOURCES)
SMP_SOURCES     := tests/bench/smp.c $(FIGURE_SOURCES)

LINUX_BARE_SOURCES := tests/bench/linux_bare.c tests/bench/linux_enter.asm \
	$(addprefix root/vmm/,linux.c acpi.c options.c terminal.c) $(wildcard root/vmm/uefi/*.asm) \
	$(addprefix root/vmm/uefi/,host.c timer.c volume.c)

ROOT_EFI := $(B)/vmm.efi $(B)/conformance.efi $(B)/bench.efi $(B)/smp.efi $(B)/linux_bare.efi

$(call root_objects,$(wildcard tests/guest/*.asm)): tests/guest/guest.inc
$(B)/efi/tests/guest/forms.o: tests/guest/forms.inc
$(B)/efi/tests/bench/loops.o: tests/bench/calls.inc

$(ROOT_EFI) $(WHP_LIB): EFI_CFLAGS += -I.
$(ROOT_EFI): EFI_NASMFLAGS += -I./

$(WHP_LIB): $(call root_objects,$(WHP_LIB_SOURCES))
	@mkdir -p $(@D)
	rm -f $@
	$(AR) rcs $@ $^

$(call efi_app,vmm,$(call root_objects,$(VMM_SOURCES)) $(WHP_LIB))
$(call efi_app,conformance,$(call root_objects,$(CONFORMANCE_SOURCES)) $(WHP_LIB))
$(call efi_app,linux_bare,$(call root_objects,$(LINUX_BARE_SOURCES)))
$(call efi_app,bench,$(call root_objects,$(BENCH_SOURCES)) $(WHP_LIB))
$(call efi_app,smp,$(call root_objects,$(SMP_SOURCES)) $(WHP_LIB))

# SPDX-License-Identifier: MIT
#
# whit.efi, and how UEFI applications are built. Included by the Makefile at the top, which sets
# B (the build directory) and CC.
#
#   $(call efi_app,NAME,OBJECTS)    defines the rule of $(B)/NAME.efi, linked of OBJECTS
#
# An object $(B)/efi/DIR/FILE.o is made of DIR/FILE.c with EFI_CFLAGS, or of DIR/FILE.asm. An
# application that needs more flags sets them for its target: `$(B)/NAME.efi: EFI_CFLAGS += -I...`.
# efi_main() has the System V convention, all calls to and from firmware are EFIAPI.

EFI_LIBDIR ?= $(patsubst %/,%,$(dir $(firstword $(wildcard $(addsuffix /crt0-efi-x86_64.o, \
	/usr/lib /usr/lib/gnuefi /usr/lib64/gnuefi /usr/lib64)))))
EFI_INCDIR ?= /usr/include/efi
EFI_LD     ?= ld
NASM       ?= nasm
OBJCOPY    ?= objcopy

EFI_WARNINGS := $(WERROR) -Wall -Wextra -Wshadow -Wmissing-prototypes -Wundef
EFI_CFLAGS += -std=gnu11 -O2 -g $(EFI_WARNINGS) -Iinclude \
	-isystem $(EFI_INCDIR) -isystem $(EFI_INCDIR)/x86_64 -isystem $(EFI_INCDIR)/protocol \
	-DGNU_EFI_USE_MS_ABI -ffreestanding -fshort-wchar -fpic -fvisibility=hidden \
	-mno-red-zone -mgeneral-regs-only -fno-stack-protector -fno-strict-aliasing \
	-fno-asynchronous-unwind-tables -fcf-protection=none
EFI_LDFLAGS := -nostdlib -znocombreloc -znoexecstack -shared -Bsymbolic --no-undefined \
	--no-warn-rwx-segments -L$(EFI_LIBDIR) -T $(EFI_LIBDIR)/elf_x86_64_efi.lds
# The union of what gnu-efi 3.0.15 to 3.0.18 put what is loaded into.
EFI_SECTIONS := $(addprefix -j ,.text .rodata .sdata .data .dynamic .dynsym .rel .rela '.rel.*' \
	'.rela.*' .reloc .areloc)

$(B)/efi/%.o: %.c boot/rules.mk
	@mkdir -p $(@D)
	$(CC) $(EFI_CFLAGS) -MMD -MP -c $< -o $@

$(B)/efi/%.o: %.asm
	@mkdir -p $(@D)
	$(NASM) -f elf64 $(EFI_NASMFLAGS) -o $@ $<

define efi_app_rules
$(B)/$(1).efi: $(2)
	@mkdir -p $$(@D)
	$(EFI_LD) $(EFI_LDFLAGS) $(EFI_LIBDIR)/crt0-efi-x86_64.o $(2) -lefi -lgnuefi \
		-o $$(@:.efi=.so)
	$(OBJCOPY) $(EFI_SECTIONS) -O efi-app-x86_64 $$(@:.efi=.so) $$@
endef
efi_app = $(eval $(call efi_app_rules,$(1),$(2)))

-include $(shell find $(B)/efi -name '*.d' 2>/dev/null)

BOOT_SOURCES := $(filter-out boot/payload.asm,$(wildcard boot/*.c boot/*.asm))
BOOT_OBJECTS := $(addprefix $(B)/efi/,$(addsuffix .o,$(basename $(BOOT_SOURCES))))

# $(call whit_app,PREFIX): the rule of $(B)/PREFIXwhit.efi, which carries the images $(B)/PREFIXwhit-hv-VENDOR.elf
define whit_app_rules
$(B)/efi/boot/$(1)payload.o: boot/payload.asm $(HV_CARRIED:%=$(B)/$(1)whit-hv-%.elf)
	@mkdir -p $$(@D)
	$$(NASM) -f elf64 $$(foreach v,$$(HV_CARRIED),-D'payload_$$(v)_file="$(B)/$(1)whit-hv-$$(v).elf"') -o $$@ $$<
$$(call efi_app,$(1)whit,$(BOOT_OBJECTS) $(B)/efi/boot/$(1)payload.o)
endef
whit_app = $(eval $(call whit_app_rules,$(1)))

$(call whit_app,)

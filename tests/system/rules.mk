# SPDX-License-Identifier: MIT
#
# The UEFI applications of the system tests: $(B)/apps/NAME.efi for each tests/system/apps/NAME.c.
# Included after boot/rules.mk, which says how they are built.

include tests/system/linux/rules.mk

SYSTEM_APPS := $(patsubst tests/system/apps/%.c,%,$(wildcard tests/system/apps/*.c))
$(foreach app,$(SYSTEM_APPS),$(call efi_app,apps/$(app),\
	$(B)/efi/tests/system/apps/$(app).o $(B)/efi/tests/system/apps/insn.o))
$(SYSTEM_APPS:%=$(B)/apps/%.efi): EFI_CFLAGS += -I.

# A hypervisor with a bug, for tests/system/panic/run: one object is another.
PANIC_HV_OBJECTS := $(filter-out %/hv/call/capability.o,$(HV_OBJECTS)) \
	$(B)/hv-obj/tests/system/panic/capability.o

$(B)/panic/whit-hv.elf: HV_OBJECTS := $(PANIC_HV_OBJECTS)
$(B)/panic/whit-hv.elf: $(PANIC_HV_OBJECTS) arch/x86/image.ld
	@mkdir -p $(@D)
	$(HV_LINK)

$(B)/efi/panic/payload.o: boot/payload.asm $(B)/panic/whit-hv.elf
	@mkdir -p $(@D)
	$(NASM) -f elf64 -DPAYLOAD='"$(B)/panic/whit-hv.elf"' -o $@ $<

$(call efi_app,panic/whit,$(filter-out %/payload.o,$(BOOT_OBJECTS)) $(B)/efi/panic/payload.o)

SYSTEM_APP_FILES := $(SYSTEM_APPS:%=$(B)/apps/%.efi)

# For the scripts beside this file, which take the build directory from the environment's B.
.PHONY: system-apps
system-apps: $(B)/whit.efi $(SYSTEM_APP_FILES)

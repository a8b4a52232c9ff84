# SPDX-License-Identifier: MIT
#
# The UEFI applications of the system tests: $(B)/apps/NAME.efi for each tests/system/apps/NAME.c.
# Included after boot/rules.mk, which says how they are built.

include tests/system/linux/rules.mk

SYSTEM_APPS := $(patsubst tests/system/apps/%.c,%,$(wildcard tests/system/apps/*.c))
$(foreach app,$(SYSTEM_APPS),$(call efi_app,apps/$(app),\
	$(B)/efi/tests/system/apps/$(app).o $(B)/efi/tests/system/apps/insn.o))
$(SYSTEM_APPS:%=$(B)/apps/%.efi): EFI_CFLAGS += -I.

# Hypervisors with a bug, for tests/system/panic/run: one object is another.
PANIC_OBJECT := $(B)/hv-obj/tests/system/panic/capability.o

$(foreach v,$(HV_VENDORS),\
	$(call hv_image,panic/whit-hv-$(v),$(patsubst %/hv/call/capability.o,$(PANIC_OBJECT),$(call hv_objects,$(v)))))
$(call whit_app,panic/)

SYSTEM_APP_FILES := $(SYSTEM_APPS:%=$(B)/apps/%.efi)

# For the scripts beside this file, which take the build directory from the environment's B.
.PHONY: system-apps
system-apps: $(B)/whit.efi $(SYSTEM_APP_FILES)

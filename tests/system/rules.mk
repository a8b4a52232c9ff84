# SPDX-License-Identifier: MIT
#
# The UEFI applications of the system tests: $(B)/apps/NAME.efi for each tests/system/apps/NAME.c.
# Included after boot/rules.mk, which says how they are built.

SYSTEM_APPS := $(patsubst tests/system/apps/%.c,%,$(wildcard tests/system/apps/*.c))
$(foreach app,$(SYSTEM_APPS),$(call efi_app,apps/$(app),\
	$(B)/efi/tests/system/apps/$(app).o $(B)/efi/tests/system/apps/insn.o))
SYSTEM_APP_FILES := $(SYSTEM_APPS:%=$(B)/apps/%.efi)

# For the scripts beside this file, which take the build directory from the environment's B.
.PHONY: system-apps
system-apps: $(B)/whit.efi $(SYSTEM_APP_FILES)

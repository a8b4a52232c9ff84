# SPDX-License-Identifier: MIT
#
# What the Linux guest is made of. Included by tests/system/rules.mk.
#
#   $(B)/linux/vmlinuz    Debian's cloud kernel
#   $(B)/linux/initrd     an initramfs: BusyBox, the check program, scripts
#
# Both come from Debian's packages, which are downloaded and not installed: tests/system/linux/package.

LINUX_DIR   := tests/system/linux
LINUX_GUEST := $(B)/linux/vmlinuz $(B)/linux/initrd

$(B)/linux/vmlinuz: $(LINUX_DIR)/kernel $(LINUX_DIR)/package
	$(LINUX_DIR)/kernel $@

$(B)/linux/busybox: $(LINUX_DIR)/package
	$(LINUX_DIR)/package busybox-static './*bin/busybox' $@

$(B)/linux/check: $(addprefix $(LINUX_DIR)/,check.c vector.c vector.h storm.c storm.h)
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -O2 -static -ffp-contract=off -Wall -Wextra -Wshadow -Wundef $(WERROR) -o $@ \
		$(filter %.c,$^)

$(B)/linux/initrd: $(B)/linux/busybox $(B)/linux/check $(addprefix $(LINUX_DIR)/,initrd init profile) \
		$(wildcard $(LINUX_DIR)/scripts/*)
	$(LINUX_DIR)/initrd $(B)/linux/busybox $(B)/linux/check $@

.PHONY: linux-guest
linux-guest: $(LINUX_GUEST)

# SPDX-License-Identifier: MIT
# Host tests of the loader's pure parts: $(B)/unit/boot_NAME of tests/unit/boot_NAME.c and boot/NAME.c.

BOOT_TESTS := config ram image paging cpu acpi census needs option
BOOT_TEST_CFLAGS := -std=gnu11 -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined \
	-Wall -Wextra -Wshadow -Wmissing-prototypes -Wundef -I. -Iinclude \
	-isystem $(EFI_INCDIR) -isystem $(EFI_INCDIR)/x86_64

$(BOOT_TESTS:%=$(B)/unit/boot_%): $(B)/unit/boot_%: tests/unit/boot_%.c boot/%.c
	@mkdir -p $(@D)
	$(CC) $(BOOT_TEST_CFLAGS) $(filter %.c,$^) $(CHECK) -o $@

$(B)/unit/boot_census: boot/text.c
$(B)/unit/boot_needs: boot/text.c boot/config.c boot/paging.c hv/mem/frame.c

$(BOOT_TESTS:%=$(B)/unit/boot_%): $(wildcard boot/*.h include/whit/*.h include/x86/*.h tests/check.h)

HOST_TESTS += $(BOOT_TESTS:%=$(B)/unit/boot_%)

# SPDX-License-Identifier: MIT
# Host tests of the pure parts of arch/: $(B)/unit/arch_NAME.

ARCH_TEST_CFLAGS := -std=gnu11 -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined \
	-Wall -Wextra -Wno-unused-parameter -Wshadow -Wmissing-prototypes -Wundef -I. -Iinclude

$(B)/unit/arch_caps: tests/unit/caps.c arch/vmx/caps.c arch/x86/features.c arch/x86/format.c
$(B)/unit/arch_memory_type: tests/unit/memory_type.c arch/x86/memory_type.c
$(B)/unit/arch_tag: tests/unit/tag.c arch/x86/tag.c
$(B)/unit/arch_deadline: tests/unit/deadline.c arch/x86/deadline.c
$(B)/unit/arch_ept: tests/unit/ept.c arch/x86/nested.c arch/vmx/ept.c
$(B)/unit/arch_npt: tests/unit/npt.c arch/x86/nested.c
$(B)/unit/arch_ept $(B)/unit/arch_npt: tests/unit/nested.h
# The instructions are the program's own.
$(B)/unit/arch_switch_by_hand: tests/unit/switch_by_hand.c arch/x86/switch.c
$(B)/unit/arch_switch_by_hand: ARCH_TEST_CFLAGS := -Itests/vtx/include $(ARCH_TEST_CFLAGS)
$(B)/unit/arch_log: tests/unit/log.c arch/x86/log.c arch/x86/format.c

ARCH_TESTS := $(addprefix $(B)/unit/arch_,caps memory_type ept npt log tag deadline switch_by_hand)

$(ARCH_TESTS): $(wildcard arch/*.h arch/x86/*.h arch/vmx/*.h include/x86/*.h tests/check.h)
	@mkdir -p $(@D)
	$(CC) $(ARCH_TEST_CFLAGS) $(filter %.c,$^) $(CHECK) -o $@

HOST_TESTS += $(ARCH_TESTS)

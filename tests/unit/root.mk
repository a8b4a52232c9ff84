# SPDX-License-Identifier: MIT
#
# Host tests of the root's side: $(B)/unit/vmm_NAME, the VMM's devices; $(B)/unit/root_call, the engine over
# a model of the hypervisor; root_lib, root_lib_state, the WHP library and the engine over a fake one; root_emulator*, WinHvEmulation over a model client.

ROOT_TEST_CFLAGS := -std=gnu11 -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined \
	-Wall -Wextra -Wshadow -Wmissing-prototypes -Wundef -I. -Iinclude

VMM_TESTS := pic pit cmos ports linux acpi serial turns

$(B)/unit/vmm_pic: root/vmm/pic.c root/vmm/ports.c
$(B)/unit/vmm_pit: root/vmm/pit.c root/vmm/ports.c
$(B)/unit/vmm_cmos: root/vmm/cmos.c root/vmm/ports.c
$(B)/unit/vmm_ports: $(addprefix root/vmm/,ports.c fwcfg.c ps2.c pic.c serial.c debugport.c \
	watch.c)
$(B)/unit/vmm_linux: root/vmm/linux.c
$(B)/unit/vmm_acpi: $(addprefix root/vmm/,acpi.c pm.c pci.c ports.c)
$(B)/unit/vmm_serial: $(addprefix root/vmm/,serial.c watch.c terminal.c pic.c ports.c)
$(B)/unit/vmm_turns: root/vmm/turns.c root/vmm/options.c

$(VMM_TESTS:%=$(B)/unit/vmm_%): $(B)/unit/vmm_%: tests/unit/vmm_%.c
	@mkdir -p $(@D)
	$(CC) $(ROOT_TEST_CFLAGS) $(filter %.c,$^) $(CHECK) -o $@

# The emulator as tests/emu/rules.mk builds it.
ROOT_EMU := $(patsubst emu/%.c,$(B)/tests/emu/obj/%.o,$(wildcard emu/*.c))

$(B)/unit/root_lib $(B)/unit/root_lib_state: $(B)/unit/%: tests/unit/%.c $(wildcard root/lib/*.c root/call/*.c) $(ROOT_EMU)
	@mkdir -p $(@D)
	$(CC) $(ROOT_TEST_CFLAGS) $(filter %.c %.o,$^) $(CHECK) -o $@

$(B)/unit/root_call: tests/unit/root_call.c $(wildcard root/call/*.c)
	@mkdir -p $(@D)
	$(CC) $(ROOT_TEST_CFLAGS) $(filter %.c,$^) $(CHECK) -o $@

EMULATOR_TESTS := $(addprefix $(B)/unit/,root_emulator root_emulator_fault root_emulator_state)

$(EMULATOR_TESTS): $(B)/unit/%: tests/unit/%.c $(wildcard root/lib/whp_emulator*.c root/call/*.c) $(ROOT_EMU)
	@mkdir -p $(@D)
	$(CC) $(ROOT_TEST_CFLAGS) -pthread $(filter %.c %.o,$^) $(CHECK) -o $@

$(EMULATOR_TESTS): tests/unit/root_emulator.h

$(VMM_TESTS:%=$(B)/unit/vmm_%) $(B)/unit/root_lib $(B)/unit/root_lib_state $(B)/unit/root_call $(EMULATOR_TESTS): $(wildcard root/vmm/*.h root/lib/*.h root/call/*.h tests/unit/root_platform.h \
	include/whit/*.h include/whp/*.h) tests/check.h emu/emu.h

HOST_TESTS += $(VMM_TESTS:%=$(B)/unit/vmm_%) $(B)/unit/root_lib $(B)/unit/root_lib_state $(B)/unit/root_call $(EMULATOR_TESTS)

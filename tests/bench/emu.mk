# SPDX-License-Identifier: MIT
# What tests/bench/emu-run counts: the emulator's objects as the hypervisor has them, and Zydis.

BENCH_EMU_OBJECTS := $(patsubst emu/%.c,$(B)/hv-obj/emu/%.o,$(wildcard emu/*.c)) \
	$(B)/hv-obj/arch/x86/string.o

$(B)/bench/emu.o: tests/bench/emu.c emu/emu.h
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -O1 -g -Wall -Wextra -Iinclude -I. -fno-pie -c $< -o $@

# One step of optimisation for all of emu/, as in the hypervisor; the benchmark itself stays outside.
$(B)/bench/emu: $(B)/bench/emu.o $(BENCH_EMU_OBJECTS)
	$(CC) $(filter-out -ffreestanding,$(HV_CFLAGS)) $(HV_LTO) -fuse-ld=bfd -no-pie $^ -lZydis -o $@

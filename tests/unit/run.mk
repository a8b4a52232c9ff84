# SPDX-License-Identifier: MIT
# Host tests of hv/{run,exit,entry,root,cr,cpuid,msr}.c on the fake machine: tests/unit/run_NAME.c.

RUN_TESTS := cr cpuid model msr msr_root entry exit loop event apic root docs
RUN_SOURCES := $(addprefix hv/,run.c exit.c entry.c root.c cr.c model.c cpuid.c cpuid_root.c msr.c msr_root.c mtrr.c xsave.c buffer.c walk.c walk_memo.c fetch.c event.c vp_page.c time.c) \
	$(addprefix arch/fake/,machine.c space.c vp.c apic.c)
RUN_TEST_CFLAGS := -std=gnu11 -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined \
	-Wall -Wextra -Wshadow -Wmissing-prototypes -Wundef -I. -Iinclude
RUN_OBJECTS := $(RUN_SOURCES:%.c=$(B)/unit/run/%.o)

$(RUN_OBJECTS): $(B)/unit/run/%.o: %.c $(wildcard hv/*.h arch/*.h arch/fake/*.h include/*/*.h)
	@mkdir -p $(@D)
	$(CC) $(RUN_TEST_CFLAGS) -c $< -o $@

$(RUN_TESTS:%=$(B)/unit/run_%): $(B)/unit/run_%: tests/unit/run_%.c tests/unit/run_world.h \
		tests/unit/guest.h $(RUN_OBJECTS)
	@mkdir -p $(@D)
	$(CC) $(RUN_TEST_CFLAGS) $(RUN_LDFLAGS) $(filter %.c %.o,$^) -o $@

$(B)/unit/run_msr_root: RUN_LDFLAGS := -Wl,--wrap=virt_root_guard_msr
$(B)/unit/run_root: RUN_LDFLAGS := -Wl,--wrap=virt_inject

HOST_TESTS += $(RUN_TESTS:%=$(B)/unit/run_%)

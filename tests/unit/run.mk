# SPDX-License-Identifier: MIT
# Host tests of hv/{run,exit,entry,root,cr,cpuid,msr}.c on the fake machine: tests/unit/run_NAME.c.

RUN_TESTS := cr cpuid model msr msr_root entry exit loop event apic root docs
RUN_SOURCES := $(addprefix hv/,root.c run/run.c run/record.c cpu/entry.c cpu/cr.c cpu/model.c cpu/cpuid.c root/root_cpuid.c cpu/msr.c root/root_msr.c root/root_event.c \
	cpu/mtrr.c cpu/xsave.c mem/buffer.c mem/walk.c mem/walk_memo.c emulate/fetch.c vp/event.c vp/page.c cpu/time.c) \
	$(addprefix arch/fake/,machine.c space.c vp.c apic.c)
RUN_TEST_CFLAGS := -std=gnu11 -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined \
	-Wall -Wextra -Wno-unused-parameter -Wshadow -Wmissing-prototypes -Wundef -I. -Iinclude
RUN_OBJECTS := $(RUN_SOURCES:%.c=$(B)/unit/run/%.o)

$(RUN_OBJECTS): $(B)/unit/run/%.o: %.c $(wildcard hv/*.h hv/*/*.h arch/*.h arch/fake/*.h include/*/*.h)
	@mkdir -p $(@D)
	$(CC) $(RUN_TEST_CFLAGS) -c $< -o $@

$(RUN_TESTS:%=$(B)/unit/run_%): $(B)/unit/run_%: tests/unit/run_%.c tests/unit/run_world.h \
		tests/unit/guest.h $(RUN_OBJECTS)
	@mkdir -p $(@D)
	$(CC) $(RUN_TEST_CFLAGS) $(RUN_LDFLAGS) $(filter %.c %.o,$^) -o $@

$(B)/unit/run_msr_root: RUN_LDFLAGS := -Wl,--wrap=virt_root_guard_msr
$(B)/unit/run_root: RUN_LDFLAGS := -Wl,--wrap=virt_inject

HOST_TESTS += $(RUN_TESTS:%=$(B)/unit/run_%)

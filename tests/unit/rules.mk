# SPDX-License-Identifier: MIT
#
# Programs that run on the host, $(B)/host/NAME, under sanitizers. Each source is compiled once for all of them, to
# $(B)/host/FILE.o, and what is tested stands in archives, out of which a program takes what it needs. A file of
# tests/unit/ is a program; the beginning of its name says what it is linked with:
#
#   arch_…          arch/x86 and arch/vmx
#   vmx_…           arch/ on the model of VT-x, tests/vtx: see tests/fuzz/rules.mk
#   svm_…           arch/svm on the model of AMD-V, tests/svm: there as well
#   x86_…           arch/x86 alone, with instructions of the program's own: there as well
#   boot_…          the loader's parts that know no firmware, and hv/
#   root_… vmm_…    all of root/, less what knows UEFI, and emu/
#   all others      hv/, emu/ and the fake machine
#
# A function __wrap_X() in a test stands in for X() of what it is linked with.

TEST_CFLAGS := -std=gnu11 -O1 -g -I. -Iinclude -isystem $(EFI_INCDIR) -isystem $(EFI_INCDIR)/x86_64 -pthread -DLOCK_CHECKED \
	$(WERROR) -Wall -Wextra -Wno-unused-parameter -Wshadow -Wmissing-prototypes -Wundef -Wconversion -Wno-sign-conversion \
	-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

$(B)/host/%.o: %.c tests/unit/rules.mk
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) $(TEST_DEFINES) -MMD -MP -c $< -o $@

$(B)/host/%.o: %.asm
	@mkdir -p $(@D)
	$(NASM) -f elf64 -I./ -o $@ $<

# $(call archive,NAME,SOURCES): the rule of $(B)/host/NAME.a
define archive_rules
$(B)/host/$(1).a: $(patsubst %,$(B)/host/%.o,$(basename $(2)))
	rm -f $$@
	$(AR) rcs $$@ $$^
endef
archive = $(eval $(call archive_rules,$(1),$(2)))

$(call archive,libcheck,tests/check.c tests/check_host.c)
$(call archive,libemu,$(wildcard emu/*.c))
$(call archive,libhv,$(wildcard hv/*.c hv/*/*.c arch/fake/*.c) tests/guest/forms.asm)
$(call archive,libarch,$(filter-out %/offsets.c,$(wildcard arch/x86/*.c arch/vmx/*.c)))
$(call archive,libboot,$(shell grep -L efilib.h $(wildcard boot/*.c)))
$(call archive,libroot,$(wildcard root/lib/*.c root/call/*.c root/vmm/*.c) root/call/uefi/reserve.c)

$(B)/host/tests/guest/forms.o: tests/guest/forms.inc tests/guest/guest.inc

UNIT_TESTS := $(patsubst tests/unit/%.c,$(B)/host/%,$(wildcard tests/unit/*.c))
ARCH_TESTS := $(filter $(B)/host/arch_%,$(UNIT_TESTS))
BOOT_TESTS := $(filter $(B)/host/boot_%,$(UNIT_TESTS))
ROOT_TESTS := $(filter $(B)/host/root_% $(B)/host/vmm_%,$(UNIT_TESTS))
VTX_TESTS  := $(filter $(B)/host/vmx_% $(B)/host/svm_% $(B)/host/x86_%,$(UNIT_TESTS))
HV_TESTS   := $(filter-out $(ARCH_TESTS) $(BOOT_TESTS) $(ROOT_TESTS) $(VTX_TESTS),$(UNIT_TESTS))
HOST_TESTS += $(UNIT_TESTS)

$(ARCH_TESTS): $(B)/host/libarch.a
$(BOOT_TESTS): $(B)/host/libboot.a $(B)/host/libhv.a
$(ROOT_TESTS): $(B)/host/libroot.a $(B)/host/libemu.a
$(HV_TESTS): $(B)/host/libhv.a $(B)/host/libemu.a

# A program of its objects and archives, in the order in which they were named.
TEST_LINK = $(CC) $(TEST_CFLAGS) $$(nm $(filter %.o,$^) | sed -n 's/.* T __wrap_/-Wl,--wrap=/p') $(filter %.o,$^) $(filter %.a,$^) $(LIBS) -o $@

$(filter-out $(VTX_TESTS),$(UNIT_TESTS)): $(B)/host/%: $(B)/host/tests/unit/%.o
$(UNIT_TESTS): $(B)/host/libcheck.a
	$(TEST_LINK)

# Those of hv/ again on the other kind of processor (arch/fake/fake.h), $(B)/host/amd/NAME.
AMD_TESTS  := $(HV_TESTS:$(B)/host/%=$(B)/host/amd/%)
HOST_TESTS += $(AMD_TESTS)

$(AMD_TESTS): $(B)/host/amd/%: $(B)/host/%
	@mkdir -p $(@D)
	@printf '#!/bin/sh\nFAKE_PROCESSOR=amd exec "$${0%%/*}/../%s"\n' $* >$@ && chmod +x $@

# Tests of threads once more, each compiled whole with ThreadSanitizer, which lives with no other: $(B)/host/NAME_tsan.
TSAN_CFLAGS = $(filter-out -fsanitize=% -fno-sanitize%,$(TEST_CFLAGS)) -fsanitize=thread
THREAD_TESTS := root_threads vmm_seat
HOST_TESTS += $(THREAD_TESTS:%=$(B)/host/%_tsan)

$(B)/host/root_threads_tsan: $(wildcard root/call/*.[ch]) root/call/uefi/reserve.c root/call/uefi/reserve.h
$(B)/host/vmm_seat_tsan: $(addprefix root/vmm/,$(addsuffix .c,seat run interrupt turns stats terminal watch ports pic pit serial pm)) \
	$(wildcard root/vmm/*.h)

$(THREAD_TESTS:%=$(B)/host/%_tsan): $(B)/host/%_tsan: tests/unit/%.c tests/check.c tests/check_host.c tests/check.h include/whit/hypercall.h
	@mkdir -p $(@D)
	$(CC) $(TSAN_CFLAGS) $(filter %.c,$^) -o $@

# ---- Several processors, which are threads: who waits in hv/ lets others run.

$(B)/host/hv/%.o $(B)/tsan/%.o: TEST_DEFINES := -include sched.h -D__builtin_ia32_pause=sched_yield

# Those of hv/ once more, under ThreadSanitizer.
TSAN_HV_CFLAGS = $(TSAN_CFLAGS) $(if $(findstring gcc,$(CC)),-Wno-tsan -Wno-maybe-uninitialized)

$(B)/tsan/%.o: %.c tests/unit/rules.mk
	@mkdir -p $(@D)
	$(CC) $(TSAN_HV_CFLAGS) $(TEST_DEFINES) -MMD -MP -c $< -o $@

$(B)/tsan/libhv.a: $(patsubst %.c,$(B)/tsan/%.o,$(wildcard hv/*.c hv/*/*.c arch/fake/*.c emu/*.c) tests/check.c tests/check_host.c)
	rm -f $@
	$(AR) rcs $@ $^

TSAN_TESTS := $(addprefix $(B)/tsan/,hv_gone hv_running hv_smp hv_wake)
HOST_TESTS += $(TSAN_TESTS)

$(TSAN_TESTS): $(B)/tsan/%: $(B)/tsan/tests/unit/%.o $(B)/tsan/libhv.a
	$(CC) $(TSAN_HV_CFLAGS) $^ -o $@

# And the cache lines that it writes, as told by a sanitizer of our own: $(B)/tsan/lines.
LINES_CFLAGS = $(filter-out -fsanitize=% -fno-sanitize%,$(TEST_CFLAGS)) -fno-builtin
HOST_TESTS += $(B)/tsan/lines

$(B)/lines/%.o: %.c tests/unit/rules.mk
	@mkdir -p $(@D)
	$(CC) $(LINES_CFLAGS) -MMD -MP -c $< -o $@

$(B)/tsan/lines: $(patsubst %.c,$(B)/lines/%.o,$(wildcard tests/unit/lines/*.c)) $(B)/tsan/libhv.a
	$(CC) $(LINES_CFLAGS) -Wl,--wrap=memcpy,--wrap=memset $^ -o $@

SMP_CALLS ?= 10000000
SMP_SEED ?= 0
.PHONY: smp
smp: $(B)/tsan/hv_smp ## SMP_CALLS random calls (10 million) by SMP_SEED from four processors under ThreadSanitizer
	SMP_CALLS=$(SMP_CALLS) SMP_SEED=$(SMP_SEED) $(B)/tsan/hv_smp

-include $(shell find $(B)/host $(B)/tsan $(B)/lines -name '*.d' 2>/dev/null)

# SPDX-License-Identifier: MIT
#
# The hypervisor image, $(B)/whit-hv.elf. Included by the Makefile at the top, which sets B and CC.
#
# HV_DIRS: folders whose .c and .asm files go into it. An object $(B)/hv-obj/DIR/FILE.o is made of
# DIR/FILE.c with HV_CFLAGS, or of DIR/FILE.asm.

NASM ?= nasm

# Rows of a table have functions of one signature, which need not all of it.
HV_WARNINGS := $(WERROR) -Wall -Wextra -Wshadow -Wmissing-prototypes -Wredundant-decls -Wundef -Wunused-macros \
	-Wconversion -Wvla -Wno-sign-conversion -Wno-unused-parameter
# The compilers may use general registers only: the rest is the guests'.
HV_CFLAGS += -std=gnu11 -O3 -Iinclude -I. $(HV_WARNINGS) \
	-ffreestanding -fno-pic -fno-pie -mcmodel=kernel -mgeneral-regs-only -mno-red-zone \
	-fno-stack-protector -fno-asynchronous-unwind-tables -fno-strict-aliasing \
	-fcf-protection=none -fno-common -fvisibility=hidden

# Optimised as a whole: the layers are files, not costs. At its default the limit on growth by inlining
# would cut the path of an exit into calls. gcc alone; clang would need another linker.
ifneq ($(findstring clang,$(CC)),clang)
HV_LTO := -flto=auto -flto-partition=one --param inline-unit-growth=80
endif

HV_DIRS    ?= arch/x86 arch/vmx hv $(wildcard hv/*) emu
HV_SOURCES := $(filter-out arch/vmx/offsets.c,$(wildcard $(foreach d,$(HV_DIRS),$(d)/*.c $(d)/*.asm)))
HV_OBJECTS := $(addprefix $(B)/hv-obj/,$(addsuffix .o,$(basename $(HV_SOURCES))))

$(B)/hv-obj/%.o: %.c arch/rules.mk
	@mkdir -p $(@D)
	$(CC) $(HV_CFLAGS) $(HV_LTO) -MMD -MP -c $< -o $@

# The compiler calls these four on its own, and must find them as they are.
$(B)/hv-obj/arch/x86/string.o: HV_LTO :=

$(B)/hv-obj/%.o: %.asm $(B)/hv-obj/offsets.inc
	@mkdir -p $(@D)
	$(NASM) -f elf64 -I $(B)/hv-obj/ -o $@ $<

# Constants of C for assembly, see arch/vmx/offsets.c.
$(B)/hv-obj/offsets.inc: arch/vmx/offsets.c
	@mkdir -p $(@D)
	$(CC) $(HV_CFLAGS) -MMD -MP -MT $@ -MF $(@:.inc=.d) -S $< -o $(@:.inc=.s)
	sed -n 's/.*"@define \([A-Z_0-9]*\) \([0-9]*\)".*/%define \1 \2/p' $(@:.inc=.s) > $@
	@test -s $@

# How $@ is linked of HV_OBJECTS.
HV_LINK = $(CC) $(HV_CFLAGS) $(HV_LTO) -fuse-ld=bfd -nostdlib -static -Wl,--build-id=none \
	-Wl,-z,noexecstack -Wl,-z,max-page-size=4096 -Wl,--no-relax -Wl,--fatal-warnings \
	-Wl,--orphan-handling=error -Wl,-Map,$(@:.elf=.map) \
	-T arch/x86/image.ld $(HV_OBJECTS) -o $@

$(B)/whit-hv.elf: $(HV_OBJECTS) arch/x86/image.ld
	$(HV_LINK)

-include $(HV_OBJECTS:.o=.d) $(B)/hv-obj/offsets.d

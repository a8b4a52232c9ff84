# SPDX-License-Identifier: MIT
#
# The hypervisor images, $(B)/whit-hv-VENDOR.elf, one for each processor vendor: vmx is VT-x, svm is AMD-V. Each is linked and
# optimised as a whole; what vendors share is compiled once. Included by the Makefile at the top, which sets B and CC.
#
# HV_VENDORS: the images that whit.efi carries. An object $(B)/hv-obj/DIR/FILE.o is made of DIR/FILE.c with HV_CFLAGS, or of
# DIR/FILE.asm.

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

# There is an image for each vendor; whit.efi carries those that are done. With AMD-V's as it stands: HV_CARRIED='vmx svm'.
HV_VENDORS := vmx svm
HV_CARRIED ?= vmx

# $(call hv_objects,VENDOR): all that its image is made of.
hv_dirs    = arch/x86 arch/$(1) hv $(wildcard hv/*) emu
hv_sources = $(filter-out %/offsets.c,$(wildcard $(foreach d,$(call hv_dirs,$(1)),$(d)/*.c $(d)/*.asm)))
hv_objects = $(patsubst %,$(B)/hv-obj/%.o,$(basename $(call hv_sources,$(1))))

$(B)/hv-obj/%.o: %.c arch/rules.mk
	@mkdir -p $(@D)
	$(CC) $(HV_CFLAGS) $(HV_LTO) -MMD -MP -c $< -o $@

# The compiler calls these four on its own, and must find them as they are.
$(B)/hv-obj/arch/x86/string.o: HV_LTO :=

HV_ASSEMBLY_DIRS := arch/x86 $(HV_VENDORS:%=arch/%)

# Constants of C for assembly, by folder: see arch/x86/offsets.c. By name, or make would take them for intermediate files.
$(HV_ASSEMBLY_DIRS:%=$(B)/hv-obj/%/offsets.inc): $(B)/hv-obj/%/offsets.inc: %/offsets.c
	@mkdir -p $(@D)
	$(CC) $(HV_CFLAGS) -MMD -MP -MT $@ -MF $(@:.inc=.d) -S $< -o $(@:.inc=.s)
	sed -n 's/.*"@define \([A-Z_0-9]*\) \([0-9]*\)".*/%define \1 \2/p' $(@:.inc=.s) > $@
	@test -s $@

define hv_assembly_rules
$(B)/hv-obj/$(1)/%.o: $(1)/%.asm $(B)/hv-obj/$(1)/offsets.inc arch/x86/gpr.inc
	@mkdir -p $$(@D)
	$$(NASM) -f elf64 -I $(B)/hv-obj/$(1)/ -o $$@ $$<
endef
$(foreach d,$(HV_ASSEMBLY_DIRS),$(eval $(call hv_assembly_rules,$(d))))

# $(call hv_image,NAME,OBJECTS): the rule of $(B)/NAME.elf
define hv_image_rules
$(B)/$(1).elf: $(2) arch/x86/image.ld
	@mkdir -p $$(@D)
	$$(CC) $$(HV_CFLAGS) $$(HV_LTO) -fuse-ld=bfd -nostdlib -static -Wl,--build-id=none \
		-Wl,-z,noexecstack -Wl,-z,max-page-size=4096 -Wl,--no-relax -Wl,--fatal-warnings \
		-Wl,--orphan-handling=error -Wl,-Map,$$(@:.elf=.map) \
		-T arch/x86/image.ld $(2) -o $$@
endef
hv_image = $(eval $(call hv_image_rules,$(1),$(2)))

$(foreach v,$(HV_VENDORS),$(call hv_image,whit-hv-$(v),$(call hv_objects,$(v))))

-include $(shell find $(B)/hv-obj -name '*.d' 2>/dev/null)

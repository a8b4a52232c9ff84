/* SPDX-License-Identifier: MIT */
/*
 * Where things stand in the hypervisor's own address space. The loader builds the tables by this
 * map, the hypervisor runs in it and never changes it.
 *
 *   DIRECT   all physical memory up to the end of RAM (at least 4 GiB), writable, no-execute;
 *            the 2 MiB blocks of the image are left out, so nothing is writable and executable
 *   IMAGE    the ELF image, each segment with its own rights
 *   STACKS   one slot a processor, every stack between two guard pages
 */
#ifndef WHIT_LAYOUT_H
#define WHIT_LAYOUT_H

#define WHIT_DIRECT_BASE 0xffff800000000000ull
#define WHIT_IMAGE_BASE	 0xffffffff80000000ull
#define WHIT_STACKS_BASE 0xffffffffc0000000ull

/* A slot, by offset: pages not named here are never mapped. */
#define WHIT_STACK_SLOT	     0x10000ull
#define WHIT_STACK_MAIN	     0x1000ull /* 28 KiB */
#define WHIT_STACK_MAIN_END  0x8000ull
#define WHIT_STACK_NMI	     0x9000ull /* 8 KiB */
#define WHIT_STACK_NMI_END   0xb000ull
#define WHIT_STACK_FAULT     0xc000ull /* 8 KiB: double fault, machine check */
#define WHIT_STACK_FAULT_END 0xe000ull

#define WHIT_MAX_CPUS 256

#endif

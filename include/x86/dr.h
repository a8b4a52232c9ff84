/* SPDX-License-Identifier: MIT */
/* Debug registers, SDM 3B "Debug Registers". */
#ifndef X86_DR_H
#define X86_DR_H

#define DR6_BREAKPOINTS 0xfull /* B0 to B3 */
#define DR6_BD		(1ull << 13)
#define DR6_BS		(1ull << 14)
#define DR6_INIT	0xffff0ff0ull

#define DR7_ENABLED 0xffull /* any breakpoint: L0 to G3 */
#define DR7_GD	    (1ull << 13)
#define DR7_INIT    0x400ull

/* The bits that software can write; the others read as they do after reset. */
#define DR6_WRITABLE 0xe00full
#define DR7_WRITABLE 0xffff23ffull

#endif

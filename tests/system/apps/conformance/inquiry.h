/* SPDX-License-Identifier: MIT */
/* Lists of instructions that ask or tell the processor something, run by a guest in 64-bit mode at CPL 0. */
#ifndef CONFORMANCE_INQUIRY_H
#define CONFORMANCE_INQUIRY_H

#include "tests/system/apps/conformance/child.h"

enum inquiry_kind {
	INQUIRY_CPUID, /* number, sub: leaf and subleaf; result: EAX EBX ECX EDX */
	INQUIRY_RDMSR,
	INQUIRY_WRMSR,
	INQUIRY_XGETBV,
	INQUIRY_XSETBV,
	INQUIRY_WRITE_CR4,
	INQUIRY_READ_CR4,
	INQUIRY_RDTSCP, /* result: ECX */
	INQUIRY_WRITE_CR0,
	INQUIRY_INVPCID, /* of one address, type 0 */
	INQUIRY_XSAVES,	 /* of no component */
	INQUIRY_RDPMC,
	INQUIRY_VMOVAPS, /* YMM0, YMM1 */
	INQUIRY_RDPID,
	INQUIRY_WRFSBASE,
	INQUIRY_END
};

/* tests/guest/processor.asm has the offsets. */
struct inquiry_op {
	uint32_t kind;
	uint32_t number; /* leaf, MSR, XCR */
	uint32_t sub;
	uint32_t fault; /* out: 0, or vector + 1 */
	uint64_t value; /* what is written */
	union {
		uint32_t words[4];
		uint64_t value;
	} result;
};

_Static_assert(sizeof(struct inquiry_op) == 40, "processor.asm");

#define INQUIRY_FAULT(vector) ((vector) + 1u)
#define INQUIRY_MAX	      400u
#define INQUIRY_AT	      0x20000ull /* in the child's RAM */

/* The child of an inquiry; configure: or NULL. */
HRESULT inquiry_create(struct child *child, HRESULT (*configure)(WHV_PARTITION_HANDLE partition));

/* Start it at the list's beginning with these operations. */
void inquiry_load(struct child *child, const struct inquiry_op *ops, unsigned int n);

/* Run it to its end, take its results over: false if anything exits before. */
bool inquiry_run(struct child *child, struct inquiry_op *ops, unsigned int n);

/* One operation, loaded and run; its fault is ~0 if something exits. */
struct inquiry_op inquiry_one(struct child *child, enum inquiry_kind kind, uint32_t number,
			      uint64_t value);

#endif

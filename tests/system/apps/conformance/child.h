/* SPDX-License-Identifier: MIT */
/*
 * A small child partition for a test: one VP, 256 KiB of RAM at address 0, the code at CHILD_CODE, and a
 * mode to run it in. Used by the conformance suite and by the benchmark.
 */
#ifndef CONFORMANCE_CHILD_H
#define CONFORMANCE_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "whit/whp_page.h"
#include "whp/WinHvPlatform.h"

/* Guest-physical addresses; tests/guest/guest.inc has the same numbers. */
#define CHILD_CODE  0x1000ull
#define CHILD_DATA  0x2000ull
#define CHILD_STACK 0x8000ull /* top */
#define CHILD_IDT \
	0x9000ull /* 256 entries of 16 bytes, all not present, but for what a test puts there */
#define CHILD_GDT 0xa000ull /* 8 code, 16 data, 24 TSS */
#define CHILD_HANDLER \
	0xb000ull /* HLT, for interrupts and exceptions; a page of them with child_gates() */
#define CHILD_TABLES 0x10000ull /* page tables, up to 16 pages */
#define CHILD_RAM    0x40000ull /* bytes */
#define CHILD_ROM    0x50000ull
#define CHILD_MMIO   0x100000ull

enum child_mode {
	CHILD_REAL,   /* CS base 0, all bases 0 */
	CHILD_PROT32, /* flat, no paging */
	CHILD_LONG /* 64-bit, 4 levels, the first GiB identity-mapped in 2 MiB pages, user pages */
};

struct guest_code {
	const uint8_t *start, *end;
};

#define DECLARE_GUEST(name) extern const uint8_t guest_##name[], guest_##name##_end[]
#define GUEST(name)	    ((struct guest_code) { guest_##name, guest_##name##_end })

struct child {
	WHV_PARTITION_HANDLE partition;
	uint8_t *ram; /* CHILD_RAM bytes */
	struct whit_vp_page *page;
	WHV_RUN_VP_EXIT_CONTEXT exit;
};

/* Memory for the tests: n cleared pages, NULL if there are none. What is not given back by test_free() is never freed. */
void *test_pages(size_t n);
void test_free(void *at, size_t n);

/*
 * Make the child, with WHIT_EMULATE_… bits and WHV_EXTENDED_VM_EXITS. S_OK, or the first call's failure; then
 * nothing is left.
 */
HRESULT child_create(struct child *child, enum child_mode mode, struct guest_code code,
		     uint32_t emulation, uint64_t extended_exits);
void child_destroy(struct child *child);

/* The same, and before the set-up configure() is asked for properties; its failure is the result. */
HRESULT child_create_configured(struct child *child, enum child_mode mode, struct guest_code code,
				HRESULT (*configure)(WHV_PARTITION_HANDLE partition));

/* Run to the next exit; its reason, or ~0 if the call failed. */
uint32_t child_run(struct child *child);

uint64_t child_get(struct child *child, UINT32 name);
HRESULT child_set(struct child *child, UINT32 name, uint64_t value);
WHV_X64_SEGMENT_REGISTER child_segment(struct child *child, UINT32 name);
HRESULT child_set_segment(struct child *child, UINT32 name, uint64_t base, uint32_t limit,
			  uint16_t selector, uint16_t attributes);

HRESULT child_set_table(struct child *child, UINT32 name, uint64_t base, uint16_t limit);

/* The device access of the last exit. */
const struct whit_device_access *child_access(const struct child *child);

/* Answer the device read: its first 8 bytes. */
HRESULT child_answer(struct child *child, uint64_t value);

/* Let a vector of the child's IDT (real mode: IVT) lead to CHILD_HANDLER. */
void child_gate(struct child *child, enum child_mode mode, unsigned int vector);

/* Let all 256 vectors lead to an HLT of their own: at CHILD_HANDLER + vector. */
void child_gates(struct child *child, enum child_mode mode);

/*
 * CPL 3 (CHILD_PROT32 and CHILD_LONG), its stack at CHILD_USER_STACK. A TSS at address 0 leads interrupts to
 * CHILD_STACK. Selectors CHILD_USER_CODE and CHILD_USER_DATA are in the GDT.
 */
HRESULT child_enter_ring3(struct child *child, enum child_mode mode);

#define CHILD_USER_STACK 0x7000ull
#define CHILD_USER_CODE	 0x33u
#define CHILD_USER_DATA	 0x3bu

/* What the delivery of an event has left, after X64Halt behind child_gates(): the stack began at CHILD_STACK. */
struct child_frame {
	uint32_t vector; /* ~0: no handler has been reached */
	bool has_error;
	uint32_t error;
	uint64_t rip, cs, rflags;
};

struct child_frame child_frame(struct child *child, enum child_mode mode);

/* Map the last page of the child's RAM at CHILD_ROM, readable and executable; its bytes are `fill`. */
HRESULT child_map_rom(struct child *child, uint8_t fill);

/* Point RIP (and the code's copy) at another piece of code. */
void child_load(struct child *child, struct guest_code code);

#endif

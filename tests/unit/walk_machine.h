/* SPDX-License-Identifier: MIT */
/*
 * Page walks on the machine of tests/unit/guest_vp.h: guest memory with rights and a twin of it, and the registers that a
 * walk depends on. The machine is made once, and cleaned for each test.
 */
#ifndef TESTS_UNIT_WALK_MACHINE_H
#define TESTS_UNIT_WALK_MACHINE_H

#include "tests/unit/watch.h" /* before all others */

#include "hv/emulate/fetch.h"
#include "hv/mem/walk.h"
#include "tests/unit/guest_vp.h"
#include "whp/WinHvMemory.h"
#include "x86/exc.h"
#include "x86/paging.h"

/* ---- The machine ------------------------------------------------------------------------- */

#define N_PAGES 48u /* of guest memory; there is nothing behind them */

#define ALL_RIGHTS (VIRT_READ | VIRT_WRITE | VIRT_EXECUTE)

static uint8_t (*memory)[PAGE_SIZE];
static uint8_t twin[N_PAGES][PAGE_SIZE];
static uint8_t rights[N_PAGES]; /* 0: nothing there */

/* The VP's, for use_registers(); walks can be made by vp_paging alone. */
static struct virt_paging vp_paging;
static struct x86_segment vp_cs;
static uint64_t vp_rip;

static void set_rights(unsigned int page, uint8_t value)
{
	if (rights[page] == value)
		return;
	rights[page] = value;
	guest_protect(page, value);
}

/* Let the VP have the registers. */
static inline void use_registers(void)
{
	struct virt_vp *const virt = guest_vp->virt;

	virt_set(virt, VIRT_CR0, vp_paging.cr0);
	virt_set(virt, VIRT_CR3, vp_paging.cr3);
	virt_set(virt, VIRT_CR4, vp_paging.cr4);
	virt_set(virt, VIRT_EFER, vp_paging.efer);
	for (unsigned int i = 0; i < 4 && virt_machine.has_pdptes; i++)
		virt_set(virt, (enum virt_reg)(VIRT_PDPTE0 + i), vp_paging.pdpte[i]);
	virt->pkru = vp_paging.pkru;
	virt->pkrs = vp_paging.pkrs;
	virt_set_segment(virt, SEG_CS, &vp_cs);
	virt_set_segment(
		virt, SEG_SS,
		&(struct x86_segment) { .limit = ~0u,
					.attributes = (uint16_t)(0xc093 | vp_paging.cpl << 5) });
	guest_regs()->rflags = vp_paging.rflags;
	guest_regs()->rip = vp_rip;
}

/* The pages looked up since forget_pages(): bit n for page n, OTHER_PAGES for those from 16 on. */
#define OTHER_PAGES (1u << GPA_CACHED)

static inline void forget_pages(void)
{
	memset(guest_vp->view.cache, 0, sizeof(guest_vp->view.cache));
}

static inline unsigned int pages_asked(void)
{
	unsigned int pages = 0;

	for (unsigned int i = 0; i < GPA_CACHED; i++)
		if (guest_vp->view.cache[i].gpa)
			pages |= guest_vp->view.cache[i].gpa >> PAGE_SHIFT == i ? 1u << i
										: OTHER_PAGES;
	return pages;
}

/* Entries read, and entries written or tried to, between the two. */
static inline void count_begin(void)
{
	watch_begin(memory, sizeof(twin));
}

static inline void count_end(void)
{
	watch_end();
}

static inline unsigned int fetch(uint8_t *bytes, unsigned int n)
{
	unsigned int n_fetched;

	use_registers();
	count_begin();
	n_fetched = walk_fetch(guest_vp, bytes, n);
	count_end();
	return n_fetched;
}

static void clean(void)
{
	virt_machine.physical_bits = 40;
	if (!memory) {
		guest_new();
		virt_machine.has_execute_only = true;
		memory = guest_memory;
		memset(rights, ALL_RIGHTS, sizeof(rights));
		for (uint64_t i = N_PAGES; i < GUEST_PAGES; i++)
			guest_protect(i, 0);
	}
	virt_machine.has_1g_pages = true;
	virt_machine.has_pdptes = !(fake_lacks & FAKE_LACKS_PDPTES);
	memset(memory, 0, sizeof(twin));
	for (unsigned int i = 0; i < N_PAGES; i++)
		set_rights(i, ALL_RIGHTS);
	memset(&vp_paging, 0, sizeof(vp_paging));
	memset(&vp_cs, 0, sizeof(vp_cs));
	guest_vp->fetched_page = NULL;
	memset(&watch, 0, sizeof(watch));
	forget_pages();
}

#endif

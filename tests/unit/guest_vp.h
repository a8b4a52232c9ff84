/* SPDX-License-Identifier: MIT */
/* A child VP on the fake machine, with guest memory that the test lays out page by page. */
#ifndef TESTS_UNIT_GUEST_VP_H
#define TESTS_UNIT_GUEST_VP_H

#include <stddef.h>
#include <string.h>

#include "arch/fake/fake.h"
#include "hv/mem/gpa.h"
#include "hv/root.h"
#include "hv/vp.h"
#include "hv/vp/page.h"
#include "hv/root/memory.h"
#include "tests/unit/guest.h"
#include "x86/cr.h"
#include "x86/rflags.h"

#define GUEST_PAGES 64u

struct hv hv;

static _Alignas(4096) uint8_t guest_memory[GUEST_PAGES][4096];
static uint8_t guest_rights[GUEST_PAGES];
static unsigned int guest_n_asked;
static void (*guest_hook)(uint64_t gpa); /* before a page is looked up */

static struct virt_pages guest_pages;
static struct whit_vp_page guest_shared;
static struct partition guest_partition;
static struct vp guest_vp;
static uint32_t guest_error_register;
static char guest_error_words[128];
static const char *guest_error_text;

static inline struct virt_regs *guest_regs(void)
{
	return virt_regs(guest_vp.virt);
}

struct gpa_page gpa_find_page(struct partition *partition, gpa_t gpa)
{
	uint64_t n = gpa.a >> PAGE_SHIFT;

	guest_n_asked++;
	if (partition != &guest_partition)
		fake_scream("gpa_page of another partition");
	if (guest_hook)
		guest_hook(gpa.a);
	if (n >= GUEST_PAGES || !guest_rights[n])
		return (struct gpa_page) { .ptr = NULL, .rights = 0 };
	return (struct gpa_page) { .ptr = guest_memory[n], .rights = guest_rights[n] };
}

void gpa_set_dirty(const struct partition *partition, gpa_t gpa)
{
	(void)partition;
	(void)gpa;
}

/* The same for hv/mem/walk.c; one leaf a page. */
struct virt_leaf virt_space_lookup(const struct virt_space *space, gpa_t gpa)
{
	struct gpa_page page = gpa_page(&guest_partition, gpa);

	if (space != &guest_partition.space)
		fake_scream("virt_space_lookup of another partition");
	return (struct virt_leaf) { .spa = SPA((uint64_t)(uintptr_t)page.ptr - virt_direct_base),
				    .rights = page.rights,
				    .level = LEVEL_4K };
}

void buffer_read_as_root(gpa_t gpa, void *to, unsigned int n_bytes)
{
	(void)to;
	fake_scream("buffer_read_as_root of %u bytes at %llx", n_bytes, (unsigned long long)gpa.a);
}

void vp_page_error(struct vp *vp, uint32_t name, const char *text)
{
	if (vp != &guest_vp)
		fake_scream("vp_page_error of another VP");
	guest_error_register = name;
	snprintf(guest_error_words, sizeof(guest_error_words), "%s", text);
	guest_error_text = guest_error_words;
}

/* A new VP, in 32-bit protected mode without paging, at the start of page 1. */
static inline void guest_new(void)
{
	static const struct x86_segment flat_code = { .limit = ~0u, .attributes = 0xc09b },
					flat_data = { .limit = ~0u, .attributes = 0xc093 };
	struct virt_space space = { .root = SPA(0) };

	fake_reset(2u << 20);
	memset(&guest_pages, 0, sizeof(guest_pages));
	for (uint64_t i = 16; i < 16 + VIRT_VP_PAGES; i++)
		virt_pages_give(&guest_pages, SPA(i * PAGE_SIZE));
	memset(&guest_vp, 0, sizeof(guest_vp));
	memset(&hv, 0, sizeof(hv));
	hv.features = EMU_HAS_ALL;
	memset(&guest_shared, 0x5a, sizeof(guest_shared));
	memset(guest_memory, 0, sizeof(guest_memory));
	memset(guest_rights, VIRT_READ | VIRT_WRITE | VIRT_EXECUTE, sizeof(guest_rights));
	guest_vp.partition = &guest_partition;
	guest_partition.properties.emulation = WHIT_EMULATE_PORTS | WHIT_EMULATE_MEMORY;
	guest_vp.page = &guest_shared;
	guest_vp.virt = virt_vp_create(&guest_pages, &space);
	virt_set(guest_vp.virt, VIRT_CR0, CR0_PE | CR0_ET | CR0_NE);
	for (unsigned int seg = SEG_ES; seg <= SEG_GS; seg++)
		virt_set_segment(guest_vp.virt, (enum x86_seg)seg,
				 seg == SEG_CS ? &flat_code : &flat_data);
	guest_regs()->rip = 0x1000;
	guest_regs()->rflags = RFLAGS_ONE;
	guest_error_text = NULL;
	guest_hook = NULL;
	guest_n_asked = 0;
}

#endif

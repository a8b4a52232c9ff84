/* SPDX-License-Identifier: MIT */
/*
 * Control registers, EFER and XCR0 of children and the root (hv/cpu/cr.h). What the switch of
 * registers has to know of CR4.OSXSAVE it notes itself, in virt_set() of CR4 (arch/x86/switch.c).
 * Debug registers are run_dr()'s and XSETBV is run_xsetbv()'s, in hv/run/run.c.
 */
#include "hv/cpu/cr.h"

#include "hv/mem/gpa.h"
#include "hv/mem/buffer.h"
#include "x86/cr.h"
#include "x86/msr.h"
#include "x86/paging.h"

/* A write that changes one of these loads the PDPTEs anew, SDM 3A "PDPTE Registers". */
#define CR0_LOADS_PDPTES (CR0_CD | CR0_NW | CR0_PG)
#define CR4_LOADS_PDPTES (CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP)

#define CR3_NO_FLUSH (1ull << 63) /* with CR4.PCIDE */
#define CR8_TPR	     0xfull

#define PDPTE_RESERVED_LOW 0x1e6ull

bool cr_is_canonical(const struct vp *vp, uint64_t address)
{
	const unsigned int unused = vp->partition->model.cr4 & CR4_LA57 ? 64 - 57 : 64 - 48;

	return (uint64_t)((int64_t)(address << unused) >> unused) == address;
}

/* A text that says how the bits of a CR0 contradict each other, or NULL. */
static const char *cr0_contradiction(uint64_t value)
{
	if ((value & CR0_PG) && !(value & CR0_PE))
		return "CR0.PG is set without CR0.PE";
	if ((value & CR0_NW) && !(value & CR0_CD))
		return "CR0.NW is set without CR0.CD";
	return NULL;
}

const char *cr0_refusal(struct vp *vp, uint64_t value)
{
	if (value & ~CR0_DEFINED)
		return "CR0 has a reserved bit set";
	return cr0_contradiction(value);
}

const char *cr4_refusal(struct vp *vp, uint64_t value)
{
	if (value & ~vp->partition->model.cr4)
		return "CR4 has a bit set that the processor model does not offer";
	return NULL;
}

/* Bits that EFER can have: a guest can turn execute-disable off altogether. */
static uint64_t efer_possible(const struct vp *vp)
{
	return vp->partition->model.efer & (vp->misc_enable & MISC_XD_DISABLE ? ~EFER_NXE : ~0ull);
}

const char *efer_refusal(struct vp *vp, uint64_t value)
{
	if (value & ~efer_possible(vp))
		return "EFER has a bit set that the processor model does not offer";
	if ((value & EFER_LMA) && !(value & EFER_LME))
		return "EFER.LMA is set without EFER.LME";
	return NULL;
}

bool cr_pdptes_are_legal(const uint64_t pdpte[4])
{
	const uint64_t reserved = PDPTE_RESERVED_LOW | ~0ull << virt_machine.physical_bits;

	for (unsigned int i = 0; i < 4; i++)
		if ((pdpte[i] & PTE_P) && (pdpte[i] & reserved))
			return false;
	return true;
}

/*
 * Four PDPTEs of a child or (view NULL) of the root, each read once; false if nothing is
 * mapped there.
 */
static bool read_pdptes(struct gpa_view *view, gpa_t table, uint64_t pdpte[4])
{
	const uint8_t *page;

	if (!view) {
		buffer_read_as_root(table, pdpte, 4 * sizeof(pdpte[0]));
		return true;
	}
	page = gpa_page(view, table).ptr;
	for (unsigned int i = 0; page && i < 4; i++)
		pdpte[i] = __atomic_load_n(
			(const uint64_t *)(const void *)(page + PAGE_OFFSET(table.a)) + i,
			__ATOMIC_RELAXED);
	return page;
}

/*
 * Load the PDPTEs that CR3 points at, of a child or (view NULL) of the root, if the processor
 * holds them. False: a reserved bit is set, or nothing is mapped there.
 */
static bool load_pdptes(struct virt_vp *virt, struct gpa_view *view, uint64_t cr3)
{
	uint64_t pdpte[4];

	if (!virt_machine.has_pdptes)
		return true;
	if (!read_pdptes(view, GPA(cr3 & CR3_PAE_BASE), pdpte) || !cr_pdptes_are_legal(pdpte))
		return false;
	for (unsigned int i = 0; i < 4; i++)
		virt_set(virt, (enum virt_reg)(VIRT_PDPTE0 + i), pdpte[i]);
	return true;
}

static bool is_64bit_code(struct virt_vp *virt, const struct virt_paging *now)
{
	struct x86_segment cs;

	if (!(now->efer & EFER_LMA))
		return false;
	virt_get_segment(virt, SEG_CS, &cs);
	return cs.attributes & SEG_L;
}

/* IA-32e mode can be activated only out of 32-bit code, on a 32-bit TSS, with PAE on. */
static bool may_activate_long_mode(struct virt_vp *virt, const struct virt_paging *now)
{
	struct x86_segment cs, tr;

	virt_get_segment(virt, SEG_CS, &cs);
	virt_get_segment(virt, SEG_TR, &tr);
	return (now->cr4 & CR4_PAE) && !(cs.attributes & SEG_L) &&
	       (tr.attributes & SEG_TYPE) != SEG_TYPE_TSS16_BUSY;
}

static bool write_cr0(struct virt_vp *virt, struct gpa_view *view, uint64_t value)
{
	struct virt_paging now;
	uint64_t changed;

	virt_get_paging(virt, &now);
	if (value >> 32)
		return false;
	/* Reserved bits of the lower half stay clear and ET stays set, whatever is written. */
	value = (value & CR0_DEFINED) | CR0_ET;
	changed = value ^ now.cr0;
	if (cr0_contradiction(value))
		return false;
	if (!(value & CR0_WP) && (now.cr4 & CR4_CET))
		return false;
	if ((changed & CR0_PG) && (value & CR0_PG) && (now.efer & EFER_LME) &&
	    !may_activate_long_mode(virt, &now))
		return false;
	if ((changed & CR0_PG) && !(value & CR0_PG) &&
	    ((now.cr4 & CR4_PCIDE) || is_64bit_code(virt, &now)))
		return false;
	if ((changed & CR0_LOADS_PDPTES) && (value & CR0_PG) && (now.cr4 & CR4_PAE) &&
	    !(now.efer & EFER_LME) && !load_pdptes(virt, view, now.cr3))
		return false;
	if ((changed & CR0_PG) && (now.efer & EFER_LME))
		virt_set(virt, VIRT_EFER,
			 value & CR0_PG ? now.efer | EFER_LMA : now.efer & ~EFER_LMA);
	virt_set(virt, VIRT_CR0, value);
	return true;
}

static bool write_cr3(struct virt_vp *virt, struct gpa_view *view, uint64_t value)
{
	struct virt_paging now;

	virt_get_paging(virt, &now);
	if (now.cr4 & CR4_PCIDE)
		value &= ~CR3_NO_FLUSH;
	if (value >> virt_machine.physical_bits)
		return false;
	if ((now.cr0 & CR0_PG) && (now.cr4 & CR4_PAE) && !(now.efer & EFER_LMA) &&
	    !load_pdptes(virt, view, value))
		return false;
	virt_set(virt, VIRT_CR3, value);
	return true;
}

static bool write_cr4(struct virt_vp *virt, struct gpa_view *view, uint64_t allowed, uint64_t value)
{
	struct virt_paging now;
	uint64_t changed;

	virt_get_paging(virt, &now);
	changed = value ^ now.cr4;
	if (value & ~allowed)
		return false;
	if ((now.efer & EFER_LMA) && (!(value & CR4_PAE) || (changed & CR4_LA57)))
		return false;
	if ((changed & CR4_PCIDE) && (value & CR4_PCIDE) &&
	    (!(now.efer & EFER_LMA) || (now.cr3 & CR3_PCID)))
		return false;
	if ((value & CR4_CET) && !(now.cr0 & CR0_WP))
		return false;
	if ((changed & CR4_LOADS_PDPTES) && (value & CR4_PAE) && (now.cr0 & CR0_PG) &&
	    !(now.efer & EFER_LMA) && !load_pdptes(virt, view, now.cr3))
		return false;
	virt_set(virt, VIRT_CR4, value);
	return true;
}

bool cr_write(struct vp *vp, unsigned int number, uint64_t value)
{
	switch (number) {
	case 0: return write_cr0(vp->virt, &vp->view, value);
	case 3: return write_cr3(vp->virt, &vp->view, value);
	case 4: return write_cr4(vp->virt, &vp->view, vp->partition->model.cr4, value);
	case 8:
		if (value & ~CR8_TPR)
			return false;
		vp_set_cr8(vp, value);
		return true;
	default: virt_panic("exit for a write to CR%u", number);
	}
}

static bool write_efer(struct virt_vp *virt, uint64_t possible, uint64_t value)
{
	struct virt_paging now;

	virt_get_paging(virt, &now);
	if (value & ~possible)
		return false;
	if (((value ^ now.efer) & EFER_LME) && (now.cr0 & CR0_PG))
		return false;
	/* LMA is the processor's own; what is written there is ignored. */
	virt_set(virt, VIRT_EFER, (value & ~EFER_LMA) | (now.efer & EFER_LMA));
	return true;
}

bool cr_write_efer(struct vp *vp, uint64_t value)
{
	return write_efer(vp->virt, efer_possible(vp), value);
}

bool cr_write_root_efer(struct root *root, uint64_t value)
{
	return write_efer(root->virt, virt_machine.efer_possible, value);
}

bool cr_write_root(struct root *root, unsigned int number, uint64_t value)
{
	switch (number) {
	case 0: return write_cr0(root->virt, NULL, value);
	case 3: return write_cr3(root->virt, NULL, value);
	case 4: return write_cr4(root->virt, NULL, virt_machine.cr4_possible, value);
	default: virt_panic("exit for the root's write to CR%u", number);
	}
}

/* The rules between the components of `possible`. */
static bool xcr0_is_legal(uint64_t possible, uint64_t value)
{
	const uint64_t bound = XCR0_BNDREGS | XCR0_BNDCSR;
	const uint64_t avx512 = XCR0_OPMASK | XCR0_ZMM_HI256 | XCR0_HI16_ZMM;
	const uint64_t tile = XCR0_TILECFG | XCR0_TILEDATA;

	/* A component without a name here has rules that nobody has checked. */
	if (value & ~(possible & XCR0_DEFINED))
		return false;
	if (!(value & XCR0_X87))
		return false;
	if ((value & XCR0_AVX) && !(value & XCR0_SSE))
		return false;
	if ((value & bound) && (value & bound) != bound)
		return false;
	if ((value & avx512) && ((value & avx512) != avx512 || !(value & XCR0_AVX)))
		return false;
	if ((value & tile) && (value & tile) != tile)
		return false;
	return !((value & XCR0_APX) && (value & bound));
}

bool cr_xcr0_is_legal(uint64_t value)
{
	return xcr0_is_legal(virt_machine.xcr0_possible, value);
}

/* Without XSAVE the register is there for clients, and has its value after reset. */
const char *xcr0_refusal(struct vp *vp, uint64_t value)
{
	if (!xcr0_is_legal(vp->partition->model.xcr0 | XCR0_X87, value))
		return "XCR0 is not a legal choice of the processor model's state components";
	return NULL;
}

const char *xss_refusal(const struct vp *vp, uint64_t value)
{
	if (value & ~vp->partition->model.xss)
		return "XSS has a bit set that the processor model does not offer";
	return NULL;
}

bool cr_write_xcr0(struct vp *vp, uint64_t value)
{
	if (xcr0_refusal(vp, value))
		return false;
	virt_set(vp->virt, VIRT_XCR0, value);
	return true;
}

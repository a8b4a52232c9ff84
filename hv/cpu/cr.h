/* SPDX-License-Identifier: MIT */
/*
 * Control registers, EFER and XCR0: the legal values, and the effects of a write.
 *
 * Two questions are kept apart. The _refusal() functions ask whether a value can be legal at all on
 * the child's processor model; a client that sets registers one by one is held to no more than
 * that, and hv/cpu/entry.c names values that contradict each other when the VP runs. The _write()
 * functions are the guest's instruction: they apply every rule of SDM 2B "MOV—Move to/from Control
 * Registers" against the other registers as they stand.
 */
#ifndef HV_CR_H
#define HV_CR_H

#include "hv/hv.h"
#include "hv/vp.h"

/* NULL if the value is legal by itself, else why not, in words. */
const char *cr0_refusal(struct vp *vp, uint64_t value);
const char *cr4_refusal(struct vp *vp, uint64_t value);
const char *efer_refusal(struct vp *vp, uint64_t value);
const char *xcr0_refusal(struct vp *vp, uint64_t value);
const char *xss_refusal(const struct vp *vp, uint64_t value);

/*
 * Is the address canonical by the width that the processor could have, whatever CR4.LA57 says? As
 * WRMSR goes.
 */
bool cr_is_canonical(const struct vp *vp, uint64_t address);

/*
 * A child's MOV to CR0, CR3, CR4 or CR8, LMSW, CLTS; its WRMSR of EFER. True: done, with LMA
 * and the PAE page-directory pointers following. False: #GP(0) is due, and nothing has changed.
 */
bool cr_write(struct vp *vp, unsigned int number, uint64_t value);
bool cr_write_efer(struct vp *vp, uint64_t value);

/*
 * The root's MOV to CR0, CR3 or CR4, LMSW, CLTS, and its WRMSR of EFER. VMX, SMX and SVM do not
 * exist there.
 */
bool cr_write_root(struct root *root, unsigned int number, uint64_t value);
bool cr_write_root_efer(struct root *root, uint64_t value);

/*
 * A child's XSETBV, whose CPL, ECX and CR4.OSXSAVE the caller has checked. False: #GP(0) is due,
 * and nothing has changed.
 */
bool cr_write_xcr0(struct vp *vp, uint64_t value);

/*
 * Would XSETBV take the value for XCR0 in the root? SDM 2D "XSETBV", SDM 1 "XSAVE-Managed State".
 */
bool cr_xcr0_is_legal(uint64_t value);

/* Do the reserved bits of four PAE page-directory pointers allow loading them? */
bool cr_pdptes_are_legal(const uint64_t pdpte[4]);

#endif

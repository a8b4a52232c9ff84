/* SPDX-License-Identifier: MIT */
/*
 * Instructions that may fault, tried in the root with a descriptor table of our own: probe.asm. Interrupts are off
 * meanwhile.
 */
#ifndef CONFORMANCE_PROBE_H
#define CONFORMANCE_PROBE_H

#include <stdint.h>

/* What probe_call() and probe_ring3() return: 0, or one of these. */
#define PROBE_UD 6u
#define PROBE_GP 13u
#define PROBE_PF 14u

/* Call f in ring 0. */
uint32_t probe_call(void (*f)(void));

/*
 * Call f in ring 3, on the page tables at cr3, on which all pages are user pages. f does not return: it
 * must fault. TR stays loaded with our TSS.
 */
uint32_t probe_ring3(void (*f)(void), uint64_t cr3);

/* Instructions to call. */
void probe_vmcall(void); /* the null hypercall; behind it HLT, which ring 3 may not */
void probe_vmmcall(void);
void probe_vmxon(void);
void probe_vmxoff(void);
void probe_vmptrld(void);
void probe_vmread(void);
void probe_invept(void);
void probe_set_vmxe(void); /* CR4.VMXE = 1, and back to 0 if that was possible */
void probe_read_vmx_basic(void);
void probe_write_vmx_basic(void);
void probe_xsetbv_bad(void); /* XCR0 = 0 */
void probe_vmrun(void);
void probe_vmload(void);
void probe_vmsave(void);
void probe_stgi(void);
void probe_clgi(void);
void probe_skinit(void);
void probe_invlpga(void);
void probe_rdmsr(void); /* of the MSR below, */
void probe_wrmsr(void); /* with the value there */

extern uint32_t probe_msr;
extern uint64_t probe_value;

/* The tables, set up by probe_init(). */
void probe_init(void);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The functions that arch/x86 needs of the backend (arch/vmx, later arch/svm) besides arch/virt.h
 * and the format of nested tables: the start of a processor, its end, a dump, events of the root.
 */
#ifndef ARCH_X86_BACKEND_H
#define ARCH_X86_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch/x86/percpu.h"

/*
 * May Whit run on this processor? If so the report is written and virt_machine filled in; if not,
 * `message` names what is missing. Runs on the loader's stack; changes nothing of the processor.
 */
bool backend_check(char *message, size_t message_bytes, char *report, size_t report_bytes);

/* Switch virtualisation on; false with a message if the processor refuses. */
bool backend_on(char *message, size_t message_bytes);

/* Off again, after backend_on(): hv_main() has returned, or the processor stops for good. */
void backend_off(void);

/*
 * A kick has come with a wish of another processor's backend (percpu.letter.wanted), or one that
 * has been withdrawn. In the handler of NMIs.
 */
void backend_kicked(void);

/*
 * `from` has its turn no longer: what the processor alone has of it goes into its memory. Another
 * processor may use it afterwards.
 */
void backend_leave(struct virt_vp *from);

/* Log the current VP's control structure. Must not panic. */
void backend_dump(void);

/* The root's next entry is to deliver a machine check. False: it delivers something else. */
bool backend_give_mc(struct virt_vp *root);

/*
 * The root is to get an NMI, as soon as it can take one. Nothing, if one is on its way already: the
 * architecture keeps no third.
 */
void backend_give_nmi(struct virt_vp *root);

/*
 * The root's next entry is the architecture's wait for a SIPI, with the registers as after INIT, as
 * far as an INIT changes them. The processor can do nothing for others until it comes, so it gives
 * back all that it has of theirs.
 */
void backend_init(struct virt_vp *root);

/* While its root waits for a SIPI the processor takes no NMI. */
extern const bool backend_waits_deaf;

/* Nested entries have a memory type, and the MTRRs no effect behind them. */
extern const bool backend_has_memory_types;

/*
 * The registers that the vendor's processors do not switch with a VP, of those on which vendors
 * differ: a bit for each MSR of enum syscall_msr (TSC_AUX always has it), and one for CR2.
 */
#define BY_HAND(syscall_msr) (1u << (syscall_msr))
#define BY_HAND_CR2	     (1u << SYSCALL_MSRS)
extern const uint32_t backend_by_hand;

/* The code between "nothing is pending" and the entry: an NMI in it goes to virt_enter_abort. */
extern const char virt_enter_begin[], virt_enter_end[], virt_enter_abort[];

#endif

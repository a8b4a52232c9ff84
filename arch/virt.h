/* SPDX-License-Identifier: MIT */
/*
 * The vendor-neutral interface to hardware virtualisation. hv/ knows nothing else of the machine.
 *
 * arch/vmx implements it on VT-x (arch/svm will on AMD-V), arch/fake on the host for tests. Nothing
 * here calls up: virt_run() enters a virtual processor and returns a decoded exit. The one call in
 * the other direction is hv_main(), the hypervisor's main function.
 *
 * 32 of its functions are the same for all vendors and stand in arch/x86, 22 are the vendor's own;
 * each section says which.
 *
 * At most one processor uses a struct virt_vp at a time, which need not be the same for ever, and
 * at most one changes a struct virt_space: hv/ sees to that. All functions run with interrupts off.
 */
#ifndef ARCH_VIRT_H
#define ARCH_VIRT_H

#include <stdbool.h>
#include <stdint.h>

#include "whit/handover.h"
#include "x86/page.h"
#include "x86/cpuid.h"
#include "x86/seg.h"

/* ---- The machine: arch/x86 --------------------------------------------------------------- */

/* Added to a spa_t it gives the address at which the hypervisor sees that byte. */
extern const uint64_t virt_direct_base;

static inline void *virt_ptr(spa_t spa)
{
	return (void *)(uintptr_t)(virt_direct_base + spa.a);
}

/*
 * A list of free 4 KiB pages, threaded through their first eight bytes. Pages in it are zero
 * otherwise.
 */
struct virt_pages {
	uint64_t first; /* spa of the first page, if count is not zero */
	uint64_t count;
};

/* A zeroed page out of the list; false if it is empty. */
static inline bool virt_pages_take(struct virt_pages *pages, spa_t *page)
{
	if (!pages->count)
		return false;
	*page = SPA(pages->first);
	pages->first = *(uint64_t *)virt_ptr(*page);
	pages->count--;
	*(uint64_t *)virt_ptr(*page) = 0;
	return true;
}

/* Put a page into the list; the caller has zeroed all but its first eight bytes. */
static inline void virt_pages_give(struct virt_pages *pages, spa_t page)
{
	*(uint64_t *)virt_ptr(page) = pages->first;
	pages->first = page.a;
	pages->count++;
}

/* Facts of the processor that hv/ needs for its policies; the same on all processors. */
struct virt_machine {
	uint8_t vendor;		/* WHV_PROCESSOR_VENDOR: 0 AMD, 1 Intel */
	uint8_t physical_bits;	/* MAXPHYADDR, 32 to 52 */
	uint8_t memory_bits;	/* those that choose memory; the others its key (MKTME, SME) */
	uint8_t linear_bits;	/* 48 or 57 */
	uint8_t max_leaf_level; /* of a nested page-table leaf: LEVEL_2M or LEVEL_1G */
	bool has_1g_pages;	/* in page tables that are not nested */
	bool has_execute_only;	/* nested mappings can allow execution alone */
	bool has_pdptes;	/* PAE paging runs on VIRT_PDPTE0 to 3; else on memory alone */
	bool has_loose_pdptes;	/* it takes reserved bits 8:5 and 2:1 there */
	bool has_deadline;	/* virt_set_deadline() is exact; else see virt_bound() */
	bool has_step;		/* virt_root_step() */
	bool checks_entry;	/* an entry refuses all that SDM 3C says; else hv/ looks itself */
	uint8_t apic;		/* VIRT_APIC_…: its help for a child's APIC; DELIVERY has all */
	uint32_t child_has;	/* VIRT_HAS_…: instructions that children can be let use */
	uint64_t cr4_possible;	/* CR4 bits that a guest can have */
	uint64_t efer_possible; /* EFER bits that the processor has, but SVME */
	uint64_t xcr0_possible; /* XCR0 bits that the processor has; 0 without XSAVE */
	uint64_t xcr0_child;	/* those that a child can be given: their state is switched */
	uint64_t xss_child;	/* the same of IA32_XSS; 0 without XSAVES */
	uint32_t fpu_bytes;	/* of the image of a child's extended state, virt_fpu_save() */
};

#define VIRT_HAS_RDTSCP	 (1u << 0)
#define VIRT_HAS_INVPCID (1u << 1)
#define VIRT_HAS_XSAVES	 (1u << 2)
#define VIRT_HAS_UMWAIT	 (1u << 3)

#define VIRT_APIC_TPR (1u << 0) /* CR8 and the TPR without exits, but for VIRT_EXIT_TPR */
#define VIRT_APIC_PAGE \
	(1u << 1) /* accesses to the page of a child in xAPIC mode are its own exits */
#define VIRT_APIC_REGISTERS (1u << 2) /* reads, and most writes, do not exit before they are done */
#define VIRT_APIC_DELIVERY  (1u << 3) /* it evaluates and delivers interrupts, EOI does not exit */
#define VIRT_APIC_X2	    (1u << 4) /* all this by the x2APIC's MSRs, too */

extern struct virt_machine virt_machine; /* written once, before hv_main() */

struct x86_cpuid virt_cpuid(uint32_t leaf, uint32_t subleaf);

/* RDMSR and WRMSR on this processor; false if that gives #GP, and then nothing has changed. */
bool virt_rdmsr(uint32_t msr, uint64_t *value);
bool virt_wrmsr(uint32_t msr, uint64_t value);

/* XSETBV on this processor; false as above. */
bool virt_xsetbv(uint32_t index, uint64_t value);
void virt_wbinvd(void);
uint64_t virt_tsc(void);

/*
 * The root's MTRRs. The machine's own stay as the loader has found them, and with them the types of
 * the hypervisor's accesses: the root's values are kept beside them, and take effect through nested
 * paging alone. False: the processor has no such MTRR. Setting checks nothing, because hv/ has done
 * so.
 */
bool virt_mtrr_get(uint32_t msr, uint64_t *value);
bool virt_mtrr_set(uint32_t msr, uint64_t value);

/*
 * The memory type that nested entries give to the whole of a naturally aligned block of
 * LEVEL_SIZE(level), so that the root's MTRRs have their effect; false if it is not the same
 * throughout, which one of 4 KiB is. virt_mtrr_set() has no effect on it before
 * virt_memory_type_changed(). Where the machine's MTRRs apply behind the nested tables it is
 * MEMTYPE_WB everywhere, for ever.
 */
bool virt_memory_type(spa_t block, unsigned int level, uint8_t *type);

/*
 * The MTRRs as the root has set them on this processor are in force from now on, for all. False:
 * they were already, since systems write the same to one processor after the other. One processor
 * at a time calls this or virt_memory_type(): hv/ sees to that.
 */
bool virt_memory_type_changed(void);

/* This processor, as hv_main() was told. */
uint32_t virt_cpu(void);

/*
 * Another processor leaves the guest that it is in or about to enter, for virt_run() to return
 * VIRT_EXIT_KICK, or VIRT_EXIT_NOTHING if nothing ran. What this processor has written before is
 * seen by the other one afterwards. A kick that comes while the other one is in the hypervisor has
 * its effect at the next virt_run(), unless virt_heard() takes it back. One that waits for the
 * root's SIPI (virt_waits()) need not be reached.
 */
void virt_kick(uint32_t cpu);

/* The reason of every kick up to now is going to be looked at: no virt_run() returns for it. */
void virt_heard(void);

/*
 * The local APIC of this processor, which is the root's. Its ID, as it has been since its reset; a
 * word of its page, below 4 KiB, while it is in xAPIC mode.
 */
uint32_t virt_lapic_id(void);
uint32_t virt_lapic_read(unsigned int offset);
void virt_lapic_write(unsigned int offset, uint32_t value);

/*
 * Send an IPI to the processor with this ID, in whichever mode the APIC is: `low` is the lower half
 * of the ICR, with a physical destination and no shorthand. The root's upper half is put back.
 */
void virt_lapic_send(uint32_t id, uint32_t low);

/*
 * INIT, and SIPI, of the root to a processor of Whit's, this one or another. Where INIT does not
 * reach a guest as an exit they are messages: virt_run() there behaves as if they had come.
 */
void virt_send_init(uint32_t cpu);
void virt_send_sipi(uint32_t cpu, uint8_t vector);

/* Reset the machine, as it does when its processor shuts down. */
__attribute__((noreturn)) void virt_reset(void);

/*
 * Stop this processor with registers, the current VP and its last exits on the serial port and in
 * the log.
 */
__attribute__((noreturn, format(printf, 1, 2))) void virt_panic(const char *format, ...);

/* ---- Nested page tables: arch/x86 --------------------------------------------------------- */

/*
 * A guest-physical address space. Tables come from, and go back to, the list `pages`.
 *
 * Processors remember what stands there, tables included. So whatever takes away, or changes what
 * is there, is done while no VP is in the guest with this space, and each VP of it is renewed
 * before its next entry (virt_renew()): hv/mem/gate.h. To fill a hole needs neither.
 */
struct virt_space {
	spa_t root;	 /* the top table */
	uint64_t token;	 /* the vendor's (EPTP, nCR3) */
	uint64_t number; /* no other space has it, or ever had; not 0 */
	struct virt_pages *pages;
};

#define VIRT_READ    (1u << 0)
#define VIRT_WRITE   (1u << 1)
#define VIRT_EXECUTE (1u << 2)
#define VIRT_TRACKED (1u << 3) /* of a leaf of 4 KiB: writes are recorded */

struct virt_leaf {
	spa_t spa;	/* of the block's start; meaningless if rights is 0 */
	uint8_t rights; /* VIRT_READ …; 0: nothing is mapped */
	uint8_t level;	/* LEVEL_4K to LEVEL_1G; of a hole: the largest empty block at gpa */
	uint8_t type;	/* MEMTYPE_…, by virt_memory_type() */
};

/* An empty space; false if `pages` is empty. */
bool virt_space_create(struct virt_space *space, struct virt_pages *pages);

/* Give all tables back. No VP may use the space any more. */
void virt_space_destroy(struct virt_space *space);

/* The leaf or the hole at gpa (below 2^physical_bits). */
struct virt_leaf virt_space_lookup(const struct virt_space *space, gpa_t gpa);

/*
 * Make [gpa, gpa + LEVEL_SIZE(level)) one leaf; rights 0 makes it a hole. gpa and spa are aligned
 * to the size. Whatever stood there is replaced: larger leaves around it are split (their other
 * parts stay as they are), tables below it are given back. A processor that walks at the same time
 * sees the old or the new translation, nothing else. A hole may give the tables around it back.
 * False, with nothing changed, if `pages` holds too few pages (4 always suffice), or if gpa lies
 * beyond 2^48.
 */
bool virt_space_set(struct virt_space *space, gpa_t gpa, unsigned int level, struct virt_leaf leaf);

/*
 * Make `space` as `other` is now, but for the page around gpa, and share the tables of all the rest
 * with it: good until something is taken away from `other`. Both have a leaf of 4 KiB at gpa, and
 * no VP is in the guest with `space`, in which nothing but that leaf may be set. Who runs in it is
 * renewed first.
 */
void virt_space_follow(struct virt_space *space, const struct virt_space *other, gpa_t gpa);

/*
 * Which of n pages (at most 64) from gpa on, all in one block of 2 MiB, have been written to since
 * they became VIRT_TRACKED or were last cleared: bits of *dirty. False if one of them is not
 * VIRT_TRACKED. With `clear` the bits are taken back; a VP's later writes are seen when it has been
 * renewed. A VIRT_TRACKED leaf that is set again with the same address is as dirty as it was.
 */
bool virt_space_dirty(const struct virt_space *space, gpa_t gpa, unsigned int n, bool clear,
		      uint64_t *dirty);

/* The VIRT_TRACKED, writable page around gpa is being written to; nothing, if there is none. */
void virt_space_set_dirty(const struct virt_space *space, gpa_t gpa);

/*
 * From now on writes to VIRT_TRACKED pages are recorded: by the processor, or by an exit
 * (VIRT_EXIT_MEMORY) at the first of them.
 */
void virt_space_track(struct virt_space *space);

/*
 * An exit of a VP in the space, after virt_space_track(): a write to gpa, or the processor's own to
 * a page table there (is_walk). True: it came of the recording alone, the write is recorded, and
 * the guest is to try again.
 */
bool virt_space_resolve(struct virt_space *space, gpa_t gpa, bool is_walk);

/* ---- Virtual processors: the vendor's, but for virt_switch(), _fpu_…() and _vp_reset() ----- */

/*
 * The registers that every exit brings. rip, rflags, gpr[X86_RSP]: set `changed` after writing one.
 */
struct virt_regs {
	uint64_t gpr[16]; /* ModRM order */
	uint64_t rip;
	uint64_t rflags;
	bool changed;
};

struct virt_vp; /* the vendor's; its first member is a struct virt_regs */

static inline struct virt_regs *virt_regs(struct virt_vp *vp)
{
	return (struct virt_regs *)(void *)vp;
}

#define VIRT_VP_PAGES 4 /* at most: what virt_vp_create() takes out of the list */

/* The rest, one 64-bit value each, by virt_get() and virt_set(). */
enum virt_reg {
	/* First those that a processor need not switch by itself: arch/x86/switch.c. */
	VIRT_CR2,
	VIRT_DR0,
	VIRT_DR1,
	VIRT_DR2,
	VIRT_DR3,
	VIRT_STAR,
	VIRT_LSTAR,
	VIRT_CSTAR,
	VIRT_FMASK,
	VIRT_KERNEL_GS_BASE,
	VIRT_TSC_AUX,	/* the value that RDTSCP and RDPID give */
	VIRT_XCR0,	/* of a child; legal by xcr0_child */
	VIRT_XSS,	/* of a child; legal by xss_child */
	VIRT_SPEC_CTRL, /* IA32_SPEC_CTRL while the VP runs; only bits that the processor has */
	VIRT_CR0,	/* as the guest sees them */
	VIRT_CR3,
	VIRT_CR4,
	VIRT_DR6,
	VIRT_DR7,
	VIRT_EFER, /* LMA included; sets the entry mode; without the processor's own SVME */
	VIRT_PAT,
	VIRT_SYSENTER_CS,
	VIRT_SYSENTER_ESP,
	VIRT_SYSENTER_EIP,
	VIRT_TSC_OFFSET, /* the root's, too: added to the machine's TSC in all reads */
	VIRT_PDPTE0,	 /* with has_pdptes; used while the guest runs with PAE paging */
	VIRT_PDPTE1,
	VIRT_PDPTE2,
	VIRT_PDPTE3,
	VIRT_SHADOW,	    /* VIRT_SHADOW_… */
	VIRT_PENDING_DEBUG, /* a #DB that is due: its bits 0-3 and 14 of DR6; 0: none is */
	VIRT_DEBUGCTL,	    /* IA32_DEBUGCTL: BTF alone */
	VIRT_REG_COUNT
};

/* A processor that knows one kind of shadow shows it as that of MOV SS. */
#define VIRT_SHADOW_STI	   (1u << 0)
#define VIRT_SHADOW_MOV_SS (1u << 1)
#define VIRT_SHADOW_NMI	   (1u << 3) /* NMIs are blocked */

/* All registers of a VP on which a page walk depends, in one call. */
struct virt_paging {
	uint64_t cr0, cr3, cr4, efer, rflags;
	uint64_t pdpte[4];   /* only with has_pdptes, if PAE paging without long mode is on */
	uint32_t pkru, pkrs; /* protection keys; 0 while CR4.PKE and CR4.PKS are not offered */
	uint8_t cpl;	     /* SS.DPL; 3 in V86 mode, 0 in real mode */
};

/*
 * The state that is asked for most after an exit. It is read once, and good until the next
 * virt_run(), virt_set(), virt_set_segment() or virt_skip() of the VP.
 */
struct virt_view {
	struct virt_paging paging;
	struct x86_segment cs;
	uint64_t dr7;
	uint8_t shadow; /* VIRT_SHADOW_… */
};

/* An event for the guest, or one whose delivery an exit interrupted. */
enum virt_event_type {
	VIRT_EVENT_NONE,
	VIRT_EVENT_INTERRUPT, /* external */
	VIRT_EVENT_NMI,
	VIRT_EVENT_EXCEPTION,		      /* hardware exception */
	VIRT_EVENT_SOFT_INTERRUPT,	      /* INT n */
	VIRT_EVENT_PRIVILEGED_SOFT_EXCEPTION, /* INT1 */
	VIRT_EVENT_SOFT_EXCEPTION	      /* INT3, INTO */
};

struct virt_event {
	uint8_t type; /* enum virt_event_type */
	uint8_t vector;
	bool has_error_code;
	uint8_t length; /* of the instruction, soft types only */
	uint32_t error_code;
};

enum virt_exit_reason {
	VIRT_EXIT_INTERRUPT, /* a physical interrupt is pending; it is not acknowledged */
	VIRT_EXIT_NMI, /* a physical NMI, INIT or machine check, which the root's next entry has */
	VIRT_EXIT_INTERRUPT_WINDOW, /* virt_window() asked, and the guest can take one now */
	VIRT_EXIT_NMI_WINDOW,
	VIRT_EXIT_CPUID,
	VIRT_EXIT_HLT,
	VIRT_EXIT_HYPERCALL, /* hypercall: VMCALL, VMMCALL, at any CPL and in any mode */
	VIRT_EXIT_IO,	     /* io */
	VIRT_EXIT_RDMSR,     /* number in RCX */
	VIRT_EXIT_WRMSR,
	VIRT_EXIT_CR_WRITE, /* cr; LMSW and CLTS come as CR0 writes with the value worked out */
	VIRT_EXIT_CR_READ,  /* cr; CR8; CR0 and CR4, if a child's own are not what it sees */
	VIRT_EXIT_DR,	    /* dr */
	VIRT_EXIT_XSETBV,
	VIRT_EXIT_INVD,	     /* INVD, WBINVD */
	VIRT_EXIT_INVLPG,    /* not asked for today */
	VIRT_EXIT_MEMORY,    /* memory: no nested translation for this access; the APIC's page */
	VIRT_EXIT_EXCEPTION, /* exception: one that the VP intercepts */
	VIRT_EXIT_TRIPLE_FAULT,
	VIRT_EXIT_TASK_SWITCH,
	VIRT_EXIT_HIDDEN_INSN,	 /* an instruction of VMX, SVM, SMX …: the guest is to get #UD */
	VIRT_EXIT_INVALID_STATE, /* entry refused: guest state; nothing ran */
	VIRT_EXIT_NOTHING,  /* nothing ran: an event of the root's, a kick; an injected one waits */
	VIRT_EXIT_KICK,	    /* the guest was left because of a virt_kick() */
	VIRT_EXIT_DEADLINE, /* the TSC has come to that of virt_set_deadline() */
	VIRT_EXIT_RDTSC,    /* rdtsc; virt_config.tsc_exits */
	VIRT_EXIT_PAUSE,    /* the guest spins; virt_config.spin_exits */
	VIRT_EXIT_TPR,	    /* after a write that took the TPR below the threshold */
	VIRT_EXIT_APIC_WRITE, /* apic_write: after a write to the page that needs an effect */
	VIRT_EXIT_APIC_EOI,   /* apic_eoi: after the EOI of a vector whose EOI exits */
	VIRT_EXIT_RDPMC,      /* of a child, which has no counters: the guest is to get #GP(0) */
	VIRT_EXIT_STEP,	      /* of the root: virt_root_step() */
	VIRT_EXIT_COUNT
};

#define VIRT_GPR_UNKNOWN 16u

/*
 * An exit. Guest state is that before the instruction, but after it for TPR, APIC_WRITE and
 * APIC_EOI. insn_length is the processor's word on the instruction, exact for CPUID, HLT,
 * HYPERCALL, IO, RDMSR, WRMSR, CR, DR, XSETBV, INVD, INVLPG, RDTSC, RDPMC, PAUSE and software
 * exceptions, and 0 for every other reason.
 *
 * A processor need not tell all of it. Then a child's exit is_partial: insn_length is 0, cr.gpr and
 * dr.gpr are VIRT_GPR_UNKNOWN, and cr.value means nothing, each where it is not told; so is the
 * length of a software event that was interrupted. hv/ takes them from the guest's bytes
 * (hv/emulate/completion.h). No exit of the root is partial: where the processor does not tell the
 * length, it is that of the form without prefixes.
 */
struct virt_exit {
	enum virt_exit_reason reason;
	uint8_t insn_length;
	bool is_partial;
	struct virt_event interrupted; /* type VIRT_EVENT_NONE, or what was being delivered */
	union {
		struct {
			uint16_t port;
			uint8_t size; /* 1 2 4 */
			bool is_in, is_string, is_rep;
		} io;
		struct {
			bool is_kernel64; /* from 64-bit code at CPL 0 */
		} hypercall;
		struct {
			uint64_t value; /* of a write; of a read of CR0 or CR4 what is read */
			uint8_t number; /* 0 3 4 8 */
			uint8_t gpr;	/* of a read: where it goes; VIRT_GPR_UNKNOWN */
		} cr;
		struct {
			uint8_t number, gpr;
			bool is_read;
		} dr;
		struct {
			gpa_t gpa;
			gva_t gva;
			bool gva_valid; /* gva means something; not every processor tells it */
			bool is_walk;	/* the access was to a page table of the guest */
			bool is_read, is_write, is_fetch;
		} memory;
		struct {
			uint8_t vector;
			bool has_error_code, is_software;
			uint32_t error_code;
			uint64_t address; /* #PF: not yet in CR2; #DB: the new bits of DR6 */
		} exception;
		struct {
			bool is_rdtscp;
		} rdtsc;
		struct {
			uint16_t offset; /* of the register in the page, a multiple of 16 */
		} apic_write;
		struct {
			uint8_t vector;
		} apic_eoi;
		struct {
			uint16_t selector; /* of the new task */
			uint8_t source;	   /* 0 CALL 1 IRET 2 JMP 3 task gate in the IDT */
		} task_switch;
	};
};

/*
 * The root partition's VP of this processor, in the state of `state`, in `space`. Exits only for
 * what the architecture forces (CPUID, the hypercall, XSETBV, INVD, instructions of VMX or SVM),
 * for the MSRs of virt_root_guard_msr(), for bits of CR0 and CR4 that virtualisation fixes, and for
 * memory. An INIT resets the machine inside virt_run(), but on other processors than the first: it
 * returns VIRT_EXIT_NOTHING, and the root waits for a SIPI, which is another VIRT_EXIT_NOTHING.
 * NULL if `pages` is short.
 */
struct virt_vp *virt_root_create(struct virt_pages *pages, const struct whit_cpu_state *state,
				 const struct virt_space *space);

/* Does the root wait for a SIPI? Then virt_run() returns when it has come. */
bool virt_waits(const struct virt_vp *root);

/* Let the root's accesses to an MSR exit: reads, writes. Without it they go to the hardware. */
void virt_root_guard_msr(struct virt_vp *root, uint32_t msr, bool reads, bool writes);

/*
 * From now on the root runs in this space, for one instruction at a time if is_one: virt_run() ends
 * with VIRT_EXIT_STEP behind an instruction, or at the first of a handler, if an event was
 * delivered in place of one; or with any other exit, and then no instruction has been executed.
 * Only with has_step.
 */
void virt_root_step(struct virt_vp *root, const struct virt_space *space, bool is_one);

/* The choices of hv/ for a child. */
struct virt_config {
	uint32_t exceptions; /* bit n: vector n exits; with bit 14 every page fault does */
	uint32_t has;	     /* VIRT_HAS_…; the others of virt_machine.child_has are #UD */
	uint64_t cr4;	     /* bits that it can set; to set another one exits */
	bool tsc_exits;	     /* RDTSC and RDTSCP do */
	bool spin_exits;     /* loops of PAUSE do, if the processor can tell */
};

/*
 * A child's VP, in the state after reset (SDM 3A "Processor State After Reset"). Everything exits
 * that can: all ports, all MSRs, HLT, CR8, debug registers, interrupts, NMIs. NULL if `pages` is
 * short.
 */
struct virt_vp *virt_vp_create(struct virt_pages *pages, const struct virt_space *space,
			       const struct virt_config *config);

/*
 * Give the pages back to the list they came from. The VP is no processor's current one afterwards.
 */
void virt_vp_destroy(struct virt_vp *vp, struct virt_pages *pages);

/*
 * Take the guest's floating-point, debug and system-call registers off this processor (of `from`)
 * and load those of `to`. Between the two calls around a child's run the root's are parked.
 */
void virt_switch(struct virt_vp *from, struct virt_vp *to);

/*
 * Enter `vp`, whose registers virt_switch() has loaded, until the next exit.
 */
void virt_run(struct virt_vp *vp, struct virt_exit *exit);

/* Any VP that no other processor runs. Setting checks nothing, because hv/ has done so. */
uint64_t virt_get(struct virt_vp *vp, enum virt_reg reg);
void virt_set(struct virt_vp *vp, enum virt_reg reg, uint64_t value);
/*
 * SEG_GDTR and SEG_IDTR, too, with no selector and no attributes. Bits 8 to 11 of the attributes,
 * where a descriptor has bits of its limit, are dropped.
 */
void virt_get_segment(struct virt_vp *vp, enum x86_seg seg, struct x86_segment *value);
void virt_set_segment(struct virt_vp *vp, enum x86_seg seg, const struct x86_segment *value);
const struct virt_view *virt_view(struct virt_vp *vp);

static inline void virt_get_paging(struct virt_vp *vp, struct virt_paging *paging)
{
	*paging = virt_view(vp)->paging;
}

/*
 * The image of a VP's extended state. virt_fpu_save() brings it up to date if the registers are in
 * the processor; virt_fpu_load() takes a changed one back there. Bits of MXCSR outside the image's
 * mask would fault.
 *
 * The image is XSAVE's in the standard form: the FXSAVE area of 512 bytes, and for a child (with
 * xcr0_child) the header and every component of xcr0_child | xss_child at the offset that CPUID
 * leaf 0Dh gives. All bytes of them are valid, XSTATE_BV says which are not in their initial state;
 * after a change to a component its bit there must be set. XCOMP_BV is zero.
 */
void *virt_fpu_save(struct virt_vp *vp);
void virt_fpu_load(struct virt_vp *vp);

/* From its next entry on the VP sees its space as it stands then. */
void virt_renew(struct virt_vp *vp);

/*
 * The guest has asked for a translation of its own to be forgotten (INVLPG): before its next entry.
 */
void virt_flush(struct virt_vp *vp);

/*
 * Deliver the event at the next entry, replacing one not yet delivered; VIRT_EVENT_NONE takes it
 * back.
 */
void virt_inject(struct virt_vp *vp, const struct virt_event *event);

/*
 * Exit as soon as the guest can take an interrupt (an NMI); stays asked for until it is taken back.
 */
void virt_window(struct virt_vp *vp, bool interrupt, bool nmi);

void virt_configure(struct virt_vp *vp, const struct virt_config *config);

/*
 * A child: leave the guest when the processor's own TSC (virt_tsc()) has come to `tsc`, with
 * VIRT_EXIT_DEADLINE; at once if it has. ~0: never. Stays asked for until it is changed.
 */
void virt_set_deadline(struct virt_vp *vp, uint64_t tsc);

/*
 * Without virt_machine.has_deadline nothing but the root's interrupts ends an entry. Then
 * virt_run() enters a child that has a deadline only if it has not come, and if the root of this
 * processor knows of it or an earlier one; else VIRT_EXIT_NOTHING. virt_bound(): the deadline,
 * which the root is now going to be told; ~0: there is nothing to be told.
 */
uint64_t virt_bound(struct virt_vp *vp);

/*
 * A child: registers as after a reset (virt_vp_create()), or as after INIT, which leaves alone what
 * SDM 3A "Processor State After Power-up, Reset, or INIT" says it does: x87 and vector state, XCR0,
 * the TSC, most MSRs, CR0.CD and NW. Neither changes VIRT_TSC_OFFSET, intercepts, windows, or the
 * APIC.
 */
void virt_vp_reset(struct virt_vp *vp, bool is_init);

/* ---- The local APIC of a child: the vendor's ---------------------------------------------- */

/*
 * hv/apic/apic.c is the APIC; these functions control the processor's help for it. The register
 * page is the xAPIC's: register n at 16 * n, below 1 KiB; hv/ and the processor both read and write
 * it, never at the same time.
 */
enum virt_apic_mode {
	VIRT_APIC_OFF, /* no help: CR8 exits, MSRs 800h to 8ffh exit, nothing is at the page */
	VIRT_APIC_XAPIC,
	VIRT_APIC_X2APIC,
};

/*
 * Give the VP a register page, or (OFF) take it back. `access` is the page that virt_space_set()
 * has put at 0xfee00000 in the VP's space, for VIRT_APIC_PAGE: accesses to it are VIRT_EXIT_MEMORY,
 * VIRT_EXIT_APIC_WRITE or none. A mode that virt_machine.apic has nothing for is OFF to the
 * processor.
 */
void virt_apic_set_mode(struct virt_vp *vp, enum virt_apic_mode mode, spa_t registers,
			spa_t access);

/* The state of a local APIC, as far as the processor's help depends on it. */
struct virt_apic_state {
	uint8_t requested; /* the highest vector in IRR, 0 if there is none */
	/*
	 * Bits 7 to 4 of the TPR that hold it back: VIRT_EXIT_TPR when they fall below. 0: nothing.
	 */
	uint8_t threshold;
	/* Only with VIRT_APIC_DELIVERY: the highest vector in ISR; vectors whose EOI exits. */
	uint8_t in_service;
	uint64_t eoi_exits[4]; /* bit n: vector n is VIRT_EXIT_APIC_EOI */
};

/*
 * Tell the processor, which takes what it can use; after hv/ has changed one of them. It keeps
 * requested and in_service itself from then on.
 */
void virt_apic_sync(struct virt_vp *vp, const struct virt_apic_state *state);

/* ---- An instruction is done: the vendor's ------------------------------------------------- */

/*
 * Go past the instruction at RIP, of `length` bytes, which is done: RIP (cut to the mode's width),
 * interrupt shadow and RF cleared, TF honoured.
 */
void virt_skip(struct virt_vp *vp, unsigned int length);

/*
 * An instruction that was begun with RFLAGS.TF set has been done without the processor: the
 * single-step trap follows, unless the guest steps from branch to branch (VIRT_DEBUGCTL) and it was
 * none.
 */
void virt_step(struct virt_vp *vp, bool is_branch);

/* ---- The other direction ----------------------------------------------------------------- */

/*
 * The hypervisor, on its own stack and page tables. Returns a WHIT_LAUNCH_ code (with the message
 * written) only before the first virt_run(); the processor is then given back to the loader.
 */
uint64_t hv_main(struct whit_handover *handover, uint32_t cpu);

#endif

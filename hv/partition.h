/* SPDX-License-Identifier: MIT */
/* Child partitions, as all files of hv/ see them. */
#ifndef HV_PARTITION_H
#define HV_PARTITION_H

#include "arch/virt.h"
#include "hv/cpu/model.h"
#include "arch/lock.h"
#include "hv/mem/gate.h"
#include "whit/hypercall.h"
#include "whp/WinTypes.h"

struct vp;

/*
 * Properties, as set. What masks the processor's features is kept as the client gave it;
 * hv/cpu/cpuid.c and hv/cpu/cr.c work with it. Lists are in a page of their own,
 * hv/call/property.c.
 */
struct properties {
	uint32_t processor_count;   /* 0: not set */
	uint32_t emulation;	    /* WHIT_EMULATE_… */
	uint32_t turn_exits;	    /* WHIT_TURN_… */
	uint32_t apic_mode;	    /* WHV_X64_LOCAL_APIC_EMULATION_MODE */
	uint64_t extended_exits;    /* WHV_EXTENDED_VM_EXITS */
	uint64_t exception_exits;   /* ExceptionExitBitmap */
	uint64_t msr_exits;	    /* WHV_X64_MSR_EXIT_BITMAP */
	uint64_t features[2];	    /* ProcessorFeaturesBanks */
	uint64_t xsave_features;    /* WHV_PROCESSOR_XSAVE_FEATURES */
	uint32_t unimplemented_msr; /* WHV_MSR_ACTION */
	uint32_t physical_bits;	    /* PhysicalAddressWidth */
	uint32_t cpu_weight, cpu_cap, cpu_reserve, frequency_cap;
	uint64_t cpu_group;
	uint16_t numa_node;
	uint8_t clflush_size;
	bool separate_security_domain, disable_smt;
};

#define PARTITION_MAX_CPUID_EXITS   64u
#define PARTITION_MAX_CPUID_RESULTS 48u
#define PARTITION_MAX_MSR_ACTIONS   128u

/*
 * An entry of CpuidResultList (mask all ones, any subleaf) or CpuidResultList2:
 * WHV_X64_CPUID_RESULT2.
 */
struct cpuid_result {
	uint32_t leaf, subleaf, vp, flags;
	struct x86_cpuid value, mask;
};

struct msr_action {
	uint32_t msr;
	uint8_t read, write; /* WHV_MSR_ACTION */
};

struct property_lists {
	uint32_t n_cpuid_exits; /* 0: every leaf, if the exit is on */
	uint32_t n_cpuid_results, n_msr_actions;
	uint32_t cpuid_exits[PARTITION_MAX_CPUID_EXITS];
	struct cpuid_result cpuid_results[PARTITION_MAX_CPUID_RESULTS];
	struct msr_action msr_actions[PARTITION_MAX_MSR_ACTIONS];
};

_Static_assert(sizeof(struct property_lists) <= 4096, "one lent page");

/* WHV_EXTENDED_VM_EXITS */
#define EXITS_CPUID	(1ull << 0)
#define EXITS_MSR	(1ull << 1)
#define EXITS_EXCEPTION (1ull << 2)
#define EXITS_RDTSC	(1ull << 3)
#define EXITS_SMI	(1ull << 4)
#define EXITS_HYPERCALL (1ull << 5)
#define EXITS_INIT_SIPI (1ull << 6)
#define EXITS_LINT0	(1ull << 7)
#define EXITS_LINT1	(1ull << 8)
#define EXITS_SVR	(1ull << 9)
#define EXITS_LDR	(1ull << 12)
#define EXITS_DFR	(1ull << 13)
#define EXITS_GPA_FAULT (1ull << 14)

/* A page of the space as gpa_page() last found it. */
struct gpa_cached {
	uint64_t gpa; /* of the page, with bit 0 set; 0: nothing */
	uint64_t ptr; /* where the hypervisor sees it, with the rights in the low bits; 0: a hole */
};

#define GPA_CACHED 8u

/* A VP's knowledge of its partition's space, which is good for one turn of the gate. */
struct gpa_view {
	struct partition *partition;
	uint64_t turn;
	/* Pages that gpa_page() has found, by their low bits. */
	struct gpa_cached cache[GPA_CACHED];
};

/*
 * All of it is under `lock`: struct partition_locked. A VP that runs holds no lock: it reads what
 * changes only before the first VP is created, or while the gate is closed, and single words.
 */
struct partition {
	uint64_t handle;
	struct gate gate; /* of the space: its users are the VPs that run */
	_Alignas(64) struct lock lock;
	bool is_set_up;
	bool is_dying;		 /* a delete has begun: every other call is refused; atomic */
	struct virt_pages pages; /* lent and not in use */
	uint64_t n_lent;
	spa_t ledger; /* list of pages that note the lent runs */
	struct properties properties;
	struct model model; /* of them, since the set-up */
	struct virt_space space;
	struct property_lists *lists; /* a lent page; NULL while all are empty */
	spa_t apic_access;	      /* a lent page, with apic_mode: see virt_apic_set_mode() */
	uint64_t tsc_offset;   /* of every new VP: the partition's time starts with its set-up */
	uint64_t time_stopped; /* the host's TSC when time was suspended; 0: it goes on */
	uint64_t time_start, reference; /* the host's TSC when it was `reference` */
	uint64_t mapped_pages[3];	/* counters: of 4 KiB, 2 MiB, 1 GiB */
	uint64_t gpa_end;		/* nothing is mapped from here on */
	uint64_t gpa_cursor;		/* of a delete: what lies below has been unmapped */
	bool is_tracked;		/* a page has been VIRT_TRACKED, once */
	struct vp *vps[WHIT_MAX_VPS];	/* atomic: partition_vp() */
};

_Static_assert(sizeof(struct partition) <= 4096, "a partition is one lent page");

/*
 * A partition whose lock the caller holds: a function that takes one changes the partition, reads
 * what others change, or closes the gate. The functions below alone make one, and
 * partition_unlock() ends it with its copies.
 */
struct partition_locked {
	struct partition *partition; /* NULL: none is held */
};

static inline struct partition_locked partition_lock(struct partition *partition)
{
	lock_take(&partition->lock);
	return (struct partition_locked) { partition };
}

/* Of NULL: somebody else holds it. */
static inline struct partition_locked partition_try_lock(struct partition *partition)
{
	return (struct partition_locked) { lock_try(&partition->lock) ? partition : NULL };
}

static inline void partition_unlock(struct partition_locked held)
{
	lock_drop(&held.partition->lock);
}

/* Can the emulator be asked for this kind of exit? WHIT_EMULATE_… */
static inline bool partition_emulates(const struct partition *partition, uint32_t kind)
{
	return partition->properties.emulation & kind;
}

/* The VP of an index, NULL if there is none. */
static inline struct vp *partition_vp(const struct partition *partition, uint64_t index)
{
	return index < WHIT_MAX_VPS ? __atomic_load_n(&partition->vps[index], __ATOMIC_ACQUIRE)
				    : NULL;
}

/*
 * WHIT_E_INSUFFICIENT_MEMORY with *needed, the pages that are missing, unless the partition has n
 * free pages; else S_OK.
 */
static inline uint32_t partition_want(struct partition_locked held, uint64_t n, uint64_t *needed)
{
	if (held.partition->pages.count >= n)
		return (uint32_t)S_OK;
	*needed = n - held.partition->pages.count;
	return WHIT_E_INSUFFICIENT_MEMORY;
}

#endif

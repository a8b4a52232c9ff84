/* SPDX-License-Identifier: MIT */
/*
 * The registers of a child's local APIC, its priorities, and its requests to the processor
 * (hv/apic/apic.h). A row of `rules` for each register says who may read and write it, and which
 * bits exist. Modes and resets are in mode.c, the timer in timer.c, messages in ipi.c, and the
 * client's view in image.c.
 */
#include "hv/apic/apic.h"

#include "hv/apic/page.h"

#include <string.h>

#include "whp/WinHvExits.h"
#include "x86/msr.h"
#include "x86/rflags.h"

/*
 * Who can do what with a register: in xAPIC mode (APR and RRD read as zero, as with processors that
 * have not got them), in x2APIC mode.
 */
#define X_R  (1u << 0)
#define X_W  (1u << 1)
#define X2_R (1u << 2)
#define X2_W (1u << 3)
#define R    (X_R | X2_R)
#define W    (X_W | X2_W)

struct rule {
	uint8_t access;
	uint32_t writable;
};

/* clang-format off */
static const struct rule rules[APIC_REGISTERS] = {
	[APIC_ID] = { R, 0 },
	[APIC_VERSION] = { R, 0 },
	[APIC_TPR] = { R | W, 0xff },
	[APIC_APR] = { X_R, 0 },
	[APIC_PPR] = { R, 0 },
	[APIC_EOI] = { W, 0 },
	[APIC_RRD] = { X_R, 0 },
	[APIC_LDR] = { R | X_W, 0xff000000 },
	[APIC_DFR] = { X_R | X_W, 0xf0000000 },
	[APIC_SVR] = { R | W, 0x1ff },
	[APIC_ISR ... APIC_ISR + 7] = { R, 0 },
	[APIC_TMR ... APIC_TMR + 7] = { R, 0 },
	[APIC_IRR ... APIC_IRR + 7] = { R, 0 },
	[APIC_ESR] = { R | W, 0 },
	[APIC_ICR] = { R | W, 0x000ccfff },
	[APIC_ICR_HIGH] = { X_R | X_W, 0xff000000 },
	[APIC_LVT_TIMER] = { R | W, 0x000700ff },
	[APIC_LVT_THERMAL] = { R | W, 0x000107ff },
	[APIC_LVT_PERF] = { R | W, 0x000107ff },
	[APIC_LVT_LINT0] = { R | W, 0x0001a7ff },
	[APIC_LVT_LINT1] = { R | W, 0x0001a7ff },
	[APIC_LVT_ERROR] = { R | W, 0x000100ff },
	[APIC_INITIAL_COUNT] = { R | W, 0xffffffff },
	[APIC_CURRENT_COUNT] = { R, 0 },
	[APIC_DIVIDE] = { R | W, 0xb },
	[APIC_SELF_IPI] = { X2_W, 0xff },
};
/* clang-format on */

static inline bool is_lvt(unsigned int n)
{
	return n >= APIC_LVT_TIMER && n <= APIC_LVT_ERROR;
}

uint64_t apic_writable(unsigned int n, bool is_x2apic)
{
	if (is_x2apic && n == APIC_ICR)
		return rules[n].writable | 0xffffffffull << 32;
	return rules[n].writable;
}

/* ---- Priorities -------------------------------------------------------------------------- */

/* The highest vector of ISR or IRR, with the eight words at `more`, if any; -1. */
static int highest(const struct apic *apic, unsigned int n, const uint32_t *more)
{
	for (int i = 7; i >= 0; i--) {
		uint32_t word = apic_get(apic, n + (unsigned int)i);

		if (more)
			word |= __atomic_load_n(&more[i], __ATOMIC_RELAXED);
		if (word)
			return 32 * i + 31 - __builtin_clz(word);
	}
	return -1;
}

static void set_bit(struct apic *apic, unsigned int n, unsigned int vector, bool value)
{
	const uint32_t bit = 1u << vector % 32, word = apic_get(apic, n + vector / 32);

	apic_put(apic, n + vector / 32, value ? word | bit : word & ~bit);
}

static bool has_bit(const struct apic *apic, unsigned int n, unsigned int vector)
{
	return apic_get(apic, n + vector / 32) >> vector % 32 & 1;
}

/* SDM 3A "Task and Processor Priorities". */
static uint32_t processor_priority(const struct apic *apic)
{
	const uint32_t tpr = apic_get(apic, APIC_TPR);
	const int in_service = highest(apic, APIC_ISR, NULL);

	if (in_service < 0 || tpr >> 4 >= (uint32_t)in_service >> 4)
		return tpr;
	return (uint32_t)in_service & 0xf0;
}

int apic_deliverable(const struct vp *vp)
{
	const struct apic *const apic = &vp->apic;
	int vector;

	if (apic->mode == VIRT_APIC_OFF)
		return -1;
	vector = highest(apic, APIC_IRR, apic->posted);
	if (vector < 0 || (uint32_t)vector >> 4 <= processor_priority(apic) >> 4)
		return -1;
	return vector;
}

/* Less is in service: what is requested may be due, or it is the TPR now that holds it back. */
static void look_again(struct vp *vp)
{
	if ((vp->apic.help & VIRT_APIC_DELIVERY) || highest(&vp->apic, APIC_IRR, NULL) >= 0)
		apic_set_due(&vp->apic);
}

/* ---- Interrupts -------------------------------------------------------------------------- */

void apic_error(struct vp *vp, uint32_t bit)
{
	struct apic *const apic = &vp->apic;

	if (apic->errors & bit)
		return;
	apic->errors |= bit;
	apic_local(vp, APIC_LVT_ERROR);
	apic_set_due(apic);
}

void apic_accept(struct vp *vp, uint8_t vector, bool is_level)
{
	struct apic *const apic = &vp->apic;

	if (apic->mode == VIRT_APIC_OFF || !(apic_get(apic, APIC_SVR) & SVR_ENABLED))
		return;
	if (vector < APIC_FIRST_VECTOR) {
		apic_error(vp, ESR_RECEIVE_VECTOR);
		return;
	}
	set_bit(apic, APIC_TMR, vector, is_level);
	set_bit(apic, APIC_IRR, vector, true);
}

void apic_local(struct vp *vp, unsigned int lvt)
{
	const uint32_t word = apic_get(&vp->apic, lvt);

	if (word & LVT_MASKED)
		return;
	/*
	 * ExtINT asks a PIC for the vector, and that is the client's; SMI and INIT are no business
	 * of a local source.
	 */
	switch (lvt == APIC_LVT_TIMER || lvt == APIC_LVT_ERROR ? DELIVER_FIXED
							       : DELIVERY_MODE(word)) {
	case DELIVER_FIXED: apic_accept(vp, (uint8_t)word, word & LVT_LEVEL); break;
	case DELIVER_NMI: vp->nmi_requested = true; break;
	default: break;
	}
}

static void end_of_interrupt(struct vp *vp)
{
	struct apic *const apic = &vp->apic;
	const int vector = highest(apic, APIC_ISR, NULL);

	apic->eois++;
	if (vector < 0)
		return;
	set_bit(apic, APIC_ISR, (unsigned int)vector, false);
	if (has_bit(apic, APIC_TMR, (unsigned int)vector))
		apic->trap =
			(struct apic_trap) { WHvRunVpExitReasonX64ApicEoi, (uint32_t)vector, 0 };
	look_again(vp);
}

/* ---- Reading ----------------------------------------------------------------------------- */

uint32_t apic_register(struct vp *vp, unsigned int n)
{
	struct apic *const apic = &vp->apic;

	switch (n) {
	case APIC_PPR: return processor_priority(apic);
	case APIC_CURRENT_COUNT: return apic_timer_count(vp);
	default: return rules[n].access & R ? apic_get(apic, n) : 0;
	}
}

/* ---- Writing ----------------------------------------------------------------------------- */

/* A trap that the client has asked for: WHV_EXTENDED_VM_EXITS by register. */
static void tell_write(struct vp *vp, unsigned int n, uint64_t value)
{
	static const struct {
		uint8_t n;
		uint64_t exit;
	} traps[] = {
		{ APIC_LDR, EXITS_LDR },	 { APIC_DFR, EXITS_DFR },
		{ APIC_SVR, EXITS_SVR },	 { APIC_LVT_LINT0, EXITS_LINT0 },
		{ APIC_LVT_LINT1, EXITS_LINT1 },
	};

	for (unsigned int i = 0; i < sizeof(traps) / sizeof(traps[0]); i++)
		if (traps[i].n == n && vp->partition->properties.extended_exits & traps[i].exit)
			vp->apic.trap = (struct apic_trap) {
				WHvRunVpExitReasonX64ApicWriteTrap,
				16 * n,
				value,
			};
}

static void write_lvt(struct vp *vp, unsigned int n, uint32_t value)
{
	struct apic *const apic = &vp->apic;

	if (!(apic_get(apic, APIC_SVR) & SVR_ENABLED))
		value |= LVT_MASKED;
	apic_put(apic, n, value);
	if (n == APIC_LVT_TIMER)
		apic_timer_mode(vp);
}

static void write_svr(struct vp *vp, uint32_t value)
{
	struct apic *const apic = &vp->apic;

	apic_put(apic, APIC_SVR, value);
	if (value & SVR_ENABLED)
		return;
	for (unsigned int n = APIC_LVT_TIMER; n <= APIC_LVT_ERROR; n++)
		apic_put(apic, n, apic_get(apic, n) | LVT_MASKED);
}

/* A write by the guest of what the register can have; `value` has no other bits. */
static void write(struct vp *vp, unsigned int n, uint64_t value)
{
	struct apic *const apic = &vp->apic;
	const uint32_t word = (uint32_t)value;

	if (apic->kept)
		apic_settle(
			vp); /* an instruction that waited for a device goes on before the entry */
	switch (n) {
	case APIC_TPR:
		apic->tprs++;
		apic_put(apic, n, word);
		apic_set_due(apic);
		break;
	case APIC_EOI: end_of_interrupt(vp); break;
	case APIC_DFR: apic_put(apic, n, word | 0x0fffffff); break;
	case APIC_SVR: write_svr(vp, word); break;
	case APIC_ESR:
		apic_put(apic, n, apic->errors);
		apic->errors = 0;
		break;
	case APIC_ICR:
		if (apic->mode == VIRT_APIC_X2APIC)
			apic_put_icr(apic, value);
		else
			apic_put(apic, n, word);
		apic_send(vp, apic_icr(apic));
		break;
	case APIC_LVT_TIMER ... APIC_LVT_ERROR: write_lvt(vp, n, word); break;
	case APIC_INITIAL_COUNT: apic_timer_start(vp, word); break;
	case APIC_DIVIDE:
		apic_put(apic, n, word);
		apic_timer_divide(vp);
		break;
	case APIC_SELF_IPI: apic_send(vp, word | 1u << 18); break;
	default: apic_put(apic, n, word); break;
	}
}

/* In xAPIC mode reserved bits are dropped, and so is what cannot be written. */
static void write_xapic(struct vp *vp, unsigned int n, uint32_t value)
{
	if (n >= APIC_REGISTERS || !(rules[n].access & X_W)) {
		apic_error(vp, ESR_ILLEGAL_ADDRESS);
		return;
	}
	write(vp, n, value & rules[n].writable);
	if (vp->partition->properties.extended_exits)
		tell_write(vp, n, value);
}

/*
 * SDM 3A "Reserved Bit Checking": else #GP. What is read-only in an LVT entry, and the ICR's idle
 * bit, may be anything.
 */
static bool write_x2apic(struct vp *vp, unsigned int n, uint64_t value)
{
	const uint64_t tolerated = is_lvt(n) ? LVT_READ_ONLY : n == APIC_ICR ? ICR_BUSY : 0;
	uint64_t writable;

	if (n >= APIC_REGISTERS || !(rules[n].access & X2_W))
		return false;
	writable = apic_writable(n, true);
	if (value & ~(writable | tolerated))
		return false;
	write(vp, n, value & writable);
	if (vp->partition->properties.extended_exits)
		tell_write(vp, n, value);
	return true;
}

/* ---- The page ---------------------------------------------------------------------------- */

/*
 * The gaps between the registers read as zero. A part of a register, or more than one, reads as the
 * bytes of a load of 32 bits.
 */
uint64_t apic_read(struct vp *vp, uint64_t gpa, unsigned int size)
{
	const unsigned int n = (uint32_t)PAGE_OFFSET(gpa) >> 4, offset = gpa & 15;
	uint64_t value = 0;

	vp->apic.mmio++;
	apic_timer_look(vp);
	if (n >= APIC_REGISTERS || !rules[n].access || n == APIC_SELF_IPI)
		apic_error(vp, ESR_ILLEGAL_ADDRESS);
	else if (offset < 4)
		value = (uint64_t)apic_register(vp, n) >> 8 * offset;
	return size < 8 ? value & ~(~0ull << 8 * size) : value;
}

/* Only whole, aligned registers can be written. SDM 3A "Local APIC Register Address Map". */
void apic_write(struct vp *vp, uint64_t gpa, unsigned int size, uint64_t value)
{
	vp->apic.mmio++;
	apic_timer_look(vp);
	if (size == 4 && !(gpa & 15))
		write_xapic(vp, (uint32_t)PAGE_OFFSET(gpa) >> 4, (uint32_t)value);
}

/* ---- MSRs -------------------------------------------------------------------------------- */

bool apic_owns_msr(const struct vp *vp, uint32_t msr)
{
	return vp->apic.page && (msr == MSR_APIC_BASE || msr == MSR_TSC_DEADLINE ||
				 (msr >= MSR_X2APIC_FIRST && msr <= MSR_X2APIC_LAST));
}

bool apic_read_msr(struct vp *vp, uint32_t msr, uint64_t *value)
{
	struct apic *const apic = &vp->apic;
	const unsigned int n = msr - MSR_X2APIC_FIRST;

	if (msr == MSR_APIC_BASE) {
		*value = vp->apic_base;
		return true;
	}
	apic_timer_look(vp);
	if (msr == MSR_TSC_DEADLINE) {
		*value = apic->kept & KEPT_DEADLINE ? apic->kept_deadline : apic->tsc_deadline;
		return true;
	}
	if (apic->mode != VIRT_APIC_X2APIC || n >= APIC_REGISTERS || !(rules[n].access & X2_R))
		return false;
	*value = n == APIC_ICR ? apic_icr(apic) : apic_register(vp, n);
	return true;
}

bool apic_write_msr(struct vp *vp, uint32_t msr, uint64_t value)
{
	if (msr == MSR_APIC_BASE)
		return apic_write_base(vp, value);
	apic_timer_look(vp);
	if (msr == MSR_TSC_DEADLINE) {
		apic_timer_set_deadline(vp, value);
		return true;
	}
	return vp->apic.mode == VIRT_APIC_X2APIC && write_x2apic(vp, msr - MSR_X2APIC_FIRST, value);
}

/* ---- CR8 --------------------------------------------------------------------------------- */

uint64_t apic_get_cr8(const struct vp *vp)
{
	return apic_get(&vp->apic, APIC_TPR) >> 4;
}

void apic_set_cr8(struct vp *vp, uint64_t value)
{
	apic_put(&vp->apic, APIC_TPR, (uint32_t)value << 4);
	apic_set_due(&vp->apic);
}

/* ---- To the processor -------------------------------------------------------------------- */

/*
 * Where the processor delivers it needs to know what there is, and which EOIs are to exit; else a
 * write that makes way for what the TPR holds back is to exit.
 */
static void tell_processor(struct vp *vp)
{
	struct apic *const apic = &vp->apic;
	const int requested = highest(apic, APIC_IRR, NULL);
	struct virt_apic_state state = { .requested = requested < 0 ? 0 : (uint8_t)requested };

	if (apic->help & VIRT_APIC_DELIVERY) {
		const int in_service = highest(apic, APIC_ISR, NULL);

		state.in_service = in_service < 0 ? 0 : (uint8_t)in_service;
		for (unsigned int i = 0; i < 4; i++)
			state.eoi_exits[i] = apic_get(apic, APIC_TMR + 2 * i) |
					     (uint64_t)apic_get(apic, APIC_TMR + 2 * i + 1) << 32;
	} else if (requested >= 0 && (uint32_t)requested >> 4 <= apic_get(apic, APIC_TPR) >> 4) {
		state.threshold = (uint8_t)(requested >> 4);
	}
	virt_apic_sync(vp->virt, &state);
}

void apic_begin(struct vp *vp)
{
	/* Before what was posted is looked at: who posts from now on sets it again. */
	__atomic_store_n(&vp->apic.is_due, false, __ATOMIC_SEQ_CST);
	if (vp->apic.kept)
		apic_settle(vp);
}

int apic_gather(struct vp *vp)
{
	struct apic *const apic = &vp->apic;

	apic_take(vp);
	apic_timer_look(vp);
	if (apic->help & VIRT_APIC_DELIVERY) {
		tell_processor(vp);
		return -1;
	}
	return apic_deliverable(vp);
}

void apic_deliver(struct vp *vp, int vector, bool is_taken)
{
	struct apic *const apic = &vp->apic;

	vp->wants_window = vector >= 0 && !is_taken;
	if (is_taken) {
		set_bit(apic, APIC_IRR, (unsigned int)vector, false);
		set_bit(apic, APIC_ISR, (unsigned int)vector, true);
		vp->pending = (struct virt_event) { .type = VIRT_EVENT_INTERRUPT,
						    .vector = (uint8_t)vector };
		vp->pending_is_event = false;
	}
	if ((apic->help & (VIRT_APIC_TPR | VIRT_APIC_DELIVERY)) == VIRT_APIC_TPR)
		tell_processor(vp);
}

void apic_exit(struct vp *vp, const struct virt_exit *exit)
{
	struct apic *const apic = &vp->apic;

	switch (exit->reason) {
	case VIRT_EXIT_APIC_WRITE:
		apic->mmio++;
		write_xapic(vp, exit->apic_write.offset >> 4,
			    apic_get(apic, exit->apic_write.offset >> 4));
		/* The processor has stored what cannot be written, too. */
		apic_put(apic, APIC_ID, vp->index << 24);
		apic_put(apic, APIC_EOI, 0);
		break;
	case VIRT_EXIT_APIC_EOI:
		apic->eois++;
		if (has_bit(apic, APIC_TMR, exit->apic_eoi.vector))
			apic->trap = (struct apic_trap) { WHvRunVpExitReasonX64ApicEoi,
							  exit->apic_eoi.vector, 0 };
		break;
	default: break;
	}
	apic_set_due(apic);
}

/* SPDX-License-Identifier: MIT */
/*
 * See icr_trap.h.
 *
 * In x2APIC mode a message is a WRMSR. In xAPIC mode it is a store to the APIC's page, which the
 * root has with rights to read and execute alone. No instruction of the root is emulated, and its
 * page tables are not walked: the processor executes the instruction, in a second space that
 * differs from the root's by one page. There an ordinary page of memory, the *shadow*, stands in
 * the place of the APIC's, with the register's value in it. Then the value that stands there is
 * written to the APIC by the hypervisor. (An instruction that writes to one register and reads
 * another, as a string instruction could, would find an old value: there is none in use.)
 *
 * The second space is this processor's own, so that the others have the APIC's page as before and
 * go on. All its tables but the four on the way to that page are those of the root's space. Whoever
 * takes something away from that closes its gate, and the step is made inside the gate: the copies
 * are made anew when the gate has turned. What has been added since is missing in them; then the
 * step ends with a violation, which is answered as any other, and the copies are old.
 *
 * A step is one virt_run(). An interrupt, a fault or an NMI may be delivered before the
 * instruction: then nothing has been written, and the root comes here again. A kick ends it as it
 * ends any run of the root; nobody waits for this processor longer than for another, and no lock is
 * held.
 *
 * The root cannot reach its APIC in another way: it cannot move the page (root_msr.c), and it can
 * neither map the page into a child nor lend it, for that takes RAM. An I/O APIC or a device can
 * send an INIT, which ends in waiting for a SIPI, but no SIPI.
 */
#include "hv/root/icr_trap.h"

#include "hv/root/root_event.h"
#include "whit/log.h"
#include "x86/apic.h"
#include "x86/msr.h"
#include "x86/paging.h"

#define REGISTER(offset) ((offset)&0xff0u)
#define LONGEST_INSN	 15u

/* Of the x2APIC's ICR: all but vector, modes, level, trigger and shorthand. */
#define X2APIC_ICR_RESERVED 0xfff33000ull

#define INIT_ASSERT 0x4500u

#define MOST_IDS 4096u /* of x2APICs: so many are told to wait at the most */

bool icr_trap_init(void)
{
	uint64_t base;

	/* Memory below 4 GiB is seen by the hypervisor, and mapped from the start. */
	if (!virt_machine.has_step || !virt_rdmsr(MSR_APIC_BASE, &base) || base >> 32)
		return false;
	hv.icr_page = base & PAGE_MASK;
	return hv.icr_page;
}

/* Are all processors there? Before, the firmware still starts those that are to come. */
static bool is_complete(void)
{
	return __atomic_load_n(&hv.n_trapped, __ATOMIC_ACQUIRE) == hv.n_cpus;
}

static bool is_ours(uint32_t id)
{
	for (uint32_t cpu = 0; cpu < hv.n_cpus; cpu++)
		if (hv.roots[cpu].address.id == id)
			return true;
	return false;
}

/*
 * All others wait for a SIPI from now on. Without that one which firmware has started could be
 * given work by a word in memory.
 */
static void stop_others(bool is_x2apic)
{
	uint32_t end = 256;

	for (uint32_t cpu = 0; cpu < hv.n_cpus && is_x2apic; cpu++)
		while (end <= hv.roots[cpu].address.id && end < MOST_IDS)
			end *= 2;
	/* In xAPIC mode the last one is all of them. */
	for (uint32_t id = 0; id < (is_x2apic ? end : end - 1); id++)
		if (!is_ours(id))
			virt_lapic_send(id, INIT_ASSERT);
}

static bool make_space(struct root_step *step)
{
	return virt_pages_take(&hv.heap, &step->shadow) &&
	       virt_space_create(&step->space, &hv.heap) &&
	       virt_space_set(&step->space, GPA(hv.icr_page), LEVEL_4K,
			      (struct virt_leaf) { step->shadow,
						   VIRT_READ | VIRT_WRITE | VIRT_EXECUTE, LEVEL_4K,
						   MEMTYPE_WB });
}

const char *icr_trap_prepare(struct root *root)
{
	bool has_space, is_x2apic;
	uint64_t base;

	if (!virt_rdmsr(MSR_APIC_BASE, &base) || (base & PAGE_MASK) != hv.icr_page)
		return "its local APIC is not where that of the first processor is";
	is_x2apic = base & APIC_BASE_EXTD;
	root->address.id = virt_lapic_id();
	root->address.ldr = is_x2apic ? 0 : virt_lapic_read(XAPIC_LDR);
	root->address.dfr = is_x2apic ? ~0u : virt_lapic_read(XAPIC_DFR);
	lock_take(&hv.lock);
	has_space = make_space(&root->step);
	lock_drop(&hv.lock);
	if (!has_space)
		return "the hypervisor's memory is too small for the trap of its ICR";
	if (__atomic_add_fetch(&hv.n_trapped, 1, __ATOMIC_ACQ_REL) == hv.n_cpus)
		stop_others(is_x2apic);
	return NULL;
}

/* ---- The filter -------------------------------------------------------------------------- */

/* The other edge of an INIT by level tells processors of long ago who has the bus. */
static void send_to(uint32_t cpu, uint32_t low)
{
	if (!icr_is_init(low))
		virt_send_sipi(cpu, (uint8_t)low);
	else if (!icr_is_deassert(low))
		virt_send_init(cpu);
}

static void send(const struct root *root, const struct icr *icr)
{
	bool is_sent = false;

	for (uint32_t cpu = 0; cpu < hv.n_cpus; cpu++) {
		const struct root *const to = &hv.roots[cpu];

		if (!icr_reaches(icr, &to->address, to == root))
			continue;
		send_to(cpu, icr->low);
		is_sent = true;
	}
	if (!is_sent && !__atomic_fetch_add(&hv.stats.starts_dropped, 1, __ATOMIC_RELAXED))
		log_line(LOG_NOTICE,
			 "root: ICR %x to APIC %x dropped, as all that start a processor which is "
			 "not Whit's",
			 icr->low, icr->destination);
}

enum msr_outcome icr_trap_write_msr(struct root *root, uint64_t value)
{
	const struct icr icr = { (uint32_t)value, (uint32_t)(value >> 32), true };
	uint64_t base = 0;

	if (!icr_is_start(icr.low) || !is_complete() || !virt_rdmsr(MSR_APIC_BASE, &base) ||
	    !(base & APIC_BASE_EXTD))
		return virt_wrmsr(MSR_X2APIC_ICR, value) ? MSR_DONE : MSR_FAULT;
	if (value & X2APIC_ICR_RESERVED)
		return MSR_FAULT;
	send(root, &icr);
	return MSR_DONE;
}

static void write_page(struct root *root, unsigned int offset, uint32_t value)
{
	if (REGISTER(offset) == XAPIC_ICR_LOW && icr_is_start(value) && is_complete()) {
		send(root,
		     &(const struct icr) { value, virt_lapic_read(XAPIC_ICR_HIGH) >> 24, false });
		return;
	}
	if (offset == XAPIC_LDR)
		__atomic_store_n(&root->address.ldr, value, __ATOMIC_RELAXED);
	if (offset == XAPIC_DFR)
		__atomic_store_n(&root->address.dfr, value, __ATOMIC_RELAXED);
	virt_lapic_write(offset, value);
}

/* ---- The step ---------------------------------------------------------------------------- */

/* The register as an instruction that changes it finds it. That of EOI cannot be read. */
static uint32_t value_before(unsigned int offset)
{
	return offset == XAPIC_EOI ? 0 : virt_lapic_read(offset);
}

void icr_trap_step(struct root *root, struct virt_exit *exit)
{
	struct root_step *const step = &root->step;
	const struct virt_regs *const regs = virt_regs(root->virt);
	const uint64_t turn = gate_enter(&hv.root_gate, &root->inside, root->turn);
	const unsigned int offset = PAGE_OFFSET(exit->memory.gpa.a) & ~3u;
	uint32_t *const shadow = (uint32_t *)virt_ptr(step->shadow) + offset / 4;
	const uint32_t before = value_before(offset);
	const uint64_t rip = regs->rip;

	root_deliver_again(root, exit);
	*shadow = before;
	virt_root_step(root->virt, &step->space, true);
	if (step->turn != turn) {
		virt_space_follow(&step->space, &hv.root_space, GPA(hv.icr_page));
		virt_renew(root->virt);
		step->turn = turn;
	}
	virt_run(root->virt, exit);
	virt_root_step(root->virt, &hv.root_space, false);
	gate_leave(&root->inside);
	/* Nothing ran, and it may not have been renewed; or something is missing in the copies. */
	if (exit->reason == VIRT_EXIT_NOTHING || exit->reason == VIRT_EXIT_MEMORY)
		step->turn = 0;
	/*
	 * A value that is the same has been written, too, if the instruction is done: RIP is a
	 * little behind it then, and not at a handler.
	 */
	if (exit->reason == VIRT_EXIT_STEP &&
	    (*shadow != before || regs->rip - rip - 1 < LONGEST_INSN))
		write_page(root, offset, *shadow);
}

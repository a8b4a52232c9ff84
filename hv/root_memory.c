/* SPDX-License-Identifier: MIT */
/*
 * The root's view of memory: an identity map in large leaves with the MTRRs' memory types, out of which
 * the hypervisor's block and lent pages are taken. The part below hv.identity_end is complete; what
 * lies above is mapped when it is first touched.
 *
 * Hidden memory is not mapped. A read of it puts a page of ones there; a write is performed by the
 * emulator on memory that takes nothing. Both are counted. A lent page has 4 KiB tables around it as
 * long as it is lent, so that showing it again needs no memory: where they would go because nothing is
 * left in them, the page of ones stands there from the start. Blocks that hold no lent page any
 * more become large leaves again. Everything under hv.lock.
 */
#include <string.h>

#include "emu/emu.h"
#include "hv/device.h"
#include "hv/frame.h"
#include "hv/root.h"
#include "hv/walk.h"
#include "whit/log.h"
#include "whp/WinHvMemory.h"
#include "x86/cr.h"
#include "x86/exc.h"
#include "x86/paging.h"
#include "x86/rflags.h"

#define RIGHTS_ALL (VIRT_READ | VIRT_WRITE | VIRT_EXECUTE)

static bool overlaps_block(uint64_t base, uint64_t n_bytes)
{
	return base < hv.hidden_base + hv.hidden_bytes && base + n_bytes > hv.hidden_base;
}

/* Is this page the hypervisor's? */
static bool is_hidden(uint64_t page)
{
	return overlaps_block(page, PAGE_SIZE) || frames_kind(SPA(page)) != FRAME_PLAIN;
}

static bool hides_something(uint64_t base, unsigned int level)
{
	return overlaps_block(base, LEVEL_SIZE(level)) || frames_any_lent(SPA(base), level);
}

static struct virt_leaf identity_leaf(uint64_t base, unsigned int level, uint8_t type)
{
	return (struct virt_leaf) { SPA(base), RIGHTS_ALL, (uint8_t)level, type };
}

static bool is_mapped_so(uint64_t base, unsigned int level, uint8_t type)
{
	const struct virt_leaf leaf = virt_space_lookup(&hv.root_space, GPA(base));

	return leaf.level == level && leaf.rights == RIGHTS_ALL && leaf.type == type;
}

/* Map what is not hidden of a naturally aligned block, in leaves as large as can be; false: no heap. */
static bool map_block(uint64_t base, unsigned int level)
{
	uint8_t type;

	if (level == LEVEL_4K && is_hidden(base))
		return true;
	if (level <= virt_machine.max_leaf_level && !hides_something(base, level) &&
	    virt_memory_type(SPA(base), level, &type)) {
		if (is_mapped_so(base, level, type))
			return true;
		return virt_space_set(&hv.root_space, GPA(base), level,
				      identity_leaf(base, level, type));
	}
	if (level == LEVEL_4K)
		return false;
	/* A block of the hypervisor's alone has nothing to map. */
	if (base >= hv.hidden_base && base + LEVEL_SIZE(level) <= hv.hidden_base + hv.hidden_bytes)
		return true;
	for (uint64_t at = base; at < base + LEVEL_SIZE(level); at += LEVEL_SIZE(level - 1))
		if (!map_block(at, level - 1))
			return false;
	return true;
}

bool root_memory_init(const struct whit_handover *handover)
{
	const struct whit_ram *last = &handover->ram[handover->n_ram - 1];
	const uint64_t ram_end = last->base + last->n_bytes;
	const uint64_t physical_end = 1ull << virt_machine.physical_bits;

	hv.hidden_base = handover->block_base;
	hv.hidden_bytes = handover->block_bytes;
	hv.identity_end = ram_end > 4 * LEVEL_SIZE(LEVEL_1G) ? ram_end : 4 * LEVEL_SIZE(LEVEL_1G);
	hv.identity_end =
		(hv.identity_end + LEVEL_SIZE(LEVEL_1G) - 1) & ~(LEVEL_SIZE(LEVEL_1G) - 1);
	if (hv.identity_end > physical_end)
		hv.identity_end = physical_end;
	hv.lazy_end = hv.identity_end;
	if (!virt_pages_take(&hv.heap, &hv.ones))
		return false;
	memset(virt_ptr(hv.ones), 0xff, PAGE_SIZE);
	if (!virt_space_create(&hv.root_space, &hv.heap))
		return false;
	for (uint64_t at = 0; at < hv.identity_end; at += LEVEL_SIZE(LEVEL_1G))
		if (!map_block(at, LEVEL_1G))
			return false;
	return true;
}

/*
 * Show hidden pages, whose 4 KiB tables exist, and make large leaves of blocks that hide nothing any
 * more. Pages that are not hidden stay as they are.
 */
static void show_pages(uint64_t base, uint64_t end)
{
	uint8_t type;

	for (uint64_t at = base; at < end; at += PAGE_SIZE) {
		if (virt_space_lookup(&hv.root_space, GPA(at)).rights == RIGHTS_ALL)
			continue;
		if (!virt_memory_type(SPA(at), LEVEL_4K, &type) ||
		    !virt_space_set(&hv.root_space, GPA(at), LEVEL_4K,
				    identity_leaf(at, LEVEL_4K, type)))
			virt_panic("root_memory_show: no table for %llx", (unsigned long long)at);
	}
	for (unsigned int level = LEVEL_2M; level <= virt_machine.max_leaf_level; level++) {
		const uint64_t size = LEVEL_SIZE(level);

		/* Setting a larger leaf only gives tables back: it cannot fail, and need not succeed. */
		for (uint64_t at = base & ~(size - 1); at < end; at += size)
			if (!hides_something(at, level) && virt_memory_type(SPA(at), level, &type))
				(void)virt_space_set(&hv.root_space, GPA(at), level,
						     identity_leaf(at, level, type));
	}
	virt_space_flush(&hv.root_space);
}

/* A page of ones in place of a hidden one; false if there is no table for it. Under hv.lock. */
static bool show_ones(uint64_t page)
{
	return virt_space_set(&hv.root_space, GPA(page), LEVEL_4K,
			      (struct virt_leaf) { hv.ones, VIRT_READ, LEVEL_4K, MEMTYPE_WB });
}

bool root_memory_hide(spa_t base, uint64_t n_pages)
{
	const struct virt_leaf hole = { .rights = 0 };

	for (uint64_t i = 0; i < n_pages; i++) {
		const uint64_t at = base.a + (i << PAGE_SHIFT);

		if (!virt_space_set(&hv.root_space, GPA(at), LEVEL_4K, hole)) {
			show_pages(base.a, at);
			return false;
		}
		/* The last page of its table: out of the pages that have just come back. */
		if (virt_space_lookup(&hv.root_space, GPA(at)).level > LEVEL_4K && !show_ones(at))
			virt_panic("root_memory_hide: no table for %llx", (unsigned long long)at);
	}
	virt_space_flush(&hv.root_space);
	return true;
}

void root_memory_show(spa_t base, uint64_t n_pages)
{
	show_pages(base.a, base.a + (n_pages << PAGE_SHIFT));
}

void root_memory_retype(void)
{
	const struct virt_leaf hole = { .rights = 0 };
	const unsigned int level = virt_machine.max_leaf_level;

	lock_take(&hv.lock);
	for (uint64_t at = 0; at < hv.identity_end; at += LEVEL_SIZE(LEVEL_1G))
		if (!map_block(at, LEVEL_1G)) {
			log_line(LOG_ERROR, "root: no memory to follow the MTRRs at %llx",
				 (unsigned long long)at);
			break;
		}
	/* What was mapped on demand comes back on demand. A hole in the place of a leaf needs no page. */
	for (uint64_t at = hv.identity_end; at < hv.lazy_end;) {
		const struct virt_leaf leaf = virt_space_lookup(&hv.root_space, GPA(at));

		if (leaf.rights || leaf.level < level)
			(void)virt_space_set(&hv.root_space, GPA(at), level, hole);
		at += LEVEL_SIZE(leaf.level > level ? leaf.level : level);
	}
	hv.lazy_end = hv.identity_end;
	virt_space_flush(&hv.root_space);
	lock_drop(&hv.lock);
}

/* ---- Faults ------------------------------------------------------------------------------ */

static void inject(struct root *root, const struct emu_exception *exception)
{
	const struct virt_event event = { .type = VIRT_EVENT_EXCEPTION,
					  .vector = exception->vector,
					  .has_error_code = exception->has_error_code,
					  .error_code = exception->error_code };

	if (exception->vector == EXC_PF)
		virt_set(root->virt, VIRT_CR2, exception->address);
	/* Faults push RF set; an entry pushes what is there. */
	virt_regs(root->virt)->rflags |= RFLAGS_RF;
	virt_regs(root->virt)->changed = true;
	virt_inject(root->virt, &event);
}

static void inject_vector(struct root *root, uint8_t vector)
{
	const struct emu_exception exception = { .vector = vector,
						 .has_error_code =
							 EXC_HAS_ERROR_CODE >> vector & 1 };

	inject(root, &exception);
}

/* A page table of the root lies in hidden memory: entries of ones have reserved bits set. */
static void inject_walk_fault(struct root *root, const struct virt_exit *exit)
{
	struct virt_paging paging;
	struct emu_exception fault = { .vector = EXC_PF, .has_error_code = true };

	virt_get_paging(root->virt, &paging);
	fault.address = exit->memory.gva.a;
	fault.error_code = PF_P | PF_RSVD | (paging.cpl == 3 ? PF_U : 0);
	inject(root, &fault);
}

/* Operations of the emulator for a write to hidden memory. Addresses are the machine's own. */

static enum emu_outcome root_segment(void *ctx, enum x86_seg seg, struct x86_segment *out)
{
	const struct root *root = ctx;

	virt_get_segment(root->virt, seg, out);
	return EMU_DONE;
}

static enum emu_outcome root_translate(void *ctx, gva_t gva, unsigned int access, gpa_t *gpa,
				       struct emu_exception *exception)
{
	const struct root *root = ctx;
	struct virt_paging paging;
	struct walk walk;
	unsigned int how = WALK_SET_BITS;

	virt_get_paging(root->virt, &paging);
	if (access & EMU_READ)
		how |= WALK_READ;
	if (access & EMU_WRITE)
		how |= WALK_WRITE;
	if (paging.cpl == 3 && !(access & EMU_IMPLICIT))
		how |= WALK_USER;
	walk_root(&paging, gva, how, &walk);
	*gpa = walk.gpa;
	if (walk.code == WHvTranslateGvaResultSuccess)
		return EMU_DONE;
	if (walk.code > WHvTranslateGvaResultInvalidPageTableFlags)
		return EMU_FAILED;
	*exception = (struct emu_exception) { EXC_PF, true, walk.error_code, gva.a };
	return EMU_EXCEPTION;
}

/*
 * Copy between the emulator and a page of the root: hidden memory reads as ones and takes nothing,
 * write-back memory is accessed, and devices are not.
 */
static enum emu_outcome root_access(gpa_t gpa, unsigned int n_bytes, void *to, const void *from)
{
	const spa_t page = SPA(gpa.a & PAGE_MASK);
	enum emu_outcome outcome = EMU_DONE;
	uint8_t type;

	lock_take(&hv.lock);
	if (is_hidden(page.a)) {
		if (to)
			memset(to, 0xff, n_bytes);
	} else if (page.a < hv.direct_bytes && virt_memory_type(page, LEVEL_4K, &type) &&
		   type == MEMTYPE_WB) {
		if (to)
			memcpy(to, virt_ptr(SPA(gpa.a)), n_bytes);
		else
			memcpy(virt_ptr(SPA(gpa.a)), from, n_bytes);
	} else {
		outcome = EMU_FAILED;
	}
	lock_drop(&hv.lock);
	return outcome;
}

static enum emu_outcome root_read(void *ctx, gpa_t gpa, unsigned int size, unsigned int count,
				  void *data)
{
	(void)ctx;
	return root_access(gpa, size * count, data, NULL);
}

static enum emu_outcome root_write(void *ctx, gpa_t gpa, unsigned int size, unsigned int count,
				   const void *data)
{
	(void)ctx;
	return root_access(gpa, size * count, NULL, data);
}

/* A locked write reaches hidden memory only: that of RAM did not fault. */
static enum emu_outcome root_cmpxchg(void *ctx, gpa_t gpa, unsigned int size, const void *expected,
				     const void *desired)
{
	bool drops;

	(void)ctx;
	(void)size;
	(void)expected;
	(void)desired;
	lock_take(&hv.lock);
	drops = is_hidden(gpa.a & PAGE_MASK);
	lock_drop(&hv.lock);
	return drops ? EMU_DONE : EMU_FAILED;
}

static enum emu_outcome root_table(void *ctx, enum emu_table table, struct x86_table *out)
{
	const struct root *root = ctx;

	virt_get_table(root->virt, table, out);
	return EMU_DONE;
}

static enum emu_outcome root_vector(void *ctx, enum emu_file file, unsigned int reg,
				    unsigned int n_bytes, void *data)
{
	const struct root *root = ctx;

	return device_vector(root->virt, 0, file, reg, n_bytes, data);
}

static enum emu_outcome root_set_vector(void *ctx, enum emu_file file, unsigned int reg,
					unsigned int n_bytes, bool zero_upper, const void *data)
{
	const struct root *root = ctx;

	return device_set_vector(root->virt, 0, file, reg, n_bytes, zero_upper, data);
}

static enum emu_outcome root_x87(void *ctx, struct emu_x87 *out)
{
	const struct root *root = ctx;

	return device_x87(root->virt, out);
}

static enum emu_outcome root_set_x87(void *ctx, const struct emu_x87 *value)
{
	const struct root *root = ctx;

	return device_set_x87(root->virt, value);
}

/* What instructions that write memory need; the others do not come here. */
static const struct emu_ops root_ops = { .segment = root_segment,
					 .translate = root_translate,
					 .read = root_read,
					 .write = root_write,
					 .cmpxchg = root_cmpxchg,
					 .table = root_table,
					 .vector = root_vector,
					 .set_vector = root_set_vector,
					 .x87 = root_x87,
					 .set_x87 = root_set_x87 };

static enum emu_mode root_mode(struct virt_vp *virt, const struct virt_paging *paging)
{
	struct x86_segment cs;

	virt_get_segment(virt, SEG_CS, &cs);
	if (!(paging->cr0 & CR0_PE))
		return EMU_REAL;
	if ((paging->efer & EFER_LMA) && (cs.attributes & SEG_L))
		return EMU_LONG64;
	if (!(paging->efer & EFER_LMA) && (paging->rflags & RFLAGS_VM))
		return EMU_V86;
	return cs.attributes & SEG_DB ? EMU_PROT32 : EMU_PROT16;
}

/* What has been done by the emulator goes back into the root. */
static void root_commit(struct root *root, const struct emu_cpu *cpu, bool is_done)
{
	struct virt_regs *regs = virt_regs(root->virt);

	memcpy(regs->gpr, cpu->gpr, sizeof(regs->gpr));
	regs->rip = cpu->rip;
	regs->rflags = cpu->rflags;
	regs->changed = true;
	if (!is_done)
		return;
	virt_set(root->virt, VIRT_SHADOW, virt_get(root->virt, VIRT_SHADOW) & VIRT_SHADOW_NMI);
	if (cpu->rflags & RFLAGS_TF)
		virt_set(root->virt, VIRT_PENDING_DEBUG,
			 virt_get(root->virt, VIRT_PENDING_DEBUG) | 1ull << 14);
}

/* Perform the root's instruction with hidden memory that takes nothing. */
static void emulate(struct root *root)
{
	static uint32_t n_logged;
	const struct virt_regs *regs = virt_regs(root->virt);
	struct emu_exception exception = { 0 };
	enum emu_outcome outcome = EMU_FAILED;
	struct emu_insn insn = { 0 };
	struct virt_paging paging;
	struct emu_cpu cpu;
	uint8_t bytes[EMU_MAX_INSN_BYTES];
	unsigned int n;

	virt_get_paging(root->virt, &paging);
	memcpy(cpu.gpr, regs->gpr, sizeof(cpu.gpr));
	cpu.rip = regs->rip;
	cpu.rflags = regs->rflags;
	cpu.cr0 = paging.cr0;
	cpu.mode = root_mode(root->virt, &paging);
	cpu.cpl = paging.cpl;
	cpu.cr4 = paging.cr4;
	cpu.xcr0 = root->xcr0;
	cpu.features = hv.features;
	n = walk_fetch_root(root->virt, bytes, sizeof(bytes));
	if (emu_decode(bytes, n, cpu.mode, &insn) == EMU_DECODED)
		outcome = emu_execute(&insn, &cpu, &root_ops, root, &exception);
	switch (outcome) {
	case EMU_DONE:
	case EMU_AGAIN: root_commit(root, &cpu, outcome == EMU_DONE); return;
	case EMU_EXCEPTION:
		root_commit(root, &cpu, false);
		inject(root, &exception);
		return;
	case EMU_RETRY: return;
	default: break;
	}
	if (!__atomic_exchange_n(&n_logged, 1u, __ATOMIC_RELAXED))
		log_line(LOG_ERROR, "root: an instruction at %llx writes hidden memory: #GP",
			 (unsigned long long)regs->rip);
	inject_vector(root, EXC_GP);
}

/* Memory above the identity map, the first time that the root touches it. Under hv.lock. */
static bool map_on_demand(uint64_t gpa)
{
	const uint64_t base = gpa & ~(LEVEL_SIZE(LEVEL_1G) - 1);

	if (!map_block(base, LEVEL_1G))
		return false;
	if (base + LEVEL_SIZE(LEVEL_1G) > hv.lazy_end)
		hv.lazy_end = base + LEVEL_SIZE(LEVEL_1G);
	return true;
}

enum fault { FAULT_RETRY, FAULT_FETCH, FAULT_WALK, FAULT_EMULATE, FAULT_NO_MEMORY };

/* What to do about the fault, with the map changed where that is the answer. Under hv.lock. */
static enum fault judge(const struct virt_exit *exit)
{
	const uint64_t gpa = exit->memory.gpa.a;

	if (gpa >> virt_machine.physical_bits)
		return FAULT_NO_MEMORY;
	if (!is_hidden(gpa & PAGE_MASK)) {
		/* Mapped by now: another processor was faster, or the translation was an old one. */
		if (virt_space_lookup(&hv.root_space, GPA(gpa)).rights == RIGHTS_ALL)
			return FAULT_RETRY;
		return map_on_demand(gpa) ? FAULT_RETRY : FAULT_NO_MEMORY;
	}
	if (exit->memory.is_write && !exit->memory.is_walk) {
		hv.stats.hidden_writes++;
		return FAULT_EMULATE;
	}
	hv.stats.hidden_reads++;
	if (exit->memory.is_walk)
		return FAULT_WALK;
	if (exit->memory.is_fetch)
		return FAULT_FETCH;
	return show_ones(gpa & PAGE_MASK) ? FAULT_RETRY : FAULT_EMULATE;
}

void root_memory_fault(struct root *root, const struct virt_exit *exit)
{
	enum fault fault;

	lock_take(&hv.lock);
	fault = judge(exit);
	lock_drop(&hv.lock);

	switch (fault) {
	case FAULT_RETRY:
		/* The event whose delivery met the hole is delivered again. */
		if (exit->interrupted.type != VIRT_EVENT_NONE)
			virt_inject(root->virt, &exit->interrupted);
		return;
	case FAULT_FETCH: inject_vector(root, EXC_UD); return;
	case FAULT_WALK: inject_walk_fault(root, exit); return;
	case FAULT_NO_MEMORY: inject_vector(root, EXC_GP); return;
	case FAULT_EMULATE: break;
	}
	if (exit->interrupted.type == VIRT_EVENT_NONE)
		emulate(root);
	else /* a stack in hidden memory: no instruction stands for this write */
		inject_vector(root, EXC_DF);
}

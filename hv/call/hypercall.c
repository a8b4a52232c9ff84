/* SPDX-License-Identifier: MIT */
/*
 * The hypercall interface (whit/hypercall.h): a table with a row for each call, and a function that
 * takes its registers apart. The file of its noun implements the call. docs/hypercalls.md is the
 * same table in words; tests/unit/hv_docs.c compares them.
 *
 * A row says what its first parameters name: the partition is then found and locked, and the VP is
 * owned by the call and has taken over the root's writes to the shared page, before the function is
 * called.
 */
#include "hv/call/hypercall.h"

#include <string.h>

#include "hv/owner.h"
#include "hv/mem/buffer.h"
#include "hv/cpu/cpuid.h"
#include "hv/vp/counter.h"
#include "hv/mem/frame.h"
#include "hv/mem/handle.h"
#include "hv/mem/gpa.h"
#include "hv/root.h"
#include "hv/register/vp_state.h"
#include "hv/cpu/time.h"
#include "hv/register/translate.h"
#include "hv/vp.h"
#include "hv/vp/vp.h"
#include "hv/vp/page.h"
#include "hv/run/run.h"
#include "hv/register/register.h"
#include "hv/call/partition.h"
#include "hv/root/lend.h"
#include "hv/call/property.h"
#include "hv/call/stats.h"
#include "hv/call/capability.h"
#include "whit/log.h"
#include "x86/gpr.h"

struct call {
	struct root *root;
	struct partition_locked held; /* all rows but those with OF_NOTHING */
	struct vp *vp;		      /* rows with OF_VP and OF_ANY_VP */
	uint64_t *gpr;		      /* parameters in RCX RDX R8 R9 R10, results to RDX R8 */
};

enum call_scope {
	OF_NOTHING,
	OF_PARTITION, /* VPs may run */
	OF_ANY_VP,    /* the VP, too */
	OF_VP	      /* the VP does not run, and the call owns it */
};

struct row {
	uint32_t (*function)(struct call *call);
	enum call_scope scope;
};

static uint32_t call_get_capability(struct call *call)
{
	return capability_get(call->gpr[X86_RCX], call->gpr[X86_RDX], call->gpr[X86_R8],
			      &call->gpr[X86_RDX]);
}

static uint32_t call_create_partition(struct call *call)
{
	return partition_create(call->gpr[X86_RCX], call->gpr[X86_RDX], &call->gpr[X86_RDX],
				&call->gpr[X86_R8]);
}

static uint32_t call_setup_partition(struct call *call)
{
	return partition_setup(call->held, &call->gpr[X86_RDX]);
}

static uint32_t call_delete_partition(struct call *call)
{
	return partition_delete(call->root, call->gpr[X86_RCX]);
}

static uint32_t call_get_property(struct call *call)
{
	return property_get(call->held, call->gpr[X86_RDX], call->gpr[X86_R8], call->gpr[X86_R9],
			    &call->gpr[X86_RDX]);
}

static uint32_t call_set_property(struct call *call)
{
	return property_set(call->held, call->gpr[X86_RDX], call->gpr[X86_R8], call->gpr[X86_R9],
			    &call->gpr[X86_RDX]);
}

static uint32_t call_map_gpa_range(struct call *call)
{
	const struct whit_extent extent = { call->gpr[X86_RDX], call->gpr[X86_R9] >> PAGE_SHIFT };

	if (PAGE_OFFSET(call->gpr[X86_R9]))
		return RESULT(E_INVALIDARG);
	return gpa_map(call->held, &extent, 1, call->gpr[X86_R8], call->gpr[X86_R10],
		       &call->gpr[X86_RDX]);
}

static uint32_t call_unmap_gpa_range(struct call *call)
{
	return gpa_unmap(call->held, call->gpr[X86_RDX], call->gpr[X86_R8], &call->gpr[X86_RDX]);
}

static uint32_t call_query_dirty(struct call *call)
{
	return gpa_query_dirty(call->held, call->gpr[X86_RDX], call->gpr[X86_R8], call->gpr[X86_R9],
			       call->gpr[X86_R10], &call->gpr[X86_RDX]);
}

static uint32_t call_advise_gpa_range(struct call *call)
{
	return gpa_advise(call->held, call->gpr[X86_RDX], call->gpr[X86_R8], call->gpr[X86_R9],
			  call->gpr[X86_R10], &call->gpr[X86_RDX]);
}

static uint32_t call_read_gpa_range(struct call *call)
{
	return gpa_read(&call->vp->view, call->gpr[X86_R8]);
}

static uint32_t call_write_gpa_range(struct call *call)
{
	return gpa_write(&call->vp->view, call->gpr[X86_R8]);
}

static uint32_t call_protect_gpa_range(struct call *call)
{
	return gpa_protect(call->held, call->gpr[X86_RDX], call->gpr[X86_R8], call->gpr[X86_R9],
			   &call->gpr[X86_RDX]);
}

static uint32_t call_map_gpa_list(struct call *call)
{
	struct whit_extent extents[WHIT_MAX_EXTENTS];
	const uint64_t count = call->gpr[X86_R9];
	const unsigned int n = (unsigned int)(count < WHIT_MAX_EXTENTS ? count : WHIT_MAX_EXTENTS);
	uint32_t result;

	if (!buffer_read(call->gpr[X86_R8], extents, n * sizeof(extents[0])))
		return RESULT(E_POINTER);
	result = gpa_map(call->held, extents, n, call->gpr[X86_RDX], call->gpr[X86_R10],
			 &call->gpr[X86_RDX]);
	return result == RESULT(S_OK) && n < count ? WHIT_S_MORE : result;
}

static uint32_t call_translate_gva(struct call *call)
{
	return translate_gva(call->vp, call->gpr[X86_R8], call->gpr[X86_R9], &call->gpr[X86_RDX],
			     &call->gpr[X86_R8]);
}

static uint32_t call_create_vp(struct call *call)
{
	return vp_create(call->held, call->gpr[X86_RDX], call->gpr[X86_R8], call->gpr[X86_R9],
			 &call->gpr[X86_RDX]);
}

static uint32_t call_delete_vp(struct call *call)
{
	vp_destroy(call->held, call->vp);
	call->vp = NULL;
	return RESULT(S_OK);
}

static inline uint32_t run_vp(struct call *call, struct partition *partition)
{
	struct vp *vp;
	const uint32_t result = partition_take_vp(call->root, partition, call->gpr[X86_RDX], &vp);

	return likely(result == RESULT(S_OK)) ? vp_run(vp, call->root, &call->gpr[X86_RDX])
					      : result;
}

static __attribute__((noinline)) uint32_t run_vp_of_another(struct call *call)
{
	return run_vp(call, handle_look(call->root, call->gpr[X86_RCX]));
}

/* In two parts, for the usual one to save no registers. */
static uint32_t call_run_vp(struct call *call)
{
	struct partition *const partition = handle_recall(call->root, call->gpr[X86_RCX]);

	return likely(partition) ? run_vp(call, partition) : run_vp_of_another(call);
}

static uint32_t call_cancel_run_vp(struct call *call)
{
	return partition_cancel(call->root, call->gpr[X86_RCX], call->gpr[X86_RDX],
				call->gpr[X86_R8]);
}

static uint32_t call_get_registers(struct call *call)
{
	return registers_get(call->vp, call->gpr[X86_R8], call->gpr[X86_R9], call->gpr[X86_R10]);
}

static uint32_t call_set_registers(struct call *call)
{
	return registers_set(call->vp, call->gpr[X86_R8], call->gpr[X86_R9], call->gpr[X86_R10]);
}

static uint32_t call_reset_partition(struct call *call)
{
	return vp_reset_all(call->held, call->gpr[X86_RDX], &call->gpr[X86_RDX]);
}

static uint32_t call_suspend_time(struct call *call)
{
	return time_suspend(call->held);
}

static uint32_t call_resume_time(struct call *call)
{
	return time_resume(call->held);
}

static uint32_t call_request_interrupt(struct call *call)
{
	return apic_request(call->held, call->gpr[X86_RDX], call->gpr[X86_R8]);
}

static uint32_t call_interrupt_targets(struct call *call)
{
	uint64_t bits[WHIT_MAX_VPS / 64];
	const uint32_t result =
		apic_targets(call->held, call->gpr[X86_RDX], call->gpr[X86_R8], bits);

	if (result != RESULT(S_OK))
		return result;
	return buffer_write(call->gpr[X86_R9], bits, sizeof(bits)) ? RESULT(S_OK)
								   : RESULT(E_POINTER);
}

static uint32_t call_partition_counters(struct call *call)
{
	return counter_get_partition(call->held, call->gpr[X86_RDX], call->gpr[X86_R8],
				     call->gpr[X86_R9], &call->gpr[X86_RDX]);
}

static uint32_t call_vp_counters(struct call *call)
{
	return counter_get_vp(call->vp, call->gpr[X86_R8], call->gpr[X86_R9], call->gpr[X86_R10],
			      &call->gpr[X86_RDX]);
}

static uint32_t call_get_vp_state(struct call *call)
{
	return state_get(call->vp, call->gpr[X86_R8], call->gpr[X86_R9], call->gpr[X86_R10],
			 &call->gpr[X86_RDX]);
}

static uint32_t call_set_vp_state(struct call *call)
{
	return state_set(call->vp, call->gpr[X86_R8], call->gpr[X86_R9], call->gpr[X86_R10]);
}

static uint32_t call_set_tsc(struct call *call)
{
	return time_set_tsc(call->held, call->gpr[X86_RDX]);
}

static uint32_t call_cpuid_output(struct call *call)
{
	return cpuid_output(call->vp, call->gpr[X86_R8], call->gpr[X86_R9], call->gpr[X86_R10]);
}

static uint32_t call_version(struct call *call)
{
	call->gpr[X86_RDX] = WHIT_ABI_VERSION;
	return RESULT(S_OK);
}

static uint32_t call_lend(struct call *call)
{
	uint64_t n_taken;
	const uint32_t result = lend(call->held, call->gpr[X86_RDX], call->gpr[X86_R8], &n_taken);

	if (result == WHIT_S_MORE)
		call->gpr[X86_RDX] = n_taken;
	return result;
}

static uint32_t call_read_log(struct call *call)
{
	const uint64_t n = call->gpr[X86_R8] < WHIT_LOG_BYTES ? call->gpr[X86_R8] : WHIT_LOG_BYTES;
	uint32_t result = RESULT(E_POINTER);

	lock_take(&hv.lock);
	if (buffer_is_legal(call->gpr[X86_RDX], n)) {
		call->gpr[X86_RDX] = log_read(call->gpr[X86_RCX], virt_ptr(SPA(call->gpr[X86_RDX])),
					      n, &call->gpr[X86_R8]);
		result = RESULT(S_OK);
	}
	lock_drop(&hv.lock);
	return result;
}

static uint32_t call_stats(struct call *call)
{
	return stats_get(call->gpr[X86_RCX], &call->gpr[X86_RDX]);
}

static uint32_t call_translate_gvas(struct call *call)
{
	return translate_gvas(call->vp, call->gpr[X86_R8], call->gpr[X86_R9], call->gpr[X86_R10]);
}

/* ---- The table --------------------------------------------------------------------------- */

/* WHP's functions, by code; then Whit's own, from OWN_CALLS on. */
#define OWN_CALLS 0x100u

static const struct row calls[] = {
	[WHIT_CALL_GET_CAPABILITY] = { call_get_capability, OF_NOTHING },
	[WHIT_CALL_CREATE_PARTITION] = { call_create_partition, OF_NOTHING },
	[WHIT_CALL_SETUP_PARTITION] = { call_setup_partition, OF_PARTITION },
	[WHIT_CALL_RESET_PARTITION] = { call_reset_partition, OF_PARTITION },
	[WHIT_CALL_DELETE_PARTITION] = { call_delete_partition, OF_NOTHING },
	[WHIT_CALL_GET_PROPERTY] = { call_get_property, OF_PARTITION },
	[WHIT_CALL_SET_PROPERTY] = { call_set_property, OF_PARTITION },
	[WHIT_CALL_SUSPEND_TIME] = { call_suspend_time, OF_PARTITION },
	[WHIT_CALL_RESUME_TIME] = { call_resume_time, OF_PARTITION },
	[WHIT_CALL_MAP_GPA_RANGE] = { call_map_gpa_range, OF_PARTITION },
	[WHIT_CALL_UNMAP_GPA_RANGE] = { call_unmap_gpa_range, OF_PARTITION },
	[WHIT_CALL_TRANSLATE_GVA] = { call_translate_gva, OF_VP },
	[WHIT_CALL_CREATE_VP] = { call_create_vp, OF_PARTITION },
	[WHIT_CALL_DELETE_VP] = { call_delete_vp, OF_VP },
	[WHIT_CALL_RUN_VP] = { call_run_vp, OF_NOTHING },
	[WHIT_CALL_CANCEL_RUN_VP] = { call_cancel_run_vp, OF_NOTHING },
	[WHIT_CALL_GET_REGISTERS] = { call_get_registers, OF_VP },
	[WHIT_CALL_SET_REGISTERS] = { call_set_registers, OF_VP },
	[WHIT_CALL_REQUEST_INTERRUPT] = { call_request_interrupt, OF_PARTITION },
	[WHIT_CALL_QUERY_DIRTY] = { call_query_dirty, OF_PARTITION },
	[WHIT_CALL_PARTITION_COUNTERS] = { call_partition_counters, OF_PARTITION },
	[WHIT_CALL_VP_COUNTERS] = { call_vp_counters, OF_ANY_VP },
	[WHIT_CALL_ADVISE_GPA_RANGE] = { call_advise_gpa_range, OF_PARTITION },
	[WHIT_CALL_READ_GPA_RANGE] = { call_read_gpa_range, OF_VP },
	[WHIT_CALL_WRITE_GPA_RANGE] = { call_write_gpa_range, OF_VP },
	[WHIT_CALL_GET_VP_STATE] = { call_get_vp_state, OF_VP },
	[WHIT_CALL_SET_VP_STATE] = { call_set_vp_state, OF_VP },
	[WHIT_CALL_INTERRUPT_TARGETS] = { call_interrupt_targets, OF_PARTITION },
	[WHIT_CALL_CPUID_OUTPUT] = { call_cpuid_output, OF_VP },
};

static const struct row own_calls[] = {
	[WHIT_CALL_VERSION - OWN_CALLS] = { call_version, OF_NOTHING },
	[WHIT_CALL_LEND - OWN_CALLS] = { call_lend, OF_PARTITION },
	[WHIT_CALL_READ_LOG - OWN_CALLS] = { call_read_log, OF_NOTHING },
	[WHIT_CALL_STATS - OWN_CALLS] = { call_stats, OF_NOTHING },
	[WHIT_CALL_TRANSLATE_GVAS - OWN_CALLS] = { call_translate_gvas, OF_VP },
	[WHIT_CALL_PROTECT_GPA_RANGE - OWN_CALLS] = { call_protect_gpa_range, OF_PARTITION },
	[WHIT_CALL_MAP_GPA_LIST - OWN_CALLS] = { call_map_gpa_list, OF_PARTITION },
	[WHIT_CALL_SET_TSC - OWN_CALLS] = { call_set_tsc, OF_PARTITION },
};

static const struct row *find(uint64_t code)
{
	const struct row *row = NULL;

	if (code < sizeof(calls) / sizeof(calls[0]))
		row = &calls[code];
	else if (code - OWN_CALLS < sizeof(own_calls) / sizeof(own_calls[0]))
		row = &own_calls[code - OWN_CALLS];
	return row && row->function ? row : NULL;
}

/* The shared page and the space are looked at before the call, and the APIC's page after it. */
static uint32_t call_on_own(const struct row *row, struct call *call)
{
	struct vp *const vp = call->vp;
	uint32_t result;

	if (!owner_claim_call(call->held, vp))
		return RESULT(WHV_E_INVALID_VP_STATE);
	if (__atomic_load_n(&vp->page->dirty, __ATOMIC_RELAXED))
		vp_page_absorb(vp);
	if (gpa_look(&vp->view, gate_turn(&call->held.partition->gate)))
		virt_renew(vp->virt);
	result = row->function(call);
	if (!call->vp)
		return result; /* the VP is gone */
	if (vp->apic.page_is_due) {
		vp->apic.page_is_due = false;
		gpa_apic_page(call->held);
	}
	owner_release(vp);
	return result;
}

/* Do a call that names a partition, and perhaps a VP of it. */
static uint32_t call_in_partition(const struct row *row, struct call *call)
{
	const enum call_scope scope = row->scope;
	uint32_t result = RESULT(WHV_E_VP_DOES_NOT_EXIST);

	call->held = partition_take(call->root, call->gpr[X86_RCX]);
	if (!call->held.partition)
		return RESULT(E_INVALIDARG);
	if (scope > OF_PARTITION)
		call->vp = partition_vp(call->held.partition, call->gpr[X86_RDX]);
	if (scope == OF_VP && call->vp)
		result = call_on_own(row, call);
	else if (scope == OF_PARTITION || call->vp)
		result = row->function(call);
	partition_unlock(call->held);
	return result;
}

void hypercall(struct root *root)
{
	uint64_t *gpr = virt_regs(root->virt)->gpr;
	const struct row *row = find(gpr[X86_RAX]);
	struct call call;

	root->hypercalls++;
	if (!row) {
		gpr[X86_RAX] = WHIT_E_UNKNOWN_CALL;
		return;
	}
	call.root = root;
	call.vp = NULL;
	call.gpr = gpr;
	if (row->scope == OF_NOTHING)
		gpr[X86_RAX] = row->function(&call);
	else
		gpr[X86_RAX] = call_in_partition(row, &call);
}

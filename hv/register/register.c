/* SPDX-License-Identifier: MIT */
/*
 * WHvGetVirtualProcessorRegisters and WHvSetVirtualProcessorRegisters, by the tables of
 * hv/register/register.h.
 *
 * A value is refused here if it could never be right, or if the hypervisor itself would fault on it
 * (an MSR). Rules between registers are checked when the VP runs, since a client sets registers in
 * any order. All of a call's names and values are checked before the first is written.
 */
#include "hv/register/register.h"

#include "hv/mem/buffer.h"
#include "hv/cpu/cr.h"
#include "hv/cpu/entry.h"
#include "hv/vp/page.h"
#include "x86/cr.h"

/* Names are numbers of a stretch of 4096 each. */
#define STRETCH_SHIFT  12
#define STRETCH_EVENT  0x80000u
#define STRETCH_DEVICE 0x57480u

static const struct register_table *const tables[] = {
	&register_cpu,	&register_fpu,	 &register_msr,
	&register_apic, &register_synic, &register_guest,
};

/* NULL: there is no such register. */
static inline const struct register_row *find(uint32_t name)
{
	const uint32_t stretch = name >> STRETCH_SHIFT, n = name & ((1u << STRETCH_SHIFT) - 1);
	const struct register_table *table;

	if (stretch < sizeof(tables) / sizeof(tables[0]))
		table = tables[stretch];
	else if (stretch == STRETCH_EVENT)
		table = &register_event;
	else if (stretch == STRETCH_DEVICE)
		table = &register_device;
	else
		return NULL;
	return n < table->n && table->rows[n].get ? &table->rows[n] : NULL;
}

const char *register_get_none(REGISTER_GET)
{
	return row->lacks;
}

const char *register_get_virt(REGISTER_GET)
{
	value->Reg64 = virt_get(vp->virt, (enum virt_reg)(row->arg + i));
	return NULL;
}

void register_set_virt(REGISTER_SET)
{
	virt_set(vp->virt, (enum virt_reg)(row->arg + i), value->Reg64);
}

void register_set_nothing(REGISTER_SET)
{
}

const char *register_check_low(REGISTER_SET)
{
	return value->Reg64 >> 32 ? "the upper 32 bits are reserved" : NULL;
}

/* Out of line, so that the loops around it keep their registers. */
static __attribute__((noinline, cold)) uint32_t refuse(struct vp *vp, uint32_t name,
						       const char *why, uint32_t error)
{
	vp_page_error(vp, name, why);
	return error;
}

static inline uint32_t refuse_name(struct vp *vp, uint32_t name, const char *why)
{
	return refuse(vp, name, why ? why : "there is no such register",
		      RESULT(WHV_E_INVALID_VP_REGISTER_NAME));
}

/*
 * One name after the other, each value into its place as it comes: this is asked for often, and for
 * much.
 */
static uint32_t get_all(struct vp *vp, const uint32_t *names, uint32_t count, uint64_t *values)
{
	for (uint32_t i = 0; i < count; i++, values += 2) {
		const uint32_t name = __atomic_load_n(&names[i], __ATOMIC_RELAXED);
		const struct register_row *const row = find(name);
		WHV_REGISTER_VALUE value;
		const char *why;

		if (!row)
			return refuse_name(vp, name, NULL);
		value.Reg128 = (WHV_UINT128) { .Low64 = 0, .High64 = 0 };
		why = row->get(vp, row, name - row->first, &value);
		if (why)
			return refuse_name(vp, name, why);
		values[0] = value.Reg128.Low64;
		values[1] = value.Reg128.High64;
	}
	return RESULT(S_OK);
}

uint32_t registers_get(struct vp *vp, uint64_t names, uint64_t count, uint64_t values)
{
	uint32_t result = RESULT(E_POINTER);

	if (count > WHIT_MAX_REGISTERS)
		return RESULT(E_INVALIDARG);
	lock_take(&hv.lock);
	if (buffer_is_legal(names, count * sizeof(uint32_t)) &&
	    buffer_is_legal(values, count * sizeof(WHV_REGISTER_VALUE)))
		result = get_all(vp, virt_ptr(SPA(names)), (uint32_t)count, virt_ptr(SPA(values)));
	lock_drop(&hv.lock);
	return result;
}

/* A call's names and values, read once, and the rows that they have. */
struct batch {
	uint32_t n;
	uint32_t names[WHIT_MAX_REGISTERS];
	const struct register_row *rows[WHIT_MAX_REGISTERS];
	WHV_REGISTER_VALUE values[WHIT_MAX_REGISTERS];
};

static uint32_t check_one(struct vp *vp, struct batch *batch, uint32_t i)
{
	const uint32_t name = batch->names[i];
	const struct register_row *const row = find(name);
	const char *why = NULL;

	if (!row)
		return refuse_name(vp, name, NULL);
	batch->rows[i] = row;
	if (row->lacks) {
		WHV_REGISTER_VALUE now = { .Reg128 = { .Low64 = 0, .High64 = 0 } };

		why = row->get(vp, row, name - row->first, &now);
	}
	if (why)
		return refuse_name(vp, name, why);
	if (row->check)
		why = row->check(vp, row, name - row->first, &batch->values[i]);
	return why ? refuse(vp, name, why, WHIT_E_REGISTER_VALUE) : RESULT(S_OK);
}

/* PAE paging runs on copies of the page-directory pointers: take them from memory anew. */
static void load_pdptes(struct vp *vp)
{
	struct virt_paging paging;

	if (!virt_machine.has_pdptes)
		return;
	virt_get_paging(vp->virt, &paging);
	if (!(paging.cr0 & CR0_PG) || !(paging.cr4 & CR4_PAE) || (paging.efer & EFER_LMA))
		return;
	if (!cr_write(vp, 3, paging.cr3)) /* not mapped, or reserved bits: nothing is present */
		for (unsigned int i = 0; i < 4; i++)
			virt_set(vp->virt, (enum virt_reg)(VIRT_PDPTE0 + i), 0);
}

static bool selects_pdptes(uint32_t name)
{
	return name == WHvX64RegisterCr0 || name == WHvX64RegisterCr3 ||
	       name == WHvX64RegisterCr4 || name == WHvX64RegisterEfer;
}

uint32_t registers_set(struct vp *vp, uint64_t names, uint64_t count, uint64_t values)
{
	struct batch batch;
	bool has_paging = false;

	if (count > WHIT_MAX_REGISTERS)
		return RESULT(E_INVALIDARG);
	batch.n = (uint32_t)count;
	if (!buffer_read(names, batch.names, count * sizeof(batch.names[0])) ||
	    !buffer_read(values, batch.values, count * sizeof(batch.values[0])))
		return RESULT(E_POINTER);
	for (uint32_t i = 0; i < batch.n; i++) {
		const uint32_t error = check_one(vp, &batch, i);

		if (error != RESULT(S_OK))
			return error;
	}
	for (uint32_t i = 0; i < batch.n; i++) {
		const struct register_row *row = batch.rows[i];

		row->set(vp, row, batch.names[i] - row->first, &batch.values[i]);
		has_paging |= selects_pdptes(batch.names[i]);
	}
	if (has_paging)
		load_pdptes(vp);
	entry_doubt(vp, DOUBT_STATE);
	vp_page_error(vp, ~0u, "");
	vp_page_publish(vp);
	return RESULT(S_OK);
}

/* SPDX-License-Identifier: MIT */
/*
 * The interface between the parts of the register file: a row for each WHV_REGISTER_NAME that has a
 * meaning, in a table for each stretch of 4096 numbers, at the place that its lower bits give.
 * hv/register/register.c finds rows and makes the calls; hv/register/row_*.c have the tables.
 */
#ifndef HV_REGISTER_H
#define HV_REGISTER_H

#include "hv/vp.h"
#include "whp/WinHvRegisters.h"

struct register_row;

/* The parameters of every function of a row; `i` counts from row->first. */
#define REGISTER_GET \
	struct vp *vp, const struct register_row *row, uint32_t i, WHV_REGISTER_VALUE *value
#define REGISTER_SET \
	struct vp *vp, const struct register_row *row, uint32_t i, const WHV_REGISTER_VALUE *value

struct register_row {
	/*
	 * NULL: no such register. Returns NULL, or why this VP has none. The upper bytes of *value
	 * are zero before.
	 */
	const char *(*get)(REGISTER_GET);
	/* NULL: any value will do. Returns NULL, or why not; nothing has changed. */
	const char *(*check)(REGISTER_SET);
	void (*set)(REGISTER_SET);
	const char *
		lacks; /* not NULL: get() may refuse, with this word unless it knows a better one */
	uint32_t first;	 /* the name that a run of rows begins with */
	uint32_t arg;	 /* an enum virt_reg, an MSR, an offset */
	uint32_t stride; /* of MSRs, in a run */
};

struct register_table {
	const struct register_row *rows;
	uint32_t n;
};

extern const struct register_table register_cpu, register_fpu, register_msr, register_apic,
	register_synic, register_guest, register_event, register_device;

/*
 * Functions for the rows of every table: of a register that nobody has, row->lacks says why;
 * row->arg an enum virt_reg.
 */
const char *register_get_none(REGISTER_GET);
const char *register_get_virt(REGISTER_GET);
void register_set_virt(REGISTER_SET);
void register_set_nothing(REGISTER_SET);
const char *register_check_low(REGISTER_SET); /* 32 bits */

/* The place of a name's row in its table. */
#define AT(name) ((name)&0xfff)

#define REGISTER_TABLE(name, rows) \
	const struct register_table name = { rows, sizeof(rows) / sizeof((rows)[0]) }

/* ---- The calls ---- */

/*
 * WHvGetVirtualProcessorRegisters, WHvSetVirtualProcessorRegisters: names and values are buffers of
 * the root. All or nothing; the shared page says which register was refused and why, and shows the
 * new values.
 */
uint32_t registers_get(struct vp *vp, uint64_t names, uint64_t count, uint64_t values);
uint32_t registers_set(struct vp *vp, uint64_t names, uint64_t count, uint64_t values);

#endif

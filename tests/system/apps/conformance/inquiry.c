// SPDX-License-Identifier: MIT
/* See inquiry.h. */
#include "tests/system/apps/conformance/inquiry.h"

#include "x86/exc.h"

DECLARE_GUEST(processor);
DECLARE_GUEST(processor_ud);
DECLARE_GUEST(processor_nm);
DECLARE_GUEST(processor_gp);
DECLARE_GUEST(processor_pf);

static void set_handler(struct child *child, unsigned int vector, struct guest_code code)
{
	const uint64_t at = CHILD_HANDLER + 0x200 + 0x40 * vector;
	uint64_t *const idt = (uint64_t *)(void *)(child->ram + CHILD_IDT);

	for (const uint8_t *p = code.start; p < code.end; p++)
		child->ram[at + (size_t)(p - code.start)] = *p;
	idt[2 * vector] = (idt[2 * vector] & ~0xffffull) | at;
}

HRESULT inquiry_create(struct child *child, HRESULT (*configure)(WHV_PARTITION_HANDLE partition))
{
	const HRESULT hr = child_create_configured(child, CHILD_LONG, GUEST(processor), configure);

	if (FAILED(hr))
		return hr;
	child_gates(child, CHILD_LONG);
	set_handler(child, EXC_UD, GUEST(processor_ud));
	set_handler(child, EXC_NM, GUEST(processor_nm));
	set_handler(child, EXC_GP, GUEST(processor_gp));
	set_handler(child, EXC_PF, GUEST(processor_pf));
	return hr;
}

static struct inquiry_op *list_of(struct child *child)
{
	return (struct inquiry_op *)(void *)(child->ram + INQUIRY_AT);
}

void inquiry_load(struct child *child, const struct inquiry_op *ops, unsigned int n)
{
	struct inquiry_op *const list = list_of(child);

	for (unsigned int i = 0; i < n; i++)
		list[i] = ops[i];
	list[n].kind = INQUIRY_END;
	(void)child_set(child, WHvX64RegisterRsi, INQUIRY_AT);
	child_load(child, GUEST(processor));
}

bool inquiry_run(struct child *child, struct inquiry_op *ops, unsigned int n)
{
	if (child_run(child) != WHvRunVpExitReasonX64Halt ||
	    child_get(child, WHvX64RegisterRsi) != INQUIRY_AT + n * sizeof(*ops))
		return false;
	for (unsigned int i = 0; i < n; i++)
		ops[i] = list_of(child)[i];
	return true;
}

struct inquiry_op inquiry_one(struct child *child, enum inquiry_kind kind, uint32_t number,
			      uint64_t value)
{
	struct inquiry_op op = { .kind = kind, .number = number, .value = value };

	inquiry_load(child, &op, 1);
	if (!inquiry_run(child, &op, 1))
		op.fault = ~0u;
	return op;
}

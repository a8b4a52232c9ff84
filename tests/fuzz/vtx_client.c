/* SPDX-License-Identifier: MIT */
/*
 * The root's program: a client that makes children with memory and runs them, by hypercalls of any kind. At the end of the
 * input it deletes everything. The other exits of a root are vtx_root.c's.
 */
#include "tests/fuzz/vtx_fuzz.h"

#include "hv/hv.h"
#include "whp/WinHvPlatformDefs.h"
#include "x86/cr.h"
#include "x86/rflags.h"

/* ---- The queue of calls ------------------------------------------------------------------ */

struct call {
	uint32_t code;
	uint8_t tag; /* for `after` */
	uint64_t rcx, rdx, r8, r9, r10;
	void (*after)(const struct call *call, uint32_t result, uint64_t rdx);
};

#define MAX_CALLS 64u

static struct {
	struct call queue[MAX_CALLS];
	unsigned int first, n;
	struct call current;
	bool is_calling; /* the exit was a call, whose results are in the registers */
	uint8_t n_repeats;
	uint64_t next_page;
	bool is_pool_used; /* calls were given memory out of the pool that is lent of */
} client;

static struct {
	uint64_t handle;
	struct child child[N_VPS];
} partition[N_PARTITIONS];

struct child *running;

static struct call *push(uint32_t code, uint64_t rcx)
{
	struct call *const call = &client.queue[(client.first + client.n++) % MAX_CALLS];

	if (client.n > MAX_CALLS)
		vtx_scream("the root's queue is full");
	*call = (struct call) { .code = code, .rcx = rcx };
	return call;
}

static void push_front(const struct call *call)
{
	client.first = (client.first + MAX_CALLS - 1) % MAX_CALLS;
	client.n++;
	client.queue[client.first] = *call;
}

static uint64_t pages(uint64_t n)
{
	const uint64_t first = client.next_page;

	if (first + n * PAGE_SIZE > RAM_BYTES)
		return 0;
	client.next_page += n * PAGE_SIZE;
	return first;
}

static void *at(uint64_t spa)
{
	return virt_ptr(SPA(spa));
}

/* ---- What the root does ------------------------------------------------------------------ */

static void after_create(const struct call *call, uint32_t result, uint64_t rdx)
{
	if (result == (uint32_t)S_OK)
		partition[call->tag].handle = rdx;
}

static void after_vp(const struct call *call, uint32_t result, uint64_t rdx)
{
	(void)rdx;
	if (result == (uint32_t)S_OK && call->rdx < N_VPS)
		partition[call->tag].child[call->rdx] =
			(struct child) { true, false, call->tag, (uint8_t)call->rdx };
}

static void after_delete(const struct call *call, uint32_t result, uint64_t rdx)
{
	(void)rdx;
	if (result == WHIT_S_AGAIN) {
		push_front(call);
		return;
	}
	for (unsigned int i = 0; i < N_PARTITIONS; i++)
		if (partition[i].handle == call->rcx)
			memset(&partition[i], 0, sizeof(partition[i]));
}

static void after_delete_vp(const struct call *call, uint32_t result, uint64_t rdx)
{
	(void)rdx;
	for (unsigned int i = 0; i < N_PARTITIONS; i++)
		if (result == (uint32_t)S_OK && partition[i].handle == call->rcx &&
		    call->rdx < N_VPS)
			partition[i].child[call->rdx].is_created = false;
}

static uint64_t vp_page(unsigned int p, unsigned int v)
{
	return VP_PAGES + (p * N_VPS + v) * PAGE_SIZE;
}

/* The exit is in the shared page: one that says "bad state" is the client's own doing. */
static void after_run(const struct call *call, uint32_t result, uint64_t rdx)
{
	const struct whit_vp_page *const page = at(vp_page(running->partition, running->index));
	uint32_t reason;

	(void)rdx;
	(void)call;
	memcpy(&reason, page->exit, sizeof(reason));
	if (result == (uint32_t)S_OK && reason == WHvRunVpExitReasonInvalidVpRegisterValue &&
	    !running->is_tainted)
		BROKEN("InvalidVpRegisterValue, which the client has not set (%s)",
		       page->error_text);
	running = NULL;
}

/* Code of a property or a capability. */
static uint64_t any_code(bool is_property)
{
	const uint8_t how = in8();

	if (how & 0x80)
		return is_property ? 0x57480000u + (how & 3u) : 0x2000u + (how & 31u);
	if (how & 0x40)
		return 0x1000u + (how & 31u);
	return how & 0x20 ? 0x1fff : how & 15u;
}

static void set_property(uint64_t handle, uint32_t code, uint64_t value, uint64_t n_bytes)
{
	struct call *const call = push(WHIT_CALL_SET_PROPERTY, handle);

	memcpy(at(BUFFER), &value, sizeof(value));
	call->rdx = code;
	call->r8 = BUFFER + 2 * PAGE_SIZE +
		   client.n * 8; /* of its own: calls are still in the queue */
	memcpy(at(call->r8), &value, sizeof(value));
	call->r9 = n_bytes;
}

static void do_create(unsigned int p)
{
	struct call *call;

	if (partition[p].handle)
		return;
	call = push(WHIT_CALL_CREATE_PARTITION, pages(24));
	call->rdx = 24;
	call->tag = (uint8_t)p;
	call->after = after_create;
}

/* Out of a created partition, one that runs. */
static void do_set_up(unsigned int p)
{
	const uint64_t handle = partition[p].handle;
	const uint8_t how = in8(), more = in8();
	struct call *call;

	set_property(handle, WHvPartitionPropertyCodeProcessorCount, N_VPS, 4);
	set_property(handle, WhitPartitionPropertyCodeEmulation, how & 3, 4);
	if (how & 0x0c)
		set_property(handle, WHvPartitionPropertyCodeLocalApicEmulationMode,
			     how & 8 ? WHvX64LocalApicEmulationModeX2Apic
				     : WHvX64LocalApicEmulationModeXApic,
			     4);
	if (how & 0x70)
		set_property(handle, WHvPartitionPropertyCodeExtendedVmExits, more & 0x7f, 8);
	if (how & 0x20)
		set_property(handle, WHvPartitionPropertyCodeExceptionExitBitmap, in_n(3), 8);
	if (how & 0x80)
		set_property(handle, WhitPartitionPropertyCodeTurnExits, more & 3, 4);
	if (more & 0x80) {
		uint64_t words[2];

		words[0] = in_value();
		words[1] = in_value();
		for (unsigned int i = 0; i < 2; i++)
			set_property(handle, (uint32_t)any_code(true), words[i], 1u << in8() % 4);
	}
	(void)push(WHIT_CALL_SETUP_PARTITION, handle);
	for (unsigned int v = 0; v < N_VPS; v++) {
		call = push(WHIT_CALL_CREATE_VP, handle);
		call->rdx = v;
		call->r9 = vp_page(p, v);
		call->tag = (uint8_t)p;
		call->after = after_vp;
	}
	call = push(WHIT_CALL_MAP_GPA_RANGE, handle);
	call->rdx = CHILD_RAM + p * 2 * MIB;
	call->r8 = 0;
	call->r9 = 63 * PAGE_SIZE;
	call->r10 = 7;
}

static void set_register(uint32_t name, const void *value, unsigned int *n)
{
	memcpy((uint8_t *)at(BUFFER) + *n * 4, &name, 4);
	memcpy((uint8_t *)at(BUFFER + PAGE_SIZE) + *n * 16, value, 16);
	++*n;
}

static void set_word(uint32_t name, uint64_t value, unsigned int *n)
{
	set_register(name, (uint64_t[2]) { value, 0 }, n);
}

static void set_segment(uint32_t name, uint64_t base, uint32_t limit, uint16_t attributes,
			unsigned int *n)
{
	set_register(
		name,
		&(struct x86_segment) { .base = base, .limit = limit, .attributes = attributes },
		n);
}

static void push_registers(struct child *child, unsigned int n)
{
	struct call *const call = push(WHIT_CALL_SET_REGISTERS, partition[child->partition].handle);

	call->rdx = child->index;
	call->r8 = BUFFER;
	call->r9 = n;
	call->r10 = BUFFER + PAGE_SIZE;
	child->is_tainted = true;
}

/* A sound state of one of the modes. Tables of a child's long mode are in its pages 8 to 10. */
static void do_preset(struct child *child)
{
	const uint8_t mode = in8() % 4;
	uint64_t *const tables = at(CHILD_RAM + child->partition * 2 * MIB + 8 * PAGE_SIZE);
	unsigned int n = 0;
	uint16_t code = 0x9b, data = 0x93;

	set_word(WHvX64RegisterRip, 0x100, &n);
	set_word(WHvX64RegisterRsp, 0x7000, &n);
	set_word(WHvX64RegisterRflags, 2 | (in8() & 1 ? RFLAGS_IF : 0), &n);
	if (mode) {
		code = mode == 1 ? 0xc09b : 0xa09b;
		data = 0xc093;
		set_word(WHvX64RegisterCr0, CR0_PE | CR0_NE | (mode > 1 ? CR0_PG : 0), &n);
	}
	if (mode > 1) {
		memset(tables, 0, 3 * PAGE_SIZE);
		tables[0] = 0x9007;
		tables[512] = 0xa007;
		tables[1024] = 0x87;
		set_word(WHvX64RegisterCr3, 0x8000, &n);
		set_word(WHvX64RegisterCr4, CR4_PAE | (mode == 3 ? CR4_OSFXSR | CR4_OSXSAVE : 0),
			 &n);
		set_word(WHvX64RegisterEfer, EFER_LME | EFER_LMA, &n);
	}
	set_segment(WHvX64RegisterCs, 0, mode ? 0xffffffff : 0xffff, code, &n);
	for (uint32_t name = WHvX64RegisterEs; name <= WHvX64RegisterGs; name++)
		if (name != WHvX64RegisterCs)
			set_segment(name, 0, mode ? 0xffffffff : 0xffff, data, &n);
	set_segment(WHvX64RegisterTr, 0, 0x67, 0x8b, &n);
	push_registers(child, n);
}

static void do_registers(struct child *child)
{
	static const uint16_t firsts[] = { 0x0000, 0x0012, 0x001c, 0x0021, 0x1000, 0x1010,
					   0x2000, 0x200d, 0x2010, 0x2070, 0x2084, 0x2095,
					   0x3002, 0x3028, 0x0010, 0x207b };
	static const uint32_t events[] = { 0x80000000u, 0x80000001u, 0x80000002u, 0x80000003u,
					   0x80000004u, 0x80000005u, 0x57480000u, 0x80000006u };
	const unsigned int count = 1 + in8() % 4;
	unsigned int n = 0;

	while (n < count) {
		const uint8_t how = in8();
		const uint32_t name =
			how & 0x80 ? events[how & 7] : firsts[how >> 3 & 15] + (how & 7u);
		uint64_t value[2];

		value[0] =
			how & 0x80 && (how & 0x40) ? in_n(4) | (uint64_t)in8() << 32 : in_value();
		value[1] = how & 0x20 ? in_value() : 0;
		set_register(name, value, &n);
	}
	push_registers(child, n);
	if (in8() & 1)
		client.queue[(client.first + client.n - 1) % MAX_CALLS].code =
			WHIT_CALL_GET_REGISTERS;
}

static void do_page(struct child *child)
{
	struct whit_vp_page *const page = at(vp_page(child->partition, child->index));
	const uint8_t how = in8();

	page->dirty = (uint32_t)in_n(4);
	page->gpr[how & 15] = in_value();
	page->rip = how & 0x10 ? in_value() : in8();
	page->rflags = in_n(3);
	if (how & 0x20)
		page->segment[how & 7].attributes = (uint16_t)in_n(2);
	if (how & 0x40)
		page->device_answered = 1;
	page->exit[48 + 16 + (how & 15)] = in8();
	if (page->dirty)
		child->is_tainted = true;
}

static void do_map(struct child *child)
{
	const uint8_t how = in8();
	struct call *call;

	switch (how & 3) {
	case 0:
		call = push(WHIT_CALL_UNMAP_GPA_RANGE, partition[child->partition].handle);
		call->rdx = (uint64_t)in8() << 12;
		call->r8 = (1 + in8() % 16) * PAGE_SIZE;
		break;
	case 1:
		call = push(WHIT_CALL_PROTECT_GPA_RANGE, partition[child->partition].handle);
		call->rdx = (uint64_t)in8() << 12;
		call->r8 = (1 + in8() % 16) * PAGE_SIZE;
		call->r9 = in8() % 16;
		break;
	default:
		call = push(WHIT_CALL_MAP_GPA_RANGE, partition[child->partition].handle);
		call->rdx = how & 0x10 ? in_value() & ~0xfffull
				       : CHILD_RAM + child->partition * 2 * MIB +
						 ((uint64_t)in8() << 12);
		call->r8 = how & 0x40	? 0xfee00000u - ((uint64_t)(in8() & 3) << 12)
			   : how & 0x20 ? in_value() & ~0xfffull
					: (uint64_t)in8() << 12;
		call->r9 = how & 8 ? 2 * MIB : (1 + in8() % 16) * PAGE_SIZE;
		call->r10 = in8() % 16;
		break;
	}
}

/*
 * A parameter by its letter: H handle, V the VP's index, B a buffer, S its size, P an address of the guest's memory, Z a
 * few pages, N a number below 256, c and p a capability and a property, v anything; T a state's type.
 */
static uint64_t argument(char letter, const struct child *child)
{
	static const uint32_t types[] = {
		0x1000, 0x1001, 0x1002, 0, 1, 2, WHIT_STATE_INTERRUPT_CONTROLLER1, 3
	};

	switch (letter) {
	case 'H': return partition[child->partition].handle;
	case 'V': return child->index;
	case 'B': return BUFFER;
	case 'S': return in8() & 1 ? in_n(2) % 8192 : 4096;
	case 'P': return (uint64_t)in8() << 12;
	case 'Z': return (1 + in8() % 64) * PAGE_SIZE;
	case 'N': return in8();
	case 'c': return any_code(false);
	case 'p': return any_code(true);
	case 'v': return in_value();
	case 'T': return types[in8() % 8];
	case 'L': return pages(3);
	default: return 0;
	}
}

/* Calls of every kind, mostly with parameters that make sense. */
static void do_any(struct child *child)
{
	static const struct {
		uint16_t code;
		char args[6];
	} calls[] = {
		{ WHIT_CALL_GET_CAPABILITY, "cBS" },
		{ WHIT_CALL_GET_PROPERTY, "HpBS" },
		{ WHIT_CALL_SET_PROPERTY, "HpBN" },
		{ WHIT_CALL_SUSPEND_TIME, "H" },
		{ WHIT_CALL_RESUME_TIME, "H" },
		{ WHIT_CALL_TRANSLATE_GVA, "HVvN" },
		{ WHIT_CALL_TRANSLATE_GVA, "HVPN" },
		{ WHIT_CALL_TRANSLATE_GVAS, "HVBNN" },
		{ WHIT_CALL_QUERY_DIRTY, "HPZBN" },
		{ WHIT_CALL_PARTITION_COUNTERS, "HNBS" },
		{ WHIT_CALL_VP_COUNTERS, "HVNBS" },
		{ WHIT_CALL_ADVISE_GPA_RANGE, "HPZNN" },
		{ WHIT_CALL_READ_GPA_RANGE, "HVB" },
		{ WHIT_CALL_WRITE_GPA_RANGE, "HVB" },
		{ WHIT_CALL_CPUID_OUTPUT, "HVvNB" },
		{ WHIT_CALL_INTERRUPT_TARGETS, "HNNB" },
		{ WHIT_CALL_VERSION, "" },
		{ WHIT_CALL_READ_LOG, "vBS" },
		{ WHIT_CALL_STATS, "BS" },
		{ WHIT_CALL_MAP_GPA_LIST, "HPBNN" },
		{ WHIT_CALL_SET_TSC, "Hv" },
		{ WHIT_CALL_CANCEL_RUN_VP, "HV0" },
		{ WHIT_CALL_LEND, "HL3" },
		{ WHIT_CALL_GET_VP_STATE, "HVTBS" },
		{ WHIT_CALL_PROTECT_GPA_RANGE, "HPZN" },
		{ WHIT_CALL_GET_REGISTERS, "HVBNB" },
	};
	const uint8_t how = in8();
	const unsigned int i = how % (sizeof(calls) / sizeof(calls[0]));
	struct call call = { .code = calls[i].code };
	uint64_t *const args[] = { &call.rcx, &call.rdx, &call.r8, &call.r9, &call.r10 };

	for (unsigned int n = 0; n < 64; n += 8)
		memcpy((uint8_t *)at(BUFFER) + n, &(uint64_t) { n < 24 ? in_value() : 0 }, 8);
	for (unsigned int n = 0; n < 5 && calls[i].args[n]; n++)
		*args[n] = calls[i].args[n] == '3' ? 3 : argument(calls[i].args[n], child);
	*push(call.code, call.rcx) = call;
}

/* What was got is set again, with some bytes changed. */
static void after_state(const struct call *call, uint32_t result, uint64_t rdx)
{
	struct call set = *call;

	if (result != (uint32_t)S_OK)
		return;
	for (unsigned int n = in8() % 4; n; n--)
		((uint8_t *)at(BUFFER))[in_n(2) % 4096] = in8();
	set.code = WHIT_CALL_SET_VP_STATE;
	set.r10 = rdx;
	set.after = NULL;
	push_front(&set);
	partition[call->tag / N_VPS].child[call->tag % N_VPS].is_tainted = true;
}

static void do_state(struct child *child)
{
	struct call *call = push(WHIT_CALL_GET_VP_STATE, partition[child->partition].handle);

	call->rdx = child->index;
	call->r8 = argument('T', child);
	call->r9 = BUFFER;
	call->r10 = PAGE_SIZE;
	call->tag = (uint8_t)(child->partition * N_VPS + child->index);
	call->after = after_state;
}

static void do_life(struct child *child)
{
	const uint64_t handle = partition[child->partition].handle;
	struct call *call;

	switch (in8() % 6) {
	case 0:
		call = push(WHIT_CALL_DELETE_VP, handle);
		call->rdx = child->index;
		call->after = after_delete_vp;
		break;
	case 1:
		call = push(WHIT_CALL_CREATE_VP, handle);
		call->rdx = child->index;
		call->r9 = vp_page(child->partition, child->index);
		call->tag = child->partition;
		call->after = after_vp;
		break;
	case 2:
		call = push(WHIT_CALL_DELETE_PARTITION, handle);
		call->after = after_delete;
		break;
	case 3: (void)push(WHIT_CALL_RESET_PARTITION, handle); break;
	default:
		call = push(WHIT_CALL_REQUEST_INTERRUPT, handle);
		call->rdx = in_n(2) & 0xf7ff;
		call->r8 = in_n(1) | (uint64_t)in8() << 32;
		break;
	}
}

static void do_run(struct child *child)
{
	struct call *const call = push(WHIT_CALL_RUN_VP, partition[child->partition].handle);

	call->rdx = child->index;
	call->after = after_run;
	if (in8() == 0xff)
		vtx.is_broken = true;
}

/* ---- One after the other --------------------------------------------------------------- */

static void note_pool(const struct call *call)
{
	const uint64_t *const words = at(BUFFER);
	const uint64_t args[] = { call->rcx, call->rdx, call->r8, call->r9,
				  call->r10, words[0],	words[1], words[2] };

	if (call->code == WHIT_CALL_CREATE_PARTITION || call->code == WHIT_CALL_LEND)
		return;
	for (unsigned int i = 0; i < sizeof(args) / sizeof(args[0]); i++)
		if (args[i] >= LEND_POOL - 2 * MIB && args[i] < RAM_BYTES)
			client.is_pool_used = true;
}

bool client_keeps_pool(void)
{
	return !client.is_pool_used;
}

uint64_t client_pool_end(void)
{
	return client.next_page;
}

void client_call(struct virt_regs *regs)
{
	struct call *const call = &client.current;

	*call = client.queue[client.first];
	note_pool(call);
	client.first = (client.first + 1) % MAX_CALLS;
	client.n--;
	client.is_calling = true;
	regs->gpr[0] = call->code;
	regs->gpr[1] = call->rcx;
	regs->gpr[2] = call->rdx;
	regs->gpr[8] = call->r8;
	regs->gpr[9] = call->r9;
	regs->gpr[10] = call->r10;
	if (call->code == WHIT_CALL_RUN_VP && call->after)
		for (unsigned int i = 0; i < N_PARTITIONS; i++)
			if (partition[i].handle == call->rcx)
				running = &partition[i].child[call->rdx % N_VPS];
	root_exit(REASON_VMCALL, 0, 3);
}

void client_return(const struct virt_regs *regs)
{
	const struct call call = client.current;
	const uint32_t result = (uint32_t)regs->gpr[0];
	const uint64_t rdx = regs->gpr[2];
	struct call loan = { .code = WHIT_CALL_LEND, .rcx = call.rcx };

	if (!client.is_calling)
		return;
	client.is_calling = false;
	if (result == WHIT_E_INSUFFICIENT_MEMORY && rdx && rdx < 256 && client.n_repeats++ < 3 &&
	    call.code != WHIT_CALL_CREATE_PARTITION && client.n + 2 < MAX_CALLS) {
		push_front(&call);
		loan.rdx = pages(rdx);
		loan.r8 = rdx;
		push_front(&loan);
		running = NULL;
		return;
	}
	if (call.code != WHIT_CALL_LEND)
		client.n_repeats = 0;
	if (call.after == after_run && !running)
		return;
	if (call.after)
		call.after(&call, result, rdx);
	running = NULL;
}

void client_plan(struct virt_regs *regs)
{
	const uint8_t op = in8();
	struct child *const child = &partition[op >> 7].child[op >> 6 & 1];

	child->partition = op >> 7;
	child->index = op >> 6 & 1;
	if (!partition[op >> 7].handle) {
		do_create(op >> 7);
		return;
	}
	if (!child->is_created && (op & 1)) {
		do_set_up(op >> 7);
		return;
	}
	switch (op & 0x1f) {
	case 0: do_preset(child); break;
	case 1: do_registers(child); break;
	case 2: do_page(child); break;
	case 3:
	case 4: do_map(child); break;
	case 5:
	case 6: do_any(child); break;
	case 7: do_state(child); break;
	case 8: do_life(child); break;
	case 9: root_change(regs); break;
	case 10: {
		uint8_t *const code = at(CHILD_RAM + child->partition * 2 * MIB + in8());

		for (unsigned int i = 0; i < 8; i++)
			code[i] = in8();
		break;
	}
	case 11: {
		struct call *const call =
			push((uint32_t)in_n(1), in8() & 1 ? in_value() : partition[op >> 7].handle);

		call->rdx = in_value();
		call->r8 = in_value();
		call->r9 = in_value();
		call->r10 = in_value();
		/* Deleted, created and run behind the books' back: they must notice. */
		if (call->code == WHIT_CALL_DELETE_PARTITION ||
		    call->code == WHIT_CALL_CREATE_PARTITION || call->code == WHIT_CALL_RUN_VP ||
		    call->code == WHIT_CALL_DELETE_VP)
			client.n--;
		break;
	}
	default: do_run(child); break;
	}
}

/* Delete everything; then look. */
void client_finish(void)
{
	for (unsigned int i = 0; i < N_PARTITIONS; i++)
		if (partition[i].handle) {
			push(WHIT_CALL_DELETE_PARTITION, partition[i].handle)->after = after_delete;
			return;
		}
	input_is_over();
}

bool client_has_call(void)
{
	return client.n;
}

void client_start(void)
{
	memset(&client, 0, sizeof(client));
	memset(partition, 0, sizeof(partition));
	client.next_page = LEND_POOL;
	running = NULL;
}

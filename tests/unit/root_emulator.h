/* SPDX-License-Identifier: MIT */
/*
 * A client of WinHvEmulation for tests: RAM, a device page, ports, a register file by name and page
 * rights by page, all behind the five callbacks, which keep a log and fail when they are told to.
 */
#ifndef TESTS_UNIT_ROOT_EMULATOR_H
#define TESTS_UNIT_ROOT_EMULATOR_H

#include <stdio.h>

#include "tests/unit/root_platform.h"
#include "whp/WinHvEmulation.h"
#include "x86/cr.h"
#include "x86/exc.h"
#include "x86/rflags.h"

#define RAM_PAGES 16u
#define RAM_BYTES (RAM_PAGES * 4096u)
#define DEVICE	  0x100000ull /* GPA of the device page: a read gives its number, 1 2 3 … */
#define CODE	  0x1000ull   /* where RIP stands, unless a test moves it */
#define LOG_MAX	  512u
#define FILE_MAX  80u
#define NONE	  (~0u)

/* Kinds of callback. */
enum { GET = 'g', SET = 's', MEMORY = 'm', PORT = 'p', TRANSLATE = 't' };

struct call {
	char kind;
	bool is_write;
	unsigned int size; /* of an access; the number of names of GET and SET */
	uint64_t address;  /* GPA, port, GVA */
	uint64_t data;
	unsigned int flags; /* of TRANSLATE */
};

struct client {
	uint8_t ram[RAM_BYTES];
	uint64_t n_device_reads, n_port_reads;
	struct {
		WHV_REGISTER_NAME name;
		WHV_REGISTER_VALUE value;
	} file[FILE_MAX];
	unsigned int n_file;
	/* GVAs are GPAs, but for what is here: a code, or another page. */
	struct {
		uint64_t gva, gpa;
		unsigned int
			forbidden; /* flags of Validate… for which `code` is the answer; 0 always */
		unsigned int code;
	} pages[8];
	unsigned int n_pages;
	unsigned int fail_at; /* the number of the callback that fails, from 0 */
	char fail_kind;	      /* all callbacks of this kind fail */
	bool skip_answer;     /* translation says S_OK and nothing else */
	bool is_folded;	      /* RAM repeats itself, without end */
	uint64_t misalign;    /* added to what a translation gives */

	unsigned int n_calls, n_sets;
	struct call log[LOG_MAX]; /* the first of them */
	WHV_REGISTER_NAME set_names[64];
	WHV_REGISTER_VALUE set_values[64];
	unsigned int n_set;

	WHV_EMULATOR_HANDLE handle;
	WHV_VP_EXIT_CONTEXT vp;
	WHV_MEMORY_ACCESS_CONTEXT memory;
	WHV_X64_IO_PORT_ACCESS_CONTEXT io;
	WHV_EMULATOR_STATUS status;
};

/* ---- The platform ------------------------------------------------------------------------ */

/* WinHvEmulation calls no hypervisor. */
static uint32_t fake_call(uint64_t code, const uint64_t parameters[5],
			  struct hypercall_result *result)
{
	(void)code;
	(void)parameters;
	(void)result;
	CHECK(!"a call");
	return WHIT_E_UNKNOWN_CALL;
}

/* ---- The callbacks ----------------------------------------------------------------------- */

static inline HRESULT note(struct client *c, struct call call)
{
	unsigned int n = c->n_calls++;

	if (n < LOG_MAX)
		c->log[n] = call;
	if (n == c->fail_at || c->fail_kind == call.kind)
		return E_FAIL;
	return S_OK;
}

static inline WHV_REGISTER_VALUE *reg(struct client *c, unsigned int name)
{
	for (unsigned int i = 0; i < c->n_file; i++)
		if ((unsigned int)c->file[i].name == name)
			return &c->file[i].value;
	if (c->n_file == FILE_MAX) {
		CHECK(!"the register file has room");
		return &c->file[0].value;
	}
	c->file[c->n_file].name = (WHV_REGISTER_NAME)name;
	memset(&c->file[c->n_file].value, 0, sizeof(WHV_REGISTER_VALUE));
	return &c->file[c->n_file++].value;
}

static HRESULT CALLBACK client_port(VOID *context, WHV_EMULATOR_IO_ACCESS_INFO *access)
{
	struct client *c = context;
	HRESULT hr;

	hr = note(c, (struct call) { .kind = PORT,
				     .is_write = access->Direction,
				     .size = access->AccessSize,
				     .address = access->Port,
				     .data = access->Direction ? access->Data : 0 });
	CHECK(access->AccessSize == 1 || access->AccessSize == 2 || access->AccessSize == 4);
	/* More than the size: it is the caller's to cut it. */
	if (SUCCEEDED(hr) && !access->Direction)
		access->Data = 0xa1b2c300u + (UINT32)++c->n_port_reads;
	return hr;
}

static HRESULT CALLBACK client_memory(VOID *context, WHV_EMULATOR_MEMORY_ACCESS_INFO *access)
{
	struct client *c = context;
	uint64_t gpa = access->GpaAddress, data = 0;
	unsigned int n = access->AccessSize;
	HRESULT hr;

	CHECK(n >= 1 && n <= 8 && (gpa & 0xfff) + n <= 4096);
	if (access->Direction)
		memcpy(&data, access->Data, n);
	hr = note(c, (struct call) { .kind = MEMORY,
				     .is_write = access->Direction,
				     .size = n,
				     .address = gpa,
				     .data = data });
	if (FAILED(hr))
		return hr;
	if (gpa + n <= RAM_BYTES) {
		if (access->Direction)
			memcpy(c->ram + gpa, access->Data, n);
		else
			memcpy(access->Data, c->ram + gpa, n);
	} else if (gpa >> 12 == DEVICE >> 12) {
		data = ++c->n_device_reads;
		if (!access->Direction)
			memcpy(access->Data, &data, n);
	} else {
		CHECK(!"there is memory or a device");
	}
	return S_OK;
}

static HRESULT CALLBACK client_get(VOID *context, const WHV_REGISTER_NAME *names, UINT32 n,
				   WHV_REGISTER_VALUE *values)
{
	struct client *c = context;
	HRESULT hr = note(c, (struct call) { .kind = GET, .size = n, .address = names[0] });

	CHECK(n > 0 && !((uintptr_t)values & 15));
	for (UINT32 i = 0; SUCCEEDED(hr) && i < n; i++)
		values[i] = *reg(c, names[i]);
	return hr;
}

static HRESULT CALLBACK client_set(VOID *context, const WHV_REGISTER_NAME *names, UINT32 n,
				   const WHV_REGISTER_VALUE *values)
{
	struct client *c = context;
	HRESULT hr = note(c, (struct call) { .kind = SET, .size = n, .address = names[0] });

	CHECK(n > 0 && n <= 64 && !((uintptr_t)values & 15));
	for (UINT32 i = 0; i < n; i++)
		for (UINT32 k = 0; k < i; k++)
			CHECK(names[i] != names[k]);
	if (FAILED(hr))
		return hr;
	c->n_sets++;
	c->n_set = n;
	for (UINT32 i = 0; i < n; i++) {
		*reg(c, names[i]) = values[i];
		c->set_names[i] = names[i];
		c->set_values[i] = values[i];
	}
	return hr;
}

static HRESULT CALLBACK client_translate(VOID *context, WHV_GUEST_VIRTUAL_ADDRESS gva,
					 WHV_TRANSLATE_GVA_FLAGS flags,
					 WHV_TRANSLATE_GVA_RESULT_CODE *code,
					 WHV_GUEST_PHYSICAL_ADDRESS *gpa)
{
	struct client *c = context;
	const unsigned int validate = 7;
	HRESULT hr = note(c, (struct call) { .kind = TRANSLATE, .address = gva, .flags = flags });

	if (FAILED(hr) || c->skip_answer)
		return hr;
	CHECK(flags & WHvTranslateGvaFlagSetPageTableBits && flags & validate);
	*code = WHvTranslateGvaResultSuccess;
	*gpa = gva + c->misalign; /* as a client does that does not mask the offset */
	if (c->is_folded)
		*gpa = gva % RAM_BYTES;
	for (unsigned int i = 0; i < c->n_pages; i++) {
		if (c->pages[i].gva >> 12 != gva >> 12)
			continue;
		*gpa = c->pages[i].gpa + (gva & 0xfff) + c->misalign;
		if (c->pages[i].code &&
		    (!c->pages[i].forbidden || c->pages[i].forbidden & (unsigned int)flags))
			*code = (WHV_TRANSLATE_GVA_RESULT_CODE)c->pages[i].code;
	}
	return S_OK;
}

static const WHV_EMULATOR_CALLBACKS client_callbacks = {
	sizeof(WHV_EMULATOR_CALLBACKS),
	0,
	client_port,
	client_memory,
	client_get,
	client_set,
	client_translate,
};

/* ---- What tests do ----------------------------------------------------------------------- */

static inline void set_segment(struct client *c, unsigned int name, uint64_t base, uint32_t limit,
			       uint16_t attributes)
{
	reg(c, name)->Segment = (WHV_X64_SEGMENT_REGISTER) {
		.Base = base, .Limit = limit, .Selector = 8, .Attributes = attributes
	};
}

static inline void set_segments(struct client *c, uint16_t code, uint16_t data, uint32_t limit)
{
	for (unsigned int name = WHvX64RegisterEs; name <= WHvX64RegisterGs; name++)
		set_segment(c, name, 0, limit, data);
	set_segment(c, WHvX64RegisterCs, 0, limit, code);
}

enum mode { LONG64, PROT32, REAL };

/* Registers whose low bytes tell them apart, in ring 0 of a mode. */
static inline void client_mode(struct client *c, enum mode mode)
{
	for (unsigned int i = 0; i < 16; i++)
		reg(c, WHvX64RegisterRax + i)->Reg64 = 0x2000 + i;
	reg(c, WHvX64RegisterRip)->Reg64 = CODE;
	reg(c, WHvX64RegisterRflags)->Reg64 = RFLAGS_ONE | RFLAGS_RF;
	if (mode == LONG64) {
		set_segments(c, 0xa09b, 0xc093, 0xffffffff);
		reg(c, WHvX64RegisterCr0)->Reg64 = CR0_PE | CR0_PG | CR0_ET;
		reg(c, WHvX64RegisterCr4)->Reg64 = CR4_PAE | CR4_OSFXSR;
		reg(c, WHvX64RegisterEfer)->Reg64 = EFER_LMA | EFER_LME | EFER_NXE;
	} else if (mode == PROT32) {
		set_segments(c, 0xc09b, 0xc093, 0xffffffff);
		reg(c, WHvX64RegisterCr0)->Reg64 = CR0_PE | CR0_PG | CR0_ET;
		reg(c, WHvX64RegisterCr4)->Reg64 = 0;
		reg(c, WHvX64RegisterEfer)->Reg64 = 0;
	} else {
		set_segments(c, 0x9b, 0x93, 0xffff);
		reg(c, WHvX64RegisterCr0)->Reg64 = CR0_ET;
		reg(c, WHvX64RegisterEfer)->Reg64 = 0;
	}
}

static inline void client_begin(struct client *c, enum mode mode)
{
	memset(c, 0, sizeof(*c));
	c->fail_at = NONE;
	for (unsigned int i = 0; i < RAM_BYTES; i++)
		c->ram[i] = (uint8_t)(i * 7 + (i >> 8));
	client_mode(c, mode);
	CHECK_EQ(WHvEmulatorCreateEmulator(&client_callbacks, &c->handle), S_OK);
}

static inline void client_end(struct client *c)
{
	CHECK_EQ(WHvEmulatorDestroyEmulator(c->handle), S_OK);
	c->handle = NULL;
}

/* The exit's common part, as the register file has it. */
static inline void fill_vp(struct client *c)
{
	bool has_shadow = reg(c, WHvRegisterInterruptState)->InterruptState.InterruptShadow;

	memset(&c->vp, 0, sizeof(c->vp));
	c->vp.Rip = reg(c, WHvX64RegisterRip)->Reg64;
	c->vp.Rflags = reg(c, WHvX64RegisterRflags)->Reg64;
	c->vp.Cs = reg(c, WHvX64RegisterCs)->Segment;
	c->vp.ExecutionState.EferLma = (reg(c, WHvX64RegisterEfer)->Reg64 & EFER_LMA) != 0;
	c->vp.ExecutionState.Cr0Pe = reg(c, WHvX64RegisterCr0)->Reg64 & CR0_PE;
	c->vp.ExecutionState.InterruptShadow = has_shadow;
}

static inline void forget_calls(struct client *c)
{
	c->n_calls = 0;
	c->n_sets = 0;
	c->n_set = 0;
	c->status.AsUINT32 = 0xdeadbeef;
}

/* A memory exit with the first n_given bytes of the instruction, which lies at CS:RIP as well. */
static inline void mmio_bytes(struct client *c, const void *bytes, unsigned int n,
			      unsigned int n_given)
{
	WHV_X64_SEGMENT_REGISTER cs = reg(c, WHvX64RegisterCs)->Segment;
	uint64_t at = reg(c, WHvX64RegisterRip)->Reg64;

	if (!cs.Long)
		at += cs.Base;
	if (at + n <= RAM_BYTES)
		memcpy(c->ram + at, bytes, n);
	fill_vp(c);
	memset(&c->memory, 0, sizeof(c->memory));
	c->memory.InstructionByteCount = (UINT8)n_given;
	memcpy(c->memory.InstructionBytes, bytes, n_given);
	forget_calls(c);
}

static inline UINT32 try_mmio(struct client *c)
{
	CHECK_EQ(WHvEmulatorTryMmioEmulation(c->handle, c, &c->vp, &c->memory, &c->status), S_OK);
	return c->status.AsUINT32;
}

#define MMIO(c, ...)                                            \
	(mmio_bytes((c), (const uint8_t[]) { __VA_ARGS__ },     \
		    sizeof((const uint8_t[]) { __VA_ARGS__ }),  \
		    sizeof((const uint8_t[]) { __VA_ARGS__ })), \
	 try_mmio(c))

static inline void io_exit(struct client *c, bool is_write, unsigned int size, unsigned int length)
{
	fill_vp(c);
	memset(&c->io, 0, sizeof(c->io));
	c->vp.InstructionLength = (UINT8)(length & 15);
	c->io.AccessInfo.IsWrite = is_write;
	c->io.AccessInfo.AccessSize = size & 7;
	c->io.PortNumber = (UINT16)reg(c, WHvX64RegisterRdx)->Reg64;
	c->io.Rax = reg(c, WHvX64RegisterRax)->Reg64;
	c->io.Rcx = reg(c, WHvX64RegisterRcx)->Reg64;
	c->io.Rsi = reg(c, WHvX64RegisterRsi)->Reg64;
	c->io.Rdi = reg(c, WHvX64RegisterRdi)->Reg64;
	c->io.Ds = reg(c, WHvX64RegisterDs)->Segment;
	c->io.Es = reg(c, WHvX64RegisterEs)->Segment;
	forget_calls(c);
}

static inline UINT32 try_io(struct client *c)
{
	CHECK_EQ(WHvEmulatorTryIoEmulation(c->handle, c, &c->vp, &c->io, &c->status), S_OK);
	return c->status.AsUINT32;
}

static inline void string_exit(struct client *c, bool is_write, unsigned int size, bool is_rep,
			       const uint8_t *bytes, unsigned int n)
{
	io_exit(c, is_write, size, n);
	c->io.AccessInfo.StringOp = 1;
	c->io.AccessInfo.RepPrefix = is_rep;
	c->io.InstructionByteCount = (UINT8)n;
	memcpy(c->io.InstructionBytes, bytes, n);
}

#define STRING_IO(c, is_write, size, is_rep, ...)                                          \
	(string_exit((c), (is_write), (size), (is_rep), (const uint8_t[]) { __VA_ARGS__ }, \
		     sizeof((const uint8_t[]) { __VA_ARGS__ })),                           \
	 try_io(c))

/* Was `name` in the last Set? */
static inline const WHV_REGISTER_VALUE *was_set(const struct client *c, unsigned int name)
{
	for (unsigned int i = 0; i < c->n_set; i++)
		if ((unsigned int)c->set_names[i] == name)
			return &c->set_values[i];
	return NULL;
}

/* The kinds of all callbacks in order, as a string. */
static inline bool order_is(const struct client *c, const char *kinds)
{
	unsigned int n = (unsigned int)strlen(kinds);
	bool is_so = c->n_calls == n;

	for (unsigned int i = 0; i < n && is_so; i++)
		is_so = c->log[i].kind == kinds[i];
	if (is_so)
		return true;
	printf("  wanted %s, got ", kinds);
	for (unsigned int i = 0; i < c->n_calls && i < 40; i++)
		putchar(c->log[i].kind);
	putchar('\n');
	return false;
}

static inline bool call_is(const struct client *c, unsigned int i, bool is_write, unsigned int size,
			   uint64_t address, uint64_t data)
{
	const struct call *call = &c->log[i];

	if (call->is_write == is_write && call->size == size && call->address == address &&
	    call->data == data)
		return true;
	printf("  callback %u: %s %u at %#llx, %#llx\n", i, call->is_write ? "write" : "read",
	       call->size, (unsigned long long)call->address, (unsigned long long)call->data);
	return false;
}

/* A fault has been put into the guest, RIP where it was, by one Set and as a success. */
static inline bool was_faulted(const struct client *c, unsigned int vector, bool has_error_code,
			       unsigned int error_code, uint64_t address)
{
	const WHV_REGISTER_VALUE *value = was_set(c, WHvRegisterPendingEvent);
	const WHV_X64_PENDING_EXCEPTION_EVENT *event;

	if (c->status.AsUINT32 != 1 || c->n_sets != 1 || !value) {
		printf("  status %#x, %u sets\n", c->status.AsUINT32, c->n_sets);
		return false;
	}
	event = &value->ExceptionEvent;
	if (event->EventPending && event->EventType == 0 && event->Vector == vector &&
	    event->DeliverErrorCode == has_error_code && event->ErrorCode == error_code &&
	    event->ExceptionParameter == address && !event->Reserved0 && !event->Reserved1 &&
	    was_set(c, WHvX64RegisterRip)->Reg64 == c->vp.Rip)
		return true;
	printf("  vector %u, error code %u: %#x, address %#llx\n", event->Vector,
	       event->DeliverErrorCode, event->ErrorCode,
	       (unsigned long long)event->ExceptionParameter);
	return false;
}

#define SUCCESS (1u << 0)

static inline UINT32 status_bit(unsigned int bit)
{
	return 1u << bit;
}

enum {
	INTERNAL_FAILURE = 1,
	PORT_FAILED,
	MEMORY_FAILED,
	TRANSLATE_FAILED,
	NOT_ALIGNED,
	GET_FAILED,
	SET_FAILED,
	INTERRUPT_CAUSED,
	CANNOT_FAULT
};

#endif

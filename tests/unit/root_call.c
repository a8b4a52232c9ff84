// SPDX-License-Identifier: MIT
/*
 * The engine of root/call over a model of the hypervisor's side: a guest-physical space, registers, a state, a log. It
 * does ranges in pieces, answers WHIT_S_AGAIN and asks for memory where it is told to, and checks that every
 * address that it is given is a buffer's as the interface has it. One life of a partition, with every kind of call, is led
 * through all of that, with the caller's memory in one piece, in pages anywhere, or out of reach.
 */
#include "root/call/call.h"
#include "tests/unit/root_platform.h"

#define HANDLE	  0x1234567890ull
#define N_GUEST	  1024u /* pages of the space */
#define N_SOURCE  200u
#define N_LIST	  300u /* extents, registers, translations */
#define N_STATE	  10752u
#define N_LOG	  700u
#define GPA	  0x10000ull
#define FAILED(s) ((s) >> 31)

static struct {
	/* What it is told. */
	uint64_t again_at;  /* the call of this number answers WHIT_S_AGAIN */
	bool is_always;	    /* and each other one, too */
	uint64_t memory_at; /* that of this number asks for memory */
	uint64_t piece;	    /* pages of a range, done at once; 0: all */
	unsigned int n_idle;

	/* What there is. */
	uint64_t n_calls, n_lent, n_wanted;
	bool is_repeated; /* the last call has answered WHIT_S_AGAIN */
	uint64_t last[6];
	bool is_alive;
	uint64_t source[N_GUEST]; /* physical; 0: not mapped */
	struct whit_vp_page *page;
	uint8_t state[N_STATE], property[24];
	uint64_t registers[N_LIST];
	unsigned int n_resets;
} machine;

/* Of so many bytes, what is done at once. */
static uint64_t part(uint64_t n_bytes)
{
	const uint64_t most = machine.piece * 4096;

	return most && most < n_bytes ? most : n_bytes;
}

static uint32_t done(struct hypercall_result *result, uint64_t n, uint64_t all)
{
	result->rdx = n;
	return n < all ? WHIT_S_MORE : 0;
}

static bool is_range(uint64_t gpa, uint64_t n_bytes)
{
	return !((gpa | n_bytes) & 4095) && n_bytes && gpa < N_GUEST * 4096 &&
	       n_bytes <= N_GUEST * 4096 - gpa;
}

static uint32_t map(const struct whit_extent *extents, uint64_t n, uint64_t gpa,
		    struct hypercall_result *result)
{
	uint64_t all = 0, left, at = gpa / 4096;

	for (uint64_t i = 0; i < n; i++) {
		if (extents[i].source & 4095 || !extents[i].n_pages)
			return CALL_E_ARGUMENT;
		all += extents[i].n_pages * 4096;
	}
	if (!is_range(gpa, all))
		return CALL_E_ARGUMENT;
	left = part(all);
	for (uint64_t i = 0; i < n; i++)
		for (uint64_t p = 0; p < extents[i].n_pages && left; p++, left -= 4096)
			machine.source[at++] = extents[i].source + p * 4096;
	return done(result, part(all), all);
}

/* Page n is dirty, if n is divisible by 3 and mapped. */
static uint32_t dirty(const uint64_t p[5], struct hypercall_result *result)
{
	const uint64_t n = p[2] / 4096;
	uint64_t *words = p[3] ? platform_at(p[3], (n + 63) / 64 * 8) : NULL;

	CHECK(n <= WHIT_MAX_DIRTY_PAGES);
	for (uint64_t i = 0; words && i < (n + 63) / 64 * 64; i++) {
		const uint64_t page = p[1] / 4096 + i;

		if (!(i % 64))
			words[i / 64] = 0;
		if (i < n && !(page % 3) && machine.source[page])
			words[i / 64] |= 1ull << i % 64;
	}
	return done(result, p[2], p[2]);
}

static uint32_t registers(uint64_t code, const uint64_t p[5])
{
	const uint32_t *names = platform_at(p[2], 4 * p[3]);
	uint64_t(*values)[2] = platform_at(p[4], 16 * p[3]);

	CHECK(p[3] && p[3] <= WHIT_MAX_REGISTERS);
	for (uint64_t i = 0; i < p[3]; i++) {
		if (names[i] >= N_LIST)
			return 0x80370309u;
		if (code == WHIT_CALL_SET_REGISTERS) {
			machine.registers[names[i]] = values[i][0] ^ values[i][1];
		} else {
			values[i][0] = machine.registers[names[i]] ^ 7;
			values[i][1] = 7;
		}
	}
	return 0;
}

static uint32_t value(uint64_t at, uint64_t n_bytes, const void *from, uint64_t n_value,
		      struct hypercall_result *result)
{
	result->rdx = n_value;
	if (n_bytes < n_value)
		return 0x80370301u;
	memcpy(platform_at(at, n_bytes), from, n_value);
	return 0;
}

static uint32_t answer(uint64_t code, const uint64_t p[5], struct hypercall_result *result)
{
	static const uint8_t text[N_LOG] = "log";

	switch (code) {
	case WHIT_CALL_CREATE_PARTITION:
		result->rdx = HANDLE;
		result->r8 = 5;
		machine.n_lent = machine.piece && machine.piece < 5 ? 5 : p[1];
		machine.is_alive = true;
		return machine.n_lent < p[1] ? WHIT_S_MORE : 0;
	case WHIT_CALL_LEND: {
		const uint64_t n = part(p[2] * 4096) / 4096;

		CHECK(p[1] & PLATFORM_OWN && p[2] && p[2] <= WHIT_MAX_LEND);
		machine.n_lent += n;
		return done(result, n, p[2]);
	}
	case WHIT_CALL_DELETE_PARTITION: machine.is_alive = false; return 0;
	case WHIT_CALL_CREATE_VP: machine.page = platform_at(p[3], 4096); return 0;
	case WHIT_CALL_SETUP_PARTITION:
	case WHIT_CALL_RESUME_TIME:
	case WHIT_CALL_CANCEL_RUN_VP:
	case WHIT_CALL_REQUEST_INTERRUPT:
	case WHIT_CALL_SET_TSC:
	case WHIT_CALL_DELETE_VP: return 0;
	case WHIT_CALL_RUN_VP:
		result->rdx = 0x5555;
		return machine.n_idle && machine.n_idle-- ? WHIT_S_IDLE : 0;
	case WHIT_CALL_RESET_PARTITION:
		CHECK_EQ(p[1], 32 * machine.n_resets);
		result->rdx = 32ull * ++machine.n_resets;
		return machine.n_resets < 8 ? WHIT_S_MORE : 0;
	case WHIT_CALL_GET_CAPABILITY:
		return value(p[1], p[2], &(uint64_t) { p[0] * 3 }, 8, result);
	case WHIT_CALL_READ_LOG:
		if (p[0] >= N_LOG)
			return done(result, 0, 0);
		result->r8 = p[2] < N_LOG - p[0] ? p[0] + p[2] : N_LOG;
		result->rdx = result->r8 - p[0];
		memcpy(platform_at(p[1], p[2]), text + p[0], result->rdx);
		return 0;
	case WHIT_CALL_SET_PROPERTY:
		if (p[3] < sizeof(machine.property))
			return 0x80370301u;
		memcpy(machine.property, platform_at(p[2], p[3]), sizeof(machine.property));
		return 0;
	case WHIT_CALL_GET_PROPERTY: return value(p[2], p[3], machine.property, 24, result);
	case WHIT_CALL_MAP_GPA_RANGE:
		return map(&(struct whit_extent) { p[1], p[3] / 4096 }, 1, p[2], result);
	case WHIT_CALL_MAP_GPA_LIST:
		CHECK(p[3] && p[3] <= WHIT_MAX_EXTENTS);
		return map(platform_at(p[2], p[3] * 16), p[3], p[1], result);
	case WHIT_CALL_UNMAP_GPA_RANGE:
		if (!is_range(p[1], p[2]))
			return CALL_E_ARGUMENT;
		memset(&machine.source[p[1] / 4096], 0, part(p[2]) / 4096 * 8);
		return done(result, part(p[2]), p[2]);
	case WHIT_CALL_QUERY_DIRTY: return dirty(p, result);
	case WHIT_CALL_GET_REGISTERS:
	case WHIT_CALL_SET_REGISTERS: return registers(code, p);
	case WHIT_CALL_TRANSLATE_GVAS: {
		struct whit_translation *records = platform_at(p[2], 32 * p[3]);

		CHECK(p[3] && p[3] <= WHIT_MAX_TRANSLATIONS);
		for (uint64_t i = 0; i < p[3]; i++)
			records[i].gpa = records[i].gva + 1;
		return 0;
	}
	case WHIT_CALL_GET_VP_STATE: return value(p[3], p[4], machine.state, N_STATE, result);
	case WHIT_CALL_SET_VP_STATE:
		if (p[4] < N_STATE)
			return 0x80370301u;
		memcpy(machine.state, platform_at(p[3], p[4]), N_STATE);
		return 0;
	case WHIT_CALL_INTERRUPT_TARGETS: memset(platform_at(p[3], 32), 0x5a, 32); return 0;
	default: CHECK(!"a call that exists"); return WHIT_E_UNKNOWN_CALL;
	}
}

static bool is_alone(uint64_t code)
{
	return code == WHIT_CALL_CREATE_PARTITION || code == WHIT_CALL_GET_CAPABILITY ||
	       code == WHIT_CALL_READ_LOG;
}

static uint32_t fake_call(uint64_t code, const uint64_t p[5], struct hypercall_result *result)
{
	const uint64_t all[6] = { code, p[0], p[1], p[2], p[3], p[4] };
	const uint64_t n = ++machine.n_calls;

	/* What has answered WHIT_S_AGAIN comes again as it was. */
	if (machine.is_repeated)
		CHECK(!memcmp(all, machine.last, sizeof(all)));
	memcpy(machine.last, all, sizeof(all));
	if (!is_alone(code))
		CHECK_EQ(p[0], HANDLE);
	result->rdx = result->r8 = 0xdeaddeaddeaddeadull - n;
	machine.is_repeated = n == machine.again_at || (machine.is_always && n % 2);
	if (machine.is_repeated)
		return WHIT_S_AGAIN;
	if (n == machine.memory_at && !is_alone(code))
		machine.n_wanted = machine.n_lent + 1;
	if (machine.n_wanted > machine.n_lent && !is_alone(code) && code != WHIT_CALL_LEND &&
	    code != WHIT_CALL_DELETE_PARTITION) {
		result->rdx = machine.n_wanted - machine.n_lent;
		return WHIT_E_INSUFFICIENT_MEMORY;
	}
	return answer(code, p, result);
}

/* ---- A life ------------------------------------------------------------------------------ */

/* The caller's memory, larger than needed, so that everything in it can begin anywhere. */
static struct {
	uint8_t source[N_SOURCE * 4096];
	uint8_t names[4 * N_LIST + 16], values[16 * N_LIST + 16];
	uint8_t records[32 * N_LIST + 16], state[N_STATE + 16], bitmap[N_GUEST / 8 + 16];
	uint8_t log[N_LOG + 16], small[64];
	struct call_extent extents[N_LIST];
} client __attribute__((aligned(4096)));

static struct call_partition partition;

static uint32_t run(uint32_t vp)
{
	static const struct whit_vp_page none;
	const struct whit_vp_page *const page = call_vp_page(&partition, vp);

	return call_run(&partition, vp, page ? page : &none);
}

static uint32_t call(uint64_t code, uint64_t rdx, const void *r8, uint64_t r9, const void *r10,
		     struct hypercall_result *result)
{
	return call_do(&partition, code, rdx, (uintptr_t)r8, r9, (uintptr_t)r10, result);
}

/* Each of these is one kind of call: its status, after what it has brought has been checked. */

static uint32_t life_values(unsigned int at)
{
	struct hypercall_result result;
	uint8_t *small = client.small + at;
	uint32_t status;
	uint64_t triple;

	for (unsigned int i = 0; i < 24; i++)
		small[i] = (uint8_t)(i * 5 + at);
	status = call(WHIT_CALL_SET_PROPERTY, 9, small, 24, NULL, &result);
	if (status)
		return status;
	CHECK(!memcmp(machine.property, small, 24));
	memset(small, 0xee, 40);
	status = call(WHIT_CALL_GET_PROPERTY, 9, small, 40, NULL, &result);
	if (status)
		return status;
	CHECK_EQ(result.rdx, 24);
	CHECK(!memcmp(machine.property, small, 24));
	CHECK_EQ(small[24], 0xee);
	CHECK_EQ(call(WHIT_CALL_GET_PROPERTY, 9, NULL, 0, NULL, &result), 0x80370301u);
	CHECK_EQ(result.rdx, 24);
	status = call_do_alone(WHIT_CALL_GET_CAPABILITY, 77, (uintptr_t)small, 8, &result);
	if (status)
		return status;
	memcpy(&triple, small, 8);
	CHECK_EQ(triple, 77 * 3);
	status = call_do_alone(WHIT_CALL_READ_LOG, 3, (uintptr_t)(client.log + at), 1ull << 40,
			       &result);
	if (status)
		return status;
	CHECK_EQ(result.rdx, N_LOG - 3);
	CHECK_EQ(result.r8, N_LOG);
	status = call(WHIT_CALL_INTERRUPT_TARGETS, 1, NULL, (uintptr_t)small, NULL, &result);
	if (!status)
		CHECK(small[0] == 0x5a && small[31] == 0x5a && small[32] == 0xee);
	return status;
}

static uint32_t life_registers(unsigned int at)
{
	uint8_t *names = client.names + at, *values = client.values + at;
	uint64_t pair[2];
	uint32_t status;

	for (uint32_t i = 0; i < N_LIST; i++) {
		memcpy(names + 4 * i, &i, 4);
		pair[0] = i * 1000;
		pair[1] = 1;
		memcpy(values + 16 * i, pair, 16);
	}
	status = call_registers(&partition, WHIT_CALL_SET_REGISTERS, 0, names, N_LIST, values);
	if (status)
		return status;
	memset(values, 0, 16 * N_LIST);
	status = call_registers(&partition, WHIT_CALL_GET_REGISTERS, 0, names, N_LIST, values);
	if (status)
		return status;
	for (uint32_t i = 0; i < N_LIST; i++) {
		memcpy(pair, values + 16 * i, 16);
		CHECK_EQ(pair[0] ^ pair[1], (i * 1000) ^ 1);
	}
	return 0;
}

static uint32_t life_translations(unsigned int at)
{
	uint8_t *records = client.records + at;
	struct hypercall_result result;
	struct whit_translation record;
	uint32_t status;

	for (uint32_t i = 0; i < N_LIST; i++) {
		record = (struct whit_translation) { .gva = i * 12345 };
		memcpy(records + 32 * i, &record, 32);
	}
	status = call(WHIT_CALL_TRANSLATE_GVAS, 0, records, N_LIST, NULL, &result);
	for (uint32_t i = 0; !status && i < N_LIST; i++) {
		memcpy(&record, records + 32 * i, 32);
		CHECK_EQ(record.gva, i * 12345);
		CHECK_EQ(record.gpa, i * 12345 + 1);
	}
	return status;
}

static uint32_t life_state(unsigned int at)
{
	uint8_t *state = client.state + at;
	struct hypercall_result result;
	uint32_t status;

	for (unsigned int i = 0; i < N_STATE; i++)
		state[i] = (uint8_t)(i * 7 + at);
	status = call_do(&partition, WHIT_CALL_SET_VP_STATE, 0, 1, (uintptr_t)state, N_STATE,
			 &result);
	if (status)
		return status;
	memset(state, 0, N_STATE);
	state[N_STATE] = 0xee;
	status = call_do(&partition, WHIT_CALL_GET_VP_STATE, 0, 1, (uintptr_t)state, N_STATE,
			 &result);
	if (status)
		return status;
	CHECK(!memcmp(machine.state, state, N_STATE));
	CHECK_EQ(state[N_STATE], 0xee);
	return call_do(&partition, WHIT_CALL_RESET_PARTITION, 0, 0, 0, 0, &result);
}

/* Does the space show the client's memory, from `gpa` on? */
static void check_mapped(uint64_t gpa, const uint8_t *source, uint64_t n_pages)
{
	for (uint64_t i = 0; i < n_pages; i++)
		CHECK_EQ(machine.source[gpa / 4096 + i], platform_address(source + i * 4096));
}

static uint32_t life_memory(unsigned int at)
{
	uint8_t *bitmap = client.bitmap + at;
	struct hypercall_result result;
	uint64_t gpa = GPA, where = 0;
	uint32_t status, n = 0;

	status = call_do(&partition, WHIT_CALL_MAP_GPA_RANGE, (uintptr_t)client.source, GPA,
			 N_SOURCE * 4096, 7, &result);
	if (status)
		return status;
	check_mapped(GPA, client.source, N_SOURCE);
	status = call_do(&partition, WHIT_CALL_QUERY_DIRTY, 0, N_GUEST * 4096, (uintptr_t)bitmap, 0,
			 &result);
	if (status)
		return status;
	for (uint32_t i = 0; i < N_GUEST; i++)
		CHECK_EQ(bitmap[i / 8] >> i % 8 & 1, !(i % 3) && i >= 16 && i < 16 + N_SOURCE);
	status = call_do(&partition, WHIT_CALL_UNMAP_GPA_RANGE, 0, N_GUEST * 4096, 0, 0, &result);
	if (status)
		return status;
	/* A list that goes through the source again and again, in extents of 1 to 5 pages. */
	for (n = 0; n < N_LIST; n++) {
		const uint64_t n_pages = 1 + (n * 7 + at) % 5;

		if (where + n_pages > N_SOURCE)
			where = 0;
		client.extents[n].source = client.source + where * 4096;
		client.extents[n].n_bytes = n_pages * 4096;
		where += n_pages;
	}
	status = call(WHIT_CALL_MAP_GPA_LIST, GPA, client.extents, N_LIST, (void *)7, &result);
	for (n = 0; !status && n < N_LIST; n++) {
		check_mapped(gpa, client.extents[n].source, client.extents[n].n_bytes / 4096);
		gpa += client.extents[n].n_bytes;
	}
	return status;
}

/* From its creation to the first error, or to the end; then deleted, and everything is back. */
static uint32_t live(unsigned int at)
{
	uint32_t (*const parts[])(unsigned int at) = { life_values, life_registers,
						       life_translations, life_state, life_memory };
	struct hypercall_result result;
	uint32_t status;

	memset(&partition, 0, sizeof(partition));
	status = call_create(&partition);
	if (status) {
		CHECK_EQ(platform.n_pages_out, 0);
		return status;
	}
	status = call_do(&partition, WHIT_CALL_SETUP_PARTITION, 0, 0, 0, 0, &result);
	if (!status)
		status = call_create_vp(&partition, 0, 0);
	if (!status)
		CHECK(call_vp_page(&partition, 0) == machine.page);
	for (unsigned int i = 0; !status && i < sizeof(parts) / sizeof(parts[0]); i++)
		status = parts[i](at);
	if (!status)
		status = run(0);
	machine.n_wanted = 0;
	CHECK_EQ(call_delete(&partition), 0);
	CHECK(!machine.is_alive);
	CHECK_EQ(platform.n_pages_out, 0);
	CHECK_EQ(platform.held, 0);
	return status;
}

static void reset(void)
{
	memset(&machine, 0, sizeof(machine));
	platform_reset();
}

/* The caller's memory as it can be: in one piece, scattered by pages or by fours, out of reach. */
#define N_KINDS 5u

static void set_kind(unsigned int kind)
{
	platform.is_scattered = kind > 0 && kind < 4;
	platform.group = kind == 2 ? 2 : 0;
	platform.is_foreign = kind >= 3;
}

static void call_works_on_memory_of_any_kind_and_alignment(void)
{
	for (unsigned int kind = 0; kind < N_KINDS; kind++)
		for (unsigned int at = 0; at < 16; at++) {
			reset();
			set_kind(kind);
			CHECK_EQ(live(at), 0);
		}
}

static void call_goes_on_after_any_interruption(void)
{
	for (unsigned int kind = 0; kind < N_KINDS; kind++) {
		uint64_t n_calls;

		reset();
		set_kind(kind);
		CHECK_EQ(live(1), 0);
		n_calls = machine.n_calls;
		for (uint64_t n = 1; n <= n_calls; n++) {
			reset();
			set_kind(kind);
			machine.again_at = n;
			CHECK_EQ(live(kind), 0);
			CHECK_EQ(platform.n_taken >= 1, true);
		}
		reset();
		set_kind(kind);
		machine.is_always = true;
		CHECK_EQ(live(kind), 0);
	}
}

static void call_goes_on_where_it_was_cut(void)
{
	for (unsigned int kind = 0; kind < N_KINDS; kind++)
		for (uint64_t piece = 1; piece < 140; piece += piece < 9 ? 1 : 13) {
			reset();
			set_kind(kind);
			machine.piece = piece;
			machine.is_always = piece & 1;
			CHECK_EQ(live(0), 0);
		}
}

static void call_lends_wherever_memory_is_asked_for(void)
{
	for (unsigned int kind = 0; kind < N_KINDS; kind++)
		for (uint64_t n = 2; n < 60; n++) {
			reset();
			set_kind(kind);
			machine.memory_at = n;
			machine.piece = n % 7;
			CHECK_EQ(live(3), 0);
			CHECK(machine.n_lent > 0);
		}
}

/* Whichever allocation fails: the call that needed it says so, and nothing is lost. */
static void call_leaks_nothing_when_memory_ends(void)
{
	for (unsigned int kind = 0; kind < N_KINDS; kind++) {
		unsigned int n = 0, n_failed = 0;
		uint32_t status;

		do {
			reset();
			set_kind(kind);
			machine.memory_at = 4;
			platform.is_limited = true;
			platform.allocations_left = n++;
			status = live(1);
			CHECK(!status || status == CALL_E_NO_MEMORY);
			n_failed += !!status;
		} while (status && n < 1000);
		CHECK_EQ(status, 0);
		CHECK(n_failed >= 3);
	}
}

/* Whichever of the caller's pages is not there. */
static void call_refuses_memory_that_is_not_the_callers(void)
{
	const uint8_t *const first = (const uint8_t *)&client;
	unsigned int n_refused = 0;

	for (size_t page = 0; page < sizeof(client) / 4096; page++) {
		uint32_t status;

		reset();
		set_kind(3);
		platform.bad = first + page * 4096;
		status = live(1);
		CHECK(!status || status == CALL_E_POINTER);
		n_refused += !!status;
	}
	CHECK(n_refused > N_SOURCE);
}

static void call_makes_no_call_that_is_not_the_callers(void)
{
	static const uint64_t others[] = { 0,
					   WHIT_CALL_CREATE_PARTITION,
					   WHIT_CALL_DELETE_PARTITION,
					   WHIT_CALL_CREATE_VP,
					   WHIT_CALL_DELETE_VP,
					   WHIT_CALL_RUN_VP,
					   WHIT_CALL_GET_CAPABILITY,
					   WHIT_CALL_VERSION,
					   WHIT_CALL_LEND,
					   WHIT_CALL_READ_LOG,
					   WHIT_CALL_STATS,
					   63,
					   64,
					   0xff,
					   0x108,
					   1ull << 32,
					   WHIT_CALL_SETUP_PARTITION | 1ull << 32,
					   ~0ull };
	struct hypercall_result result;

	reset();
	partition.handle = HANDLE;
	for (unsigned int i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		CHECK_EQ(call_do(&partition, others[i], 0, 0, 0, 0, &result), WHIT_E_UNKNOWN_CALL);
	CHECK_EQ(call_do_alone(WHIT_CALL_SETUP_PARTITION, HANDLE, 0, 0, &result),
		 WHIT_E_UNKNOWN_CALL);
	CHECK_EQ(call_do_alone(WHIT_CALL_LEND, HANDLE, 0, 0, &result), WHIT_E_UNKNOWN_CALL);
	/* Nor with a buffer at no address: that would be the root's first page. */
	CHECK_EQ(call(WHIT_CALL_GET_REGISTERS, 0, NULL, 1, client.values, &result), CALL_E_POINTER);
	CHECK_EQ(call(WHIT_CALL_GET_REGISTERS, 0, client.names, 1, NULL, &result), CALL_E_POINTER);
	CHECK_EQ(call(WHIT_CALL_SET_PROPERTY, 0, NULL, 8, NULL, &result), CALL_E_POINTER);
	CHECK_EQ(call(WHIT_CALL_MAP_GPA_LIST, 0, NULL, 1, NULL, &result), CALL_E_POINTER);
	CHECK_EQ(call(WHIT_CALL_MAP_GPA_LIST, 0, client.extents, 0, NULL, &result),
		 CALL_E_ARGUMENT);
	CHECK_EQ(machine.n_calls, 0);
}

/* What is not whole pages is refused by the hypervisor or before, and never rounded. */
static void call_rounds_nothing(void)
{
	struct hypercall_result result;

	for (unsigned int kind = 0; kind < N_KINDS; kind++)
		for (unsigned int i = 0; i < 3; i++) {
			const uint64_t off[3] = { i == 0 ? 8 : 0, i == 1 ? 8 : 0, i == 2 ? 8 : 0 };

			reset();
			set_kind(kind);
			partition.handle = HANDLE;
			client.extents[0].source = client.source;
			client.extents[0].n_bytes = 4096;
			client.extents[1].source = client.source + off[0];
			client.extents[1].n_bytes = 5 * 4096 + off[1];
			CHECK(FAILED(call(WHIT_CALL_MAP_GPA_LIST, GPA + off[2], client.extents, 2,
					  NULL, &result)));
			if (i == 1)
				continue; /* MAP_GPA_RANGE's own bytes the hypervisor sees */
			CHECK(FAILED(call_do(&partition, WHIT_CALL_MAP_GPA_RANGE,
					     (uintptr_t)client.source + off[0], GPA + off[2],
					     5 * 4096, 7, &result)));
			CHECK_EQ(platform.n_pages_out, 0);
		}
}

static void call_sleeps_and_is_called_away(void)
{
	reset();
	memset(&partition, 0, sizeof(partition));
	CHECK_EQ(call_create(&partition), 0);
	CHECK_EQ(call_create_vp(&partition, 0, 0), 0);
	machine.page->wake = 1; /* of an earlier sleep */
	machine.n_idle = 3;
	CHECK_EQ(run(0), 0);
	CHECK_EQ(platform.n_waits, 2);
	CHECK_EQ(platform.deadline, 0x5555);
	CHECK(platform.wake == &machine.page->wake);
	CHECK_EQ(machine.page->wake, 0);
	platform.is_wanted = true;
	machine.n_idle = 3;
	CHECK_EQ(run(0), WHIT_S_AGAIN); /* asleep */
	CHECK_EQ(platform.n_waits, 3);
	machine.n_idle = 0;
	machine.again_at = machine.n_calls + 1;
	CHECK_EQ(run(0), WHIT_S_AGAIN); /* interrupted */
	CHECK_EQ(platform.bound, 0xdeaddeaddeaddeadull - machine.n_calls);
	machine.is_repeated = false;
	CHECK_EQ(run(0), 0);
	CHECK_EQ(platform.held, 0);
	/* A deletion goes on all the same. */
	machine.again_at = machine.n_calls + 1;
	CHECK_EQ(call_delete(&partition), 0);
	CHECK_EQ(platform.n_pages_out, 0);
}

/* ---- Whoever sleeps is woken ------------------------------------------------------------- */

#define SLEEPER 70u

static void sleeper(void)
{
	reset();
	memset(&partition, 0, sizeof(partition));
	CHECK_EQ(call_create(&partition), 0);
	CHECK_EQ(call_create_vp(&partition, SLEEPER, 0), 0);
}

/* What each call does to a VP that sleeps. */
static const struct {
	uint64_t code, rdx;
	bool is_posted; /* the hypervisor has set `wake` */
	bool wakes;
} disturbances[] = {
	{ WHIT_CALL_CANCEL_RUN_VP, SLEEPER, false, true },
	{ WHIT_CALL_CANCEL_RUN_VP, SLEEPER - 1, false, false },
	{ WHIT_CALL_CANCEL_RUN_VP, SLEEPER - 64, false, false },
	{ WHIT_CALL_CANCEL_RUN_VP, SLEEPER + (1ull << 32), false, false },
	{ WHIT_CALL_CANCEL_RUN_VP, ~0ull, false, false },
	{ WHIT_CALL_REQUEST_INTERRUPT, 0, false, false },
	{ WHIT_CALL_REQUEST_INTERRUPT, 0, true, true },
	{ WHIT_CALL_RESUME_TIME, 0, false, true },
	{ WHIT_CALL_RESET_PARTITION, 0, false, true },
	{ WHIT_CALL_SET_TSC, 5, false, true },
	{ WHIT_CALL_SETUP_PARTITION, SLEEPER, true, false },
};

static unsigned int disturbance;

static void disturb(void)
{
	struct hypercall_result result;

	CHECK_EQ(machine.page->wake, 0);
	machine.page->wake = disturbances[disturbance].is_posted;
	CHECK_EQ(call_do(&partition, disturbances[disturbance].code, disturbances[disturbance].rdx,
			 0, 0, 0, &result),
		 0);
	CHECK_EQ(platform.n_wakes, disturbances[disturbance].wakes);
	if (!disturbances[disturbance].wakes)
		return;
	CHECK_EQ(machine.page->wake, 1);
	CHECK(platform.woken == &machine.page->wake);
}

static void call_wakes_whom_it_may_have_woken(void)
{
	struct hypercall_result result;

	for (disturbance = 0; disturbance < sizeof(disturbances) / sizeof(disturbances[0]);
	     disturbance++) {
		sleeper();
		platform.on_wait = disturb;
		machine.n_idle = 2;
		CHECK_EQ(run(SLEEPER), 0);
		CHECK_EQ(platform.n_waits, 1);
		/* And nobody when nobody sleeps. */
		platform.n_wakes = machine.page->wake = machine.n_resets = 0;
		CHECK_EQ(call_do(&partition, disturbances[disturbance].code,
				 disturbances[disturbance].rdx, 0, 0, 0, &result),
			 0);
		CHECK_EQ(platform.n_wakes + machine.page->wake, 0);
		CHECK_EQ(call_delete(&partition), 0);
		CHECK_EQ(platform.n_pages_out, 0);
	}
}

static void set_and_get(void)
{
	memset(client.names, 0, sizeof(client.names));
	CHECK_EQ(call_registers(&partition, WHIT_CALL_GET_REGISTERS, SLEEPER, client.names, 3,
				client.values),
		 0);
	CHECK_EQ(call_registers(&partition, WHIT_CALL_SET_REGISTERS, SLEEPER - 64, client.names, 3,
				client.values),
		 0);
	CHECK_EQ(machine.page->wake + platform.n_wakes, 0);
	CHECK_EQ(call_registers(&partition, WHIT_CALL_SET_REGISTERS, SLEEPER, client.names, 3,
				client.values),
		 0);
	CHECK_EQ(machine.page->wake, 1);
	CHECK_EQ(platform.n_wakes, 1);
}

static void run_again(void)
{
	machine.n_idle = 1;
	CHECK_EQ(run(SLEEPER), CALL_E_VP_STATE);
	machine.n_idle = 0;
}

static void call_lets_one_alone_sleep_with_a_vp(void)
{
	sleeper();
	platform.on_wait = run_again;
	machine.n_idle = 2;
	CHECK_EQ(run(SLEEPER), 0);
	CHECK_EQ(platform.n_waits, 1);
	platform.on_wait = set_and_get;
	machine.n_idle = 2;
	CHECK_EQ(run(SLEEPER), 0);
	CHECK_EQ(platform.n_waits, 2);
	CHECK_EQ(call_delete(&partition), 0);
	CHECK_EQ(platform.n_pages_out, 0);
}

static bool answers_again;

/* A VP that runs beside the sleeper, on another processor, has sent it something. */
static void run_beside(void)
{
	struct whit_vp_page *const sleeping = machine.page;
	struct whit_vp_page *mine;

	CHECK_EQ(call_create_vp(&partition, 1, 0), 0);
	mine = machine.page;
	mine->wake_vps[0] = 1 << 3; /* nobody's */
	mine->wake_vps[SLEEPER / 64] = ~0ull;
	sleeping->wake = 1;
	machine.again_at = answers_again ? machine.n_calls + 1 : 0;
	CHECK_EQ(run(1), 0);
	CHECK_EQ(mine->wake_vps[0] | mine->wake_vps[SLEEPER / 64], 0);
	CHECK_EQ(platform.n_wakes, 1);
	CHECK(platform.woken == &sleeping->wake);
	machine.page = sleeping;
}

static void call_tells_of_those_that_a_vp_has_woken(void)
{
	for (unsigned int i = 0; i < 2; i++) {
		answers_again = i;
		sleeper();
		platform.on_wait = run_beside;
		machine.n_idle = 2;
		CHECK_EQ(run(SLEEPER), 0);
		CHECK_EQ(platform.n_waits, 1);
		CHECK_EQ(call_delete(&partition), 0);
		CHECK_EQ(platform.n_pages_out, 0);
	}
}

static void call_keeps_the_page_of_a_vp_for_the_next(void)
{
	struct whit_vp_page *page;

	sleeper();
	page = machine.page;
	CHECK(call_vp_page(&partition, SLEEPER) == page);
	CHECK_EQ(call_delete_vp(&partition, SLEEPER), 0);
	CHECK(!call_vp_page(&partition, SLEEPER));
	CHECK_EQ(call_create_vp(&partition, SLEEPER, 0), 0);
	CHECK(machine.page == page && call_vp_page(&partition, SLEEPER) == page);
	CHECK(!call_vp_page(&partition, SLEEPER + 1));
	CHECK(!call_vp_page(&partition, WHIT_MAX_VPS));
	CHECK_EQ(call_delete(&partition), 0);
	CHECK_EQ(platform.n_pages_out, 0);
}

/* The vendor is asked for once, by the first call, whichever shape it has. */
static void call_takes_the_instruction_of_the_vendor(void)
{
	const struct hypercall_functions first = hypercall_functions;
	static const struct {
		uint32_t ebx; /* of CPUID leaf 0 */
		bool is_vmmcall;
	} vendors[] = { { 0x756e6547, false }, /* GenuineIntel */
			{ 0x68747541, true },  /* AuthenticAMD */
			{ 0x6f677948, true },  /* HygonGenuine */
			{ 0x746e6543, false } /* CentaurHauls */ };

	for (unsigned int i = 0; i < 8; i++) {
		struct hypercall_result result;
		const bool is_vmmcall = vendors[i / 2].is_vmmcall;

		reset();
		hypercall_functions = first;
		platform.vendor = vendors[i / 2].ebx;
		partition.handle = HANDLE;
		if (i & 1)
			CHECK_EQ(run(0), 0);
		else
			CHECK_EQ(
				call_do(&partition, WHIT_CALL_SETUP_PARTITION, 0, 0, 0, 0, &result),
				0);
		platform.vendor = vendors[3 - i / 2].ebx;
		CHECK_EQ(run(0), 0);
		CHECK_EQ(platform.n_vmmcall, is_vmmcall ? 2 : 0);
		CHECK_EQ(platform.n_vmcall, is_vmmcall ? 0 : 2);
	}
}

int main(void)
{
	static const struct test tests[] = {
		TEST(call_takes_the_instruction_of_the_vendor), /* first: before any call */
		TEST(call_works_on_memory_of_any_kind_and_alignment),
		TEST(call_goes_on_after_any_interruption),
		TEST(call_goes_on_where_it_was_cut),
		TEST(call_lends_wherever_memory_is_asked_for),
		TEST(call_leaks_nothing_when_memory_ends),
		TEST(call_refuses_memory_that_is_not_the_callers),
		TEST(call_makes_no_call_that_is_not_the_callers),
		TEST(call_rounds_nothing),
		TEST(call_sleeps_and_is_called_away),
		TEST(call_wakes_whom_it_may_have_woken),
		TEST(call_lets_one_alone_sleep_with_a_vp),
		TEST(call_tells_of_those_that_a_vp_has_woken),
		TEST(call_keeps_the_page_of_a_vp_for_the_next),
	};

	return RUN(tests);
}

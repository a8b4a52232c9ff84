/* SPDX-License-Identifier: MIT */
/*
 * A local APIC is restored in any order (hv/apic/image.c): what its registers are at the next Run does not hang on which of
 * them came first, nor on what the VP did before. Every permutation, register by register, and by the page of all.
 */
#include "tests/unit/hv_apic.h"
#include "hv/vp/vp.h"

#define VECTOR	 0x50u
#define PERIODIC (1u << 17)
#define DEADLINE (1u << 18)
#define BY_ONE	 0xbu
#define START	 50000000ull /* the clock when the VP runs, give or take */

static struct vp *vp;
static uint64_t names_at, values_at, state_at;

static void begin(uint32_t mode)
{
	apic_world(0, mode, 1);
	vp = apic_vp(0);
	names_at = test_pages(1);
	values_at = test_pages(1);
	state_at = test_pages(1);
}

/* The clock stands but for the test: virt_tsc() adds 1000. */
static void set_clock(uint64_t tsc)
{
	fake.tsc = tsc - 1000;
}

static void set(uint32_t name, uint64_t value)
{
	*(uint32_t *)at(names_at) = name;
	((uint64_t *)at(values_at))[0] = value;
	((uint64_t *)at(values_at))[1] = 0;
	REQUIRE_EQ(CALL(WHIT_CALL_SET_REGISTERS, apics, 0, names_at, 1, values_at), S_OK);
}

static uint64_t get(uint32_t name)
{
	*(uint32_t *)at(names_at) = name;
	REQUIRE_EQ(CALL(WHIT_CALL_GET_REGISTERS, apics, 0, names_at, 1, values_at), S_OK);
	return *(uint64_t *)at(values_at);
}

struct setting {
	uint32_t name; /* 0: the page, state_at */
	uint64_t value;
};

/* What the guest goes on with: everything that a Run would see, at a moment. */
struct machine {
	uint32_t words[APIC_REGISTERS];
	uint64_t base, icr, deadline, tsc_deadline;
	uint32_t count;
	uint8_t mode, timer_mode, timer_shift, cr8;
};

static struct machine run_at(uint64_t tsc)
{
	struct machine machine;

	memset(&machine, 0, sizeof(machine));
	REQUIRE(vp->apic.is_due);
	set_clock(tsc);
	virt_set(vp->virt, VIRT_TSC_OFFSET, 777);
	vp_prepare_apic(vp);
	set_clock(tsc);
	machine.count = apic_timer_count(vp);
	for (unsigned int n = 0; n < APIC_REGISTERS; n++)
		machine.words[n] = apic_get(&vp->apic, n);
	machine.base = vp->apic_base;
	machine.icr = apic_icr(&vp->apic);
	machine.deadline = vp->apic.deadline;
	REQUIRE_EQ(vp->virt->deadline, vp->apic.deadline);
	machine.tsc_deadline = vp->apic.tsc_deadline;
	machine.mode = vp->apic.mode;
	machine.timer_mode = vp->apic.timer_mode;
	machine.timer_shift = vp->apic.timer_shift;
	machine.cr8 = (uint8_t)vp_cr8(vp);
	return machine;
}

/* Lives that the VP had before: none, and timers that run in each mode, switched on and off. */
static void live(unsigned int life)
{
	vp_reset(vp, false);
	set_clock(1000000);
	virt_set(vp->virt, VIRT_TSC_OFFSET, 777);
	if (life == 0)
		return;
	guest_put(vp, APIC_SVR, 0x1ff);
	guest_put(vp, APIC_LVT_TIMER, 0x33 | (life == 1 ? PERIODIC : life == 2 ? DEADLINE : 0));
	guest_put(vp, APIC_DIVIDE, 3);
	guest_put(vp, APIC_INITIAL_COUNT, 5000000);
	if (life == 2)
		REQUIRE(apic_write_msr(vp, MSR_TSC_DEADLINE, START * 3));
	if (life == 3)
		REQUIRE(apic_write_msr(vp, MSR_APIC_BASE, vp->apic_base & ~APIC_BASE_ENABLE));
}

#define ALL_LIVES   0xfu
#define RESET_LIVES 0x9u /* that leave the registers as a reset does */

static void apply(const struct setting *settings, const uint8_t *order, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		const struct setting *const setting = &settings[order[i]];

		set_clock(2000000 + 10000 * i); /* time goes on in between */
		if (setting->name)
			set(setting->name, setting->value);
		else
			REQUIRE_EQ(CALL(WHIT_CALL_SET_VP_STATE, apics, 0, 0x1000, state_at, 4096),
				   S_OK);
	}
	for (unsigned int i = 0; i < n; i++)
		if (settings[i].name && settings[i].name != WHvX64RegisterTsc)
			REQUIRE_EQ(get(settings[i].name), settings[i].value);
}

/* The next permutation in the order of a dictionary; false after the last. */
static bool next_order(uint8_t *order, unsigned int n)
{
	unsigned int i = n - 1, j = n - 1;

	while (i && order[i - 1] >= order[i])
		i--;
	if (!i)
		return false;
	while (order[j] <= order[i - 1])
		j--;
	const uint8_t swapped = order[i - 1];

	order[i - 1] = order[j];
	order[j] = swapped;
	for (j = n - 1; i < j; i++, j--) {
		const uint8_t other = order[i];

		order[i] = order[j];
		order[j] = other;
	}
	return true;
}

/* Every order, after every life: the same machine. Returns it. */
static struct machine every_order(const struct setting *settings, unsigned int n, uint32_t lives)
{
	struct machine wanted, is;
	unsigned int n_runs = 0;
	uint8_t order[8];

	for (unsigned int i = 0; i < n; i++)
		order[i] = (uint8_t)i;
	do {
		for (unsigned int life = 0; life < 4; life++) {
			if (!(lives >> life & 1))
				continue;
			live(life);
			apply(settings, order, n);
			is = run_at(START);
			if (!n_runs++)
				wanted = is;
			if (memcmp(&is, &wanted, sizeof(is))) {
				FAIL("after life %u in the order", life);
				for (unsigned int i = 0; i < n; i++)
					check_print("  %x\n", settings[order[i]].name);
				check_end();
			}
		}
	} while (next_order(order, n));
	REQUIRE(n_runs >= 24);
	return wanted;
}

#define N_OF(table) ((unsigned int)(sizeof(table) / sizeof((table)[0])))

static void counts_in_any_order(void)
{
	struct setting settings[] = {
		{ WHvX64RegisterApicSpurious, 0x1ff },	 { WHvX64RegisterApicLvtTimer, VECTOR },
		{ WHvX64RegisterApicInitCount, 100000 }, { WHvX64RegisterApicCurrentCount, 60000 },
		{ WHvX64RegisterApicDivide, BY_ONE },	 { WHvX64RegisterApicBase, 0xfee00900 },
	};
	struct machine is;

	begin(X2APIC);
	is = every_order(settings, N_OF(settings), ALL_LIVES);
	REQUIRE_EQ(is.deadline, START + 60000 * (TSC_HZ / APIC_CLOCK_HZ));
	REQUIRE_EQ(is.count, 60000);
	REQUIRE_EQ(is.words[APIC_INITIAL_COUNT], 100000);
	REQUIRE_EQ(is.words[APIC_LVT_TIMER], VECTOR);
	REQUIRE_EQ(is.timer_shift, 0);
	settings[1].value |= PERIODIC;
	is = every_order(settings, N_OF(settings), ALL_LIVES);
	REQUIRE_EQ(is.deadline, START + 60000 * (TSC_HZ / APIC_CLOCK_HZ));
	REQUIRE_EQ(is.timer_mode, 1);
	/* One that has run out stays so; a periodic one never has. */
	settings[3].value = 0;
	is = every_order(settings, N_OF(settings), ALL_LIVES);
	REQUIRE_EQ(is.deadline, START + 100000 * (TSC_HZ / APIC_CLOCK_HZ));
	settings[1].value = VECTOR;
	is = every_order(settings, N_OF(settings), ALL_LIVES);
	REQUIRE_EQ(is.deadline, APIC_NEVER);
	REQUIRE_EQ(is.words[APIC_INITIAL_COUNT], 100000);
	/* While the APIC is disabled by software every entry is masked. */
	settings[0].value = 0xff;
	settings[3].value = 60000;
	settings[1].value = VECTOR | LVT_MASKED;
	is = every_order(settings, N_OF(settings), ALL_LIVES);
	REQUIRE_EQ(is.words[APIC_LVT_TIMER], VECTOR | LVT_MASKED);
	delete_all(apics);
	check_clean();
}

static void deadline_in_any_order(void)
{
	const struct setting settings[] = {
		{ WHvX64RegisterApicSpurious, 0x1ff },
		{ WHvX64RegisterApicLvtTimer, VECTOR | DEADLINE },
		{ WHvX64RegisterApicInitCount, 4711 },
		{ WHvX64RegisterTscDeadline, START + 777 + 123456 },
		{ WHvX64RegisterApicDivide, BY_ONE },
		{ WHvX64RegisterTsc, 2000000 },
		{ WHvX64RegisterApicBase, 0xfee00900 },
	};
	struct machine is;

	begin(X2APIC);
	is = every_order(settings, N_OF(settings), ALL_LIVES);
	REQUIRE_EQ(is.deadline, START + 123456);
	REQUIRE_EQ(is.tsc_deadline, START + 777 + 123456);
	REQUIRE_EQ(is.words[APIC_INITIAL_COUNT], 4711);
	REQUIRE_EQ(is.count, 0);
	delete_all(apics);
	check_clean();
}

/* With IA32_APIC_BASE: each mode has its own forms of ID, LDR and ICR. */
static void modes_in_any_order(void)
{
	struct setting settings[] = {
		{ WHvX64RegisterApicBase, 0xfee00d00 },
		{ WHvX64RegisterApicIcr, 0x12345678000000feull },
		{ WHvX64RegisterApicTpr, 0x20 },
		{ WHvX64RegisterApicLvtTimer, VECTOR | DEADLINE },
		{ WHvX64RegisterTscDeadline, START + 777 + 54321 },
		{ WHvX64RegisterApicSpurious, 0x1ff },
	};
	struct machine is;

	begin(X2APIC);
	is = every_order(settings, N_OF(settings), RESET_LIVES);
	REQUIRE_EQ(is.mode, VIRT_APIC_X2APIC);
	REQUIRE_EQ(is.icr, 0x12345678000000feull);
	REQUIRE_EQ(is.words[APIC_ID], 0);
	REQUIRE_EQ(is.words[APIC_LDR], 1);
	REQUIRE_EQ(is.deadline, START + 54321);
	settings[0].value = 0xfee00900;
	settings[1].value = 0x56000000000000feull;
	is = every_order(settings, N_OF(settings), RESET_LIVES);
	REQUIRE_EQ(is.mode, VIRT_APIC_XAPIC);
	REQUIRE_EQ(is.icr, 0x56000000000000feull);
	delete_all(apics);
	check_clean();
}

/* The page of all registers, as it was read from another VP, beside the MSRs that it lacks. */
static void page_in_any_order(void)
{
	static const uint32_t modes[] = { VECTOR, VECTOR | PERIODIC, VECTOR | DEADLINE };

	begin(X2APIC);
	for (unsigned int is_x2 = 0; is_x2 < 2; is_x2++)
		for (unsigned int i = 0; i < 3; i++) {
			const struct setting settings[] = {
				{ 0, 0 },
				{ WHvX64RegisterApicBase, is_x2 ? 0xfee00d00 : 0xfee00900 },
				{ WHvX64RegisterTscDeadline, i == 2 ? START + 777 + 98765 : 0 },
				{ WHvX64RegisterTsc, 2000000 },
			};
			struct machine is;

			live(0);
			if (is_x2)
				enter_x2apic(vp);
			guest_put(vp, APIC_SVR, 0x1ff);
			guest_put(vp, APIC_LVT_TIMER, modes[i]);
			guest_put(vp, APIC_LVT_LINT0, 0x66);
			guest_put(vp, APIC_DIVIDE, BY_ONE);
			if (!is_x2)
				guest_put(vp, APIC_LDR, 0x12000000);
			guest_put(vp, APIC_INITIAL_COUNT, 100000);
			REQUIRE_EQ(CALL(WHIT_CALL_GET_VP_STATE, apics, 0, 0x1000, state_at, 4096),
				   S_OK);
			is = every_order(settings, N_OF(settings), ALL_LIVES);
			REQUIRE_EQ(is.words[APIC_LDR], is_x2 ? 1 : 0x12000000);
			REQUIRE_EQ(is.words[APIC_LVT_LINT0], 0x66);
			REQUIRE_EQ(is.words[APIC_LVT_TIMER], modes[i]);
			REQUIRE(is.deadline != APIC_NEVER);
			if (i == 2)
				REQUIRE_EQ(is.deadline, START + 98765);
			else
				REQUIRE(is.deadline > START + 900000);
		}
	delete_all(apics);
	check_clean();
}

/* A timer that is due and has not been looked at is not lost on the way through the registers. */
static void due_timer_is_not_lost(void)
{
	static const uint32_t names[] = { WHvX64RegisterApicSpurious, WHvX64RegisterApicLvtTimer,
					  WHvX64RegisterApicInitCount,
					  WHvX64RegisterApicCurrentCount,
					  WHvX64RegisterApicDivide };
	uint64_t values[N_OF(names)];

	for (unsigned int is_periodic = 0; is_periodic < 2; is_periodic++) {
		begin(XAPIC);
		set_clock(1000000);
		guest_put(vp, APIC_SVR, 0x1ff);
		guest_put(vp, APIC_LVT_TIMER, VECTOR | (is_periodic ? PERIODIC : 0));
		guest_put(vp, APIC_DIVIDE, BY_ONE);
		guest_put(vp, APIC_INITIAL_COUNT, 100000);
		set_clock(40000000);
		for (unsigned int i = 0; i < N_OF(names); i++)
			values[i] = get(names[i]);
		live(0);
		for (unsigned int i = 0; i < N_OF(names); i++)
			set(names[i], values[i]);
		(void)run_at(START);
		set_clock(START + 100);
		vp->apic.is_due = true;
		vp_prepare_apic(vp);
		REQUIRE(apic_get(&vp->apic, APIC_IRR + VECTOR / 32) >> VECTOR % 32 & 1);
		delete_all(apics);
		check_clean();
	}
}

/* The guest's own way: each step of IA32_APIC_BASE through "disabled" is a reset of the APIC. */
static void guest_finds_a_reset_apic(void)
{
	begin(X2APIC);
	live(3);
	set(WHvX64RegisterApicSpurious, 0x1ff);
	set(WHvX64RegisterApicTpr, 0x30);
	(void)run_at(START);
	REQUIRE_EQ(vp->apic.deadline, APIC_NEVER);
	REQUIRE(apic_write_msr(vp, MSR_APIC_BASE, vp->apic_base | APIC_BASE_ENABLE));
	REQUIRE_EQ(guest_get(vp, APIC_SVR), 0xff);
	REQUIRE_EQ(guest_get(vp, APIC_TPR), 0);
	delete_all(apics);
	check_clean();
}

int main(void)
{
	static const struct test tests[] = {
		TEST(counts_in_any_order),   TEST(deadline_in_any_order),
		TEST(modes_in_any_order),    TEST(page_in_any_order),
		TEST(due_timer_is_not_lost), TEST(guest_finds_a_reset_apic),
	};

	return RUN(tests);
}

// SPDX-License-Identifier: MIT
/* See apic.h. */
#include "tests/system/apps/conformance/apic.h"

#include "root/vmm/terminal.h"
#include "x86/apic.h"

struct board apic_board;
bool apic_is_x2;
uint64_t apic_fault;

struct op apic_read(uint32_t reg)
{
	return apic_is_x2 ? OP(RDMSR, .argument = MSR_X2APIC + reg)
			  : OP(READ32, .argument = APIC_PAGE + 16 * reg);
}

struct op apic_write(uint32_t reg, uint64_t value)
{
	return apic_is_x2 ? OP(WRMSR, .argument = MSR_X2APIC + reg, .value = value)
			  : OP(WRITE32, .argument = APIC_PAGE + 16 * reg, .value = value);
}

struct op apic_destination(uint32_t destination)
{
	return apic_is_x2 ? OP0(CLI) : apic_write(APIC_ICR_HIGH, (uint64_t)destination << 24);
}

struct op apic_send(uint32_t low, uint32_t destination)
{
	return apic_write(APIC_ICR, apic_is_x2 ? (uint64_t)destination << 32 | low : low);
}

uint8_t apic_eoi_action(void)
{
	return apic_is_x2 ? ACTION_EOI_MSR : ACTION_EOI_MMIO;
}

uint64_t apic_do(uint32_t vp, struct op op)
{
	CHECK_EQ(board_script(&apic_board, vp, &op, 1), BOARD_DONE);
	apic_fault = board_op(&apic_board, vp, 0)->fault;
	return board_op(&apic_board, vp, 0)->result;
}

uint64_t apic_get(uint32_t vp, uint32_t reg)
{
	return apic_do(vp, apic_read(reg));
}

void apic_set(uint32_t vp, uint32_t reg, uint64_t value)
{
	(void)apic_do(vp, apic_write(reg, value));
}

bool apic_bit(uint32_t vp, uint32_t map, uint8_t vector)
{
	return apic_get(vp, map + vector / 32u) >> vector % 32u & 1;
}

void apic_begin(const struct board_options *options)
{
	struct board_options in_mode = *options;

	in_mode.apic_mode =
		apic_is_x2 ? WHvX64LocalApicEmulationModeX2Apic : WHvX64LocalApicEmulationModeXApic;
	CHECK_EQ(board_create(&apic_board, &in_mode), S_OK);
	if (check_has_failed())
		return;
	for (uint32_t vp = 0; vp < (options->aps_wait ? 1 : options->n_vps); vp++) {
		if (apic_is_x2) {
			const uint64_t base = apic_do(vp, OP(RDMSR, .argument = MSR_APIC_BASE));

			(void)apic_do(vp, OP(WRMSR, .argument = MSR_APIC_BASE,
					     .value = base | APIC_BASE_EXTD));
			CHECK_EQ(apic_fault, 0);
		}
		apic_set(vp, APIC_SVR, SVR_ENABLED);
		CHECK_EQ(apic_fault, 0);
	}
}

void apic_begin_with(uint32_t n_vps)
{
	apic_begin(&(const struct board_options) { .n_vps = n_vps });
}

void apic_end(void)
{
	board_destroy(&apic_board);
}

HRESULT apic_request(uint32_t type, uint32_t destination, uint32_t vector, bool is_logical,
		     bool is_level)
{
	const WHV_INTERRUPT_CONTROL control = { .Type = type & 0xff,
						.DestinationMode = is_logical,
						.TriggerMode = is_level,
						.Destination = destination,
						.Vector = vector };

	return WHvRequestInterrupt(apic_board.partition, &control, sizeof(control));
}

uint64_t apic_take(uint32_t vp)
{
	CHECK_EQ(SCRIPT(&apic_board, vp, OP0(STI), OP0(CLI)), BOARD_DONE);
	return board_events(&apic_board, vp);
}

static void (*the_test)(void);

static void in_both_modes(void)
{
	for (unsigned int i = 0; i < 2; i++) {
		apic_is_x2 = i;
		the_test();
		apic_end();
		if (check_has_failed()) {
			terminal_print("# in %s mode:\n", i ? "x2APIC" : "xAPIC");
			break;
		}
	}
	apic_is_x2 = false;
}

void apic_run(const struct apic_test *tests, size_t n_tests)
{
	if (!n_tests)
		(void)check_run_all(NULL, 0);
	for (size_t i = 0; i < n_tests; i++) {
		the_test = tests[i].test.run;
		check_run(tests[i].test.name, tests[i].is_in_both ? in_both_modes : the_test);
	}
}

void apic_checks(void)
{
	WHV_CAPABILITY capability = { .Features = { .AsUINT64 = 0 } };

	(void)WHvGetCapability(WHvCapabilityCodeFeatures, &capability, sizeof(capability), NULL);
	if (!capability.Features.LocalApicEmulation)
		terminal_print("# no local APIC emulation\n");
	apic_register_checks();
	apic_msr_checks();
	apic_priority_checks();
	apic_timer_checks();
	apic_ipi_checks();
	apic_request_checks();
	apic_trap_checks();
	apic_state_checks();
}

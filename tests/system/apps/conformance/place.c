// SPDX-License-Identifier: MIT
/* See place.h. */
#include "tests/system/apps/conformance/place.h"

#include <efi.h>
#include <efilib.h>

#include "root/call/platform.h"
#include "tests/system/apps/conformance/idt.h"
#include "tests/system/apps/insn.h"
#include "uefi/mp_services.h"
#include "x86/apic.h"
#include "x86/msr.h"

#define STACK_BYTES 0x10000u
#define VECTOR	    0xe5u /* of place_interrupt(); firmware's own are lower */
#define SECOND	    1u	  /* if the suite is on the boot processor */

static struct mp_services *mp; /* NULL: firmware tells of no processors */
static UINTN n_cpus = 1, n_enabled = 1, boot_number, wanted_number;

/* A call that firmware makes on another processor. */
struct loan {
	EFI_EVENT ended;
	void (*function)(void);
	volatile bool has_begun;
};

/* The suite, while it is not on the boot processor. */
static struct {
	struct loan loan;
	bool is_elsewhere, is_beside;
	volatile bool has_ended;
	uint32_t apic_id;
	struct idt idt;
	_Alignas(16) uint8_t stack[STACK_BYTES];
} suite;

/* What it asks of the boot processor. */
static struct {
	void (*function)(void *argument); /* NULL: nothing, or it is done */
	void *argument;
} asked;

static struct loan second;

/* ---- A processor that firmware lends ----------------------------------------------------- */

static VOID EFIAPI main_of_loan(VOID *argument)
{
	struct loan *const loan = argument;

	loan->has_begun = true;
	loan->function();
}

/* On the boot processor, as the next. */
static bool loan_begin(struct loan *loan, UINTN number, void (*function)(void))
{
	loan->function = function;
	loan->has_begun = false;
	if (BS->CreateEvent(0, 0, NULL, NULL, &loan->ended) != EFI_SUCCESS)
		return false;
	if (mp->startup_this_ap(mp, main_of_loan, number, loan->ended, 0, loan, NULL) !=
	    EFI_SUCCESS) {
		BS->CloseEvent(loan->ended);
		return false;
	}
	while (!loan->has_begun)
		__builtin_ia32_pause();
	return true;
}

static void loan_end(struct loan *loan)
{
	while (BS->CheckEvent(loan->ended) != EFI_SUCCESS)
		__builtin_ia32_pause();
	BS->CloseEvent(loan->ended);
}

static void find_processors(void)
{
	static EFI_GUID guid = MP_SERVICES_GUID;

	if (BS->LocateProtocol(&guid, NULL, (VOID **)&mp) != EFI_SUCCESS ||
	    mp->get_number_of_processors(mp, &n_cpus, &n_enabled) != EFI_SUCCESS ||
	    mp->who_am_i(mp, &boot_number) != EFI_SUCCESS)
		mp = NULL;
}

/* ---- What the boot processor does for the suite ------------------------------------------ */

static void ask(void (*function)(void *argument), void *argument)
{
	asked.argument = argument;
	__atomic_store_n(&asked.function, function, __ATOMIC_RELEASE);
}

static void await(void)
{
	while (__atomic_load_n(&asked.function, __ATOMIC_ACQUIRE))
		__builtin_ia32_pause();
}

static void answer(void)
{
	void (*const function)(void *) = __atomic_load_n(&asked.function, __ATOMIC_ACQUIRE);

	if (!function)
		return;
	function(asked.argument);
	__atomic_store_n(&asked.function, NULL, __ATOMIC_RELEASE);
}

void place_call(void (*function)(void *argument), void *argument)
{
	if (!suite.is_elsewhere) {
		function(argument);
		return;
	}
	ask(function, argument);
	await();
}

bool place_has_second(void)
{
	return suite.is_elsewhere || (mp && n_enabled > SECOND);
}

static void call_second(void *unused)
{
	(void)unused;
	second.has_begun = true;
	second.function();
}

bool place_begin(void (*function)(void))
{
	if (!suite.is_elsewhere)
		return loan_begin(&second, SECOND, function);
	second.function = function;
	second.has_begun = false;
	ask(call_second, NULL);
	while (!second.has_begun)
		__builtin_ia32_pause();
	return true;
}

void place_join(void)
{
	if (suite.is_elsewhere)
		await();
	else
		loan_end(&second);
}

/* ---- Interrupts -------------------------------------------------------------------------- */

static void (*volatile on_interrupt)(void);

static bool is_x2apic(void)
{
	return insn_rdmsr(MSR_APIC_BASE) & APIC_BASE_EXTD;
}

static volatile uint32_t *apic_register(uint32_t offset)
{
	return (volatile uint32_t *)(uintptr_t)(APIC_PAGE + offset);
}

void place_send(uint32_t apic_id, uint32_t low)
{
	if (is_x2apic()) {
		insn_wrmsr(MSR_X2APIC_ICR, (uint64_t)apic_id << 32 | low);
		return;
	}
	*apic_register(XAPIC_ICR_HIGH) = apic_id << 24;
	*apic_register(XAPIC_ICR_LOW) = low;
	while (*apic_register(XAPIC_ICR_LOW) & 1u << 12)
		__builtin_ia32_pause();
}

void place_interrupt(void (*function)(void))
{
	if (!suite.is_elsewhere || suite.is_beside) {
		function();
		return;
	}
	on_interrupt = function;
	place_send(suite.apic_id, 0x4000 | VECTOR);
}

void place_interrupted(void)
{
	if (is_x2apic())
		insn_wrmsr(MSR_X2APIC_FIRST + (XAPIC_EOI >> 4), 0);
	else
		*apic_register(XAPIC_EOI) = 0;
	on_interrupt();
}

/* ---- The suite --------------------------------------------------------------------------- */

static void (*the_suite)(void);

static void run_elsewhere(void)
{
	idt_take(&suite.idt);
	idt_set(&suite.idt, VECTOR, place_interrupt_entry);
	place_sti();
	place_on_stack(the_suite, suite.stack + STACK_BYTES);
	place_cli();
	idt_give_back(&suite.idt);
	__atomic_store_n(&suite.has_ended, true, __ATOMIC_RELEASE);
}

bool place_run(unsigned int number, bool is_beside, void (*run)(void))
{
	struct mp_information information = { 0 };

	find_processors();
	wanted_number = number == PLACE_BOOT ? boot_number : number;
	if (wanted_number == boot_number) {
		run();
		return true;
	}
	if (!mp || number >= n_cpus ||
	    mp->get_processor_info(mp, number, &information) != EFI_SUCCESS)
		return false;
	suite.apic_id = (uint32_t)information.id;
	suite.is_elsewhere = true;
	suite.is_beside = is_beside;
	the_suite = run;
	/* The platform finds out whom it has to keep memory for. */
	(void)platform_take_interrupts();
	if (!loan_begin(&suite.loan, number, run_elsewhere))
		return false;
	/* Interrupts are taken by the platform, which keeps its reserve for the other processor meanwhile. */
	while (!__atomic_load_n(&suite.has_ended, __ATOMIC_ACQUIRE)) {
		answer();
		(void)platform_take_interrupts();
		__builtin_ia32_pause();
	}
	loan_end(&suite.loan);
	return true;
}

bool place_is_as_wanted(void)
{
	UINTN number = 0;

	return (!mp || mp->who_am_i(mp, &number) == EFI_SUCCESS) && number == wanted_number;
}

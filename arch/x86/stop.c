/* SPDX-License-Identifier: MIT */
/* See stop.h. */
#include "arch/x86/stop.h"

#include "arch/x86/backend.h"
#include "arch/x86/insn.h"
#include "arch/x86/lapic.h"
#include "arch/x86/log.h"
#include "arch/x86/percpu.h"

static struct {
	uint64_t second;  /* in ticks of the TSC */
	uint32_t asking;  /* the processor that lets the others stop, plus 1; atomic */
	uint32_t order;	  /* enum stop_order, written by it */
	uint32_t speaker; /* whose words go to the log, plus 1; atomic */
} stopping;

void stop_set_clock(uint64_t tsc_hz)
{
	stopping.second = tsc_hz;
}

/* Can it be stopped by an NMI? One that the loader has not brought in yet cannot. */
static bool is_running(const struct percpu *cpu)
{
	return cpu->self == cpu && __atomic_load_n(&cpu->is_virt_on, __ATOMIC_RELAXED) &&
	       !__atomic_load_n(&cpu->letter.is_parked, __ATOMIC_RELAXED);
}

bool stop_others(enum stop_order order)
{
	const struct percpu *const self = percpu();
	uint32_t nobody = 0;

	if (!__atomic_compare_exchange_n(&stopping.asking, &nobody, self->index + 1, false,
					 __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return nobody == self->index + 1;
	__atomic_store_n(&stopping.order, order, __ATOMIC_SEQ_CST);
	for (uint32_t i = 0; i < percpu_count(); i++) {
		const struct percpu *const other = percpu_of(i);

		if (other != self && is_running(other))
			lapic_send_nmi(other->apic_id);
	}
	return true;
}

/* How many others run on; what changes from call to call shows that something happens. */
static uint32_t n_running(void)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < percpu_count(); i++)
		n += percpu_of(i) != percpu() && is_running(percpu_of(i));
	return n;
}

void stop_wait(void)
{
	uint64_t since = x86_rdtsc();
	uint32_t n, before = 0;

	while ((n = n_running()) && x86_rdtsc() - since < stopping.second) {
		if (n != before)
			since = x86_rdtsc();
		before = n;
		x86_pause();
	}
	stop_begin_words();
	for (uint32_t i = 0; i < percpu_count(); i++) {
		const struct percpu *const other = percpu_of(i);

		if (other != percpu() && is_running(other))
			log_line(LOG_ERROR, "processor %u does not stop", i);
	}
	stop_end_words();
}

void stop_begin_words(void)
{
	const uint32_t own = percpu()->index + 1;
	uint64_t since = x86_rdtsc();
	uint32_t speaker = 0, before = 0;

	while (!__atomic_compare_exchange_n(&stopping.speaker, &speaker, own, false,
					    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
		if (speaker != before)
			since = x86_rdtsc();
		if (x86_rdtsc() - since > stopping.second)
			break;
		before = speaker;
		speaker = 0;
		x86_pause();
	}
	__atomic_store_n(&stopping.speaker, own, __ATOMIC_SEQ_CST);
	/* Its holder may be the one who speaks, or stand in the middle of a line. */
	log_break_lock();
}

void stop_end_words(void)
{
	uint32_t own = percpu()->index + 1;

	(void)__atomic_compare_exchange_n(&stopping.speaker, &own, 0, false, __ATOMIC_SEQ_CST,
					  __ATOMIC_SEQ_CST);
}

void stop_here(void)
{
	struct percpu *const cpu = percpu();

	if (cpu->is_virt_on)
		backend_off();
	for (;;) {
		x86_cli();
		x86_hlt();
	}
}

static void tell(const struct percpu *cpu, uint64_t rip)
{
	stop_begin_words();
	log_line(LOG_ERROR, "processor %u was at rip %llx", cpu->index, (unsigned long long)rip);
	if (cpu->current)
		backend_dump();
	trace_dump(&cpu->trace);
	log_line(LOG_ERROR, "processor %u stopped", cpu->index);
	stop_end_words();
}

void stop_if_asked(uint64_t rip)
{
	struct percpu *const cpu = percpu();
	const uint32_t asking = __atomic_load_n(&stopping.asking, __ATOMIC_SEQ_CST);

	/* In a panic of its own it comes to its end, and to a standstill, by itself. */
	if (!asking || asking == cpu->index + 1 || cpu->in_panic)
		return;
	cpu->in_panic = true;
	while (!__atomic_load_n(&stopping.order, __ATOMIC_SEQ_CST))
		x86_pause();
	if (stopping.order == STOP_AND_TELL)
		tell(cpu, rip);
	stop_here();
}

/* SPDX-License-Identifier: MIT */
/* See kick.h. */
#include "arch/x86/kick.h"

#include "arch/virt.h"
#include "arch/x86/backend.h"
#include "arch/x86/insn.h"
#include "arch/x86/lapic.h"
#include "arch/x86/stop.h"

/* With interrupts off the NMI handler alone comes between, and it does not take bits away. */
static void forget(struct percpu *cpu)
{
	if (__atomic_load_n(&cpu->pending, __ATOMIC_RELAXED) & PENDING_KICK)
		__atomic_fetch_and(&cpu->pending, (uint8_t)~PENDING_KICK, __ATOMIC_SEQ_CST);
}

void kick_send(uint32_t cpu, uint32_t what)
{
	struct percpu *const other = percpu_of(cpu);

	if (!__atomic_fetch_or(&other->letter.kick, what, __ATOMIC_SEQ_CST))
		lapic_send_nmi(other->apic_id);
}

void virt_kick(uint32_t cpu)
{
	kick_send(cpu, KICK_LEAVE);
}

void virt_heard(void)
{
	forget(percpu());
}

uint8_t kick_nmi(uint64_t rip)
{
	struct percpu *const cpu = percpu();
	const uint32_t wanted = __atomic_exchange_n(&cpu->letter.kick, 0, __ATOMIC_SEQ_CST);
	uint8_t noted = 0;

	stop_if_asked(rip);
	/* An NMI of the machine's own, before the processor waits for its SIPI. */
	if (wanted & KICK_HELD)
		__atomic_fetch_or(&cpu->letter.kick, KICK_HELD, __ATOMIC_SEQ_CST);
	if (!wanted)
		noted = PENDING_NMI;
	else if (wanted & KICK_LEAVE)
		noted = PENDING_KICK;
	__atomic_fetch_or(&cpu->pending, noted, __ATOMIC_RELAXED);
	if (wanted & KICK_WISH)
		backend_kicked();
	return noted;
}

void kick_hold(void)
{
	struct percpu *const cpu = percpu();
	uint32_t nothing = 0;

	while (!__atomic_compare_exchange_n(&cpu->letter.kick, &nothing, KICK_HELD, false,
					    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
		nothing = 0;
		x86_pause();
	}
	forget(cpu);
}

void kick_release(void)
{
	struct percpu *const cpu = percpu();

	__atomic_store_n(&cpu->letter.kick, 0, __ATOMIC_SEQ_CST);
	forget(cpu);
}

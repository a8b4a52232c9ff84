/* SPDX-License-Identifier: MIT */
/* See gate.h. */
#include "hv/mem/gate.h"

#include "arch/virt.h"

uint64_t gate_enter_later(const struct gate *gate, uint64_t *inside)
{
	uint64_t turn;

	do {
		gate_leave(inside);
		while ((turn = __atomic_load_n(&gate->turn, __ATOMIC_ACQUIRE)) & 1)
			__builtin_ia32_pause();
		(void)__atomic_exchange_n(inside, turn, __ATOMIC_SEQ_CST);
	} while (__atomic_load_n(&gate->turn, __ATOMIC_SEQ_CST) != turn);
	return turn;
}

void gate_note(struct gate *gate)
{
	__atomic_fetch_add(&gate->turn, 2u, __ATOMIC_RELEASE);
}

void gate_close(struct gate *gate)
{
	__atomic_fetch_add(&gate->turn, 1u, __ATOMIC_SEQ_CST);
}

void gate_expel(const uint64_t *inside, uint32_t cpu)
{
	if (!__atomic_load_n(inside, __ATOMIC_SEQ_CST))
		return;
	if (cpu != ~0u)
		virt_kick(cpu);
	while (__atomic_load_n(inside, __ATOMIC_ACQUIRE))
		__builtin_ia32_pause();
}

void gate_open(struct gate *gate)
{
	__atomic_fetch_add(&gate->turn, 1u, __ATOMIC_RELEASE);
}

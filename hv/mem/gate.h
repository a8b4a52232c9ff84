/* SPDX-License-Identifier: MIT */
/*
 * The gate of a nested space: those who use what the space maps are inside, and whoever takes
 * something away from it closes the gate first, until nobody is.
 *
 * A user is a VP that runs, from before its first entry to the end of its Run: its processor may
 * remember translations, and the hypervisor has pointers into the memory of its guest. The root's
 * space has the root of each processor as its users, while that is in the guest. A user's own word
 * `inside` holds the turn at which it went in, 0 while it is not inside.
 *
 * No deadlock: who closes waits for users alone, whom it kicks, and a user that finds the gate
 * closed has gone out before it waits. So a user takes a lock under which its gate may be closed
 * only when it is out. The gate of a partition is closed under the partition's lock alone; that of
 * the root's space under hv.lock, for nobody in the root's guest takes a lock on the way out.
 */
#ifndef HV_MEM_GATE_H
#define HV_MEM_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "x86/compiler.h"

/* Counts up with every change of the space; odd while the gate is closed. */
struct gate {
	uint64_t turn;
};

#define GATE_FIRST_TURN 2u

static inline uint64_t gate_turn(const struct gate *gate)
{
	return __atomic_load_n(&gate->turn, __ATOMIC_RELAXED);
}

/* The rest of gate_enter(): it is another turn, or the gate is closed. */
uint64_t gate_enter_later(const struct gate *gate, uint64_t *inside);

/*
 * Go in, as soon as the gate is open; the turn at which that was. The caller was out; `known` is
 * the turn at which it was in last, 0 if it never was. What it has found in the space before
 * another turn is out of date.
 */
static inline uint64_t gate_enter(const struct gate *gate, uint64_t *inside, uint64_t known)
{
	/*
	 * Who goes in shows itself by a locked operation, and then looks at the turn; who closes
	 * changes the turn by one, and then looks who is inside: one of the two sees the other.
	 */
	(void)__atomic_exchange_n(inside, known, __ATOMIC_SEQ_CST);
	if (likely(__atomic_load_n(&gate->turn, __ATOMIC_SEQ_CST) == known))
		return known;
	return gate_enter_later(gate, inside);
}

/* Has nothing changed since? In the path of every entry. */
static inline bool gate_holds(const struct gate *gate, const uint64_t *inside)
{
	return gate_turn(gate) == *inside;
}

static inline void gate_leave(uint64_t *inside)
{
	__atomic_store_n(inside, 0, __ATOMIC_RELEASE);
}

/* Something has been added to the space, and nothing taken away: users need not go out. */
void gate_note(struct gate *gate);

/*
 * Close: from now on nobody goes in; then gate_expel() for each user. The lock of the space is held
 * until gate_open().
 */
void gate_close(struct gate *gate);

/*
 * Wait until a user is out. It is kicked if it is not: the processor that it is on, ~0u if it is on
 * its way out, or back out again.
 */
void gate_expel(const uint64_t *inside, uint32_t cpu);

void gate_open(struct gate *gate);

#endif

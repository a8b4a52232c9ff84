/* SPDX-License-Identifier: MIT */
/*
 * Kicks: virt_kick() of arch/virt.h and what becomes of it on the processor that is kicked.
 *
 * A kick is an NMI, which comes whatever that processor does. Its word `kick` (percpu.h) tells it
 * from the NMIs of the machine, which are the root's: who sets the first bit in it sends one NMI,
 * and the next NMI that comes makes it 0 again. So there is one NMI for each time that the word is
 * not 0; of two that come at the same time the machine makes one by itself, as it does with two of
 * its own.
 */
#ifndef ARCH_X86_KICK_H
#define ARCH_X86_KICK_H

#include <stdbool.h>
#include <stdint.h>

/* percpu.letter.kick: what is wanted. */
#define KICK_LEAVE (1u << 0) /* virt_kick() */
#define KICK_WISH  (1u << 1) /* the backend's, backend_kicked() */
#define KICK_HELD  (1u << 2) /* nothing: by the processor itself, kick_hold() */

/* Let a processor know that this is wanted of it. */
void kick_send(uint32_t cpu, uint32_t what);

/*
 * An NMI has come to this processor, which was at `rip`. One of the machine, and a virt_kick(), are
 * noted in percpu.pending; a wish is fulfilled. The PENDING_… that was noted, or 0. Called with
 * NMIs blocked, at any instruction: takes no lock and waits for nobody.
 */
uint8_t kick_nmi(uint64_t rip);

/*
 * This processor is about to be where no NMI comes, or back. In between nobody sends it one, for
 * its own word says that one is on its way; and none is, when kick_hold() returns. Nothing is noted
 * then.
 */
void kick_hold(void);
void kick_release(void);

#endif

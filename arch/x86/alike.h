/* SPDX-License-Identifier: MIT */
/*
 * Are the processors of this machine alike? A root, or a child, that goes from one to the other
 * must not see memory types or time change.
 */
#ifndef ARCH_X86_ALIKE_H
#define ARCH_X86_ALIKE_H

#include <stdbool.h>
#include <stddef.h>

#include "arch/x86/memory_type.h"

/*
 * Note the processor that this runs on as the first, or compare it with that one; false with a
 * message that names the difference. After backend_check(). Changes nothing of the processor.
 */
bool alike_check(bool is_first, char *message, size_t message_bytes);

/*
 * Give this processor the MTRRs that it lacks to be like the first, which alike_check() has let
 * pass. *now: those that it has.
 */
void alike_complete(struct mtrr_state *now);

#endif

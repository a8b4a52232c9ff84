/* SPDX-License-Identifier: MIT */
/*
 * Are the processors of this machine alike? A root, or a child, that goes from one to the other
 * must not see memory types or time change.
 */
#ifndef ARCH_X86_ALIKE_H
#define ARCH_X86_ALIKE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Note the processor that this runs on as the first, or compare it with that one; false with a
 * message that names the difference. After backend_check(). Changes nothing of the processor.
 */
bool alike_check(bool is_first, char *message, size_t message_bytes);

#endif

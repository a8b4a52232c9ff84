/* SPDX-License-Identifier: MIT */
/* Words to the compiler. */
#ifndef X86_COMPILER_H
#define X86_COMPILER_H

#include <stdint.h>

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* Words at any address, in memory of any type: the processor does not ask for alignment. */
typedef uint16_t __attribute__((aligned(1), may_alias)) any16;
typedef uint32_t __attribute__((aligned(1), may_alias)) any32;
typedef uint64_t __attribute__((aligned(1), may_alias)) any64;

#endif

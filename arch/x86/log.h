/* SPDX-License-Identifier: MIT */
/* The log's control, for arch/ only; the log itself is include/whit/log.h. */
#ifndef ARCH_X86_LOG_H
#define ARCH_X86_LOG_H

#include "whit/log.h"

/* Lines above `level` are dropped from now on. */
void log_set_level(enum whit_log_level level);

/* Before the last words of a panic: the lock's holder may be the one who panics. */
void log_break_lock(void);

#endif

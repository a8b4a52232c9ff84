/* SPDX-License-Identifier: MIT */
/*
 * The log: a ring in the hypervisor's memory that the root reads by hypercall (WHIT_CALL_READ_LOG),
 * and a serial port. Implemented in arch/x86/log.c; on the host by the tests.
 */
#ifndef WHIT_LOG_H
#define WHIT_LOG_H

#include <stddef.h>
#include <stdint.h>

enum whit_log_level { LOG_ERROR, LOG_NOTICE, LOG_DEBUG };

#define WHIT_LOG_BYTES 16384u

/*
 * Append one line (the newline is added). Conversions: %s %c %d %u %x %llx %llu %lx %lu %p %%, with
 * width and zero padding. Never called on a path that a guest can take at will more than once
 * without a counter that ends it.
 */
__attribute__((format(printf, 2, 3))) void log_line(enum whit_log_level level, const char *format,
						    ...);

/*
 * Copy out of the ring: bytes from position `from` (counted since the start of time; positions that
 * have been overwritten are skipped), at most n_bytes. *next is the position to go on from. Returns
 * the number of bytes copied.
 */
size_t log_read(uint64_t from, char *buffer, size_t n_bytes, uint64_t *next);

#endif

/* SPDX-License-Identifier: MIT */
/* The last exits of a processor, for a panic to tell. */
#ifndef ARCH_X86_TRACE_H
#define ARCH_X86_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#define TRACE_EXITS 16

struct trace {
	uint32_t n; /* exits since the start, cut to 32 bits */
	struct trace_exit {
		uint64_t rip;
		uint32_t reason; /* the vendor's exit code */
		bool is_root;
	} exits[TRACE_EXITS];
};

/* Each exit comes through here, so it is a few stores. */
static inline void trace_note(struct trace *trace, uint64_t rip, uint32_t reason, bool is_root)
{
	struct trace_exit *const exit = &trace->exits[trace->n++ % TRACE_EXITS];

	exit->rip = rip;
	exit->reason = reason;
	exit->is_root = is_root;
}

/* Write them to the log, oldest first. */
void trace_dump(const struct trace *trace);

#endif

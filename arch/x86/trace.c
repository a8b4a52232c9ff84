/* SPDX-License-Identifier: MIT */
/* The last exits, in a panic. */
#include "arch/x86/trace.h"
#include "whit/log.h"

void trace_dump(const struct trace *trace)
{
	const uint32_t n = trace->n < TRACE_EXITS ? trace->n : TRACE_EXITS;

	log_line(LOG_ERROR, "last exits, oldest first:");
	for (uint32_t i = trace->n - n; i != trace->n; i++) {
		const struct trace_exit *const exit = &trace->exits[i % TRACE_EXITS];

		log_line(LOG_ERROR, "  %s reason %x rip %llx", exit->is_root ? "root " : "child",
			 exit->reason, (unsigned long long)exit->rip);
	}
}

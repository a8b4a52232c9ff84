/* SPDX-License-Identifier: MIT */
/*
 * The end: what is known goes to the log ring and the serial port, and the processor stops. Written
 * to work on a wounded machine: no allocation, no lock that is not broken first, and a panic inside
 * it ends at once.
 */
#include <stdarg.h>

#include "arch/virt.h"
#include "arch/x86/backend.h"
#include "arch/x86/cpu.h"
#include "arch/x86/format.h"
#include "arch/x86/insn.h"
#include "arch/x86/log.h"

static __attribute__((noreturn)) void stop(void)
{
	for (;;) {
		x86_cli();
		x86_hlt();
	}
}

static void begin(struct percpu *cpu)
{
	if (cpu->in_panic)
		stop();
	cpu->in_panic = true;
	log_break_lock();
}

static void dump_exits(const struct percpu *cpu)
{
	uint32_t n = cpu->trace_next < TRACE_EXITS ? cpu->trace_next : TRACE_EXITS;

	log_line(LOG_ERROR, "last exits, oldest first:");
	for (uint32_t i = cpu->trace_next - n; i != cpu->trace_next; i++) {
		const struct trace_exit *e = &cpu->trace[i % TRACE_EXITS];

		log_line(LOG_ERROR, "  %s reason %x rip %llx", e->is_root ? "root " : "child",
			 e->reason, (unsigned long long)e->rip);
	}
}

static __attribute__((noreturn)) void end(const struct percpu *cpu)
{
	if (cpu->current)
		backend_dump();
	dump_exits(cpu);
	log_line(LOG_ERROR, "processor %u stopped", cpu->index);
	stop();
}

void virt_panic(const char *format, ...)
{
	struct percpu *cpu = percpu();
	char text[160];
	va_list args;

	begin(cpu);
	va_start(args, format);
	format_list(text, sizeof(text), format, args);
	va_end(args);
	log_line(LOG_ERROR, "PANIC on processor %u: %s (from %p)", cpu->index, text,
		 __builtin_return_address(0));
	end(cpu);
}

void panic_exception(const struct exc_frame *frame)
{
	static const char names[16][4] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
					   "r8",  "r9",	 "r10", "r11", "r12", "r13", "r14", "r15" };
	struct percpu *cpu = percpu();

	begin(cpu);
	log_line(LOG_ERROR, "PANIC on processor %u: exception %llu, error code %llx", cpu->index,
		 (unsigned long long)frame->vector, (unsigned long long)frame->error_code);
	log_line(LOG_ERROR, "rip %llx cs %llx rflags %llx rsp %llx ss %llx cr2 %llx cr3 %llx",
		 (unsigned long long)frame->rip, (unsigned long long)frame->cs,
		 (unsigned long long)frame->rflags, (unsigned long long)frame->rsp,
		 (unsigned long long)frame->ss, (unsigned long long)x86_read_cr2(),
		 (unsigned long long)x86_read_cr3());
	for (unsigned int i = 0; i < 16; i += 4) {
		log_line(LOG_ERROR, "%s %016llx %s %016llx %s %016llx %s %016llx", names[i],
			 (unsigned long long)frame->gpr[i], names[i + 1],
			 (unsigned long long)frame->gpr[i + 1], names[i + 2],
			 (unsigned long long)frame->gpr[i + 2], names[i + 3],
			 (unsigned long long)frame->gpr[i + 3]);
	}
	end(cpu);
}

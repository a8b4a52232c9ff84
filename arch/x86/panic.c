/* SPDX-License-Identifier: MIT */
/*
 * A panic writes all that is known to the log ring and the serial port, and lets the other
 * processors do the same and stop; then its own stops, or resets the machine after the time that
 * whit.conf gives. The code must work on a damaged machine: it allocates nothing, breaks each lock
 * before it takes it, and a panic inside it ends at once. Of several processors in a panic the
 * first resets the machine.
 */
#include <stdarg.h>

#include "arch/virt.h"
#include "arch/x86/backend.h"
#include "arch/x86/cpu.h"
#include "arch/x86/format.h"
#include "arch/x86/insn.h"
#include "arch/x86/log.h"
#include "arch/x86/stop.h"

/*
 * Without the loader's measurement: no processor is faster, so the wait is too long rather than too
 * short.
 */
#define FASTEST_TSC_HZ 6000000000ull

static struct {
	uint32_t seconds; /* 0: no reset */
	uint64_t tsc_hz;
	bool is_under_way;
} reset;

void panic_resets(uint32_t seconds, uint64_t tsc_hz)
{
	reset.seconds = seconds;
	reset.tsc_hz = tsc_hz ? tsc_hz : FASTEST_TSC_HZ;
	stop_set_clock(reset.tsc_hz);
}

/* For good. A panic on the way through the reset stands. */
static __attribute__((noreturn)) void stop(void)
{
	x86_cli();
	if (reset.seconds && !reset.is_under_way) {
		const uint64_t start = x86_rdtsc();

		reset.is_under_way = true;
		while (x86_rdtsc() - start < reset.seconds * reset.tsc_hz)
			x86_pause();
		virt_reset();
	}
	stop_here();
}

/* True: this processor's panic is the first one. */
static bool begin(struct percpu *cpu)
{
	bool is_first;

	if (cpu->in_panic) {
		if (stop_others(STOP_AND_TELL))
			stop();
		stop_here();
	}
	cpu->in_panic = true;
	is_first = stop_others(STOP_AND_TELL);
	stop_begin_words();
	return is_first;
}

static __attribute__((noreturn)) void end(const struct percpu *cpu, bool is_first)
{
	if (cpu->current)
		backend_dump();
	trace_dump(&cpu->trace);
	if (is_first) {
		stop_end_words();
		stop_wait();
	}
	if (is_first && reset.seconds)
		log_line(LOG_ERROR, "processor %u resets the machine in %u s", cpu->index,
			 reset.seconds);
	else
		log_line(LOG_ERROR, "processor %u stopped", cpu->index);
	stop_end_words();
	if (is_first)
		stop();
	stop_here();
}

void virt_panic(const char *format, ...)
{
	struct percpu *cpu = percpu();
	char text[160];
	va_list args;
	const bool is_first = begin(cpu);

	va_start(args, format);
	format_list(text, sizeof(text), format, args);
	va_end(args);
	log_line(LOG_ERROR, "PANIC on processor %u: %s (from %p)", cpu->index, text,
		 __builtin_return_address(0));
	end(cpu, is_first);
}

void panic_exception(const struct exc_frame *frame)
{
	static const char names[16][4] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
					   "r8",  "r9",	 "r10", "r11", "r12", "r13", "r14", "r15" };
	struct percpu *cpu = percpu();
	const bool is_first = begin(cpu);

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
	end(cpu, is_first);
}

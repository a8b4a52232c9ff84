// SPDX-License-Identifier: MIT
/*
 * Runs in the Linux guest, one check a call: `check NAME` prints `ok NAME` or `FAIL NAME: why` and ends with 0 or 1.
 * Linked statically; the guest has nothing else. The clock is that of an emulator, so that limits on time are wide.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "storm.h"
#include "vector.h"

static const char *check_name;

__attribute__((noreturn, format(printf, 1, 2))) static void fail(const char *format, ...)
{
	va_list args;

	printf("FAIL %s: ", check_name);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	exit(1);
}

static uint64_t tsc(void)
{
	return __builtin_ia32_rdtsc();
}

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void move_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		fail("cannot move to processor %d", cpu);
}

static void wait_for(pid_t pid, int expected)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		fail("no child to wait for");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != expected)
		fail("a child ended with status %#x", (unsigned int)status);
}

/* As many processors as the command line says (cpus=N), each of which runs programs. */
static void check_processors(void)
{
	const char *expected = getenv("cpus");
	int n = get_nprocs();

	if (expected && atoi(expected) != n)
		fail("%d processors, not %s", n, expected);
	for (int cpu = 0; cpu < n; cpu++) {
		move_to(cpu);
		if (sched_getcpu() != cpu)
			fail("on processor %d, not %d", sched_getcpu(), cpu);
	}
}

/* Neither the clock nor the time stamp counter goes backwards, on one processor or from one to the next. */
static void check_clock(void)
{
	uint64_t last_us = now_us(), last_tsc = tsc();
	int n = get_nprocs();

	for (int i = 0; i < 40; i++) {
		move_to(i % n);
		for (int j = 0; j < 2000; j++) {
			uint64_t us = now_us(), ticks = tsc();

			if (us < last_us)
				fail("clock from %lu to %lu us", last_us, us);
			if (ticks < last_tsc)
				fail("counter from %lu to %lu", last_tsc, ticks);
			last_us = us;
			last_tsc = ticks;
		}
	}
}

/* A sleep lasts as long as it should, and not much longer. */
static void check_sleep(void)
{
	for (unsigned int us = 200; us < 50000; us *= 3) {
		const struct timespec duration = { .tv_nsec = us * 1000 };
		uint64_t start = now_us(), slept;

		if (nanosleep(&duration, NULL))
			fail("interrupted");
		slept = now_us() - start;
		if (slept < us || slept > us + 30000)
			fail("%lu us instead of %u", slept, us);
	}
}

static volatile sig_atomic_t n_alarms;

static void on_alarm(int number)
{
	(void)number;
	n_alarms++;
}

/* A timer of 5 ms comes 20 times while a program computes, in about 100 ms. */
static void check_timers(void)
{
	const struct itimerval period = { { 0, 5000 }, { 0, 5000 } };
	uint64_t start = now_us(), took;

	signal(SIGALRM, on_alarm);
	if (setitimer(ITIMER_REAL, &period, NULL))
		fail("no timer");
	while (n_alarms < 20)
		if (now_us() - start > 2000000)
			fail("%d alarms in 2 s", (int)n_alarms);
	took = now_us() - start;
	if (took < 95000)
		fail("20 alarms in %lu us", took);
}

static void on_signal(int number)
{
	(void)number;
}

/* Two processes pass a signal to and fro. */
static void check_signals(void)
{
	const int n_rounds = 200;
	sigset_t set;
	pid_t pid;
	int got;

	signal(SIGUSR1, on_signal);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	pid = fork();
	if (pid < 0)
		fail("no process");
	for (int i = 0; i < n_rounds; i++) {
		if (!pid) {
			sigwait(&set, &got);
			kill(getppid(), SIGUSR1);
		} else {
			kill(pid, SIGUSR1);
			sigwait(&set, &got);
		}
	}
	if (!pid)
		_exit(7);
	wait_for(pid, 7);
}

/* Processes that have processes, all at once. */
static void check_forks(void)
{
	enum { CHILDREN = 12, GRANDCHILDREN = 8 };
	pid_t children[CHILDREN];

	for (int i = 0; i < CHILDREN; i++) {
		children[i] = fork();
		if (children[i] < 0)
			fail("no process");
		if (!children[i]) {
			pid_t grandchildren[GRANDCHILDREN];

			for (int j = 0; j < GRANDCHILDREN; j++) {
				grandchildren[j] = fork();
				if (!grandchildren[j])
					_exit(j);
			}
			for (int j = 0; j < GRANDCHILDREN; j++)
				wait_for(grandchildren[j], j);
			_exit(i);
		}
	}
	for (int i = 0; i < CHILDREN; i++)
		wait_for(children[i], i);
}

/* Half of the memory that is free is written and read back, by two processes. */
static void check_memory(void)
{
	struct sysinfo info;
	pid_t pid;

	if (sysinfo(&info))
		fail("no sysinfo");
	pid = fork();
	if (pid < 0)
		fail("no process");
	const size_t n = info.freeram * info.mem_unit / 4 / sizeof(uint64_t);
	const size_t step = 512; /* a page, and one word more: they are not all at the same place */
	const uint64_t seed = pid ? 0x0123456789abcdef : 0xfedcba9876543210;
	uint64_t *memory = mmap(NULL, n * sizeof(uint64_t), PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		fail("no memory");
	for (size_t i = 0; i < n; i += step + 1)
		memory[i] = seed + i;
	for (size_t i = 0; i < n; i += step + 1)
		if (memory[i] != seed + i)
			fail("word %zu is %#lx", i, memory[i]);
	if (!pid)
		_exit(3);
	wait_for(pid, 3);
}

/* The sum of a line of /proc/interrupts over the processors; -1: there is no such line. least: of one processor. */
static long interrupts(const char *name, long *least)
{
	FILE *file = fopen("/proc/interrupts", "r");
	char line[1024];
	long sum = -1;

	while (file && fgets(line, sizeof(line), file)) {
		char *at = strstr(line, name);

		if (!at || at > line + 8)
			continue;
		sum = 0;
		*least = -1;
		at += strlen(name);
		for (int i = 0; i < get_nprocs(); i++) {
			long value = strtol(at, &at, 10);

			sum += value;
			if (*least < 0 || value < *least)
				*least = value;
		}
	}
	if (file)
		fclose(file);
	return sum;
}

/* Each processor has had timer interrupts, several have sent each other some, none was spurious or in error. */
static void check_interrupts(void)
{
	static const char *const none[] = { "ERR:", "MIS:", "SPU:", "MCE:", "THR:", "NMI:" };
	long least, sum;

	sum = interrupts("LOC:", &least);
	if (sum < 10 || least < 1)
		fail("%ld local timer interrupts, %ld on one processor", sum, least);
	if (get_nprocs() > 1) {
		if (interrupts("RES:", &least) < 1)
			fail("no rescheduling interrupt");
		if (interrupts("CAL:", &least) < 1)
			fail("no function call interrupt");
	}
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		if ((sum = interrupts(none[i], &least)) > 0)
			fail("%s %ld", none[i], sum);
}

/*
 * Several processes at once keep the vector registers full of different numbers. What they compute is what one
 * number at a time gives, with every width of vectors that the processor and the kernel offer.
 */
static void check_vector(void)
{
	enum { PROCESSES = 4 };
	pid_t pids[PROCESSES];

	for (int i = 0; i < PROCESSES; i++) {
		pids[i] = fork();
		if (pids[i] < 0)
			fail("no process");
		if (!pids[i]) {
			const char *wrong = vector_check((unsigned int)i / 2);

			if (wrong)
				fail("process %d: %s", i, wrong);
			_exit(5);
		}
	}
	for (int i = 0; i < PROCESSES; i++)
		wait_for(pids[i], 5);
	printf("vector: %s\n", vector_kinds());
}

static void storm(const char *wrong)
{
	if (wrong)
		fail("%s", wrong);
}

static void check_barriers(void)
{
	storm(storm_barriers());
}

static void check_mappings(void)
{
	storm(storm_mappings());
}

static void check_futexes(void)
{
	storm(storm_futexes());
}

static void print_tsc(void)
{
	printf("tsc %lu\n", tsc());
}

static const struct {
	const char *name;
	void (*run)(void);
} checks[] = {
	{ "processors", check_processors },
	{ "clock", check_clock },
	{ "sleep", check_sleep },
	{ "timers", check_timers },
	{ "signals", check_signals },
	{ "forks", check_forks },
	{ "memory", check_memory },
	{ "vector", check_vector },
	{ "interrupts", check_interrupts },
	{ "barriers", check_barriers },
	{ "mappings", check_mappings },
	{ "futexes", check_futexes },
	{ "tsc", print_tsc },
};

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; argc == 2 && i < sizeof(checks) / sizeof(checks[0]); i++) {
		if (strcmp(argv[1], checks[i].name) != 0)
			continue;
		check_name = argv[1];
		checks[i].run();
		printf("ok %s\n", check_name);
		return 0;
	}
	fprintf(stderr, "usage: check NAME\n");
	return 2;
}

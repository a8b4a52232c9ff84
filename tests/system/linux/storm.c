// SPDX-License-Identifier: MIT
/*
 * Interrupts between two processors of the guest, as many as there can be, each of which has an effect that is seen if the
 * interrupt is late or lost: an order of memory accesses, an old translation, a thread that does not wake.
 */
#define _GNU_SOURCE
#include "storm.h"

#include <linux/futex.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#define LEAST_ROUNDS 100u

static bool is_over; /* atomic */
static const char *wrong;

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static uint64_t end_of_storm(void)
{
	const char *seconds = getenv("storm");

	return now_ms() + 1000 * (seconds ? strtoul(seconds, NULL, 10) : 2);
}

static void move_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		wrong = "cannot move to a processor";
}

/* `here` in this thread on processor 0 and `there` in another on processor 1, until the time is over. */
static const char *both(uint64_t (*here)(uint64_t end_ms), void *(*there)(void *))
{
	pthread_t other;
	uint64_t n_rounds;

	if (get_nprocs() < 2)
		return NULL;
	is_over = false;
	wrong = NULL;
	move_to(0);
	if (pthread_create(&other, NULL, there, NULL))
		return "no thread";
	n_rounds = here(end_of_storm());
	__atomic_store_n(&is_over, true, __ATOMIC_SEQ_CST);
	pthread_join(other, NULL);
	printf("# %lu rounds\n", n_rounds);
	return !wrong && n_rounds < LEAST_ROUNDS ? "too few rounds" : wrong;
}

static bool goes_on(void)
{
	return !__atomic_load_n(&is_over, __ATOMIC_RELAXED) && !wrong;
}

/* ---- Barriers ---------------------------------------------------------------------------- */

/*
 * Each writes its own word and then reads the other's. The fast side has no fence: membarrier() of the slow side puts one
 * there. So one of the two sees the other's round.
 */
static volatile uint64_t go, slow_round, fast_round, fast_saw, fast_done;

static void *barrier_fast(void *unused)
{
	move_to(1);
	for (uint64_t round = 1; goes_on(); round++) {
		while (go < round && goes_on())
			;
		fast_round = round;
		__asm__ volatile("" ::: "memory");
		fast_saw = slow_round;
		fast_done = round;
	}
	return unused;
}

static uint64_t barrier_slow(uint64_t end_ms)
{
	uint64_t round = 0;

	if (syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0))
		wrong = "no membarrier()";
	while (goes_on() && (round % 64 || now_ms() < end_ms)) {
		uint64_t saw;

		go = ++round;
		for (volatile uint64_t delay = round % 32; delay; delay--)
			;
		slow_round = round;
		if (syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0))
			wrong = "membarrier() failed";
		saw = fast_round;
		while (fast_done < round && goes_on())
			;
		if (goes_on() && saw < round && fast_saw < round)
			wrong = "neither side has seen the other's round";
	}
	return round;
}

const char *storm_barriers(void)
{
	go = slow_round = fast_round = fast_saw = fast_done = 0;
	return both(barrier_slow, barrier_fast);
}

/* ---- Mappings ---------------------------------------------------------------------------- */

/* The page holds the number of its round, 0 while it is new; `published` is a round whose page stands for sure. */
static volatile uint64_t *page;
static volatile uint64_t published;

static void *mapping_reader(void *unused)
{
	move_to(1);
	while (goes_on()) {
		const uint64_t least = published, found = *page;

		if (found && found < least)
			wrong = "a page that has been replaced is still read";
	}
	return unused;
}

static uint64_t mapping_writer(uint64_t end_ms)
{
	uint64_t round = 0;

	while (goes_on() && (round % 64 || now_ms() < end_ms)) {
		if (mmap((void *)page, 4096, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
			wrong = "mmap() failed";
		*page = ++round;
		published = round;
	}
	return round;
}

const char *storm_mappings(void)
{
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if ((void *)page == MAP_FAILED)
		return "no page";
	published = 0;
	return both(mapping_writer, mapping_reader);
}

/* ---- Futexes ----------------------------------------------------------------------------- */

static uint32_t turn; /* even: ours, odd: the other's */

static void wait_for_turn(uint32_t parity)
{
	const struct timespec patience = { .tv_sec = 5 };
	uint32_t seen;

	while (((seen = __atomic_load_n(&turn, __ATOMIC_SEQ_CST)) & 1) != parity && goes_on())
		if (syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, seen, &patience, NULL, 0) &&
		    __atomic_load_n(&turn, __ATOMIC_SEQ_CST) == seen && goes_on())
			wrong = "a thread was not woken";
}

static void pass_turn(void)
{
	__atomic_fetch_add(&turn, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void *futex_other(void *unused)
{
	move_to(1);
	while (goes_on()) {
		wait_for_turn(1);
		pass_turn();
	}
	return unused;
}

static uint64_t futex_self(uint64_t end_ms)
{
	uint64_t round = 0;

	for (; goes_on() && (round % 64 || now_ms() < end_ms); round++) {
		pass_turn();
		wait_for_turn(0);
	}
	__atomic_store_n(&is_over, true, __ATOMIC_SEQ_CST);
	pass_turn();
	return round;
}

const char *storm_futexes(void)
{
	turn = 0;
	return both(futex_self, futex_other);
}

/* SPDX-License-Identifier: MIT */
/* arch/lock.h: the order of locks, which every test of hv/ is held to. */
#include "arch/lock.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hv/hv.h"
#include "hv/partition.h"
#include "tests/unit/machine.h"

static struct lock start, partition, other, whole, last, log_lock;

static void set_ranks(void)
{
	machine(256 * MIB);
	lock_set_rank(&start, LOCK_START);
	lock_set_rank(&partition, LOCK_PARTITION);
	lock_set_rank(&other, LOCK_PARTITION);
	lock_set_rank(&whole, LOCK_HV);
	lock_set_rank(&last, LOCK_LAST);
	lock_set_rank(&log_lock, LOCK_LAST);
}

/* Does the checker stop a process that does this? Any other end fails the test. */
static bool is_stopped(void (*deed)(void))
{
	const pid_t child = fork();
	int status = 0;

	if (!child) {
		(void)signal(SIGABRT, SIG_DFL);
		(void)!freopen("/dev/null", "w", stdout);
		deed();
		_exit(0);
	}
	REQUIRE(child > 0);
	REQUIRE_EQ(waitpid(child, &status, 0), child);
	REQUIRE(WIFEXITED(status) ? WEXITSTATUS(status) == 0 : WTERMSIG(status) == SIGABRT);
	return WIFSIGNALED(status);
}

static void take_in_order(void)
{
	lock_take(&start);
	lock_drop(&start);
	lock_take(&partition);
	lock_take(&whole);
	lock_take(&last);
	lock_drop(&last);
	/* The order of drops is free. */
	lock_drop(&partition);
	lock_drop(&whole);
	if (!lock_try(&other))
		_exit(1);
	lock_drop(&other);
}

static void take_partition_under_hv(void)
{
	lock_take(&whole);
	lock_take(&partition);
}

static void try_partition_under_hv(void)
{
	lock_take(&whole);
	(void)lock_try(&partition);
}

static void take_two_partitions(void)
{
	lock_take(&partition);
	lock_take(&other);
}

static void take_under_the_last(void)
{
	lock_take(&last);
	lock_take(&whole);
}

static void take_two_last(void)
{
	lock_take(&last);
	lock_take(&log_lock);
}

static void take_twice(void)
{
	lock_take(&partition);
	lock_take(&partition);
}

static void drop_what_is_not_held(void)
{
	lock_take(&partition);
	lock_drop(&whole);
}

static void drop_twice(void)
{
	lock_take(&partition);
	lock_drop(&partition);
	lock_drop(&partition);
}

static void order_is_kept(void)
{
	set_ranks();
	CHECK(!is_stopped(take_in_order));
}

static void breach_of_the_order_is_stopped(void)
{
	set_ranks();
	CHECK(is_stopped(take_partition_under_hv));
	CHECK(is_stopped(try_partition_under_hv));
	CHECK(is_stopped(take_two_partitions));
	CHECK(is_stopped(take_under_the_last));
	CHECK(is_stopped(take_two_last));
	CHECK(is_stopped(take_twice));
	CHECK(is_stopped(drop_what_is_not_held));
	CHECK(is_stopped(drop_twice));
}

/* The locks of hv/ have their ranks, and the hypercalls leave none held. */
static void locks_of_hv_have_ranks(void)
{
	uint64_t handle;

	machine(256 * MIB);
	handle = set_up(32, 1);
	CHECK_EQ(hv.lock.rank, LOCK_HV);
	CHECK_EQ(partition_of(handle)->lock.rank, LOCK_PARTITION);
	CHECK_EQ(lock_held.n, 0u);
	delete_all(handle);
	CHECK_EQ(lock_held.n, 0u);
	check_clean();
}

int main(void)
{
	static const struct test tests[] = {
		TEST(order_is_kept),
		TEST(breach_of_the_order_is_stopped),
		TEST(locks_of_hv_have_ranks),
	};

	return RUN(tests);
}

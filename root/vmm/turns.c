// SPDX-License-Identifier: MIT
/* See turns.h. */
#include "root/vmm/turns.h"

void turns_init(struct turns *turns, unsigned int n)
{
	*turns = (struct turns) { .n = n };
}

static bool can_run(const struct turns *turns, unsigned int vp, uint64_t now)
{
	return !turns->vps[vp].sleeps || turns->vps[vp].is_due || turns->vps[vp].deadline <= now;
}

int turns_next(struct turns *turns, uint64_t now)
{
	for (unsigned int i = 0; i < turns->n; i++) {
		unsigned int vp = (turns->current + i) % turns->n;

		if (!can_run(turns, vp, now))
			continue;
		turns->current = vp;
		turns->vps[vp].sleeps = false;
		turns->vps[vp].is_due = false;
		return (int)vp;
	}
	return -1;
}

/* The current VP may have sent interrupts. */
static void try_others(struct turns *turns)
{
	for (unsigned int i = 0; i < turns->n; i++)
		if (i != turns->current)
			turns->vps[i].is_due = true;
}

void turns_yield(struct turns *turns)
{
	try_others(turns);
	turns->current = (turns->current + 1) % turns->n;
}

void turns_sleep(struct turns *turns, uint64_t deadline, bool has_run)
{
	turns->vps[turns->current].sleeps = true;
	turns->vps[turns->current].deadline = deadline;
	if (has_run)
		try_others(turns);
	turns->current = (turns->current + 1) % turns->n;
}

void turns_wake(struct turns *turns, unsigned int vp)
{
	turns->vps[vp].is_due = true;
}

void turns_wake_all(struct turns *turns)
{
	for (unsigned int i = 0; i < turns->n; i++)
		turns->vps[i].is_due = true;
}

uint64_t turns_deadline(const struct turns *turns)
{
	uint64_t first = TURNS_NEVER;

	for (unsigned int i = 0; i < turns->n; i++)
		if (turns->vps[i].sleeps && turns->vps[i].deadline < first)
			first = turns->vps[i].deadline;
	return first;
}

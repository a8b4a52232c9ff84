/* SPDX-License-Identifier: MIT */
/* Two processors of the guest that keep each other busy, storm.c. */
#ifndef TESTS_LINUX_STORM_H
#define TESTS_LINUX_STORM_H

/*
 * Each works for as many seconds of the guest's as the environment's `storm` says (2), on processors 0 and 1; NULL, or what
 * went wrong. On one processor there is nothing to be done.
 */
const char *storm_barriers(void); /* membarrier(): an interrupt to the other processor each time */
const char *
storm_mappings(void);		 /* a page that one replaces and the other reads: TLB shoot-downs */
const char *storm_futexes(void); /* one wakes the other, and sleeps */

#endif

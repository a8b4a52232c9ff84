/* SPDX-License-Identifier: MIT */
/* A search in the guest's output for a line that begins in a certain way. */
#ifndef ROOT_VMM_WATCH_H
#define ROOT_VMM_WATCH_H

#include <stdbool.h>

struct watch {
	const char *awaited; /* not empty */
	unsigned int n_matched;
	bool is_mid_line; /* the line has begun otherwise */
	bool has_come;
};

void watch_init(struct watch *watch, const char *awaited);

/* The guest has written c. The line counts once it has ended. */
void watch_character(struct watch *watch, char c);

#endif

// SPDX-License-Identifier: MIT
/* See watch.h. */
#include "root/vmm/watch.h"

void watch_init(struct watch *watch, const char *awaited)
{
	*watch = (struct watch) { .awaited = awaited };
}

void watch_character(struct watch *watch, char c)
{
	if (c == '\n' || c == '\r') {
		if (!watch->awaited[watch->n_matched])
			watch->has_come = true;
		watch->n_matched = 0;
		watch->is_mid_line = false;
	} else if (!watch->is_mid_line && watch->awaited[watch->n_matched]) {
		if (watch->awaited[watch->n_matched] == c) {
			watch->n_matched++;
		} else {
			watch->n_matched = 0;
			watch->is_mid_line = true;
		}
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * A program's tests, run on a processor that tells and holds everything, and on one that leaves out whatever a
 * processor may leave out (arch/fake/fake.h). The promises are the same.
 */
#ifndef TESTS_UNIT_BOTH_WAYS_H
#define TESTS_UNIT_BOTH_WAYS_H

#include <stdio.h>

#include "arch/fake/fake.h"

#define FAKE_LACKS_ALL \
	(FAKE_LACKS_GVA | FAKE_LACKS_LENGTH | FAKE_LACKS_OPERANDS | FAKE_LACKS_PDPTES)

/* `run` runs the table, and answers the program's exit status. */
static inline int both_ways(int (*run)(void))
{
	static const struct {
		const char *name;
		unsigned int lacks;
	} ways[] = {
		{ "a processor that tells everything", 0 },
		{ "a processor without lengths, operands, guest-virtual addresses and PDPTEs",
		  FAKE_LACKS_ALL },
	};
	int status = 0;

	for (unsigned int i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		fake_lacks = ways[i].lacks;
		printf("# %s\n", ways[i].name);
		status |= run();
	}
	return status;
}

#endif

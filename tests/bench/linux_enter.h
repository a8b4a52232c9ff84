/* SPDX-License-Identifier: MIT */
#ifndef TESTS_BENCH_LINUX_ENTER_H
#define TESTS_BENCH_LINUX_ENTER_H

#include "root/vmm/linux.h"

/* Give this processor to a kernel that linux_load() has loaded. Firmware has gone. */
__attribute__((noreturn)) void linux_enter(const struct linux_start *start);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The platform of root/call for tests: pages that are counted and can run out, memory of the caller's whose pages can
 * lie anywhere, interrupts and CPUID. Behind the two instructions stands fake_call(), which the program defines.
 *
 * Physical addresses are made of virtual ones and back by arithmetic: those of the engine's own pages have bit 50
 * set and are contiguous; those of other memory are permuted page by page, or group by group.
 */
#ifndef TESTS_UNIT_ROOT_PLATFORM_H
#define TESTS_UNIT_ROOT_PLATFORM_H

#include <cpuid.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "root/call/hypercall.h"
#include "root/call/platform.h"
#include "tests/check.h"

static struct {
	/* What the test wants. */
	bool is_scattered;  /* the caller's memory is; else it lies where it seems to */
	unsigned int group; /* then so many pages, by their logarithm, lie together */
	bool is_foreign;    /* every buffer must be copied, as a user program's */
	const uint8_t *bad; /* a page of the caller's that is not there */
	bool is_limited;    /* there are allocations_left */
	unsigned int allocations_left;
	bool is_wanted;	       /* by a signal */
	void (*on_wait)(void); /* while somebody sleeps */
	bool has_no_whit;
	uint32_t vendor; /* CPUID leaf 0, EBX; 0: the processor's */

	/* What happened. */
	uint64_t n_pages_out, n_allocations;
	unsigned int n_taken, n_waits, n_wakes, n_vmcall, n_vmmcall;
	const uint32_t *wake, *woken;
	uint64_t held, deadline, bound;
} platform;

/* As at first; pages that are out stay so. */
static inline void platform_reset(void)
{
	const uint64_t out = platform.n_pages_out;

	memset(&platform, 0, sizeof(platform));
	platform.n_pages_out = out;
}

/* The hypervisor: parameters RCX RDX R8 R9 R10. */
static uint32_t fake_call(uint64_t code, const uint64_t parameters[5],
			  struct hypercall_result *result);

/* ---- Memory ------------------------------------------------------------------------------ */

#define PLATFORM_OWN	 (1ull << 50)
#define PLATFORM_NUMBERS ((1ull << 36) - 1) /* of pages */
#define PLATFORM_FACTOR	 0x9e3779b97ull	    /* odd: times it, modulo 2^36, is a permutation */

/* The factor's inverse, by Newton's iteration: each step doubles the bits that are right. */
static inline uint64_t platform_inverse(void)
{
	uint64_t x = PLATFORM_FACTOR;

	for (unsigned int i = 0; i < 5; i++)
		x *= 2 - PLATFORM_FACTOR * x;
	return x;
}

static inline uint64_t platform_permute(uint64_t address, uint64_t factor)
{
	const unsigned int shift = 12 + platform.group;
	const uint64_t group = (address >> shift) * factor & (PLATFORM_NUMBERS >> platform.group);

	return group << shift | (address & ((1ull << shift) - 1));
}

void *platform_pages(size_t n)
{
	void *pages = NULL;

	if (platform.is_limited && !platform.allocations_left)
		return NULL;
	if (platform.is_limited)
		platform.allocations_left--;
	if (!n || posix_memalign(&pages, 4096, n * 4096))
		return NULL;
	memset(pages, 0xdd, n * 4096);
	__atomic_add_fetch(&platform.n_allocations, 1, __ATOMIC_RELAXED);
	__atomic_add_fetch(&platform.n_pages_out, n, __ATOMIC_RELAXED);
	return pages;
}

void platform_free(void *pages, size_t n)
{
	__atomic_sub_fetch(&platform.n_pages_out, n, __ATOMIC_RELAXED);
	free(pages);
}

void platform_clear(void *at, size_t n_bytes)
{
	CHECK(!((uintptr_t)at & 7) && !(n_bytes & 7));
	memset(at, 0, n_bytes);
}

uint64_t platform_physical(const void *own)
{
	return (uintptr_t)own | PLATFORM_OWN;
}

static inline bool platform_lacks(const void *at, uint64_t n_bytes)
{
	const uint8_t *from = at;

	return platform.bad && from < platform.bad + 4096 && from + n_bytes > platform.bad;
}

bool platform_copy_in(void *own, const void *callers, size_t n_bytes)
{
	if (platform_lacks(callers, n_bytes))
		return false;
	memcpy(own, callers, n_bytes);
	return true;
}

bool platform_copy_out(void *callers, const void *own, size_t n_bytes)
{
	if (platform_lacks(callers, n_bytes))
		return false;
	memcpy(callers, own, n_bytes);
	return true;
}

/* How many bytes from `at` lie together. */
static inline uint64_t platform_together(const void *at)
{
	const uint64_t bytes = 4096ull << platform.group;

	return platform.is_scattered ? bytes - ((uintptr_t)at & (bytes - 1)) : ~0ull;
}

static inline uint64_t platform_address(const void *at)
{
	return platform.is_scattered ? platform_permute((uintptr_t)at, PLATFORM_FACTOR)
				     : (uintptr_t)at;
}

uint64_t platform_buffer(const void *callers, uint64_t n_bytes)
{
	if (platform.is_foreign || n_bytes > platform_together(callers))
		return PLATFORM_NOWHERE;
	return platform_address(callers);
}

uint64_t platform_source(const void *callers, uint64_t n_bytes, uint64_t *n_run)
{
	const uint64_t together = platform_together(callers);

	if (platform_lacks(callers, 1))
		return PLATFORM_NOWHERE;
	*n_run = n_bytes < together ? n_bytes : together;
	return platform_address(callers);
}

/* The hypervisor's way back: n_bytes of a buffer, which is aligned and contiguous. */
static inline void *platform_at(uint64_t physical, uint64_t n_bytes)
{
	void *at = (void *)(uintptr_t)(physical & ~PLATFORM_OWN);

	CHECK(!(physical & 7));
	if (platform.is_scattered && !(physical & PLATFORM_OWN)) {
		at = (void *)(uintptr_t)platform_permute(physical, platform_inverse());
		CHECK(n_bytes <= platform_together(at));
	}
	return at;
}

/* ---- Interrupts -------------------------------------------------------------------------- */

bool platform_take_interrupts(void)
{
	CHECK(!platform.held);
	platform.n_taken++;
	return !platform.is_wanted;
}

void platform_bound(uint64_t deadline)
{
	platform.bound = deadline;
}

uint64_t platform_hold_interrupts(void)
{
	CHECK(!platform.held);
	return platform.held = 0x202;
}

void platform_release_interrupts(uint64_t held)
{
	CHECK(platform.held && held == platform.held);
	platform.held = 0;
}

bool platform_wait(uint64_t held, uint64_t deadline, const uint32_t *wake)
{
	platform_release_interrupts(held);
	platform.wake = wake;
	platform.deadline = deadline;
	platform.n_waits++;
	if (platform.on_wait)
		platform.on_wait();
	return !platform.is_wanted;
}

void platform_wake(const uint32_t *wake)
{
	CHECK(*wake);
	platform.woken = wake;
	platform.n_wakes++;
}

/* ---- The processor ----------------------------------------------------------------------- */

void platform_cpuid(uint32_t leaf, uint32_t r[4])
{
	if (leaf == WHIT_CPUID_SIGNATURE || leaf == WHIT_CPUID_VERSION) {
		r[0] = leaf == WHIT_CPUID_VERSION ? WHIT_ABI_VERSION : WHIT_CPUID_VERSION;
		r[1] = r[2] = r[3] = platform.has_no_whit ? 0 : WHIT_SIGNATURE_WORD;
		return;
	}
	__cpuid_count(leaf, 0, r[0], r[1], r[2], r[3]);
	if (!leaf && platform.vendor)
		r[1] = platform.vendor;
	if (leaf == 1)
		r[2] |= 1u << 31;
}

uint32_t hypercall5_vmcall(uint64_t code, uint64_t rcx, uint64_t rdx, uint64_t r8, uint64_t r9,
			   uint64_t r10, struct hypercall_result *result)
{
	const uint64_t parameters[5] = { rcx, rdx, r8, r9, r10 };

	platform.n_vmcall++;
	return fake_call(code, parameters, result);
}

uint32_t hypercall5_vmmcall(uint64_t code, uint64_t rcx, uint64_t rdx, uint64_t r8, uint64_t r9,
			    uint64_t r10, struct hypercall_result *result)
{
	const uint64_t parameters[5] = { rcx, rdx, r8, r9, r10 };

	platform.n_vmmcall++;
	return fake_call(code, parameters, result);
}

struct hypercall_answer hypercall2_vmcall(uint64_t code, uint64_t rcx, uint64_t rdx)
{
	struct hypercall_result result = { .rdx = rdx };
	const uint32_t status = hypercall5_vmcall(code, rcx, rdx, 0, 0, 0, &result);

	return (struct hypercall_answer) { status, result.rdx };
}

struct hypercall_answer hypercall2_vmmcall(uint64_t code, uint64_t rcx, uint64_t rdx)
{
	struct hypercall_result result = { .rdx = rdx };
	const uint32_t status = hypercall5_vmmcall(code, rcx, rdx, 0, 0, 0, &result);

	return (struct hypercall_answer) { status, result.rdx };
}

#endif

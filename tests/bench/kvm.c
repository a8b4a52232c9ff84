// SPDX-License-Identifier: MIT
/*
 * KVM's figures for the table of `make bench`: a Linux program that runs the guests of tests/guest/bench.asm by /dev/kvm, on
 * the same emulated processor as bench.efi, and prints the same lines, `bench kvm.NAME NUMBER ticks`. Each is the best of
 * several batches.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define BATCHES	  10u
#define PER_BATCH 100u

/* Guest-physical, as in tests/guest/guest.inc: below MMIO there is memory. */
#define MEMORY_BYTES 0x100000ull
#define CODE	     0x1000u
#define TABLES	     0x8000u
#define SMALL	     0x100000000ull /* a page of 4 KiB is mapped there */

#define ALL_CPUID 256u

struct guest_code {
	const uint8_t *start, *end;
};

#define DECLARE_GUEST(name) extern const uint8_t guest_##name[], guest_##name##_end[]
#define GUEST(name)	    ((struct guest_code) { guest_##name, guest_##name##_end })

DECLARE_GUEST(bench_cpuid_loop);
DECLARE_GUEST(bench_empty_loop);
DECLARE_GUEST(bench_out);
DECLARE_GUEST(bench_in);
DECLARE_GUEST(bench_mmio_write);
DECLARE_GUEST(bench_mmio_read);
DECLARE_GUEST(bench_rep_outsb);
DECLARE_GUEST(bench_halt);

static int kvm, vm, vcpu;
static size_t run_bytes;
static struct kvm_run *run;
static uint8_t *memory;
static struct kvm_cpuid2 *cpuid;

static uint64_t tsc(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

__attribute__((noreturn)) static void fail(const char *what)
{
	printf("FAIL kvm: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int must(int result, const char *what)
{
	if (result < 0)
		fail(what);
	return result;
}

static void create(void)
{
	struct kvm_userspace_memory_region region = {
		.memory_size = MEMORY_BYTES,
		.userspace_addr = (uint64_t)memory,
	};

	vm = must(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
	must(ioctl(vm, KVM_SET_TSS_ADDR, 0xfffbd000ul), "KVM_SET_TSS_ADDR");
	must(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region), "KVM_SET_USER_MEMORY_REGION");
	vcpu = must(ioctl(vm, KVM_CREATE_VCPU, 0), "KVM_CREATE_VCPU");
	run = mmap(NULL, run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	if (run == MAP_FAILED)
		fail("mmap");
}

static void destroy(void)
{
	munmap(run, run_bytes);
	close(vcpu);
	close(vm);
}

/* 64-bit mode, the first GiB mapped to itself in pages of 2 MiB, and one page of 4 KiB at SMALL. */
static void write_tables(void)
{
	uint64_t *const top = (uint64_t *)(void *)(memory + TABLES);

	memset(top, 0, 5 * 4096);
	top[0] = (TABLES + 0x1000) | 7;
	top[512] = (TABLES + 0x2000) | 7;
	top[512 + 4] = (TABLES + 0x3000) | 7;
	for (uint64_t i = 0; i < 512; i++)
		top[1024 + i] = i << 21 | 0x87;
	top[1536] = (TABLES + 0x4000) | 7;
	top[2048] = 0x2000 | 7;
}

static void start(struct guest_code code, uint64_t rdi)
{
	struct kvm_segment cs = {
		.limit = ~0u, .selector = 8, .type = 11, .present = 1, .s = 1, .l = 1, .g = 1
	};
	struct kvm_segment data = {
		.limit = ~0u, .selector = 16, .type = 3, .present = 1, .s = 1, .db = 1, .g = 1
	};
	struct kvm_regs regs = { .rip = CODE, .rflags = 2, .rsp = TABLES, .rdi = rdi };
	struct kvm_sregs sregs;

	write_tables();
	memcpy(memory + CODE, code.start, (size_t)(code.end - code.start));
	must(ioctl(vcpu, KVM_SET_CPUID2, cpuid), "KVM_SET_CPUID2");
	must(ioctl(vcpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
	sregs.cs = cs;
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
	sregs.cr0 = 0x80000011;
	sregs.cr3 = TABLES;
	sregs.cr4 = 0x620; /* PAE, SSE */
	sregs.efer = 0x500;
	must(ioctl(vcpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
	must(ioctl(vcpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");
}

static void report(const char *name, uint64_t ticks)
{
	printf("bench kvm.%s %llu ticks\n", name, (unsigned long long)ticks);
}

/* Of a loop inside the guest: n times, to the HLT behind it. */
static uint64_t loop_inside(struct guest_code code, uint64_t n)
{
	uint64_t least = ~0ull;

	create();
	for (unsigned int i = 0; i < BATCHES; i++) {
		uint64_t ticks;

		start(code, n);
		ticks = tsc();
		must(ioctl(vcpu, KVM_RUN, 0), "KVM_RUN");
		ticks = tsc() - ticks;
		if (run->exit_reason != KVM_EXIT_HLT)
			fail("no HLT");
		if (ticks < least)
			least = ticks;
	}
	destroy();
	return least;
}

/* Answers an exit as the cheapest client does; false: another one than it can be. */
static bool answer(uint32_t reason)
{
	if (run->exit_reason != reason)
		return false;
	if (reason == KVM_EXIT_IO && run->io.direction == KVM_EXIT_IO_IN)
		((uint8_t *)run)[run->io.data_offset] = 1;
	if (reason == KVM_EXIT_MMIO && !run->mmio.is_write)
		run->mmio.data[0] = 1;
	return true;
}

static void roundtrip(const char *name, struct guest_code code, uint32_t reason, unsigned int exits)
{
	uint64_t least = ~0ull;

	create();
	start(code, 0);
	for (unsigned int i = 0; i < BATCHES; i++) {
		uint64_t ticks = tsc();

		for (unsigned int j = 0; j < PER_BATCH * exits; j++) {
			must(ioctl(vcpu, KVM_RUN, 0), "KVM_RUN");
			if (!answer(reason))
				fail(name);
		}
		ticks = tsc() - ticks;
		if (ticks < least)
			least = ticks;
	}
	report(name, least / PER_BATCH);
	destroy();
}

static void translate(void)
{
	struct kvm_translation t;
	uint64_t least = ~0ull;

	create();
	start(GUEST(bench_halt), 0);
	for (unsigned int i = 0; i < BATCHES; i++) {
		uint64_t ticks = tsc();

		for (unsigned int j = 0; j < PER_BATCH; j++) {
			t = (struct kvm_translation) { .linear_address = SMALL | 0x123 };
			must(ioctl(vcpu, KVM_TRANSLATE, &t), "KVM_TRANSLATE");
		}
		ticks = tsc() - ticks;
		if (ticks < least)
			least = ticks;
	}
	if (!t.valid || t.physical_address != 0x2123)
		fail("translate");
	report("translate.4level", least / PER_BATCH);
	destroy();
}

static uint64_t nanoseconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

/* KVM sleeps in it, so it is the time of this thread that counts, in ticks by the rate of both clocks. */
static void lifecycle(void)
{
	const uint64_t tsc_before = tsc(), clock_before = nanoseconds(CLOCK_MONOTONIC);
	const uint64_t before = nanoseconds(CLOCK_THREAD_CPUTIME_ID);
	uint64_t used;

	for (unsigned int i = 0; i < BATCHES; i++) {
		create();
		start(GUEST(bench_halt), 0);
		must(ioctl(vcpu, KVM_RUN, 0), "KVM_RUN");
		destroy();
	}
	used = nanoseconds(CLOCK_THREAD_CPUTIME_ID) - before;
	report("lifecycle", used / BATCHES * (tsc() - tsc_before) /
				    (nanoseconds(CLOCK_MONOTONIC) - clock_before));
}

int main(void)
{
	kvm = must(open("/dev/kvm", O_RDWR), "/dev/kvm");
	run_bytes = (size_t)must(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), "KVM_GET_VCPU_MMAP_SIZE");
	cpuid = calloc(1, sizeof(*cpuid) + ALL_CPUID * sizeof(cpuid->entries[0]));
	if (!cpuid)
		fail("memory");
	cpuid->nent = ALL_CPUID;
	must(ioctl(kvm, KVM_GET_SUPPORTED_CPUID, cpuid), "KVM_GET_SUPPORTED_CPUID");
	memory = mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		      0);
	if (memory == MAP_FAILED)
		fail("mmap");
	memset(memory, 0, MEMORY_BYTES);

	report("child.cpuid.inside", (loop_inside(GUEST(bench_cpuid_loop), PER_BATCH) -
				      loop_inside(GUEST(bench_empty_loop), PER_BATCH)) /
					     PER_BATCH);
	roundtrip("child.port.roundtrip", GUEST(bench_out), KVM_EXIT_IO, 1);
	roundtrip("child.port.read.roundtrip", GUEST(bench_in), KVM_EXIT_IO, 1);
	roundtrip("child.mmio.write.roundtrip", GUEST(bench_mmio_write), KVM_EXIT_MMIO, 1);
	roundtrip("child.mmio.read.roundtrip", GUEST(bench_mmio_read), KVM_EXIT_MMIO, 1);
	roundtrip("child.rep-outsb-4.roundtrip", GUEST(bench_rep_outsb), KVM_EXIT_IO, 4);
	translate();
	lifecycle();
	puts("kvm: done");
	return 0;
}

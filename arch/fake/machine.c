/* SPDX-License-Identifier: MIT */
/* The fake machine's memory, processor facts, CPUID, MSRs, clock and log. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "arch/fake/fake.h"
#include "arch/lock.h"
#include "whit/log.h"
#include "x86/cr.h"
#include "x86/fx.h"
#include "x86/msr.h"
#include "x86/paging.h"

#define ARENA_BYTES (8ull << 30)

/* ThreadSanitizer has its shadow where there is most room. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define __SANITIZE_THREAD__ 1
#endif
#endif
#ifdef __SANITIZE_THREAD__
const uint64_t virt_direct_base = 0x1000000000ull;
#else
const uint64_t virt_direct_base = 0x200000000000ull;
#endif
struct virt_machine virt_machine;
struct fake fake;
bool fake_is_amd;
unsigned int fake_lacks;

static struct {
	struct whit_handover handover;
	struct whit_cpu_state more_cpus[FAKE_MAX_CPUS - 1];
} handover_storage;

void fake_scream(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fputs("FAKE MACHINE: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	abort();
}

/* Before main(), for threads and tables of tests ask. */
__attribute__((constructor)) static void choose_processor(void)
{
	const char *const kind = getenv("FAKE_PROCESSOR");

	if (!kind)
		return;
	if (strcmp(kind, "amd"))
		fake_scream("FAKE_PROCESSOR is %s, not amd", kind);
	fake_is_amd = true;
	fake_lacks = FAKE_LACKS_ALL;
}

void virt_panic(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fputs("PANIC: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	abort();
}

static void default_machine(void)
{
	virt_machine = (struct virt_machine) {
		.vendor = !fake_is_amd,
		.physical_bits = 40,
		.memory_bits = 40,
		.linear_bits = 48,
		.max_leaf_level = LEVEL_1G,
		.has_1g_pages = true,
		.has_step = true,
		.checks_entry = !(fake_lacks & FAKE_LACKS_CHECKS),
		.has_pdptes = !(fake_lacks & FAKE_LACKS_PDPTES),
		.cr4_possible = CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_MCE |
				CR4_PGE | CR4_PCE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_UMIP |
				CR4_FSGSBASE | CR4_PCIDE | CR4_OSXSAVE | CR4_SMEP | CR4_SMAP |
				CR4_PKE,
		.efer_possible = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE,
		.xcr0_possible = XCR0_X87 | XCR0_SSE | XCR0_AVX,
		.fpu_bytes = sizeof(struct x86_fxsave),
	};
}

/* Eight pairs, and the fixed ranges. */
static void default_mtrrs(void)
{
	static const uint32_t others[] = { 0x2ff, 0x250, 0x258, 0x259, 0x268, 0x269,
					   0x26a, 0x26b, 0x26c, 0x26d, 0x26e, 0x26f };

	for (unsigned int i = 0; i < 16; i++)
		fake.mtrr[i].msr = MSR_MTRR_PHYSBASE0 + i;
	for (unsigned int i = 0; i < 12; i++)
		fake.mtrr[16 + i].msr = others[i];
	fake.mtrr[16].value = MTRR_DEF_TYPE_E | MEMTYPE_WB;
}

void fake_reset(uint64_t ram_bytes)
{
	void *arena;

	if (ram_bytes > ARENA_BYTES || ram_bytes & (LEVEL_SIZE(LEVEL_2M) - 1))
		fake_scream("odd amount of RAM");
	munmap((void *)(uintptr_t)virt_direct_base, ARENA_BYTES);
	arena = mmap((void *)(uintptr_t)virt_direct_base, ARENA_BYTES, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
	if (arena != (void *)(uintptr_t)virt_direct_base)
		fake_scream("no room for the arena");
	if (mprotect(arena, ram_bytes, PROT_READ | PROT_WRITE))
		fake_scream("mprotect");
	memset(&fake, 0, sizeof(fake));
	lock_forget();
	fake.ram_bytes = ram_bytes;
	fake.tsc = 1000000;
	fake.xcr0 = 1;
	fake.has_flags = true;
	fake.n_cpus = 1;
	fake_on_cpu(0);
	default_machine();
	default_mtrrs();
}

struct whit_handover *fake_handover(uint64_t block_base, uint64_t block_bytes)
{
	struct whit_handover *h = &handover_storage.handover;

	memset(&handover_storage, 0, sizeof(handover_storage));
	h->magic = WHIT_HANDOVER_MAGIC;
	h->version = WHIT_HANDOVER_VERSION;
	h->n_bytes = sizeof(*h);
	h->block_base = block_base;
	h->block_bytes = block_bytes;
	h->image_base = block_base;
	h->image_bytes = LEVEL_SIZE(LEVEL_2M);
	h->heap_base = block_base + h->image_bytes;
	h->heap_bytes = block_bytes - h->image_bytes;
	h->direct_bytes = 4ull << 30;
	if (fake.ram_bytes > h->direct_bytes)
		h->direct_bytes = fake.ram_bytes;
	h->tsc_hz = 2000000000;
	h->n_cpus = fake.n_cpus;
	h->ram[h->n_ram++] = (struct whit_ram) { PAGE_SIZE, block_base - PAGE_SIZE };
	if (block_base + block_bytes < fake.ram_bytes)
		h->ram[h->n_ram++] =
			(struct whit_ram) { block_base + block_bytes,
					    fake.ram_bytes - block_base - block_bytes };
	return h;
}

const struct whit_handover *fake_last_handover(void)
{
	return &handover_storage.handover;
}

void fake_push(const struct virt_exit *exit,
	       void (*hook)(struct virt_vp *vp, struct virt_exit *exit))
{
	if (fake.n_exits == FAKE_MAX_EXITS && fake.next_exit == fake.n_exits)
		fake.n_exits = fake.next_exit = 0;
	if (fake.n_exits == FAKE_MAX_EXITS)
		fake_scream("too many exits queued");
	fake.exits[fake.n_exits++] = (struct fake_exit) { *exit, hook };
}

void fake_set_cpuid(uint32_t leaf, uint32_t subleaf, struct x86_cpuid value)
{
	unsigned int i;

	for (i = 0; i < fake.n_cpuid; i++)
		if (fake.cpuid[i].leaf == leaf && fake.cpuid[i].subleaf == subleaf)
			break;
	if (i == sizeof(fake.cpuid) / sizeof(fake.cpuid[0]))
		fake_scream("too many CPUID leaves");
	fake.cpuid[i].leaf = leaf;
	fake.cpuid[i].subleaf = subleaf;
	fake.cpuid[i].value = value;
	if (i == fake.n_cpuid)
		fake.n_cpuid++;
}

/* The answers that are different on AMD's processors. */
static bool amd_cpuid(uint32_t leaf, struct x86_cpuid *value)
{
	switch (leaf) {
	case 0: *value = (struct x86_cpuid) { 0xd, 0x68747541, 0x444d4163, 0x69746e65 }; break;
	case 0x80000000u:
		*value = (struct x86_cpuid) { 0x80000021u, 0x68747541, 0x444d4163, 0x69746e65 };
		break;
	case 0x80000001u: *value = (struct x86_cpuid) { 0, 0, 0x004001f5, 0x2fd3fbff }; break;
	case 0x8000001du: *value = (struct x86_cpuid) { 0 }; break;
	case 0x80000021u: *value = (struct x86_cpuid) { 0x41, 0, 0, 0 }; break;
	default: return false;
	}
	return true;
}

/* A client processor of about 2016, what matters of it. */
struct x86_cpuid virt_cpuid(uint32_t leaf, uint32_t subleaf)
{
	struct x86_cpuid value;
	unsigned int i;

	for (i = 0; i < fake.n_cpuid; i++)
		if (fake.cpuid[i].leaf == leaf && fake.cpuid[i].subleaf == subleaf)
			return fake.cpuid[i].value;
	if (fake_is_amd && amd_cpuid(leaf, &value))
		return value;
	switch (leaf) {
	case 0: return (struct x86_cpuid) { 0xd, 0x756e6547, 0x6c65746e, 0x49656e69 };
	case 1: return (struct x86_cpuid) { 0x506e3, 0x00100800, 0x7ffefbbf, 0xbfebfbff };
	case 6: return (struct x86_cpuid) { 4, 0, 0, 0 };
	case 7:
		if (!subleaf)
			return (struct x86_cpuid) { 0, 0x029c6fbb, 0x0000000c, 0 };
		break;
	case 0xd:
		if (!subleaf)
			return (struct x86_cpuid) { 7, 0x340, 0x340, 0 };
		if (subleaf == 1)
			return (struct x86_cpuid) { 0xf, 0x340, 0, 0 };
		if (subleaf == 2)
			return (struct x86_cpuid) { 0x100, 0x240, 0, 0 };
		break;
	case 0x80000000u: return (struct x86_cpuid) { 0x80000008u, 0, 0, 0 };
	case 0x80000001u: return (struct x86_cpuid) { 0, 0, 0x121, 0x2c100800 };
	case 0x80000007u: return (struct x86_cpuid) { 0, 0, 0, 0x100 };
	case 0x80000008u: return (struct x86_cpuid) { 0x3028, 0, 0, 0 };
	default: break;
	}
	return (struct x86_cpuid) { 0, 0, 0, 0 };
}

void fake_set_msr(uint32_t msr, uint64_t value)
{
	unsigned int i;

	for (i = 0; i < fake.n_msrs; i++)
		if (fake.msr[i].msr == msr)
			break;
	if (i == FAKE_MAX_MSRS)
		fake_scream("too many MSRs");
	fake.msr[i].msr = msr;
	fake.msr[i].value = value;
	if (i == fake.n_msrs)
		fake.n_msrs++;
}

bool virt_rdmsr(uint32_t msr, uint64_t *value)
{
	unsigned int i;

	for (i = 0; i < fake.n_msrs; i++)
		if (fake.msr[i].msr == msr) {
			*value = fake.msr[i].value;
			return true;
		}
	return false;
}

bool virt_wrmsr(uint32_t msr, uint64_t value)
{
	uint64_t old;

	if (!virt_rdmsr(msr, &old))
		return false;
	if (msr == MSR_TSC)
		fake.tsc = value;
	if (msr == MSR_TSC_ADJUST)
		fake.tsc += value - old;
	fake_set_msr(msr, value);
	return true;
}

bool virt_xsetbv(uint32_t index, uint64_t value)
{
	if (index || !(value & XCR0_X87) || value & ~virt_machine.xcr0_possible)
		fake_scream("XSETBV %u, %#llx", index, (unsigned long long)value);
	if (value & fake.xcr0_refused)
		return false;
	fake.xcr0 = value;
	return true;
}

void virt_reset(void)
{
	FAKE_COUNT(n_resets);
	if (fake.reset_hook)
		fake.reset_hook();
	fake_scream("the machine is reset");
}

uint32_t virt_lapic_id(void)
{
	return fake.lapic_id;
}

static uint32_t *lapic_word(unsigned int offset)
{
	if (offset >= PAGE_SIZE || offset % 4)
		fake_scream("no word of a local APIC at %#x", offset);
	return &fake.lapic[offset / 4];
}

uint32_t virt_lapic_read(unsigned int offset)
{
	return *lapic_word(offset);
}

void virt_lapic_write(unsigned int offset, uint32_t value)
{
	*lapic_word(offset) = value;
	fake.n_lapic_writes++;
}

void virt_lapic_send(uint32_t id, uint32_t low)
{
	if (low & ~0xc7ffu || fake.n_sent == FAKE_MAX_SENT)
		fake_scream("IPI %#x to %#x", low, id);
	fake.sent[fake.n_sent].id = id;
	fake.sent[fake.n_sent++].low = low;
}

void virt_send_init(uint32_t cpu)
{
	virt_lapic_send(fake.lapic_ids[cpu], 0x4500);
}

void virt_send_sipi(uint32_t cpu, uint8_t vector)
{
	virt_lapic_send(fake.lapic_ids[cpu], 0x4600u | vector);
}

void virt_wbinvd(void)
{
	FAKE_COUNT(n_wbinvd);
}

uint64_t virt_tsc(void)
{
	if (fake.meddle)
		fake.meddle();
	return __atomic_add_fetch(&fake.tsc, fake.tsc_stands ? 0 : 1000, __ATOMIC_RELAXED);
}

bool virt_memory_type(spa_t block, unsigned int level, uint8_t *type)
{
	uint64_t end = block.a + LEVEL_SIZE(level);
	uint64_t hole_end = fake.uncached_base + fake.uncached_bytes;

	FAKE_COUNT(n_type_questions);
	if (block.a & (LEVEL_SIZE(level) - 1))
		fake_scream("virt_memory_type of a block that is not aligned");
	if (fake.uncached_bytes && block.a >= fake.uncached_base && end <= hole_end) {
		*type = MEMTYPE_UC;
		return true;
	}
	*type = MEMTYPE_WB;
	return !fake.uncached_bytes || end <= fake.uncached_base || block.a >= hole_end;
}

bool virt_mtrr_get(uint32_t msr, uint64_t *value)
{
	for (unsigned int i = 0; i < FAKE_MTRRS; i++)
		if (fake.mtrr[i].msr == msr && msr) {
			*value = fake.mtrr[i].value;
			return true;
		}
	return false;
}

bool virt_mtrr_set(uint32_t msr, uint64_t value)
{
	for (unsigned int i = 0; i < FAKE_MTRRS; i++)
		if (fake.mtrr[i].msr == msr && msr) {
			fake.mtrr[i].value = value;
			return true;
		}
	fake_scream("an MTRR that is not there");
}

bool virt_memory_type_changed(void)
{
	FAKE_COUNT(n_type_changes);
	return true;
}

/* ---- whit/log.h ---- */

static struct lock log_lock;
static char log_ring[WHIT_LOG_BYTES];
static uint64_t log_end;

void log_line(enum whit_log_level level, const char *format, ...)
{
	char line[512];
	va_list args;
	int n, i;

	(void)level;
	va_start(args, format);
	n = vsnprintf(line, sizeof(line) - 1, format, args);
	va_end(args);
	if (n < 0 || n >= (int)sizeof(line) - 1)
		fake_scream("a log line that is too long");
	line[n++] = '\n';
	lock_take(&log_lock);
	for (i = 0; i < n; i++)
		log_ring[log_end++ % WHIT_LOG_BYTES] = line[i];
	lock_drop(&log_lock);
}

size_t log_read(uint64_t from, char *buffer, size_t n_bytes, uint64_t *next)
{
	uint64_t at = from;
	size_t n = 0;

	lock_take(&log_lock);
	if (at + WHIT_LOG_BYTES < log_end || at > log_end)
		at = log_end > WHIT_LOG_BYTES ? log_end - WHIT_LOG_BYTES : 0;
	if (from > log_end)
		at = log_end;
	while (at < log_end && n < n_bytes)
		buffer[n++] = log_ring[at++ % WHIT_LOG_BYTES];
	*next = at;
	lock_drop(&log_lock);
	return n;
}

// SPDX-License-Identifier: MIT
/*
 * See takeover.h. What the processor must have for virtualization is for the hypervisor to say; the
 * loader asks only for what its page tables need.
 *
 * The handover record is the loader's memory, not the block's: after the start the root cannot see
 * the block, and the hypervisor's report is read from the record.
 */
#include "takeover.h"

#include <efi.h>
#include <efilib.h>

#include "block.h"
#include "cpu.h"
#include "cpus.h"
#include "image.h"
#include "launch.h"
#include "needs.h"
#include "paging.h"
#include "ram.h"
#include "vendor.h"
#include "whit/handover.h"
#include "whit/layout.h"
#include "x86/cr.h"
#include "x86/msr.h"

#define STALL_US 10000

#define TOO_SMALL "the memory for the hypervisor is smaller than its loader has worked out"

/* payload.asm; of no length: there is no image for this vendor. */
extern const char payload_vmx[], payload_vmx_end[], payload_svm[], payload_svm_end[];

struct payload {
	const char *elf, *end;
};

/* The changes that a refused start has to undo. */
struct attempt {
	const struct config *config;
	enum vendor vendor;
	struct payload payload;
	struct image image;
	struct cpus cpus;
	struct needs needs;
	struct block block;		/* n_bytes 0: none */
	struct whit_handover *handover; /* NULL: none */
	struct text text;		/* of a refusal that has figures in it */
	bool traps_icr;			/* INIT and SIPI of the root, */
	struct text others;		/* because of these, if whit.conf does not say so */
};

static bool is_running(void)
{
	struct x86_cpuid id = cpu_cpuid(CPUID_HYPERVISOR_BASE, 0);

	/* "WhitWhitWhit"; without the bit the leaf means nothing. */
	return (cpu_cpuid(1, 0).ecx & CPUID1_ECX_HYPERVISOR) && id.ebx == 0x74696857 &&
	       id.ecx == 0x74696857 && id.edx == 0x74696857;
}

static bool has_extended(uint32_t edx_bit)
{
	return cpu_cpuid(0x80000001, 0).edx & edx_bit;
}

/* The firmware's memory map; its descriptors are to be freed. NULL if there is none. */
static void *memory_map(struct ram_map *map)
{
	UINTN n = 0, key, stride = 0;
	UINT32 version;
	void *descriptors = LibMemoryMap(&n, &key, &stride, &version);

	if (descriptors && (!n || stride < sizeof(EFI_MEMORY_DESCRIPTOR))) {
		FreePool(descriptors);
		descriptors = NULL;
	}
	*map = (struct ram_map) { descriptors, n, stride };
	return descriptors;
}

static uint64_t tsc_hz(void)
{
	uint64_t start = cpu_tsc();

	BS->Stall(STALL_US);
	return (cpu_tsc() - start) * (1000000 / STALL_US);
}

/* A call on one processor: what goes in, and what comes out. */
struct visit {
	struct attempt *attempt;
	uint32_t cpu;
	uint64_t cr3;
	uint64_t tsc;
	uint64_t answer;
	const char *refusal;
};

static void check_cpu(void *argument)
{
	struct visit *const v = argument;

	v->refusal = NULL;
	v->tsc = cpu_tsc();
	if (!has_extended(CPUID81_EDX_NX))
		v->refusal = "it has no execute-disable";
	else if (has_extended(CPUID81_EDX_1G) != v->attempt->needs.has_1g)
		v->refusal = "it differs from the first in its page sizes";
	else if (cpu_read_cr4() & CR4_LA57)
		v->refusal = "the firmware runs it with 5-level paging";
	else if (cpu_read_cr3() != v->cr3)
		v->refusal = "it runs on page tables of its own";
}

/* Who is meant: there may be many. */
static const char *refuse_cpu(struct attempt *a, uint32_t cpu, const char *why)
{
	struct text text;

	text_clear(&text);
	text_add(&text, "processor ");
	text_number(&text, a->cpus.cpu[cpu].number);
	text_add(&text, ": ");
	text_add(&text, why);
	a->text = text;
	return a->text.at;
}

/*
 * A counter that is not between two looks at the first processor's would have time run backwards
 * for who goes from one processor to the other.
 */
static const char *check_each_cpu(struct attempt *a)
{
	struct visit v = { .attempt = a, .cr3 = cpu_read_cr3() };

	for (v.cpu = 0; v.cpu < a->cpus.n; v.cpu++) {
		const uint64_t before = cpu_tsc();

		if (!cpus_call(&a->cpus, v.cpu, check_cpu, &v))
			return refuse_cpu(a, v.cpu, "the firmware does not start it");
		if (v.refusal)
			return refuse_cpu(a, v.cpu, v.refusal);
		if (v.tsc < before || v.tsc > cpu_tsc())
			return refuse_cpu(a, v.cpu,
					  "its time stamp counter is not that of the first");
	}
	return NULL;
}

/* The processors that are to be taken over. */
static const char *find_cpus(struct attempt *a, const struct ram_map *map)
{
	enum census_answer answer;
	struct census census;
	const char *refusal;

	if (is_running())
		return "a hypervisor of this name holds the machine already";
	cpus_count(map, &census);
	refusal = cpus_list(&a->cpus);
	if (refusal)
		return refusal;
	if (!a->config->all_processors)
		a->cpus.n = 1;
	answer = census_judge(&census, a->cpus.n, &a->others);
	a->traps_icr = a->config->traps_icr || answer == CENSUS_OPEN;
	return answer == CENSUS_SHARED && !a->traps_icr ? a->others.at : NULL;
}

static const char *choose_image(struct attempt *a)
{
	const struct payload payloads[N_VENDORS] = {
		[VENDOR_VMX] = { payload_vmx, payload_vmx_end },
		[VENDOR_SVM] = { payload_svm, payload_svm_end },
	};
	unsigned int carried = 0;
	const char *refusal;

	for (int i = 0; i < N_VENDORS; i++)
		carried |= (payloads[i].end > payloads[i].elf) << i;
	refusal = vendor_choose(cpu_cpuid, carried, &a->vendor);
	if (refusal)
		return refusal;
	a->payload = payloads[a->vendor];
	/* An INIT would reach AMD's processors even while they run a guest. */
	a->traps_icr = a->traps_icr || (a->vendor == VENDOR_SVM && a->cpus.n > 1);
	return image_check(a->payload.elf, (size_t)(a->payload.end - a->payload.elf), &a->image);
}

/* Fills a->needs. Nothing is allocated, and so nothing cleared, unless all sizes are right. */
static const char *check_sizes(struct attempt *a, const struct ram_map *map)
{
	static struct whit_ram ram[WHIT_MAX_RAM_RANGES];
	const char *refusal = choose_image(a);

	if (refusal)
		return refusal;
	a->needs = (struct needs) { .image_bytes = a->image.n_bytes,
				    .ram_top = ram_top(map),
				    .n_cpus = a->cpus.n,
				    .has_1g = has_extended(CPUID81_EDX_1G) };
	if (needs_direct_bytes(a->needs.ram_top) > PAGING_DIRECT_MAX)
		return "the machine has more memory than the hypervisor can address";
	if (ram_ranges(map, 0, 0, ram, WHIT_MAX_RAM_RANGES) == SIZE_MAX)
		return "the firmware's memory map has too many pieces";
	return NULL;
}

static const char *check_machine(struct attempt *a)
{
	const char *refusal;
	struct ram_map map;
	void *descriptors = memory_map(&map);

	if (!descriptors)
		return "the firmware gives no memory map";
	refusal = find_cpus(a, &map);
	if (!refusal)
		refusal = check_sizes(a, &map);
	FreePool(descriptors);
	return refusal ? refusal : check_each_cpu(a);
}

static const char *refuse_block(struct attempt *a)
{
	struct ram_map map;
	void *descriptors = memory_map(&map);
	uint64_t free_bytes = descriptors ? ram_free_bytes(&map) : 0;

	if (descriptors)
		FreePool(descriptors);
	needs_refuse(&a->needs, a->config->memory_bytes, free_bytes, &a->text);
	return a->text.at;
}

static uint32_t record_bytes(const struct attempt *a)
{
	return (uint32_t)(offsetof(struct whit_handover, cpus) +
			  a->cpus.n * sizeof(struct whit_cpu_state));
}

static const char *allocate(struct attempt *a)
{
	const UINTN n_pages = EFI_SIZE_TO_PAGES(record_bytes(a));
	EFI_PHYSICAL_ADDRESS record;

	if (EFI_ERROR(BS->AllocatePages(AllocateAnyPages, EfiLoaderData, n_pages, &record)))
		return "the firmware has no memory left for the loader";
	a->handover = (void *)record;
	cpu_zero(a->handover, n_pages * PAGE_SIZE);
	if (!block_alloc(&a->block, needs_block_bytes(&a->needs, a->config->memory_bytes))) {
		a->block.n_bytes = 0;
		return refuse_block(a);
	}
	return NULL;
}

static void release(struct attempt *a)
{
	if (a->handover)
		BS->FreePages((uintptr_t)a->handover, EFI_SIZE_TO_PAGES(record_bytes(a)));
	if (a->block.n_bytes)
		block_free(&a->block);
}

static const char *describe_ram(struct attempt *a)
{
	struct whit_handover *h = a->handover;
	struct ram_map map;
	void *descriptors = memory_map(&map);
	uint64_t top = a->block.base + a->block.n_bytes;
	size_t n;

	if (!descriptors)
		return "the firmware gives no memory map";
	n = ram_ranges(&map, a->block.base, a->block.n_bytes, h->ram, WHIT_MAX_RAM_RANGES);
	if (ram_top(&map) > top)
		top = ram_top(&map);
	FreePool(descriptors);
	if (n == SIZE_MAX)
		return "the firmware's memory map has too many pieces";
	h->n_ram = (uint32_t)n;
	if (top > PAGING_DIRECT_MAX)
		return "the machine has more memory than the hypervisor can address";
	h->direct_bytes = needs_direct_bytes(top);
	return NULL;
}

/* Image, stacks and tables go into the block; the rest of it is the heap. */
static const char *fill_block(struct attempt *a)
{
	struct whit_handover *h = a->handover;
	void *image = block_take(&a->block, a->image.n_bytes);
	void *stacks = block_take(&a->block, a->cpus.n * PAGING_STACK_BYTES);
	struct paging paging = {
		.image = &a->image,
		.image_base = (uintptr_t)image,
		.stacks_base = (uintptr_t)stacks,
		.n_cpus = a->cpus.n,
		.direct_bytes = h->direct_bytes,
		.has_1g = a->needs.has_1g,
	};
	const char *refusal;

	if (!image || !stacks)
		return TOO_SMALL;
	image_load(&a->image, a->payload.elf, image);
	h->host_cr3 = paging_host(&paging, &a->block);
	if (!h->host_cr3)
		return TOO_SMALL;
	refusal = paging_launch(&a->block, cpu_read_cr3(), h->host_cr3, &h->launch_cr3);
	if (refusal)
		return refusal;
	h->image_base = (uintptr_t)image;
	h->image_bytes = a->image.n_bytes;
	h->heap_base = a->block.base + a->block.n_taken;
	h->heap_bytes = a->block.n_bytes - a->block.n_taken;
	return NULL;
}

static void fill_record(struct attempt *a)
{
	struct whit_handover *h = a->handover;

	h->magic = WHIT_HANDOVER_MAGIC;
	h->version = WHIT_HANDOVER_VERSION;
	h->n_bytes = record_bytes(a);
	h->block_base = a->block.base;
	h->block_bytes = a->block.n_bytes;
	h->tsc_hz = tsc_hz();
	h->serial_port = a->config->serial_port;
	h->log_level = a->config->log_level;
	h->assist = a->config->assist;
	h->panic_seconds = a->config->panic_seconds;
	h->n_cpus = a->cpus.n;
	h->traps_icr = a->traps_icr;
}

void launch_capture(struct whit_handover *handover, uint32_t cpu, uint64_t rsp, uint64_t rip)
{
	cpu_capture(&handover->cpus[cpu & ~WHIT_ENTRY_CHECK], rsp, rip);
}

/* The hypervisor's own reason, as far as it gives one. */
static const char *why_not(struct attempt *a, uint64_t answer)
{
	char *message = a->handover->message;

	message[WHIT_MESSAGE_BYTES - 1] = '\0';
	text_clear(&a->text);
	if (message[0])
		text_add(&a->text, message);
	else if (answer == WHIT_LAUNCH_BAD_RECORD)
		text_add(&a->text, "the hypervisor does not know this loader's record");
	else if (answer == WHIT_LAUNCH_UNSUPPORTED)
		text_add(&a->text, "the processor lacks something");
	else
		text_add(&a->text, answer == WHIT_LAUNCH_NO_MEMORY ? TOO_SMALL : "no reason given");
	if (answer == WHIT_LAUNCH_NO_MEMORY) {
		text_add(&a->text, ": it was given ");
		text_mebibytes(&a->text, a->block.n_bytes);
		text_add(&a->text, "; write `memory = ");
		text_number(&a->text, a->config->memory_bytes >> 19);
		text_add(&a->text, "M` in whit.conf");
	}
	return a->text.at;
}

/* On the processor itself: back from the hypervisor's entry, perhaps in the root partition. */
static void enter(void *argument)
{
	struct visit *const v = argument;
	struct attempt *const a = v->attempt;
	const uint64_t efer = cpu_read_msr(MSR_EFER);

	/* The tables have no-execute pages, and firmware need not have it switched on. */
	cpu_write_msr(MSR_EFER, efer | EFER_NXE);
	v->answer = launch(a->handover, v->cpu, a->image.entry, a->handover->launch_cr3);
	/* In the root as well: it goes on with what the firmware had. */
	cpu_write_msr(MSR_EFER, efer);
}

/* Nothing has changed before the last of them has been found fit. */
static const char *ask_each_cpu(struct attempt *a)
{
	for (uint32_t cpu = 0; cpu < a->cpus.n; cpu++) {
		struct visit v = { .attempt = a, .cpu = cpu | WHIT_ENTRY_CHECK };

		if (!cpus_call(&a->cpus, cpu, enter, &v))
			return refuse_cpu(a, cpu, "the firmware does not start it");
		if (v.answer == WHIT_LAUNCH_OK)
			continue;
		return cpu ? refuse_cpu(a, cpu, why_not(a, v.answer)) : why_not(a, v.answer);
	}
	return NULL;
}

/* The machine is half ours, and neither half can go on alone. */
static __attribute__((noreturn)) void stop(struct attempt *a, uint32_t cpu, const char *why)
{
	Print(L"whit: %a\nwhit: the machine stops, because its other processors are Whit's "
	      L"already\n",
	      refuse_cpu(a, cpu, why));
	for (;;)
		BS->Stall(1000000);
}

/* NULL, from now on in the root partition; or the hypervisor's reason, copied out of the record. */
static const char *start(struct attempt *a)
{
	struct visit v = { .attempt = a };

	enter(&v);
	if (v.answer != WHIT_LAUNCH_OK)
		return why_not(a, v.answer);
	for (v.cpu = 1; v.cpu < a->cpus.n; v.cpu++) {
		if (!cpus_call(&a->cpus, v.cpu, enter, &v))
			stop(a, v.cpu, "the firmware does not start it again");
		if (v.answer != WHIT_LAUNCH_OK)
			stop(a, v.cpu, why_not(a, v.answer));
	}
	return NULL;
}

static const char *attempt(struct attempt *a)
{
	const char *refusal = check_machine(a);

	if (!refusal)
		refusal = allocate(a);
	if (!refusal)
		refusal = describe_ram(a);
	if (!refusal)
		refusal = fill_block(a);
	if (refusal)
		return refusal;
	fill_record(a);
	refusal = ask_each_cpu(a);
	return refusal ? refusal : start(a);
}

#define LINE_CHARS 72

/*
 * Text of several lines, each with our name in front; long ones are broken at spaces. Cuts it up.
 */
static void print_lines(char *text, size_t max)
{
	char *line = text, *space = NULL;

	text[max - 1] = '\0';
	for (; *text; text++) {
		if (*text == ' ')
			space = text;
		if (*text == '\n')
			space = text;
		else if (!space || text - line < LINE_CHARS)
			continue;
		*space = '\0';
		Print(L"whit: %a\n", line);
		line = space + 1;
		space = NULL;
	}
	if (*line)
		Print(L"whit: %a\n", line);
}

bool takeover(const struct config *config)
{
	static struct attempt a; /* too large for the firmware's stack */
	const char *refusal;

	a = (struct attempt) { .config = config };
	refusal = attempt(&a);

	if (!refusal && !is_running()) {
		/* Memory stays as it is: who knows who holds it. */
		Print(L"whit: not started: the hypervisor does not answer\n");
		return false;
	}
	if (refusal) {
		Print(L"whit: not started: %a\n", refusal);
		release(&a);
		return false;
	}
	Print(L"whit: the hypervisor holds this machine\n");
	Print(L"whit: virtualization: %a\n", vendor_names[a.vendor]);
	Print(L"whit: INIT and SIPI: by %a\n", a.traps_icr ? "a trap of the ICR" : "the processor");
	if (a.traps_icr && a.others.n)
		print_lines(a.others.at, sizeof(a.others.at));
	print_lines(a.handover->report, sizeof(a.handover->report));
	a.block.n_bytes = 0;
	release(&a);
	return true;
}

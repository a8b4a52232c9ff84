/* SPDX-License-Identifier: MIT */
/*
 * hv_main(): the hypervisor's memory, the root's space, a root VP for each processor. The loader
 * brings processors in one after the other; the first one sets up the objects that all share.
 */
#include <string.h>

#include "hv/cpu/model.h"
#include "hv/emulate/device.h"
#include "hv/mem/frame.h"
#include "hv/hv.h"
#include "hv/root.h"
#include "hv/root/icr_trap.h"
#include "hv/root/memory.h"
#include "whit/layout.h"
#include "whit/log.h"

static uint64_t refuse(struct whit_handover *handover, uint64_t code, const char *why)
{
	size_t n = 0;

	while (why[n] && n < WHIT_MESSAGE_BYTES - 1) {
		handover->message[n] = why[n];
		n++;
	}
	handover->message[n] = 0;
	return code;
}

static bool is_page_range(uint64_t base, uint64_t n_bytes)
{
	return !PAGE_OFFSET(base | n_bytes) && n_bytes && base + n_bytes > base;
}

/* The assumptions of the books and the spaces. */
static const char *handover_fault(const struct whit_handover *handover)
{
	const uint64_t block_end = handover->block_base + handover->block_bytes;
	uint64_t end = 0;

	if (!is_page_range(handover->block_base, handover->block_bytes) ||
	    !is_page_range(handover->heap_base, handover->heap_bytes))
		return "the loader's record: the hypervisor's memory is not whole pages";
	if (handover->heap_base < handover->block_base ||
	    handover->heap_base + handover->heap_bytes > block_end)
		return "the loader's record: the heap lies outside the hypervisor's block";
	if (!handover->n_ram || handover->n_ram > WHIT_MAX_RAM_RANGES)
		return "the loader's record: number of RAM ranges";
	for (uint32_t i = 0; i < handover->n_ram; i++) {
		const struct whit_ram *ram = &handover->ram[i];

		if (!is_page_range(ram->base, ram->n_bytes) || ram->base < end)
			return "the loader's record: RAM ranges are not ascending whole pages";
		end = ram->base + ram->n_bytes;
		if (ram->base < block_end && end > handover->block_base)
			return "the loader's record: the hypervisor's block is listed as RAM";
	}
	if (end > handover->direct_bytes || block_end > handover->direct_bytes ||
	    (end - 1) >> virt_machine.memory_bits)
		return "the loader's record: there is RAM that the hypervisor cannot see";
	return NULL;
}

/* Thread the heap behind the books into a list, its first page first. */
static void heap_init(const struct whit_handover *handover, uint64_t taken)
{
	uint64_t at = handover->heap_base + handover->heap_bytes;

	hv.heap = (struct virt_pages) { 0 };
	while (at > handover->heap_base + taken) {
		at -= PAGE_SIZE;
		virt_pages_give(&hv.heap, SPA(at));
	}
}

uint64_t hv_init(struct whit_handover *handover)
{
	const char *fault = handover_fault(handover);
	uint64_t books;

	if (fault)
		return refuse(handover, WHIT_LAUNCH_BAD_RECORD, fault);
	books = frames_bytes(handover);
	if (books >= handover->heap_bytes)
		return refuse(
			handover, WHIT_LAUNCH_NO_MEMORY,
			"the hypervisor's memory is too small for the books of this machine's RAM");
	memset(&hv, 0, sizeof(hv));
	hv.n_cpus = handover->n_cpus;
	hv.tsc_hz = handover->tsc_hz;
	hv.direct_bytes = handover->direct_bytes;
	hv.next_tag = 1;
	hv.n_ends = 1; /* so no root remembers a partition: handle_look() */
	hv.root_gate.turn = GATE_FIRST_TURN;
	lock_set_rank(&hv.lock, LOCK_HV);
	hv.features = device_features();
	model_init();
	if (handover->traps_icr && !icr_trap_init())
		return refuse(handover, WHIT_LAUNCH_UNSUPPORTED,
			      "the processor cannot trap the ICR, which starts other processors");
	frames_init(handover);
	heap_init(handover, books);
	if (!root_memory_init(handover))
		return refuse(
			handover, WHIT_LAUNCH_NO_MEMORY,
			"the hypervisor's memory is too small for the root's nested page tables");
	log_line(LOG_NOTICE, "hv: INIT and SIPI: %s",
		 hv.icr_page ? "by a trap of the ICR" : "by the processor");
	log_line(LOG_NOTICE, "hv: %u RAM ranges, %llu KiB of books, %llu pages of heap free",
		 handover->n_ram, (unsigned long long)(books >> 10),
		 (unsigned long long)hv.heap.count);
	return WHIT_LAUNCH_OK;
}

uint64_t hv_main(struct whit_handover *handover, uint32_t cpu)
{
	static struct lock lock;
	static bool is_ready;
	const char *why;
	struct root *root;
	uint64_t code = WHIT_LAUNCH_OK;

	if (cpu >= WHIT_MAX_CPUS || cpu >= handover->n_cpus)
		return refuse(handover, WHIT_LAUNCH_BAD_RECORD,
			      "the loader's record: number of processors");
	lock_set_rank(&lock, LOCK_START);
	lock_take(&lock);
	if (!is_ready)
		code = hv_init(handover);
	is_ready = code == WHIT_LAUNCH_OK;
	lock_drop(&lock);
	if (code != WHIT_LAUNCH_OK)
		return code;

	root = &hv.roots[cpu];
	root->cpu = cpu;
	root->xcr0 = 1;
	lock_take(&hv.lock);
	root->virt = virt_root_create(&hv.heap, &handover->cpus[cpu], &hv.root_space);
	lock_drop(&hv.lock);
	if (!root->virt)
		return refuse(handover, WHIT_LAUNCH_NO_MEMORY,
			      "the hypervisor's memory is too small for one more processor");
	why = root_prepare(root);
	if (why)
		return refuse(handover, WHIT_LAUNCH_UNSUPPORTED, why);
	root_run(root);
}

/* SPDX-License-Identifier: MIT */
/*
 * Events of the root that the hypervisor delivers: faults that it raises for an exit, and events
 * whose delivery an exit has interrupted. Faults are combined as the processor combines its own.
 */
#include "hv/root/root_event.h"

#include "hv/vp/event.h"
#include "whit/log.h"
#include "x86/exc.h"
#include "x86/rflags.h"

/* A machine's answer to the shutdown of its only processor, and to INIT, is to start anew. */
__attribute__((noreturn)) void root_reset(struct root *root, const char *why)
{
	log_line(LOG_ERROR, "root: %s at RIP %llx: the machine is reset", why,
		 (unsigned long long)virt_regs(root->virt)->rip);
	virt_reset();
}

void root_raise(struct root *root, const struct virt_exit *exit, uint8_t vector)
{
	struct virt_event event = {
		.type = VIRT_EVENT_EXCEPTION,
		.vector = vector,
		.has_error_code = EXC_HAS_ERROR_CODE >> vector & 1, /* it is 0 */
	};

	if (!event_combine(&exit->interrupted, &event))
		root_reset(root, "shutdown (triple fault)");
	/* Faults push RF set; an entry pushes what is there. */
	virt_regs(root->virt)->rflags |= RFLAGS_RF;
	virt_regs(root->virt)->changed = true;
	virt_inject(root->virt, &event);
}

void root_deliver_again(struct root *root, const struct virt_exit *exit)
{
	if (exit->interrupted.type == VIRT_EVENT_NONE)
		return;
	event_unblock(root->virt, &exit->interrupted);
	virt_inject(root->virt, &exit->interrupted);
}

/* SPDX-License-Identifier: MIT */
/*
 * Device accesses of a child: the instruction emulator (emu/) joined to a VP.
 *
 * A port or memory exit that the partition wants emulated comes in; out goes the finished device
 * access for the root to answer, or nothing at all. A write is taken (posted) and counts as done
 * for the guest. A read stops the instruction; the root's answer lets it run again from its start,
 * with the answers so far given in order, until it completes. State between two Runs is vp->device.
 *
 * All functions: the caller owns the VP (hv/owner.h).
 */
#ifndef HV_DEVICE_H
#define HV_DEVICE_H

#include "hv/vp.h"

enum device_outcome {
	DEVICE_RESUME,	/* enter the guest: done, or there is nothing to tell */
	DEVICE_EXIT,	/* vp->page->exit holds a struct whit_device_access */
	DEVICE_PLAIN,	/* not emulated, nothing has changed: give the client the plain WHP exit */
	DEVICE_INJECTED /* an exception is pending, by event_raise() */
};

/* A VIRT_EXIT_IO of a partition with WHIT_EMULATE_PORTS. IN and OUT are not even decoded. */
enum device_outcome device_io(struct vp *vp, const struct virt_exit *exit);

/*
 * A VIRT_EXIT_MEMORY of a partition with WHIT_EMULATE_MEMORY: a data access to a page that is not
 * mapped, or not for this access (a write to ROM). DEVICE_PLAIN for fetches, accesses to page
 * tables and accesses by the delivery of an event.
 */
enum device_outcome device_memory(struct vp *vp, const struct virt_exit *exit);

/*
 * A write to CR0 that is LMSW from memory, whose value nobody has told, or a read that is SMSW to
 * it. DEVICE_PLAIN: the memory is not there, and nobody is to be told of its device; or the
 * instruction is another one by now.
 */
enum device_outcome device_msw(struct vp *vp);

/*
 * First thing in Run, before anything is written to the shared page's exit record: take the answer
 * of the waiting read over. It is the data of the record if vp->page->device_answered is set, else
 * ones; both are read once. So a Canceled exit between the answer and the instruction's end loses
 * nothing.
 */
void device_accept(struct vp *vp);

/*
 * Before the guest is entered, after the root's registers have been taken over: hand the next
 * posted write over, complete the read that the root has answered, go on with a REP instruction.
 * Never DEVICE_PLAIN: what cannot be completed is given up, and the guest meets it again. A client
 * that has moved RIP has given the instruction up. A read that waits is for device_accept() first.
 */
enum device_outcome device_continue(struct vp *vp);

/*
 * Which optional instructions the processor executes, whatever its guests are shown: EMU_HAS()
 * bits. hv/emulate/vector.c
 */
uint32_t device_features(void);

/*
 * Operations of the emulator on a child's vector and x87 registers; see struct emu_ops. A register
 * that its image does not hold as far as n_bytes, or with zero_upper not beyond XMM, is
 * EMU_UNIMPLEMENTED.
 */
enum emu_outcome device_vector(struct virt_vp *virt, enum emu_file file, unsigned int reg,
			       unsigned int n_bytes, void *data);
enum emu_outcome device_set_vector(struct virt_vp *virt, enum emu_file file, unsigned int reg,
				   unsigned int n_bytes, bool zero_upper, const void *data);
enum emu_outcome device_x87(struct virt_vp *virt, struct emu_x87 *out);
enum emu_outcome device_set_x87(struct virt_vp *virt, const struct emu_x87 *value);

/* A read was handed to the root: device_accept() is due before the next Run goes on. */
static inline bool device_is_waiting(const struct vp *vp)
{
	return vp->device.stage >= DEVICE_WAITS_IN;
}

/* No instruction is open, and no write is left to hand over: device_continue() would do nothing. */
static inline bool device_is_idle(const struct vp *vp)
{
	return !(vp->device.stage | vp->device.n_posted);
}

/*
 * The answer of the pending read by register: WhitRegisterDeviceData0 + index, 16 bytes. False if
 * no read waits. For hv/register/register.c; same effect as writing the shared page.
 */
bool device_get_data(const struct vp *vp, unsigned int index, uint64_t value[2]);
bool device_set_data(struct vp *vp, unsigned int index, const uint64_t value[2]);

#endif

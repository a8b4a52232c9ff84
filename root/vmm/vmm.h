/* SPDX-License-Identifier: MIT */
/*
 * A small virtual machine monitor that uses nothing but WHP calls, with Whit's emulation property
 * and its device access and turn exits: one partition, and the devices of a PC of the ISA days. It
 * runs a firmware image on one processor without a local APIC, or a Linux kernel on one or several
 * with the one in the hypervisor, on as many processors of the host as there are (seat.h).
 */
#ifndef ROOT_VMM_VMM_H
#define ROOT_VMM_VMM_H

#include "root/vmm/cmos.h"
#include "root/vmm/debugport.h"
#include "root/vmm/fwcfg.h"
#include "root/vmm/linux.h"
#include "root/vmm/lock.h"
#include "root/vmm/memory.h"
#include "root/vmm/pci.h"
#include "root/vmm/pic.h"
#include "root/vmm/pit.h"
#include "root/vmm/pm.h"
#include "root/vmm/port92.h"
#include "root/vmm/ports.h"
#include "root/vmm/ps2.h"
#include "root/vmm/seat.h"
#include "root/vmm/serial.h"
#include "root/vmm/stats.h"
#include "root/vmm/watch.h"
#include "whp/WinHvPlatform.h"

/* The guest's command line with what the VMM adds to it. */
#define VMM_COMMAND_BYTES 2048u

struct vmm_config {
	const uint8_t *rom; /* firmware; NULL: it is Linux */
	uint64_t rom_bytes;
	const struct linux_image *image; /* the kernel */
	uint64_t ram_bytes;
	unsigned int n_processors; /* of Linux; of firmware there is one */
	/*
	 * Firmware: the run has succeeded when the debug port's log has a line that begins so.
	 * Linux: the line that its shell begins with; the run has succeeded when the guest switches
	 * itself off after it.
	 */
	const char *awaited;
	unsigned int n_seconds; /* the run has failed after this time */
};

/*
 * The lock is around everything from `ports` to `has_shell`, and around what is printed. One is
 * enough: a guest comes to a device seldom and for a moment (a boot of Linux has a thousand
 * accesses, of some hundred instructions each, among half a billion), and devices use each other,
 * as all use the PIC.
 */
struct vmm {
	WHV_PARTITION_HANDLE partition;
	struct memory memory;
	bool has_apic; /* the local APIC is in the hypervisor */
	uint64_t start_tsc, tsc_hz;
	uint64_t end; /* of the run, if nothing else ends it: as `now` */

	unsigned int n_vps, n_seats;
	unsigned int n_started; /* seats that the host's other processors have not left */
	enum seats_phase phase;
	struct seat seats[SEATS_MAX];

	struct lock lock;
	struct ports ports;
	struct watch watch;
	struct debugport debugport;
	struct serial serial;
	struct pic pic;
	struct pit pit;
	struct cmos cmos;
	struct fwcfg fwcfg;
	struct ps2 ps2;
	struct pci pci;
	struct port92 port92;
	struct pm pm;
	uint64_t now;	      /* clocks of PIT_HZ since the start: the devices' time */
	bool is_window_armed; /* without the APIC: when VP 0 takes interrupts again it exits */
	bool has_shell;	      /* Linux has come to its shell */
};

/* Create the partition with its processors in the state in which the guest starts. */
HRESULT vmm_create(struct vmm *vmm, const struct vmm_config *config);
void vmm_destroy(struct vmm *vmm);

/* root/vmm/start.c: where VP 0 starts. */
HRESULT start_at_reset_vector(WHV_PARTITION_HANDLE partition);
HRESULT start_in_long_mode(WHV_PARTITION_HANDLE partition, const struct linux_start *start);

/* The same of the others: they wait for VP 0 to start them. */
HRESULT start_suspended(WHV_PARTITION_HANDLE partition, UINT32 vp);

/*
 * root/vmm/interrupt.c: the PIC has an interrupt: hand it to VP 0, or see to it that it exits when
 * it can take one. By seat 0, which has VP 0 out of Run, with the VMM's lock.
 */
HRESULT interrupt_deliver(struct vmm *vmm);

/* All of it, with the figures printed. True if it has succeeded. */
bool vmm_main(const struct vmm_config *config);

#endif

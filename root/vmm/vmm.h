/* SPDX-License-Identifier: MIT */
/*
 * A small virtual machine monitor that uses nothing but WHP calls, with Whit's emulation property and its
 * device access exits: one partition, one processor, and the devices of a PC of the ISA days.
 */
#ifndef ROOT_VMM_VMM_H
#define ROOT_VMM_VMM_H

#include "root/vmm/cmos.h"
#include "root/vmm/debugport.h"
#include "root/vmm/fwcfg.h"
#include "root/vmm/memory.h"
#include "root/vmm/pci.h"
#include "root/vmm/pic.h"
#include "root/vmm/pit.h"
#include "root/vmm/port92.h"
#include "root/vmm/ports.h"
#include "root/vmm/ps2.h"
#include "root/vmm/serial.h"
#include "root/vmm/stats.h"
#include "whp/WinHvPlatform.h"

struct vmm_config {
	const uint8_t *rom;
	uint64_t rom_bytes;
	uint64_t ram_bytes;
	const char *awaited;	/* the run has succeeded when the debug port's log has this line */
	unsigned int n_seconds; /* and failed after this time */
};

struct vmm {
	WHV_PARTITION_HANDLE partition;
	struct memory memory;
	struct ports ports;
	struct debugport debugport;
	struct serial serial;
	struct pic pic;
	struct pit pit;
	struct cmos cmos;
	struct fwcfg fwcfg;
	struct ps2 ps2;
	struct pci pci;
	struct port92 port92;
	struct stats stats;

	uint64_t start_tsc, tsc_hz;
	uint64_t now;	      /* clocks of PIT_HZ since the start: the devices' time */
	uint64_t end;	      /* of the run, if nothing else ends it */
	bool is_window_armed; /* the next moment at which the guest takes interrupts is an exit */
};

/* Create the partition with its processor in the state in which a PC starts. */
HRESULT vmm_create(struct vmm *vmm, const struct vmm_config *config);
void vmm_destroy(struct vmm *vmm);

/* root/vmm/run.c: run the guest until it has ended. True if the awaited line has come. */
bool vmm_run(struct vmm *vmm);

/* All of it, with the figures printed. True if the awaited line has come. */
bool vmm_main(const struct vmm_config *config);

#endif

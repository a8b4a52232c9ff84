/* SPDX-License-Identifier: MIT */
/*
 * The options of \EFI\whit\whit.conf: `key = value` lines, # starts a comment.
 *
 *   next     = \EFI\debian\grubx64.efi	the loader to start next
 *   serial   = 3f8 | none		I/O port of a 16550 for the hypervisor's log
 *   loglevel = error | notice | debug
 *   memory   = 16M			heap of the hypervisor, 8M to 64G
 *   assist   = all | registers | off	what the processor is let do of a child's local APIC
 *   processors = all | one		how many are taken over, see README
 *   icr      = auto | trap		INIT and SIPI of the root: looked at if need be, or always
 *   panic    = stop | reset 10	after a panic: the machine stands, or is reset after so many seconds
 *
 * Pure: text in, options out. A line that is not understood is reported and has no effect.
 */
#ifndef BOOT_CONFIG_H
#define BOOT_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_PATH_BYTES     256
#define CONFIG_MEMORY_MIN     (8ull << 20)
#define CONFIG_MEMORY_MAX     (64ull << 30)
#define CONFIG_MEMORY_DEFAULT (16ull << 20)
#define CONFIG_PANIC_MAX      3600
#define CONFIG_LOG_ERROR      0
#define CONFIG_LOG_NOTICE     1
#define CONFIG_LOG_DEBUG      2
#define CONFIG_SERIAL_COM1    0x3f8
#define CONFIG_ASSIST_ALL     0 /* as WHIT_ASSIST_… */
#define CONFIG_ASSIST_OFF     2

struct config {
	char next[CONFIG_PATH_BYTES]; /* zero-terminated; empty: the default list */
	uint64_t memory_bytes;	      /* heap when the root runs */
	uint16_t serial_port;	      /* 0: none */
	uint8_t log_level;	      /* CONFIG_LOG_… */
	uint8_t assist;		      /* CONFIG_ASSIST_ALL … OFF */
	bool all_processors;	      /* else the one that the loader runs on */
	bool traps_icr;		      /* else if there may be processors that are not taken over */
	uint16_t panic_seconds;	      /* until a reset; 0: none */
};

/* Called for each line without effect: its number from 1 and what is wrong with it. */
typedef void config_warn_fn(void *context, unsigned line, const char *what);

/* The options of a machine without the file. */
void config_default(struct config *config);

/* Applies n_bytes of text (LF or CRLF lines, a UTF-8 byte order mark is skipped) over `config`. */
void config_parse(struct config *config, const char *text, size_t n_bytes, config_warn_fn *warn,
		  void *context);

#endif

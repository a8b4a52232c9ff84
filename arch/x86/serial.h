/* SPDX-License-Identifier: MIT */
/* A 16550 serial port for the log: output only, polled. */
#ifndef ARCH_X86_SERIAL_H
#define ARCH_X86_SERIAL_H

#include <stddef.h>
#include <stdint.h>

/* 115200 baud, 8N1; 0: no port, and serial_write() does nothing. */
void serial_start(uint16_t port);

/* Callers take turns by a lock of their own. */
void serial_write(const char *text, size_t n_bytes);

#endif

/* SPDX-License-Identifier: MIT */
/* The 16550. A port that never gets ready costs a bounded wait, once, and is then given up. */
#include "arch/x86/insn.h"
#include "arch/x86/serial.h"

#define UART_DATA	 0
#define UART_INTERRUPT	 1
#define UART_FIFO	 2
#define UART_LINE	 3
#define UART_MODEM	 4
#define UART_STATUS	 5
#define UART_LINE_8N1	 0x03
#define UART_LINE_DLAB	 0x80
#define UART_FIFO_ON	 0x07
#define UART_MODEM_READY 0x03
#define UART_CAN_SEND	 0x20

#define UART_PATIENCE 1000000u

static uint16_t serial_port; /* written by serial_start(), then under the log's lock */

void serial_start(uint16_t port)
{
	serial_port = port;
	if (!port)
		return;
	x86_outb((uint16_t)(port + UART_INTERRUPT), 0);
	x86_outb((uint16_t)(port + UART_LINE), UART_LINE_DLAB);
	x86_outb((uint16_t)(port + UART_DATA), 1);
	x86_outb((uint16_t)(port + UART_INTERRUPT), 0);
	x86_outb((uint16_t)(port + UART_LINE), UART_LINE_8N1);
	x86_outb((uint16_t)(port + UART_FIFO), UART_FIFO_ON);
	x86_outb((uint16_t)(port + UART_MODEM), UART_MODEM_READY);
}

static void serial_put(char c)
{
	unsigned int patience = UART_PATIENCE;

	while (!(x86_inb((uint16_t)(serial_port + UART_STATUS)) & UART_CAN_SEND)) {
		if (!--patience) {
			serial_port = 0;
			return;
		}
		x86_pause();
	}
	x86_outb((uint16_t)(serial_port + UART_DATA), (uint8_t)c);
}

void serial_write(const char *text, size_t n_bytes)
{
	for (size_t i = 0; i < n_bytes && serial_port; i++) {
		if (text[i] == '\n')
			serial_put('\r');
		serial_put(text[i]);
	}
}

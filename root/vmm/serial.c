// SPDX-License-Identifier: MIT
/* See serial.h. Registers and bits: the PC16550D datasheet. */
#include "root/vmm/serial.h"

#include "root/vmm/terminal.h"

enum { RBR_THR, IER, IIR_FCR, LCR, MCR, LSR, MSR, SCR };

#define IER_RECEIVED  0x01u
#define IER_THRE      0x02u
#define IER_ALL	      0x0fu
#define IIR_NONE      0x01u
#define IIR_THRE      0x02u
#define IIR_RECEIVED  0x04u
#define IIR_FIFOS     0xc0u
#define FCR_ENABLE    0x01u
#define FCR_CLEAR_RX  0x02u
#define LCR_DLAB      0x80u
#define MCR_DTR	      0x01u
#define MCR_RTS	      0x02u
#define MCR_OUT1      0x04u
#define MCR_OUT2      0x08u /* on a PC: connects the interrupt */
#define MCR_LOOP      0x10u
#define LSR_RECEIVED  0x01u
#define LSR_IDLE      0x60u /* transmitter and its holding register empty */
#define MSR_CONNECTED 0xb0u /* DCD, DSR, CTS */

void serial_init(struct serial *serial, uint16_t port, uint8_t irq, struct pic *pic,
		 struct watch *watch)
{
	*serial = (struct serial) {
		.port = port, .irq = irq, .pic = pic, .watch = watch, .divisor = 12
	};
}

static bool wants_receive_irq(const struct serial *serial)
{
	return serial->n_received && (serial->ier & IER_RECEIVED);
}

static bool wants_send_irq(const struct serial *serial)
{
	return serial->is_thre_pending && (serial->ier & IER_THRE);
}

static void update_irq(const struct serial *serial)
{
	pic_set(serial->pic, serial->irq,
		(wants_receive_irq(serial) || wants_send_irq(serial)) && (serial->mcr & MCR_OUT2));
}

/* The most urgent cause; to read that the transmitter is empty ends that interrupt. */
static uint8_t read_iir(struct serial *serial)
{
	uint8_t fifos = serial->fcr & FCR_ENABLE ? IIR_FIFOS : 0;

	if (wants_receive_irq(serial))
		return IIR_RECEIVED | fifos;
	if (!wants_send_irq(serial))
		return IIR_NONE | fifos;
	serial->is_thre_pending = false;
	update_irq(serial);
	return IIR_THRE | fifos;
}

bool serial_can_receive(const struct serial *serial)
{
	return serial->n_received < (serial->fcr & FCR_ENABLE ? SERIAL_FIFO : 1);
}

void serial_receive(struct serial *serial, uint8_t c)
{
	serial->received[(serial->first + serial->n_received++) % SERIAL_FIFO] = c;
	update_irq(serial);
}

static uint8_t read_received(struct serial *serial)
{
	uint8_t c = serial->received[serial->first];

	if (!serial->n_received)
		return 0;
	serial->first = (uint8_t)((serial->first + 1) % SERIAL_FIFO);
	serial->n_received--;
	update_irq(serial);
	return c;
}

/* In the loop-back test the modem's outputs are its inputs. */
static uint8_t read_msr(const struct serial *serial)
{
	uint8_t mcr = serial->mcr;

	if (!(mcr & MCR_LOOP))
		return MSR_CONNECTED;
	return (uint8_t)((mcr & MCR_RTS ? 0x10 : 0) | (mcr & MCR_DTR ? 0x20 : 0) |
			 (mcr & MCR_OUT1 ? 0x40 : 0) | (mcr & MCR_OUT2 ? 0x80 : 0));
}

static uint32_t serial_read(void *device, uint16_t port, unsigned int size)
{
	struct serial *serial = device;
	bool is_divisor = serial->lcr & LCR_DLAB;

	(void)size;
	switch (port - serial->port) {
	case RBR_THR: return is_divisor ? serial->divisor & 0xff : read_received(serial);
	case IER: return is_divisor ? serial->divisor >> 8 : serial->ier;
	case IIR_FCR: return read_iir(serial);
	case LCR: return serial->lcr;
	case MCR: return serial->mcr;
	case LSR: return LSR_IDLE | (serial->n_received ? LSR_RECEIVED : 0);
	case MSR: return read_msr(serial);
	default: return serial->scratch;
	}
}

static void send(struct serial *serial, uint8_t value)
{
	if (!(serial->mcr & MCR_LOOP)) {
		terminal_guest((char)value);
		if (serial->watch)
			watch_character(serial->watch, (char)value);
	} else if (serial_can_receive(serial)) {
		serial_receive(serial, value);
	}
	serial->is_thre_pending = true;
	update_irq(serial);
}

static void write_fcr(struct serial *serial, uint8_t value)
{
	/* To switch the FIFOs on or off clears them, too. */
	if ((value & FCR_CLEAR_RX) || ((value ^ serial->fcr) & FCR_ENABLE))
		serial->n_received = 0;
	serial->fcr = value;
	update_irq(serial);
}

static void serial_write(void *device, uint16_t port, unsigned int size, uint32_t value)
{
	struct serial *serial = device;
	bool is_divisor = serial->lcr & LCR_DLAB;

	(void)size;
	switch (port - serial->port) {
	case RBR_THR:
		if (is_divisor)
			serial->divisor = (uint16_t)((serial->divisor & 0xff00) | (value & 0xff));
		else
			send(serial, (uint8_t)value);
		break;
	case IER:
		if (is_divisor) {
			serial->divisor =
				(uint16_t)((serial->divisor & 0xff) | (value & 0xff) << 8);
			break;
		}
		if (value & ~serial->ier & IER_THRE)
			serial->is_thre_pending = true;
		serial->ier = value & IER_ALL;
		update_irq(serial);
		break;
	case IIR_FCR: write_fcr(serial, (uint8_t)value); break;
	case LCR: serial->lcr = (uint8_t)value; break;
	case MCR:
		serial->mcr = value & 0x1f;
		update_irq(serial);
		break;
	case SCR: serial->scratch = (uint8_t)value; break;
	default: break;
	}
}

void serial_add_ports(struct serial *serial, struct ports *ports)
{
	ports_add(ports, &(struct port_device) { .first = serial->port,
						 .last = (uint16_t)(serial->port + 7),
						 .width = 1,
						 .read = serial_read,
						 .write = serial_write,
						 .device = serial });
}

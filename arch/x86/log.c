/* SPDX-License-Identifier: MIT */
/*
 * The log ring. One lock orders lines in the ring and on the serial port; nothing else is ever
 * taken under it. Positions count bytes since the start, so a reader knows what it has missed.
 */
#include "arch/x86/format.h"
#include "arch/lock.h"
#include "arch/x86/log.h"
#include "arch/x86/serial.h"

#define LINE_BYTES 256

static struct {
	struct lock lock;
	enum whit_log_level level;
	uint64_t end; /* position behind the last byte */
	char ring[WHIT_LOG_BYTES];
} whit_log;

void log_set_level(enum whit_log_level level)
{
	whit_log.level = level;
}

void log_break_lock(void)
{
	lock_break(&whit_log.lock);
}

void log_line(enum whit_log_level level, const char *format, ...)
{
	char line[LINE_BYTES];
	va_list args;
	size_t length;

	if (level > whit_log.level)
		return;
	va_start(args, format);
	length = format_list(line, sizeof(line) - 1, format, args);
	va_end(args);
	line[length++] = '\n';

	lock_take(&whit_log.lock);
	for (size_t i = 0; i < length; i++)
		whit_log.ring[whit_log.end++ % WHIT_LOG_BYTES] = line[i];
	serial_write(line, length);
	lock_drop(&whit_log.lock);
}

size_t log_read(uint64_t from, char *buffer, size_t n_bytes, uint64_t *next)
{
	size_t n = 0;

	lock_take(&whit_log.lock);
	if (from > whit_log.end)
		from = whit_log.end;
	if (whit_log.end - from > WHIT_LOG_BYTES)
		from = whit_log.end - WHIT_LOG_BYTES;
	while (n < n_bytes && from < whit_log.end)
		buffer[n++] = whit_log.ring[from++ % WHIT_LOG_BYTES];
	*next = from;
	lock_drop(&whit_log.lock);
	return n;
}

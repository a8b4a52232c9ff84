// SPDX-License-Identifier: MIT
/* See option.h. */
#include "option.h"

#define ACTIVE	      0x00000001u
#define CATEGORY      0x00001f00u
#define CATEGORY_BOOT 0x00000000u
#define HEADER_BYTES  6 /* attributes, length of the path list; a name and the list follow */

#define NODE_BYTES 4 /* type, subtype, length */
#define NODE_MEDIA 0x04
#define NODE_END   0x7f
#define MEDIA_DISK 0x01
#define MEDIA_FILE 0x04

/* A partition: offsets of UEFI "Hard Drive Media Device Path". */
#define DISK_BYTES	    42
#define DISK_NUMBER	    4
#define DISK_SIGNATURE	    24
#define DISK_SIGNATURE_TYPE 41

static uint32_t get(const uint8_t *at, unsigned n_bytes)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < n_bytes; i++)
		value |= (uint32_t)at[i] << 8 * i;
	return value;
}

static bool is_equal(const uint8_t *a, const uint8_t *b, size_t n_bytes)
{
	size_t i = 0;

	while (i < n_bytes && a[i] == b[i])
		i++;
	return i == n_bytes;
}

/* The length of the node at `at` of a path of n_bytes; 0 if it is not inside. */
static size_t node_bytes(const uint8_t *path, size_t n_bytes, size_t at)
{
	size_t n;

	if (n_bytes - at < NODE_BYTES)
		return 0;
	n = get(path + at + 2, 2);
	return n >= NODE_BYTES && n <= n_bytes - at ? n : 0;
}

/*
 * The offset behind a name of 16-bit characters that ends with a zero; SIZE_MAX if it does not end.
 */
static size_t skip_name(const uint8_t *bytes, size_t n_bytes, size_t at)
{
	for (; n_bytes - at >= 2; at += 2)
		if (!get(bytes + at, 2))
			return at + 2;
	return SIZE_MAX;
}

/* Appends a file node's name; what separates it from the one before is a backslash. */
static bool add_name(struct option *option, size_t *n, const uint8_t *name, size_t n_bytes)
{
	if (n_bytes % 2)
		return false;
	if (*n && option->file[*n - 1] != '\\' && n_bytes && get(name, 2) != '\\')
		option->file[(*n)++] = '\\';
	for (size_t i = 0; i < n_bytes && get(name + i, 2); i += 2) {
		if (*n >= OPTION_FILE_CHARS - 2)
			return false;
		option->file[(*n)++] = (uint16_t)get(name + i, 2);
	}
	option->file[*n] = 0;
	return true;
}

/* The first device path of a list: nodes of the device, then of the file, then an end. */
static bool parse_path(struct option *option, const uint8_t *path, size_t n_bytes)
{
	size_t n_chars = 0, n;

	option->path = path;
	for (size_t at = 0; (n = node_bytes(path, n_bytes, at)); at += n) {
		const uint8_t *node = path + at;

		if (node[0] == NODE_END)
			return n_chars;
		if (node[0] == NODE_MEDIA && node[1] == MEDIA_FILE) {
			if (!n_chars)
				option->path_bytes = at;
			if (!add_name(option, &n_chars, node + NODE_BYTES, n - NODE_BYTES))
				return false;
		} else if (n_chars) {
			return false;
		}
	}
	return false;
}

bool option_parse(const void *variable, size_t n_bytes, struct option *option)
{
	const uint8_t *bytes = variable;
	size_t at, list_bytes;

	*option = (struct option) { .path_bytes = 0 };
	if (n_bytes < HEADER_BYTES)
		return false;
	if (!(get(bytes, 4) & ACTIVE) || (get(bytes, 4) & CATEGORY) != CATEGORY_BOOT)
		return false;
	list_bytes = get(bytes + 4, 2);
	at = skip_name(bytes, n_bytes, HEADER_BYTES);
	if (at == SIZE_MAX || list_bytes > n_bytes - at)
		return false;
	option->data = bytes + at + list_bytes;
	option->data_bytes = n_bytes - at - list_bytes;
	return parse_path(option, bytes + at, list_bytes);
}

void option_name(uint16_t number, uint16_t name[static OPTION_NAME_CHARS])
{
	static const char start[] = "Boot", digits[] = "0123456789ABCDEF";

	for (unsigned i = 0; i < 4; i++) {
		name[i] = (uint8_t)start[i];
		name[4 + i] = (uint8_t)digits[number >> (12 - 4 * i) & 0xf];
	}
	name[8] = 0;
}

/*
 * A partition is known by its number and its disk's or its own signature, of which there must be
 * one.
 */
static bool is_same_partition(const uint8_t *a, const uint8_t *b)
{
	return a[DISK_SIGNATURE_TYPE] && a[DISK_SIGNATURE_TYPE] == b[DISK_SIGNATURE_TYPE] &&
	       is_equal(a + DISK_NUMBER, b + DISK_NUMBER, 4) &&
	       is_equal(a + DISK_SIGNATURE, b + DISK_SIGNATURE,
			DISK_SIGNATURE_TYPE - 1 - DISK_SIGNATURE);
}

static bool is_disk(const uint8_t *node, size_t n_bytes)
{
	return n_bytes == DISK_BYTES && node[0] == NODE_MEDIA && node[1] == MEDIA_DISK;
}

bool option_is_on(const struct option *option, const void *volume, size_t n_bytes)
{
	const uint8_t *path = volume;
	const bool is_short =
		option->path_bytes == DISK_BYTES && is_disk(option->path, get(option->path + 2, 2));
	size_t n;

	if (!option->path_bytes)
		return true;
	for (size_t at = 0; (n = node_bytes(path, n_bytes, at)); at += n) {
		if (path[at] == NODE_END)
			return at == option->path_bytes && is_equal(path, option->path, at);
		if (is_short && is_disk(path + at, n) && is_same_partition(option->path, path + at))
			return true;
	}
	return false;
}

bool option_next(const void *order, size_t n_bytes, uint32_t current, size_t i, uint16_t *number)
{
	const uint8_t *bytes = order;
	const size_t n = n_bytes / 2 < OPTIONS_MAX ? n_bytes / 2 : OPTIONS_MAX;
	size_t first = 0;

	while (first < n && get(bytes + 2 * first, 2) != current)
		first++;
	first = first < n ? first + 1 : 0;
	for (size_t k = 0; k < n; k++) {
		*number = (uint16_t)get(bytes + 2 * ((first + k) % n), 2);
		if (*number != current && !i--)
			return true;
	}
	return false;
}

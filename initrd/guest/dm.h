/*
 * The device-mapper ioctls, as far as one read-only verity device needs them (Linux uapi dm-ioctl.h, interface 4).
 * The stand-in agent of the tests reads the device's state with them too.
 */
#ifndef INITRD_GUEST_DM_H
#define INITRD_GUEST_DM_H

#include <stddef.h>
#include <stdint.h>

#define DM_PARAMS_MAX 2048 /* bytes of a table line or a status line, NUL included */

/* Opens /dev/mapper/control; a descriptor or a negative errno. */
int dm_open(void);

/* Creates the read-only device @name with minor number 0. All of these return 0 or a negative errno. */
int dm_create(int fd, const char *name);

/* Loads a read-only table of one @target over @sectors (of 512 bytes) with @params (shorter than DM_PARAMS_MAX). */
int dm_load(int fd, const char *name, uint64_t sectors, const char *target, const char *params);

/* Makes the loaded table live. */
int dm_resume(int fd, const char *name);

enum dm_query {
	DM_QUERY_STATUS, /* verity: "V", or "C" once corruption was seen */
	DM_QUERY_TABLE,	 /* the live table's parameters */
};

/* The first target of the live table: its type (16 bytes at @ret_target) and its text (DM_PARAMS_MAX bytes). */
int dm_query(int fd, const char *name, enum dm_query query, char *ret_target, char *ret_text);

#endif

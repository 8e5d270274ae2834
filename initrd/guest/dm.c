/*
 * The device-mapper ioctls (dm.h). One buffer serves each call: the header, for tables one target, then its text.
 *
 *   dm_ioctl      0 version[3] u32  12 data_size u32  16 data_start u32  20 target_count u32  24 open_count s32
 *                28 flags u32  32 event_nr u32  36 padding  40 dev u64  48 name[128]  176 uuid[129]  305 data[7]
 *   target_spec   0 sector_start u64  8 length u64  16 status s32  20 next u32  24 target_type[16]
 */
#include "initrd/guest/dm.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>

#define DM_NAME_MAX   128
#define DM_TARGET_MAX 16

struct dm_header {
	uint32_t version[3];
	uint32_t data_size;
	uint32_t data_start;
	uint32_t target_count;
	int32_t open_count;
	uint32_t flags;
	uint32_t event_nr;
	uint32_t padding;
	uint64_t dev;
	char name[DM_NAME_MAX];
	char uuid[129];
	char data[7];
};
_Static_assert(sizeof(struct dm_header) == 312, "the kernel's struct dm_ioctl");

struct dm_target {
	uint64_t sector_start;
	uint64_t length;
	int32_t status;
	uint32_t next;
	char type[DM_TARGET_MAX];
};
_Static_assert(sizeof(struct dm_target) == 40, "the kernel's struct dm_target_spec");

struct dm_call {
	struct dm_header header;
	struct dm_target target;
	char text[DM_PARAMS_MAX];
};
_Static_assert(offsetof(struct dm_call, text) == 352, "no padding between the parts");

#define DM_REQUEST(number) _IOWR(0xfd, number, struct dm_header)
#define DM_DEV_CREATE	   DM_REQUEST(3)
#define DM_DEV_SUSPEND	   DM_REQUEST(6)
#define DM_TABLE_LOAD	   DM_REQUEST(9)
#define DM_TABLE_STATUS	   DM_REQUEST(12)

#define DM_FLAG_READONLY       (1u << 0)
#define DM_FLAG_PERSISTENT_DEV (1u << 3)
#define DM_FLAG_STATUS_TABLE   (1u << 4)
#define DM_FLAG_BUFFER_FULL    (1u << 8)

int dm_open(void)
{
	int fd = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int begin(struct dm_call *call, const char *name, uint32_t flags)
{
	*call = (struct dm_call){
		.header =
			{
				.version = {4, 0, 0},
				.data_size = sizeof(*call),
				.data_start = offsetof(struct dm_call, target),
				.flags = flags,
			},
	};
	if (strlen(name) >= DM_NAME_MAX)
		return -ENAMETOOLONG;
	memcpy(call->header.name, name, strlen(name));
	return 0;
}

static int submit(int fd, unsigned long request, struct dm_call *call)
{
	/* musl declares the request as int; the kernel reads 32 bits */
	return ioctl(fd, (int)request, call) < 0 ? -errno : 0;
}

int dm_create(int fd, const char *name)
{
	struct dm_call call;
	int code = begin(&call, name, DM_FLAG_READONLY | DM_FLAG_PERSISTENT_DEV);

	return code != 0 ? code : submit(fd, DM_DEV_CREATE, &call);
}

int dm_load(int fd, const char *name, uint64_t sectors, const char *target, const char *params)
{
	struct dm_call call;
	int code = begin(&call, name, DM_FLAG_READONLY);

	if (code != 0)
		return code;
	if (strlen(target) >= DM_TARGET_MAX || strlen(params) >= DM_PARAMS_MAX)
		return -E2BIG;
	call.header.target_count = 1;
	call.target.length = sectors;
	memcpy(call.target.type, target, strlen(target));
	memcpy(call.text, params, strlen(params));
	return submit(fd, DM_TABLE_LOAD, &call);
}

int dm_resume(int fd, const char *name)
{
	struct dm_call call;
	int code = begin(&call, name, 0);

	return code != 0 ? code : submit(fd, DM_DEV_SUSPEND, &call);
}

int dm_query(int fd, const char *name, enum dm_query query, char *ret_target, char *ret_text)
{
	struct dm_call call;
	int code = begin(&call, name, query == DM_QUERY_TABLE ? DM_FLAG_STATUS_TABLE : 0);

	if (code == 0)
		code = submit(fd, DM_TABLE_STATUS, &call);
	if (code != 0)
		return code;
	if ((call.header.flags & DM_FLAG_BUFFER_FULL) != 0 || call.header.target_count != 1 ||
		call.header.data_start != offsetof(struct dm_call, target))
		return -EPROTO;
	call.target.type[DM_TARGET_MAX - 1] = '\0';
	call.text[DM_PARAMS_MAX - 1] = '\0';
	strcpy(ret_target, call.target.type);
	strcpy(ret_text, call.text);
	return 0;
}

/* Kernel images for tests: a bzImage around a payload, and the payload's kernel with a configuration in it. */
#ifndef TESTS_UNIT_KERNEL_IMAGE_H
#define TESTS_UNIT_KERNEL_IMAGE_H

#include <stdlib.h>
#include <string.h>

#include "formats/gzip.h"
#include "lib/buf.h"
#include "lib/wr.h"
#include "tests/unit/setup-header.h"

#define KERNEL_IMAGE_CONFIG "CONFIG_A=y\nCONFIG_B=m\n"

static inline void kernel_image_le32(struct buf *buf, uint32_t v)
{
	const unsigned char bytes[] = {(unsigned char)v, (unsigned char)(v >> 8),
		(unsigned char)(v >> 16), (unsigned char)(v >> 24)};

	buf_add(buf, bytes, sizeof(bytes));
}

/* An ELF file, as far as its magic goes, that holds @text between the markers. */
static inline void kernel_image_vmlinux(const char *text, struct buf *ret)
{
	struct err err = {0};

	buf_str(ret, "\177ELF some code and the word IKCFG_ST, IKCFG_ED and then ");
	buf_str(ret, "IKCFG_ST");
	if (gzip_write(text, strlen(text), ret, &err) != 0)
		abort();
	buf_str(ret, "IKCFG_ED");
	for (unsigned i = 0; i < 100; i++)
		buf_str(ret, "much the same again and again; ");
}

/* A bzImage with the payload at 0x80 of its protected-mode part. */
static inline void kernel_image_bzimage(const struct buf *payload, struct buf *ret)
{
	unsigned char head[1024 + 0x80];
	struct wr wr = wr_init(head, sizeof(head));

	setup_header(&wr);
	wr_seek(&wr, 0x211);
	wr_u8(&wr, 1);
	wr_seek(&wr, 0x248);
	wr_le32(&wr, 0x80);
	wr_le32(&wr, (uint32_t)payload->len);
	buf_add(ret, head, sizeof(head));
	buf_add(ret, payload->data, payload->len);
}

#endif

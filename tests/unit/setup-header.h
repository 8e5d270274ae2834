/* The setup header of a bzImage, for tests: what every reader of one asks first. Linux, Documentation/arch/x86/boot.rst. */
#ifndef TESTS_UNIT_SETUP_HEADER_H
#define TESTS_UNIT_SETUP_HEADER_H

#include "lib/wr.h"

/* One setup sector, the magics, protocol 2.15; @wr begins where the image does and is left behind the version. */
static inline void setup_header(struct wr *wr)
{
	wr_seek(wr, 0x1f1);
	wr_u8(wr, 1);
	wr_seek(wr, 0x1fe);
	wr_le16(wr, 0xaa55);
	wr_seek(wr, 0x202);
	wr_bytes(wr, "HdrS", 4);
	wr_le16(wr, 0x020f);
}

#endif

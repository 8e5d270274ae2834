#!/usr/bin/env python3
"""Synthetic firmware for the tests of measure: fake-firmware.py FILE [WHAT].

WHAT spoils it: no-hashes-section, no-hash-entry, hash-outside, unaligned, overlap, in-rom, count, no-metadata, no-reset, empty-section,
unknown-section; none gives a good AmdSev-like image of 64 KiB.
"""
import struct
import sys
import uuid

SIZE, BACK = 0x10000, 0x400


def entry(guid, data):
    return data + struct.pack("<H", len(data) + 18) + uuid.UUID(guid).bytes_le


def main():
    what = sys.argv[2] if len(sys.argv) > 2 else ""
    sections = [(0x800000, 0x9000, 1), (0x80D000, 0x1000, 2), (0x80E000, 0x1000, 3), (0x80F000, 0x1000, 4), (0x811000, 0x3000, 1), (0x810000, 0x1000, 0x10)]
    change = {
        "unaligned": (0x800100, 0x9000, 1),
        "overlap": (0x80D000, 0x1000, 1),
        "in-rom": (0xFFFF0000, 0x1000, 1),
        "empty-section": (0x800000, 0, 1),
        "unknown-section": (0x800000, 0x9000, 0x77),
    }
    sections[0] = change.get(what, sections[0])
    if what == "no-hashes-section":
        sections.pop()
    entries = b""
    if what != "no-metadata":
        entries += entry("dc886566-984a-4798-a75e-5585a7bf67cc", struct.pack("<I", BACK))
    if what != "no-hash-entry":
        entries += entry("7255371f-3a3b-4b04-927b-1da6efa8d454", struct.pack("<II", 0x80FF00 if what == "hash-outside" else 0x810C00, 0x400))
    if what != "no-reset":
        entries += entry("00f771de-1a7e-4fcb-890e-68c77e2fb44e", struct.pack("<I", 0x80B004))
    entries += struct.pack("<H", len(entries) + 18) + uuid.UUID("96b582de-1fb2-45f7-baea-a366c55a082d").bytes_le
    image = bytearray((i * 7 + (i >> 8) * 13 + (i >> 16)) & 0xFF for i in range(SIZE))
    count = len(sections) - (what == "count")
    metadata = b"ASEV" + struct.pack("<III", 16 + 12 * len(sections), 1, count) + b"".join(struct.pack("<III", *s) for s in sections)
    image[SIZE - BACK : SIZE - BACK + len(metadata)] = metadata
    image[SIZE - 32 - len(entries) : SIZE - 32] = entries
    with open(sys.argv[1], "wb") as out:
        out.write(image)


main()

#!/usr/bin/env python3
"""Synthetic loaders and disks for the tests of measure.

fake-disk.py uki OUT SECTION=FILE...     a PE image with these sections; .text and .sdmagic as a systemd-stub 257 has them
fake-disk.py kernel OUT FILE             FILE with a MajorImageVersion of 1
fake-disk.py disk OUT PATH=FILE...       a GPT disk with an EFI system partition of FAT16 (8.3 names)
"""
import binascii
import struct
import sys
import uuid

SECTOR, TABLE, ROOT = 512, 64, 4  # sectors of a FAT and of the root directory
CC = uuid.UUID("96751a3d-72f4-41a6-a794-ed5d0e67ae6b").bytes_le


def read(path):
    with open(path, "rb") as file:
        return file.read()


def align(n, to):
    return (n + to - 1) // to * to


def uki(arguments):
    parts = [(".text", b"\x90" * 16 + CC), (".sdmagic", b"#### LoaderInfo: systemd-stub 257.1 ####")]
    parts += [(name, read(path)) for name, path in (argument.split("=", 1) for argument in arguments)]
    table, body, offset, address = b"", b"", 0x400, 0x1000
    for name, data in parts:
        raw = align(len(data), SECTOR)
        table += struct.pack("<8sIIII16x", name.encode(), len(data), address, raw, offset)
        body += data.ljust(raw, b"\0")
        offset, address = offset + raw, address + align(len(data), 0x1000)
    optional = struct.pack("<H42xH10xIII2xH38xI", 0x20B, 0, address, 0x400, 0, 0, 16) + bytes(128)
    optional = optional[:68] + struct.pack("<H", 10) + optional[70:108] + struct.pack("<I", 16) + bytes(128)
    head = b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", 0x80)
    head = head.ljust(0x80, b"\0") + b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664, len(parts), 0, 0, 0, len(optional), 0)
    return (head + optional + table).ljust(0x400, b"\0") + body


def kernel(path):
    image = bytearray(read(path))
    at = struct.unpack_from("<I", image, 0x3C)[0]
    struct.pack_into("<H", image, at + 24 + 44, 1)
    return image


class Fat:
    def __init__(self, sectors):
        self.sectors = sectors
        self.chains = [0xFFF8, 0xFFFF]
        self.data = b""

    def store(self, data):
        count = align(len(data), SECTOR) // SECTOR
        first = len(self.chains)
        self.chains += [first + i + 1 for i in range(count - 1)] + [0xFFFF] * (count > 0)
        self.data += data.ljust(count * SECTOR, b"\0")
        return first if count else 0

    def entry(self, name, attributes, data):
        stem, _, extension = name.upper().partition(".")
        size = 0 if attributes & 0x10 else len(data)
        return struct.pack("<8s3sB14xHI", stem.ljust(8).encode(), extension.ljust(3).encode(), attributes, self.store(data), size)

    def directory(self, tree):
        return b"".join(
            self.entry(name, 0x10, self.directory(what) or bytes(32)) if isinstance(what, dict) else self.entry(name, 0x20, what)
            for name, what in tree.items()
        )

    def image(self, tree):
        root = self.directory(tree)
        boot = b"\xeb\x3c\x90MSDOS5.0" + struct.pack("<HBHBHHBH8xI", SECTOR, 1, 1, 2, ROOT * 16, 0, 0xF8, TABLE, self.sectors)
        boot = boot.ljust(510, b"\0") + b"\x55\xaa"
        table = struct.pack("<%dH" % len(self.chains), *self.chains).ljust(TABLE * SECTOR, b"\0")
        return (boot + table + table + root.ljust(ROOT * SECTOR, b"\0") + self.data).ljust(self.sectors * SECTOR, b"\0")


def disk(arguments):
    tree = {}
    for path, name in (argument.split("=", 1) for argument in arguments):
        at = tree
        *parents, last = path.split("/")
        for parent in parents:
            at = at.setdefault(parent, {})
        at[last] = read(name)
    esp = Fat(16384).image(tree)
    last = 2048 + 16384 + 2048 - 1
    guids = [uuid.UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b"), uuid.UUID(int=7)]
    entries = b"".join(guid.bytes_le for guid in guids) + struct.pack("<QQQ72s", 2048, 2048 + 16384 - 1, 0, "esp".encode("utf-16-le"))
    entries = entries.ljust(128 * 128, b"\0")

    def header(own, other, at):
        def pack(crc):
            return struct.pack(
                "<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, crc, 0, own, other, 34, last - 33, bytes(16), at, 128, 128, binascii.crc32(entries)
            )

        return pack(binascii.crc32(pack(0))).ljust(SECTOR, b"\0")

    mbr = bytes(446) + struct.pack("<B3sB3sII", 0, b"\0\2\0", 0xEE, b"\xff\xff\xff", 1, last) + bytes(48) + b"\x55\xaa"
    head = (mbr + header(1, last, 2) + entries).ljust(2048 * SECTOR, b"\0")
    return (head + esp).ljust((last + 1) * SECTOR - 33 * SECTOR, b"\0") + entries + header(last, 1, last - 32)


def main():
    make = {"uki": uki, "kernel": lambda arguments: kernel(arguments[0]), "disk": disk}[sys.argv[1]]
    with open(sys.argv[2], "wb") as file:
        file.write(make(sys.argv[3:]))


main()

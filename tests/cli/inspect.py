"""inspect.py DIRECTORY: small files of most kinds that `assay inspect` knows."""
import os
import struct
import sys
import zlib


def quote(version, body_type=2):
    body = bytes([7]) * 16 + bytes([1]) * 48 + bytes(48) + struct.pack("<Q", 0)
    body += struct.pack("<QQ", 1 << 28 | 1, 0x602e7) + b"".join(bytes([16 + i]) * 48 for i in range(8)) + b"R" * 64
    header = struct.pack("<HHI", version, 2, 0x81).ljust(48, b"\0")
    if version == 5:
        body += bytes([9]) * 64 if body_type == 3 else b""
        header += struct.pack("<HI", body_type, len(body))
    return header + body + b"signature"


def snp_report():
    data = bytearray(1184)
    struct.pack_into("<IIQ", data, 0, 3, 5, 0xb0000)
    struct.pack_into("<II", data, 48, 0, 1)
    struct.pack_into("<Q", data, 64, 0x25)
    data[0x90:0xc0] = b"\xab" * 48
    struct.pack_into("<Q", data, 0x180, 0x1800000000000204)
    data[0x188:0x18b] = b"\x19\x11\x01"
    return bytes(data)


def sev_report():
    return (b"\x11" * 16 + b"\x22" * 32 + struct.pack("<IIII", 5, 0x1002, 2, 0)).ljust(208, b"\0")


def igvm():
    def item(kind, body):
        return struct.pack("<II", kind, len(body)) + body + bytes(-len(body) % 8)
    headers = item(0x1, struct.pack("<IBBHQ", 1, 2, 2, 1, 0)) + item(0x1, struct.pack("<IBBHQ", 2, 0, 3, 1, 0))
    headers += item(0x101, struct.pack("<QII", 0x30000, 1, 0))
    pages = [(0x100000, 1, 4096, 0), (0x101000, 3, 0, 2), (0x102000, 3, 0, 4)]
    for gpa, mask, offset, flags in pages:
        headers += item(0x302, struct.pack("<QIIIHH", gpa, mask, offset, flags, 0, 0))
    fixed = struct.pack("<4sIIII", b"IGVM", 1, 24, len(headers), 8192)
    crc = zlib.crc32(headers, zlib.crc32(fixed + bytes(4)))
    return (fixed + struct.pack("<I", crc) + headers).ljust(4096, b"\0") + b"page".ljust(4096, b"\0")


def pe(sections):
    names = [(name.encode().ljust(8, b"\0"), data) for name, data in sections]
    header = bytearray(1024)
    header[:2] = b"MZ"
    struct.pack_into("<I", header, 0x3c, 0x80)
    struct.pack_into("<4sHHIIIHH", header, 0x80, b"PE\0\0", 0x8664, len(names), 0, 0, 0, 240, 0x22)
    optional = 0x80 + 24
    struct.pack_into("<H", header, optional, 0x20b)
    struct.pack_into("<II", header, optional + 32, 4096, 512)
    struct.pack_into("<III", header, optional + 56, 0x100000, 1024, 0)
    struct.pack_into("<H", header, optional + 68, 10)
    struct.pack_into("<I", header, optional + 108, 16)
    body, at = b"", optional + 240
    for i, (name, data) in enumerate(names):
        raw = data.ljust(-(-len(data) // 512) * 512, b"\0")
        struct.pack_into("<8sIIII", header, at, name, len(data), 0x1000 * (i + 1), len(raw), 1024 + len(body))
        body, at = body + raw, at + 40
    return bytes(header) + body


def cpio(names):
    out = b""
    for i, (name, data) in enumerate(list(names) + [("TRAILER!!!", b"")]):
        fields = [i + 1, 0o100644, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0]
        out += b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0"
        out += bytes(-len(out) % 4)
        out += data
        out += bytes(-len(out) % 4)
    return out.ljust(-(-len(out) // 512) * 512, b"\0")


def main():
    kernel = open(os.path.join(os.path.dirname(__file__), "..", "data", "tdx", "kernel.bin"), "rb").read()
    files = {
        "quote4": quote(4), "quote5": quote(5, 3), "report": snp_report(), "response":
        struct.pack("<II", 0, 1184).ljust(32, b"\0") + snp_report(), "sev": sev_report(), "igvm": igvm(),
        "uki": pe([(".linux", kernel), (".osrel", b"ID=test\nNAME=\"A test\"\n\0"), (".cmdline", b"quiet ro\x1b[31m"),
                   (".sdmagic", b"#### LoaderInfo: systemd-stub 257.4 ####\0")]),
        "initrd": cpio([("kernel", b""), ("kernel/microcode.bin", b"12345")]) + cpio([("init", b"#!/bin/sh\n")]),
        "params": b"root_hash=" + b"ab" * 32 + b",salt=" + b"cd" * 32
                  + b",data_blocks=1000,data_block_size=4096,hash_block_size=4096\n",
        "json": b'{"b": 1, "a": 2}\n', "unknown": b"what is this?", "empty": b"",
    }
    for name, data in files.items():
        with open(os.path.join(sys.argv[1], name), "wb") as file:
            file.write(data)


main()

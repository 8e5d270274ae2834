#!/usr/bin/env python3
"""Synthetic TDX firmware for the tests of measure: fake-tdvf.py FILE [TRAIT...].

A blank variable store, a DXE volume with OVMF's modules as far as they tell what it does, and TDX metadata. Without traits it is like
edk2-stable202408. Traits: named-blobs (202502), smbios and fw-cfg (202505), smm (the order of drivers cannot be told), secure-boot,
outside-vars, no-menu.
"""
import struct
import sys
import uuid

SIZE, STORE, METADATA = 0x10000, 0x2000, 0x400
PCD, SMBIOS, VARIABLE = "13a3f0f6-264a-3ef0-f2e0-dec512342f34", "03583ff6-cb36-4940-947e-b9b39f4afaf7", "1e5668e2-8481-11d4-bcf1-0080c73c8881"


def guid(text):
    return uuid.UUID(text).bytes_le


def wide(text):
    return (text + "\0").encode("utf-16le")


def section(kind, body):
    data = struct.pack("<I", len(body) + 4 | kind << 24) + body
    return data + bytes(-len(data) % 4)


def file(name, identity, body=b"", depex=None, kind=7):
    sections = (section(0x13, depex) if depex else b"") + section(0x10, body) + section(0x15, wide(name))
    data = guid(identity) + bytes([0, 0, kind, 0]) + struct.pack("<I", 24 + len(sections))[:3] + b"\xf8" + sections
    return data + b"\xff" * (-len(data) % 8)


def after(*protocols):
    return b"".join(b"\x02" + guid(p) for p in protocols) + b"\x03" * (len(protocols) - 1) + b"\x08"


def modules(traits):
    late = "smbios" in traits
    menu = guid("eec25bdc-67f2-4d95-b1d5-f81b2039d11d" if late else "462caa21-7614-4503-836e-8ab6f4662331")
    bds = (b"initrd=initrd \0" if late else b" initrd=initrd\0") + (b"" if "no-menu" in traits else menu) + (wide("EFI Firmware Setup") if late else b"")
    bios = bytes([0, 26, 0, 0, 1, 2, 0, 0xE8, 3, 0, 8]) + bytes(15) + wide("unknown") + wide("02/02/2022") + wide("a vendor") + wide("a version") + wide("01/31/2025")
    yield file("PcdDxe", "80cf7257-87ab-47f9-a3fe-d50b76d89541", depex=b"\x06\x08")
    yield file("BdsDxe", "6d33944a-ec75-4855-a54d-809c75241f6c", bds + wide("a vendor"))
    yield file("UiApp", "462caa21-7614-4503-836e-8ab6f4662331", kind=9)
    yield file("QemuKernelLoaderFsDxe", "806040ca-dad9-4978-a3b4-2d2ab0c8a48f", b"etc/boot/kernel\0" if "named-blobs" in traits else b"kernel\0")
    yield file("QemuFwCfgAcpiPlatform", "17985e6f-e778-4d94-aefa-c5dd2b77e186", b"ACPI DATA\0")
    if "smm" not in traits:
        yield file("VariableRuntimeDxe", "cbd2e4d5-7068-4ff5-b462-9822b4ad8d60", depex=after(PCD))
    yield file("TdTcg2Dxe", "f062221e-c607-44c2-b0b4-c3886331d351", depex=after(VARIABLE, PCD))
    if late:
        yield file("BootManagerMenuApp", "eec25bdc-67f2-4d95-b1d5-f81b2039d11d", kind=9)
        yield file("SmbiosDxe", "f9d88642-0737-49bc-81b5-6889cd57d9ea", depex=after(PCD))
        yield file("SmbiosPlatformDxe", "4110465d-5ff3-4f4b-b580-24ed0d06747a", bios)
        yield file("SmbiosMeasurementDxe", "d27fed59-abb4-4fed-bead-2a878c7e4a7e", depex=after(SMBIOS, PCD))
    if "fw-cfg" in traits:
        yield file("PlatformPei", "222c386d-5abc-4fb4-b124-fbb82488acf4", b"QEMU FW CFG\0")
    if "secure-boot" in traits:
        yield file("SecureBootConfigDxe", "f0e6a44f-7195-41c3-ac64-54f202cd0a21")
    if "outside-vars" in traits:
        yield file("VirtMmCommunication", "0b807404-2d1c-4066-95f4-f28a58800185")


def volume(file_system, size, body, extended=0):
    header = bytes(16) + guid(file_system) + struct.pack("<Q4sIHHHHIIQ", size, b"_FVH", 0x4FEFF, 72, 0, extended, 0x200, 1, size, 0)
    header = header[:50] + struct.pack("<H", -sum(struct.unpack("<36H", header)) & 0xFFFF) + header[52:]
    return header + body + b"\xff" * (size - len(header) - len(body))


def main():
    traits = set(sys.argv[2:])
    store = guid("aaf32c78-947b-439a-a180-2e144ec37792") + struct.pack("<IBBHI", STORE - 72, 0x5A, 0xFE, 0, 0)
    image = volume("fff12b8d-7696-4c8b-a985-2747075b4f50", STORE, store)
    name = bytes(8) + guid("7cb8bdc9-f8eb-4f34-aaea-3ee4af6516a1") + struct.pack("<II", 20, 0)
    image += volume("8c8ce578-8a3d-4f1c-9935-896185c32dd3", 0x8000, name + b"".join(modules(traits)), 80)
    image += bytes(SIZE - len(image) - METADATA)
    sections = [
        (STORE, SIZE - STORE, 0x100000000 - SIZE + STORE, SIZE - STORE, 0, 1),
        (0, STORE, 0x100000000 - SIZE, STORE, 1, 0),
        (0, 0, 0x811000, 0xF000, 3, 0),
        (0, 0, 0x80B000, 0x2000, 3, 0),
        (0, 0, 0x809000, 0x2000, 2, 0),
        (0, 0, 0x800000, 0x6000, 3, 0),
    ]
    tail = b"TDVF" + struct.pack("<III", 16 + 32 * len(sections), 1, len(sections)) + b"".join(struct.pack("<IIQQII", *s) for s in sections)
    footer = struct.pack("<IH", METADATA, 22) + guid("e47a6535-984a-4798-865e-4685a7bf8ec2") + struct.pack("<H", 40) + guid("96b582de-1fb2-45f7-baea-a366c55a082d")
    image += tail + bytes(METADATA - len(tail) - len(footer) - 32) + footer + bytes(32)
    with open(sys.argv[1], "wb") as out:
        out.write(image)


main()

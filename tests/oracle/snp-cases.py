#!/usr/bin/env python3
"""Random launches of AMD guests, the same for the same seed: snp-cases.py DIRECTORY COUNT SEED.

Writes firmware images with random (launchable) section tables, kernels and initrds, and the launches, one a line: in
DIRECTORY/cases.jsonl as id, tee (snp, es, sev), vmm, firmware, kernel, initrd, append, vcpus, signature, features (paths absolute or
null), in DIRECTORY/cases.tsv the same fields in this order. Firmware for GCE has no page for kernel hashes, which its launches refuse.
"""
import json
import os
import random
import struct
import sys
import uuid

RESET = "00f771de-1a7e-4fcb-890e-68c77e2fb44e"
HASHES = "7255371f-3a3b-4b04-927b-1da6efa8d454"
METADATA = "dc886566-984a-4798-a75e-5585a7bf67cc"
SECRET = "4c2eb361-7d9b-4cc3-8081-127c90d3d294"
FOOTER = "96b582de-1fb2-45f7-baea-a366c55a082d"
SEC_MEM, SECRETS, CPUID, CAA, KERNEL_HASHES = 1, 2, 3, 4, 0x10
PAGE = 4096
FIELDS = ["id", "tee", "vmm", "firmware", "kernel", "initrd", "append", "vcpus", "signature", "features"]
VMMS = ["qemu", "qemu", "ec2", "ec2-2025", "krun", "gce-milan", "gce-milan", "gce-genoa"]
SIGNATURES = [0x800F12, 0x830F10, 0xA00F11, 0xA10F10, 0xB00F00, 0x900F01, 0x1, 0xFFFFFFFF]


def entry(guid, data):
    return data + struct.pack("<H", len(data) + 18) + uuid.UUID(guid).bytes_le


def sections(rnd, hashes):
    """Random sections without overlap, in random order."""
    types = [SECRETS, CPUID] + [KERNEL_HASHES] * hashes + [SEC_MEM] * rnd.randint(1, 8) + [CAA] * rnd.randint(0, 1)
    rnd.shuffle(types)
    at, table = rnd.randrange(0, 0x900) * PAGE, []
    for kind in types:
        pages = 1 if kind in (SECRETS, CPUID, KERNEL_HASHES) else rnd.randint(1, 12)
        table.append((at, pages * PAGE, kind))
        at += (pages + rnd.choice([0, 0, 1, 17])) * PAGE
    rnd.shuffle(table)
    return table


def firmware(rnd, takes_hashes):
    size = 0x10000 * rnd.randint(1, 3)
    image = bytearray(rnd.randbytes(size))
    table = sections(rnd, takes_hashes)
    hashes = next((gpa + rnd.randrange(0, PAGE - 0x400) for gpa, _, kind in table if kind == KERNEL_HASHES), 0)
    back = rnd.randrange(0x300, size // 2)
    entries = [
        entry(RESET, struct.pack("<I", rnd.randrange(1, 1 << 32))),
        entry(HASHES, struct.pack("<II", hashes, rnd.choice([0x400, 176]))),
        entry(METADATA, struct.pack("<I", back)),
        entry(SECRET, struct.pack("<II", rnd.randrange(1 << 32), 0x1000)),
    ]
    entries += [entry(str(uuid.UUID(int=rnd.getrandbits(128))), rnd.randbytes(rnd.randint(0, 20))) for _ in range(rnd.randint(0, 3))]
    rnd.shuffle(entries)
    body = b"".join(entries)
    footer = body + struct.pack("<H", len(body) + 18) + uuid.UUID(FOOTER).bytes_le
    image[size - 32 - len(footer) : size - 32] = footer
    metadata = b"ASEV" + struct.pack("<III", 16 + 12 * len(table), 1, len(table)) + b"".join(struct.pack("<III", *s) for s in table)
    image[size - back : size - back + len(metadata)] = metadata
    return bytes(image)


def put(path, data):
    with open(path, "wb") as file:
        file.write(data)
    return path


def cmdline(rnd):
    words = ["console=ttyS0", "quiet", "nr_cpus=4", 'dm-mod.create="x,,,ro"', "ä", " ", "panic=1"]
    return " ".join(rnd.choices(words, k=rnd.randint(0, 9)))


def main():
    directory, count, seed = os.path.abspath(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    rnd = random.Random(seed)
    images = [put(f"{directory}/firmware-{i}.fd", firmware(rnd, True)) for i in range(max(1, count // 20))]
    gce = [put(f"{directory}/gce-{i}.fd", firmware(rnd, False)) for i in range(max(1, count // 40))]
    blobs = [put(f"{directory}/blob-{i}", rnd.randbytes(rnd.choice([0, 1, 63, 64, 1000, 70001]))) for i in range(20)]
    with open(f"{directory}/cases.jsonl", "w", encoding="utf-8") as lines, open(f"{directory}/cases.tsv", "w", encoding="utf-8") as table:
        for i in range(count):
            tee = rnd.choice(["snp"] * 6 + ["es", "sev"])
            vmm = rnd.choice(VMMS) if tee == "snp" else "qemu"
            google = vmm.startswith("gce")
            kernel = None if google else rnd.choice([None] + blobs * 2)
            case = {
                "id": i,
                "tee": tee,
                "vmm": vmm,
                "firmware": rnd.choice(gce if google else images),
                "kernel": kernel,
                "initrd": rnd.choice([None] + blobs) if kernel else None,
                "append": cmdline(rnd) if kernel else "",
                "vcpus": rnd.choice([1, 2, 3, 4, 7, 8, 64, rnd.randint(1, 512)]),
                "signature": rnd.choice(SIGNATURES),
                "features": 0x1 if google else rnd.choice([0x1, 0x21, 0x5, rnd.getrandbits(64)]) if tee == "snp" else 0,
            }
            lines.write(json.dumps(case) + "\n")
            table.write("\t".join("" if case[field] is None else str(case[field]) for field in FIELDS) + "\n")


main()

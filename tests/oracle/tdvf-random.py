"""tdvf-random.py DIRECTORY COUNT [td-shim]: writes COUNT random TDVF images, the same ones each time;
with the word td-shim they have all section types, and may lack the GUIDed table."""
import os
import random
import struct
import sys
import uuid

PAGE = 4096


def guid(text):
    return uuid.UUID(text).bytes_le


def more_sections(rng, cfv_pages):
    """Sections that td-shim has besides, each with data shorter than its memory or none."""
    sections = [(cfv_pages * PAGE, rng.randint(1, PAGE), 0, 0, rng.choice((7, 8)), 0)]
    if rng.random() < 0.7:
        sections.append((0, 0, 0x10000000, rng.randint(1, 64) * PAGE, 4, 2))
    if rng.random() < 0.8:
        pages = rng.randint(2, 12)
        size = rng.choice((0, rng.randint(1, PAGE)))
        sections.append((0, size, 0x900000, pages * PAGE, 5, rng.randint(0, 1)))
        sections.append((0, 0, 0x8ff000, PAGE, 6, rng.randint(0, 1)))
    return sections


def image(rng, td_shim=False):
    cfv_pages, bfv_pages = rng.randint(1, 8), rng.randint(2, 24)
    total = (cfv_pages + bfv_pages) * PAGE
    data = bytearray(rng.randbytes(total))
    if rng.random() < 0.5:
        data[PAGE:2 * PAGE] = bytes(PAGE)
    base = (1 << 32) - total
    sections = [
        (cfv_pages * PAGE, bfv_pages * PAGE, base + cfv_pages * PAGE, bfv_pages * PAGE, 0, 1),
        (0, cfv_pages * PAGE, base, cfv_pages * PAGE, 1, rng.randint(0, 1)),
        (0, 0, 0x809000, 0x2000, 2, 0),
    ]
    gpa = 0x80b000
    for _ in range(rng.randint(1, 4)):
        pages = rng.randint(1, 6)
        sections.append((0, 0, gpa, pages * PAGE, 3, 0))
        gpa += (pages + rng.randint(0, 3)) * PAGE
    if td_shim:
        if rng.random() < 0.3:
            sections[1] = (0, cfv_pages * PAGE - rng.randint(1, PAGE), base, cfv_pages * PAGE, 1, 1)
        sections += more_sections(rng, cfv_pages)
    rng.shuffle(sections)
    metadata = b"TDVF" + struct.pack("<III", 16 + 32 * len(sections), 1, len(sections))
    metadata += b"".join(struct.pack("<IIQQII", *section) for section in sections)
    at = total - 2048
    data[at:at + len(metadata)] = metadata
    data[at - 16:at] = guid("e9eaf9f3-168e-44d5-a8eb-7f4d8738f6ae")
    table = struct.pack("<IH", total - at, 22) + guid("e47a6535-984a-4798-865e-4685a7bf8ec2")
    table += struct.pack("<H", len(table) + 18) + guid("96b582de-1fb2-45f7-baea-a366c55a082d")
    if td_shim and rng.random() < 0.5:
        data[total - 48:total - 32] = bytes(16)
        data[total - 32:total - 28] = struct.pack("<I", at)
    else:
        data[total - 32 - len(table):total - 32] = table
    return data


def main():
    rng = random.Random(20240817)
    for i in range(int(sys.argv[2])):
        with open(os.path.join(sys.argv[1], f"{i:04}.fd"), "wb") as file:
            file.write(image(rng, "td-shim" in sys.argv[3:]))


main()

"""td-shim.py DIRECTORY COUNT: random td-shim images with what boots in them, the same ones each time, and the
registers that td-shim's sources say they give, written without looking at measure/tdx/td-shim.c.

For each case N it writes N.fd, N.kernel and N.hob as needed, and prints a line of JSON: the arguments of
`assay measure td-shim` and the expected registers. With CCEL FILE instead of a count it prints the case that
explains the event log of a td-shim guest: its list, command line and section sizes, without the kernel."""
import hashlib
import json
import os
import random
import struct
import sys
import uuid

PAGE = 4096
BFV, CFV, TD_HOB, TEMP, PERM, PAYLOAD, PARAM = range(7)
SHAPES = ("kernel", "kernel-in-mrtd", "own", "own-signed", "own-by-hob", "own-no-hob", "own-qemu")
GIB = 1 << 30


def guid(text):
    return uuid.UUID(text).bytes_le


def sha384(data):
    return hashlib.sha384(data).digest()


def volume(files, size):
    """A firmware volume as td-shim's tools write it: the checksum is that of 56 bytes. Files are (GUID, type, contents)."""
    header = bytearray(bytes(16) + guid("5473c07a-3dcb-4dca-bd6f-1e9689e7349a") + struct.pack("<Q", size)
                       + b"_FVH" + struct.pack("<IHHHBB", 0x4f6ff, 120, 0, 96, 0, 2))
    total = sum(struct.unpack("<28H", header)) & 0xffff
    struct.pack_into("<H", header, 50, (0x10000 - total) & 0xffff)
    body = bytes(header) + struct.pack("<IIII", size // PAGE, PAGE, 0, 0)
    body += (bytes(18) + b"\xf0\0" + (44).to_bytes(3, "little") + b"\x07").ljust(48, b"\0")
    for name, kind, contents in files:
        body += bytes(-len(body) % 8)
        length = 24 + len(contents)
        head = bytearray(guid(name) + struct.pack("<BBBB", 0, 0, kind, 0) + length.to_bytes(3, "little") + b"\0")
        head[16] = -sum(head) & 0xff
        head[17] = 0xaa
        head[23] = 0x07
        body += bytes(head) + contents
    return body.ljust(size, b"\xff")


def section(kind, contents):
    return (4 + len(contents)).to_bytes(3, "little") + bytes([kind]) + contents


def signed(rng, program, svn):
    """The payload with a header and a key around it, and the file that makes the key a trusted one."""
    algorithm, size = rng.choice(((1, 96), (2, 392)))
    key = rng.randbytes(size)
    header = guid("fcf2d558-9df5-4f4d-b0d7-3e4b798ab066") + struct.pack(
        "<IIQQII", 1, 48 + len(program), 1, svn, algorithm, 0)
    anchor = guid("be8f65a3-a83b-415c-a1fb-f78e105e824e") + struct.pack("<IIQII", 1, 88, 1, 0, 0) + sha384(key)
    return header + program + key + rng.randbytes(96 if algorithm == 1 else 384), anchor


def image(sections, cfv, own, table=False):
    """Configuration volume, payload volume, then code with the metadata, found by a GUIDed table or without."""
    data = bytearray(cfv + own + bytes(range(256)) * (2 * PAGE // 256))
    at = len(data) - 1024
    blob = b"TDVF" + struct.pack("<III", 16 + 32 * len(sections), 1, len(sections))
    blob += b"".join(struct.pack("<IIQQII", *one) for one in sections)
    data[at - 16:at] = guid("e9eaf9f3-168e-44d5-a8eb-7f4d8738f6ae")
    data[at:at + len(blob)] = blob
    data[-48:] = bytes(16) + struct.pack("<I", at) + bytes(28)
    if table:
        entries = struct.pack("<IH", len(data) - at, 22) + guid("e47a6535-984a-4798-865e-4685a7bf8ec2")
        entries += struct.pack("<H", len(entries) + 18) + guid("96b582de-1fb2-45f7-baea-a366c55a082d")
        data[-32 - len(entries):-32] = entries
    return bytes(data)


def qemu_hob(sections, gpa, memory):
    """QEMU's list: all memory, what the firmware has there accepted, the rest not."""
    low = memory if memory < 0xb0000000 else 2 * GIB
    accepted = sorted((s[2], s[3]) for s in sections if s[4] in (TD_HOB, TEMP) and s[2] < low)
    ranges, at = [], 0
    for start, length in accepted:
        ranges += [(7, at, start - at), (0, start, length)]
        at = start + length
    ranges += [(7, at, low - at), (7, 4 * GIB, memory - low)]
    blocks = b"".join(struct.pack("<HHI16sIIQQ", 3, 48, 0, bytes(16), kind, 7, start, length)
                      for kind, start, length in ranges if length > 0)
    end = gpa + 56 + len(blocks) + 8
    return struct.pack("<HHIII32sQ", 1, 56, 0, 9, 0, bytes(32), end) + blocks + struct.pack("<HHI", 0xffff, 8, 0)


def hob_list(rng, gpa, payload):
    blocks = [struct.pack("<HHI16sIIQQ", 3, 48, 0, bytes(16), rng.choice((0, 7)), 7, i << 30, 1 << 30)
              for i in range(rng.randint(1, 3))]
    table = rng.randbytes(8 * rng.randint(1, 40))
    blocks.append(struct.pack("<HHI", 4, 24 + len(table), 0) + guid("6a0c5870-d4ed-44f4-a135-dd238b6f0c8d") + table)
    if payload is not None:
        blocks.append(struct.pack("<HHI", 4, 40, 0) + guid("b96fa412-461f-4be3-8c0d-ad805a497ac0")
                      + struct.pack("<IQI", payload, 0x901000, 0))
    blocks.append(struct.pack("<HHI", 0xffff, 8, 0))
    end = gpa + 56 + sum(map(len, blocks))
    return struct.pack("<HHIII32sQ", 1, 56, 0, 9, 0, bytes(32), end) + b"".join(blocks)


class Rtmrs:
    def __init__(self):
        self.value = [bytes(48), bytes(48)]

    def extend(self, index, data):
        self.value[index] = sha384(self.value[index] + sha384(data))

    def separator(self):
        self.extend(0, bytes(4))
        self.extend(1, bytes(4))


def case(rng, shape, directory, name):
    own_boot = shape.startswith("own")
    release = rng.choice(("0.8.0", "later"))
    program = b"\x7fELF" + rng.randbytes(rng.randint(10, 3 * PAGE))
    svn = rng.getrandbits(40)
    contents, anchor = signed(rng, program, svn) if shape == "own-signed" else (program, None)
    cfv = volume([("77a2742e-9340-4ac9-8f85-b7b978580021", 1, anchor)] if anchor else [], 2 * PAGE)
    own = volume([(str(uuid.UUID(bytes=rng.randbytes(16))), 5, section(0x10, contents))] if own_boot else [], 8 * PAGE)
    size = len(cfv) + len(own) + 2 * PAGE
    base = (1 << 32) - size
    hob_gpa = 0x800000
    sections = [(len(cfv), size - len(cfv), base + len(cfv), size - len(cfv), BFV, 1),
                (0, len(cfv), base, len(cfv), CFV, 0), (0, 0, 0x820000, PAGE, TEMP, 0)]
    if shape == "own-no-hob":
        sections.append((0, 0, 0x10000000, 16 * PAGE, PERM, 2))
    else:
        sections.append((0, 0, hob_gpa, 2 * PAGE, TD_HOB, 0))
    payload_pages, cmdline = rng.randint(2, 40), "console=hvc0 case=" + name
    if not own_boot:
        sections.append((0, 0, 0x901000, payload_pages * PAGE, PAYLOAD, int(shape == "kernel-in-mrtd")))
        sections.append((0, 0, 0x900000, PAGE, PARAM, 0))
    rng.shuffle(sections)

    qemu = shape == "own-qemu"
    arguments = ["--vmm", "qemu-10.1" if qemu else "cloud-hypervisor", "--release", release]
    def write(suffix, data):
        path = os.path.join(directory, name + suffix)
        with open(path, "wb") as file:
            file.write(data)
        return path
    arguments += ["--firmware", write(".fd", image(sections, cfv, own, qemu))]
    kernel = b""
    if not own_boot:
        kernel = bytearray(rng.randbytes(rng.randint(PAGE, payload_pages * PAGE)))
        kernel[0x1fe:0x206] = b"\x55\xaa\xeb\x6aHdrS"
        kernel[0x206:0x208] = b"\x0f\x02"
        kernel[0x20e:0x210] = bytes(2)
        kernel[0x211] = 1
        kernel[0x1f1] = 1
        arguments += ["--payload", write(".kernel", kernel), "--cmdline", cmdline]
    rtmrs = Rtmrs()
    if qemu:
        memory = rng.choice((1, 2, 3, 4, 64)) * GIB
        arguments += ["--memory", str(memory)]
        rtmrs.extend(0, qemu_hob(sections, hob_gpa, memory))
    elif shape != "own-no-hob":
        hob = hob_list(rng, hob_gpa, 1 if not own_boot else 0 if shape == "own-by-hob" else None)
        arguments += ["--td-hob", write(".hob", hob + bytes(rng.randint(0, 64)))]
        rtmrs.extend(0, hob)
    if not own_boot:
        rtmrs.separator()
        if release == "0.8.0" or shape == "kernel":
            rtmrs.extend(1, bytes(kernel).ljust(payload_pages * PAGE, b"\0"))
        rtmrs.extend(1, cmdline.encode().ljust(PAGE, b"\0"))
    else:
        if shape == "own-by-hob":
            rtmrs.separator()
        if anchor:
            rtmrs.extend(0, anchor)
            rtmrs.extend(0, anchor)
            rtmrs.extend(1, struct.pack("<Q", svn))
        if release == "0.8.0":
            rtmrs.extend(1, program)
        rtmrs.separator()
    print(json.dumps({"arguments": arguments, "name": shape,
                      "rtmrs": [value.hex() for value in rtmrs.value]}))


def from_log(directory, path):
    """The case of a real log: what its events hold goes in, its registers and digests are expected."""
    log = open(path, "rb").read()
    at = 32 + struct.unpack_from("<I", log, 28)[0]
    events = []
    for _ in range(5):
        index, _, _, _ = struct.unpack_from("<IIIH", log, at)
        digest = log[at + 14:at + 62]
        size, = struct.unpack_from("<I", log, at + 62)
        events.append((index - 1, digest, log[at + 66:at + 66 + size]))
        at += 66 + size
    rtmrs = [bytes(48), bytes(48)]
    for index, digest, _ in events:
        rtmrs[index] = sha384(rtmrs[index] + digest)
    hob, parameters = events[0][2][20:], events[4][2][20:]
    payload_gpa, payload_size = struct.unpack_from("<QQ", events[3][2], 12)
    base = (1 << 32) - 4 * PAGE
    sections = [(2 * PAGE, 2 * PAGE, base + 2 * PAGE, 2 * PAGE, BFV, 1), (0, 2 * PAGE, base, 2 * PAGE, CFV, 0),
                (0, 0, 0x800000, 32 * PAGE, TD_HOB, 0), (0, 0, payload_gpa, payload_size, PAYLOAD, 0),
                (0, 0, payload_gpa - len(parameters), len(parameters), PARAM, 0)]
    names = [os.path.join(directory, "log" + suffix) for suffix in (".fd", ".hob", ".kernel")]
    kernel = bytearray(PAGE)
    kernel[0x1fe:0x208] = b"\x55\xaa\xeb\x6aHdrS\x0f\x02"
    kernel[0x211] = 1
    kernel[0x1f1] = 1
    for name, data in zip(names, (image(sections, volume([], 2 * PAGE), b""), hob, kernel)):
        with open(name, "wb") as file:
            file.write(data)
    print(json.dumps({"arguments": ["--vmm", "cloud-hypervisor", "--firmware", names[0], "--td-hob", names[1],
                                    "--payload", names[2], "--cmdline", parameters.rstrip(b"\0").decode()],
                      "name": "log", "rtmrs": [rtmrs[0].hex()], "td_payload_info": events[4][1].hex()}))


def main():
    directory = sys.argv[1]
    if sys.argv[2] == "CCEL":
        from_log(directory, sys.argv[3])
        return
    rng = random.Random(20231108)
    for i in range(int(sys.argv[2])):
        case(rng, SHAPES[i % len(SHAPES)], directory, f"{i:03}")


main()

"""mrtd-peer.py VMM ORDER KERNEL CMDLINE IMAGE...: MRTD of each TDVF image, written from the sources of
Cloud Hypervisor and of td-shim-tools without looking at measure/tdx/mrtd.c; "IMAGE mrtd" a line.

The order is "single" or "two". KERNEL and CMDLINE are what Cloud Hypervisor loads, "" for none."""
import hashlib
import struct
import sys
import uuid

FOOTER = uuid.UUID("96b582de-1fb2-45f7-baea-a366c55a082d").bytes_le
METADATA = uuid.UUID("e47a6535-984a-4798-865e-4685a7bf8ec2").bytes_le


def metadata_at(image):
    if image[-48:-32] == FOOTER:
        end = len(image) - 50
        left = struct.unpack_from("<H", image, end)[0] - 18
        while left > 0:
            size, = struct.unpack_from("<H", image, end - 18)
            if image[end - 16:end] == METADATA:
                return len(image) - struct.unpack_from("<I", image, end - size)[0]
            end, left = end - size, left - size
    return struct.unpack_from("<I", image, len(image) - 32)[0]


def sections(image):
    at = metadata_at(image)
    magic, _, _, count = struct.unpack_from("<4sIII", image, at)
    assert magic == b"TDVF"
    return [struct.unpack_from("<IIQQII", image, at + 16 + 32 * i) for i in range(count)]


def add(gpa):
    return b"MEM.PAGE.ADD".ljust(16, b"\0") + struct.pack("<Q", gpa).ljust(112, b"\0")


def extend(gpa, page):
    out = []
    for off in range(0, 4096, 256):
        out.append(b"MR.EXTEND".ljust(16, b"\0") + struct.pack("<Q", gpa + off).ljust(112, b"\0"))
        out.append(page[off:off + 256])
    return b"".join(out)


def mrtd(image, vmm, two, kernel, cmdline):
    records = hashlib.sha384()
    for offset, size, gpa, memory, kind, attributes in sections(image):
        data = image[offset:offset + size]
        if vmm == "cloud-hypervisor" and kind == 5:
            data = kernel
        elif vmm == "cloud-hypervisor" and kind == 6:
            data = cmdline.encode() + b"\0"
        elif vmm == "td-shim-tools" and attributes & 2:
            continue
        data = data.ljust(memory, b"\0")
        pages = [(gpa + off, data[off:off + 4096]) for off in range(0, memory, 4096)]
        measured = attributes == 1
        for at, page in pages:
            records.update(add(at))
            if measured and not two:
                records.update(extend(at, page))
        for at, page in pages if measured and two else []:
            records.update(extend(at, page))
    return records.hexdigest()


def main():
    vmm, order, kernel, cmdline = sys.argv[1:5]
    loaded = open(kernel, "rb").read() if kernel else b""
    for path in sys.argv[5:]:
        with open(path, "rb") as file:
            print(path, mrtd(file.read(), vmm, order == "two", loaded, cmdline))


main()

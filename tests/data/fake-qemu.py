#!/usr/bin/env python3
"""A QEMU as far as measure/tdx/acpi-qemu.c knows one: fw_cfg over qtest (descriptor 3), QMP (descriptor 4), the trace of
fw_cfg selections on stderr. FAKE says what it does wrong."""

import os
import struct
import sys
import threading

FAKE = os.environ.get("FAKE", "")
FILES = {0x28: ("etc/table-loader", b"L" * 256), 0x29: ("etc/acpi/rsdp", b"R" * 20), 0x2A: ("etc/acpi/tables", b"T" * 4096)}

if sys.argv[1:] == ["--version"]:
    print("QEMU emulator version 10.0.0")
    sys.exit()
if FAKE == "ends":
    sys.exit("fake-qemu: no such device")


def die(words):
    print("fake-qemu: " + words, file=sys.stderr, flush=True)
    os._exit(1)


def directory():
    files = {} if FAKE == "no-files" else FILES
    entries = [struct.pack(">IHH56s", 3 << 20 if FAKE == "huge" else len(data), key, 0, name.encode())
               for key, (name, data) in files.items()]
    entries.append(struct.pack(">IHH56s", 1, 0x2B, 0, b"another"))
    count = {"no-count": 0, "huge-count": 1000}.get(FAKE, len(entries))
    return struct.pack(">I", count) + b"".join(entries)


def item(control):
    key = struct.unpack(">I", control[:4])[0] >> 16
    return directory() if key == 0x19 else FILES[key][1] if key in FILES else b"\0\0"


def qtest():
    channel = os.fdopen(3, "r+b", buffering=0)
    control = b""
    for line in channel:
        words = line.decode().split()
        answer = "OK"
        if words[0] == "write":
            control = bytes.fromhex(words[3][2:])
        if words[0] == "read":
            data = item(control)[: int(words[2], 16)].ljust(int(words[2], 16), b"\0")
            answer = "OK 0x" + (data[:-1] if FAKE == "short" else data).hex()
        if FAKE == "fails" and words[0] == "read":
            answer = "FAIL no memory"
        if FAKE == "dies":
            die("killed by its own words")
        channel.write(b"IRQ raise 0\n" + answer.encode() + b"\n")


def select(key):
    print(f"fw_cfg_select 0x5555 key 0x{key:04x} 'unknown', ret: 1", file=sys.stderr, flush=True)


def qmp():
    channel = os.fdopen(4, "r+b", buffering=0)
    channel.write(b'{"QMP": {}}\n')
    for line in channel:
        if FAKE == "qmp" and b"cont" in line:
            channel.write(b'{"error": {"class": "GenericError"}}\n')
            continue
        channel.write(b'{"timestamp": {}, "event": "RESUME"}\n{"return": {}}\n')
        if b"cont" in line:
            for _ in range(200000 if FAKE == "lost" else 3):
                select(0x19)
            print("warning: of no concern", file=sys.stderr)
            if FAKE == "crash":
                die("guest crashed")
            select(0x29)


threading.Thread(target=qmp, daemon=True).start()
qtest()

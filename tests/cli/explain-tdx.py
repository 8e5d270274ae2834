#!/usr/bin/env python3
"""A synthetic TDX guest for the test of explain: explain-tdx.py DIR [CHANGE...] writes DIR/build, DIR/report and DIR/log.

A CHANGE "RTMR:INDEX:TEXT" lets the guest extend the SHA-384 of TEXT as that event; INDEX "+" adds one at the end. "forget:RTMR" leaves
the last event out of the log, "debug" sets the TD's debug attribute.
"""
import hashlib
import json
import pathlib
import struct
import sys

EVENTS = {1: ["kernel", "separator"], 2: ["load options", "initrd"]}


def sha384(data):
    return hashlib.sha384(data).digest()


def replay(texts):
    value = bytes(48)
    for text in texts:
        value = sha384(value + sha384(text.encode()))
    return value


def write_build(top):
    (top / "derivation").mkdir(parents=True)
    values = {"mrtd": "11" * 48}
    for rtmr, texts in EVENTS.items():
        values[f"rtmr{rtmr}"] = replay(texts).hex()
        steps = [{"kind": "EVENT", "what": f"the {t}", "content": sha384(t.encode()).hex(), "size_bytes": 1} for t in texts]
        document = {"schema": "assay-derivation/1", "algorithm": "sha384", "register": f"rtmr{rtmr}", "steps": steps}
        (top / "derivation" / f"guest.rtmr{rtmr}.json").write_text(json.dumps(document))
    golden = {"schema": "assay-golden/1", "name": "guest", "architecture": "amd64", "timestamp": 0, "agent_stand_in": False,
              "manifest_sha256": "00" * 32, "tuples": [{
                  "name": "guest", "tee": "tdx", "vmm": "qemu-10.1", "shape": {"mrtd_order": "single-pass"},
                  "policy": {"debug": False, "migratable": False, "sept_ve_disable": True}, "inputs": {}, "values": values,
                  "acpi_verified": False}]}
    (top / "golden.json").write_text(json.dumps(golden))


def event(mr, text):
    data = text.encode()
    return struct.pack("<IIIH", mr, 0xD, 1, 0xC) + sha384(data) + struct.pack("<I", len(data)) + data


def write_log(path, guest, forgotten):
    spec = b"Spec ID Event03\0" + struct.pack("<IBBBBIHHB", 0, 0, 2, 0, 2, 1, 0xC, 48, 0)
    log = struct.pack("<II20sI", 0, 3, bytes(20), len(spec)) + spec
    for rtmr, texts in guest.items():
        log += b"".join(event(rtmr + 1, text) for text in (texts[:-1] if rtmr in forgotten else texts))
    path.write_bytes(log)


def write_report(path, guest, debug):
    # TDREPORT_STRUCT: REPORTMACSTRUCT 256 (type 0x81 first), TEE_TCB_INFO 239, reserved 17, TDINFO: attributes, XFAM, MRTD, three
    # configuration fields, RTMRs.
    report = bytearray(1024)
    report[0] = 0x81
    info = struct.pack("<QQ", debug, 0) + b"\x11" * 48 + bytes(3 * 48) + b"".join(replay(guest.get(i, [])) if guest.get(i) else bytes(48)
                                                                                  for i in range(4))
    report[512:512 + len(info)] = info
    path.write_bytes(report)


def main():
    top = pathlib.Path(sys.argv[1])
    guest = {rtmr: list(texts) for rtmr, texts in EVENTS.items()}
    forgotten, debug = set(), 0
    for change in sys.argv[2:]:
        if change == "debug":
            debug = 1
        elif change.startswith("forget:"):
            forgotten.add(int(change.split(":")[1]))
        else:
            rtmr, index, text = change.split(":")
            if index == "+":
                guest[int(rtmr)].append(text)
            else:
                guest[int(rtmr)][int(index)] = text
    if not (top / "build").exists():
        write_build(top / "build")
    write_log(top / "log", guest, forgotten)
    write_report(top / "report", guest, debug)


main()

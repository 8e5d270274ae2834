#!/usr/bin/env python3
"""rtmr0-compare.py PREDICTED LOG: whether what is predicted of RTMR0 is what a TPM's log has in PCRs 1 and 7, event by event.

PREDICTED is from assay measure tdx --explain --format json, LOG from assay replay --format json. Left out are events of TDs alone
(memory map, configuration volume, fw_cfg items), ACPI tables, which differ with a TPM, and the separators that a TPM gets in each
PCR when the operating system starts. Prints the events of both when they differ.
"""
import json
import sys

TD_ALONE = {"EV_EFI_HANDOFF_TABLES2", "EV_EFI_PLATFORM_FIRMWARE_BLOB2", "EV_PLATFORM_CONFIG_FLAGS"}


def main():
    with open(sys.argv[1]) as file:
        steps = json.load(file)["steps"]["rtmr0"]
    with open(sys.argv[2]) as file:
        events = json.load(file)["events"]
    predicted = [(s["content"], s["kind"], s["what"]) for s in steps if s["kind"] not in TD_ALONE]
    logged = [
        (e["digest"], e["type_name"], e["what"])
        for e in events
        if e["register"] in ("pcr1", "pcr7") and e["type_name"] != "EV_PLATFORM_CONFIG_FLAGS" and (e["register"], e["type_name"]) != ("pcr1", "EV_SEPARATOR")
    ]
    if [p[0] for p in predicted] == [e[0] for e in logged]:
        print(len(predicted), "events")
        return 0
    for name, list_ in (("predicted", predicted), ("logged", logged)):
        for digest, kind, what in list_:
            print(name, digest[:16], kind, what)
    return 1


sys.exit(main())

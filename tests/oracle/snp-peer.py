#!/usr/bin/env python3
"""sev-snp-measure's digest of every case of snp-cases.py that it has a VMM type for, "id digest" a line: snp-peer.py CASES. Runs in its
environment."""
import json
import sys

from sevsnpmeasure import guest
from sevsnpmeasure.sev_mode import SevMode
from sevsnpmeasure.vmm_types import VMMType

MODES = {"snp": SevMode.SEV_SNP, "es": SevMode.SEV_ES, "sev": SevMode.SEV}
VMMS = {"qemu": VMMType.QEMU, "ec2": VMMType.ec2, "gce-milan": VMMType.gce}

with open(sys.argv[1], encoding="utf-8") as cases:
    for text in cases:
        case = json.loads(text)
        if case["vmm"] not in VMMS:
            continue
        digest = guest.calc_launch_digest(
            MODES[case["tee"]], case["vcpus"], case["signature"], case["firmware"], case["kernel"], case["initrd"], case["append"],
            case["features"], vmm_type=VMMS[case["vmm"]],
        )
        print(case["id"], digest.hex())

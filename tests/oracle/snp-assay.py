#!/usr/bin/env python3
"""assay's digest of every case of snp-cases.py, "id digest" a line (or "id refused: message"): snp-assay.py ASSAY CASES."""
import concurrent.futures
import json
import subprocess
import sys


def measure(case):
    args = [sys.argv[1], "measure", {"snp": "snp", "es": "sev-es", "sev": "sev"}[case["tee"]], "--firmware", case["firmware"], "--vmm", case["vmm"]]
    args += ["--vcpus", str(case["vcpus"]), "--cpu", hex(case["signature"]), "--sev-features", hex(case["features"])]
    if case["kernel"]:
        args += ["--kernel", case["kernel"], "--cmdline", case["append"]]
    if case["initrd"]:
        args += ["--initrd", case["initrd"]]
    done = subprocess.run(args, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return f"{case['id']} refused: {done.stderr.strip()}"
    return f"{case['id']} {done.stdout.strip()}"


with open(sys.argv[2], encoding="utf-8") as cases, concurrent.futures.ThreadPoolExecutor(2) as pool:
    for line in pool.map(measure, [json.loads(text) for text in cases]):
        print(line)

#!/bin/sh
# Kata's Go runtime judges `assay cmdline`: tests/data/kata-go.json has the lines and vCPUs that its own code (configuration loader,
# annotations, sandbox sizing, QEMU's kernel parameters, at the release tags) gave for random configurations and for those
# that it ships. The runtime's Go module is in no registry, so that it cannot run here.
. "$(dirname "$0")/../tap.sh"
command -v python3 >/dev/null || {
	skip "the Go runtime agrees" "no python3"
	done_testing
}
cat >"$T/judge.py" <<'END'
import json, subprocess, sys

assay, data, top = sys.argv[1:]
cases = json.load(open(data))
config = f"{top}/kata.toml"

def run(verb, options):
    got = subprocess.run([assay, "cmdline", verb] + options, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert got.returncode == 0, (options, got.stderr)
    return got.stdout.decode().removesuffix("\n")

versions = {}
for case in cases:
    options = ["--kata-version", case["version"], "--runtime", "go"]
    if "config" in case:
        with open(config, "w") as file:
            file.write(case["config"])
        options += ["--tee", "snp" if case["confidential"] else "none", "--config", config]
    else:
        options += ["--tee", case["class"]]
        if case["verity_params"] is not None:
            options += ["--verity-params", case["verity_params"]]
    if case.get("annotation") is not None:
        options += ["--annotation", case["annotation"]]
    for limit in case["milli_cpus"]:
        options += ["--pod-cpu-limit", f"{limit}m"]
    assert run("vcpus", options) == str(case["vcpus"]), case
    got = run("kata", options + (["--fips"] if case.get("fips") else []))
    assert got == case["line"], (case, got)
    versions[case["version"]] = versions.get(case["version"], 0) + 1
assert len(versions) == 10 and min(versions.values()) >= 10, versions
END
ok "the Go runtime of ten releases agrees on 110 lines" python3 "$T/judge.py" "$ASSAY" "$TOP/tests/data/kata-go.json" "$T"
done_testing

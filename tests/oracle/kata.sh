#!/bin/sh
# Kata's runtimes judge `assay cmdline`: tests/data/kata-{go,rust}.json have the lines (and for Go the vCPUs) that their own code (readers
# of configurations, annotations, sandbox sizing, QEMU's kernel parameters, at the release tags) gave for random configurations
# and for those that Kata ships. Neither runtime is in a registry, so that they cannot run here.
. "$(dirname "$0")/../tap.sh"
command -v python3 >/dev/null || {
	skip "Kata's runtimes agree" "no python3"
	done_testing
}
cat >"$T/judge.py" <<'END'
import json, subprocess, sys

assay, data, top, releases, lines = sys.argv[1:]
cases = json.load(open(data))
config = f"{top}/kata.toml"

def run(verb, options):
    got = subprocess.run([assay, "cmdline", verb] + options, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert got.returncode == 0, (options, got.stderr)
    return got.stdout.decode().removesuffix("\n")

for case in cases:
    options = ["--kata-version", case["version"], "--runtime", case.get("runtime", "go")]
    if "config" in case:
        with open(config, "w") as file:
            file.write(case["config"])
        options += ["--tee", "snp" if case["confidential"] else "none", "--config", config]
    else:
        options += ["--tee", case["class"]]
        if case["verity_params"] is not None:
            options += ["--verity-params", case["verity_params"]]
    for name in case.get("extensions", []):
        options += ["--extension", f"{name}={case['verity_params']}"]
    if case.get("annotation") is not None:
        options += ["--annotation", case["annotation"]]
    for limit in case.get("milli_cpus", []):
        options += ["--pod-cpu-limit", f"{limit}m"]
    if "vcpus" in case:
        assert run("vcpus", options) == str(case["vcpus"]), case
    got = run("kata", options + (["--fips"] if case.get("fips") else []))
    assert got == case["line"], (case, got)
assert len(cases) == int(lines) and len({case["version"] for case in cases}) == int(releases)
END
ok "the Go runtime of ten releases" python3 "$T/judge.py" "$ASSAY" "$TOP/tests/data/kata-go.json" "$T" 10 110
ok "the Rust runtime of two" python3 "$T/judge.py" "$ASSAY" "$TOP/tests/data/kata-rust.json" "$T" 2 33
done_testing

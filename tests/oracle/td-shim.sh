#!/bin/sh
# td-shim: RTMRs of random images against its scheme written a second time, in Python; the images and TD HOB lists
# against td-shim's own readers (its crate td-shim-interface), and the registers of a real td-shim guest's event log. No
# registry has a calculator for the registers.
# shellcheck disable=SC2154 # what oracle.sh sets
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/oracle.sh"
. "$(dirname "$0")/judges.sh"

# Runs every case of a file of them; prints those whose registers are not the expected ones.
cat >"$T/compare.py" <<'END'
import json, subprocess, sys

for line in open(sys.argv[2]):
    case = json.loads(line)
    run = subprocess.run([sys.argv[1], "measure", "td-shim", "--explain", "--format", "json"] + case["arguments"],
                         capture_output=True, text=True)
    if run.returncode != 0:
        print("FAILED", case["name"], run.stderr.strip())
        continue
    document = json.loads(run.stdout)
    registers = document["measurements"][0]["registers"]
    ours = [registers.get("rtmr0"), registers.get("rtmr1")][:len(case["rtmrs"])]
    good = ours == case["rtmrs"] and "mrtd" in registers
    if "td_payload_info" in case:
        last = document["steps"]["rtmr1"][-1]
        good = good and "td_payload_info" in last["what"] and last["content"] == case["td_payload_info"]
    print("same" if good else "DIFFERS", case["name"], *case["arguments"])
END

python3 "$TOP/tests/oracle/td-shim.py" "$T" 140 >"$T/cases"
same "140 cases are made" "$(wc -l <"$T/cases")" 140
python3 "$T/compare.py" "$ASSAY" "$T/cases" >"$T/out"
same "all have the registers that the second program expects" "$(grep -v '^same' "$T/out" | head -n 4)" ""
same "and all were looked at" "$(grep -c '^same' "$T/out")" 140

# What td-shim's readers make of the same files: the sections are valid, the payload and the list are the ones that were measured.
cat >"$T/judge.py" <<'END'
import json, subprocess, sys

for line in open(sys.argv[3]):
    case = json.loads(line)
    words = dict(zip(case["arguments"][::2], case["arguments"][1::2]))
    command = [sys.argv[2], words["--firmware"]]
    if "--td-hob" in words:
        command += [words["--td-hob"], str(0x800000)]
    valid, payload, size = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    run = subprocess.run([sys.argv[1], "measure", "td-shim", "--explain", "--format", "json"] + case["arguments"]
                         + ["--release", "0.8.0"], capture_output=True, text=True, check=True)
    steps = json.loads(run.stdout)["steps"]
    hob = [str(step["size_bytes"]) for step in steps["rtmr0"] if step["what"] == "td_hob"]
    own = [step["content"] for step in steps["rtmr1"] if step["what"] == "td_payload: the image's own"]
    good = valid == "valid" and ("--td-hob" not in words or hob == [size])
    # A signed payload is measured without its signature, which this crate does not read.
    good = good and (payload != "-" if case["name"] == "own-signed" else own == ([] if payload == "-" else [payload]))
    print("same" if good else "DIFFERS", case["name"], words["--firmware"], valid, payload, size, hob, own)
END
if judge_rust td-shim-judge; then
	python3 "$T/judge.py" "$ASSAY" "$oracle_dir/judge" "$T/cases" >"$T/out"
	same "td-shim's readers see the same payloads and lists" "$(grep -v '^same' "$T/out" | head -n 4)" ""
	same "in all of them" "$(grep -c '^same' "$T/out")" 140
else
	skip "td-shim's own readers" "$oracle_why"
fi

log=$SHARED/vectors/tdx/trustee-eventlog/CCEL_data
if [ -f "$log" ]; then
	python3 "$TOP/tests/oracle/td-shim.py" "$T" CCEL "$log" >"$T/cases"
	python3 "$T/compare.py" "$ASSAY" "$T/cases" >"$T/out"
	same "RTMR0 and the command line's event of a Cloud Hypervisor guest" "$(cut -d' ' -f1,2 "$T/out")" "same log"
	same "its replay is that RTMR0" "$("$ASSAY" replay "$log" | sed -n 's/^rtmr0=//p')" \
		"$(sed 's/.*"rtmrs": \["\([0-9a-f]*\)".*/\1/' "$T/cases")"
else
	skip "the registers of a real guest" "no reference data"
fi
done_testing

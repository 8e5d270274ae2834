#!/bin/sh
# td-shim: RTMRs of random images against its scheme written a second time, in Python, and the registers of a real
# td-shim guest's event log. No registry has a calculator for them.
. "$(dirname "$0")/../tap.sh"

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

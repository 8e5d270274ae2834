#!/bin/sh
# docs/golden.schema.json and assay's reader agree, on a document with every optional part and on each change of one place in it.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/oracle.sh"
oracle_python fastjsonschema || {
	skip "the schema and the reader agree" "$oracle_why"
	done_testing
}
S=$TOP/docs/golden.schema.json
# Few tuples, so that there are few places; one of each family, with role, anchors, target and bounds.
python3 - "$TOP/tests/data/golden.json" "$T/golden.json" <<'PY'
import json, sys
g = json.load(open(sys.argv[1]))
snp = next(t for t in g["tuples"] if t["tee"] == "sev-snp")
tdx = next(t for t in g["tuples"] if t["tee"] == "tdx")
snp.update(role="w", anchors={"host_data": "11" * 32})
snp["inputs"]["cmdline"] = {"text": "quiet", "sha256": "22" * 32}
tdx.update(role="w", anchors={"mrconfigid": "33" * 48})
tdx["shape"].update(memory_bytes=1 << 31, vcpus=2)
g["tuples"] = [snp, tdx]
g["target"] = {"name": "t", "sha256": "44" * 32, "kata_version": "3.30.0", "runtime": "go"}
g["validity"] = {"not_before": "2025-01-01T00:00:00Z", "not_after": "2027-01-01T00:00:00Z"}
json.dump(g, open(sys.argv[2], "w"))
PY
"$oracle_dir/bin/python" "$TOP/tests/oracle/golden-schema.py" "$S" "$T/golden.json" "$ASSAY" >"$T/out" 2>&1
same "no change that one takes and the other refuses" "$(sed '$d' "$T/out")" ""
ok "of many" test "$(tail -n 1 "$T/out")" -gt 1000
done_testing

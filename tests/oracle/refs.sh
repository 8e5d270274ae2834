#!/bin/sh
# Consumers' own loaders read what we export: go-sev-guest, go-tdx-guest, Contrast's types, veraison's COSE, a CBOR reader.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/oracle.sh"
. "$(dirname "$0")/go-judge.sh"
. "$(dirname "$0")/judges.sh"
G=$TOP/tests/data/golden.json
r() { "$ASSAY" refs "$@"; }

# The same document with initdata bound, all RTMRs pinned and a validity.
cat >"$T/full.py" <<'END'
import json, sys
d = json.load(open(sys.argv[1]))
d["validity"] = {"not_before": "2026-01-31T00:00:00Z", "not_after": "2027-02-28T23:59:59Z"}
for t in d["tuples"]:
    snp = t["tee"] == "sev-snp"
    t["anchors"] = {"host_data": "ab" * 32} if snp else {"mrconfigid": "cd" * 48}
    t["role"] = "workload"
    if not snp:
        t["values"].update(rtmr0="e" * 96, rtmr3="0" * 96)
json.dump(d, open(sys.argv[2], "w"))
END
python3 "$T/full.py" "$G" "$T/full.json"

if go_judge refs-judge; then
	judge=$oracle_dir/judge
	cat >"$T/check.py" <<'END'
import json, subprocess, sys
judge, top, path, prefix = sys.argv[1:]
golden = json.load(open(path))
p = golden["platform"]
def load(kind, name):
    return json.loads(subprocess.run([judge, kind, f"{top}/{name}"], stdout=subprocess.PIPE, check=True).stdout)
contrast = load("contrast", f"{prefix}contrast")
for t in golden["tuples"]:
    v, anchors = t["values"], t.get("anchors", {})
    got = load("sev" if t["tee"] == "sev-snp" else "tdx", f"{prefix}{t['name']}")
    if t["tee"] == "sev-snp":
        tcb = p["snp"]["min_tcb"]
        assert got == {"measurement": v["launch_digest"], "host_data": anchors.get("host_data", ""), "vmpl": 0,
                       "policy": int(t["policy"]["guest_policy"], 16), "product": p["snp"]["product"], **tcb}, got
        entry = next(e for e in contrast["snp"] if e["TrustedMeasurement"] == v["launch_digest"])
        assert entry["MinimumTCB"] == {"BootloaderVersion": tcb["bootloader"], "TEEVersion": tcb["tee"],
                                       "SNPVersion": tcb["snp"], "MicrocodeVersion": tcb["microcode"]}
        assert entry["GuestPolicy"]["SMT"] and not entry["GuestPolicy"]["Debug"] and entry["CPUs"] == t["shape"]["vcpus"]
        assert entry["PlatformInfo"]["SMTEnabled"] and not entry["PlatformInfo"]["TSMEEnabled"]
    else:
        rtmrs = [v.get(f"rtmr{i}", "") for i in range(4)]
        assert got == {"mr_td": v["mrtd"], "mr_seam": p["tdx"]["mrseam"], "mr_config_id": anchors.get("mrconfigid", ""),
                       "xfam": p["tdx"]["xfam"], "td_attributes": "0000001000000000", "rtmrs": rtmrs}, got
        entry = contrast["tdx"][0]
        assert (entry["MrTd"], entry["MrSeam"], entry["Rtmrs"], entry["Xfam"]) == (v["mrtd"], p["tdx"]["mrseam"], rtmrs, p["tdx"]["xfam"])
END
	for prefix in '' full-; do
		doc=$G
		[ -n "$prefix" ] && doc=$T/full.json
		r contrast "$doc" -o "$T/${prefix}contrast" 2>/dev/null
		for tuple in guest-smp1 guest-smp2; do r go-sev-guest "$doc" --tuple "$tuple" -o "$T/$prefix$tuple"; done
		r go-tdx-guest "$doc" -o "$T/${prefix}guest"
		ok "Go libraries understand it (${prefix:-plain})" python3 "$T/check.py" "$judge" "$T" "$doc" "$prefix"
	done
	python3 -c 'import json, sys
d = json.load(open(sys.argv[1]))
for t in d["tuples"]:
    del t["anchors"], t["role"]
json.dump(d, open(sys.argv[2], "w"))' "$T/full.json" "$T/bare.json"
	ok "Contrast with everything has no gaps" r contrast "$T/bare.json" --strict
	for curve in P-256 P-384 ed25519; do
		case $curve in
		ed25519) openssl genpkey -algorithm ed25519 -out "$T/key" 2>/dev/null ;;
		*) openssl genpkey -algorithm EC -pkeyopt "ec_paramgen_curve:$curve" -out "$T/key" 2>/dev/null ;;
		esac
		openssl pkey -in "$T/key" -pubout -out "$T/pub"
		r corim "$G" --key "$T/key" -o "$T/signed.cbor"
		ok "a CoRIM signed with $curve verifies" "$judge" cose "$T/signed.cbor" "$T/pub"
	done
	printf '\377' | dd of="$T/signed.cbor" bs=1 seek=100 conv=notrunc 2>/dev/null
	"$judge" cose "$T/signed.cbor" "$T/pub" >"$T/out" 2>&1
	same "and not when it is changed" $? 1
else
	skip "consumers' loaders" "$oracle_why"
fi

if oracle_python cbor2; then
	cat >"$T/corim.py" <<'END'
import datetime, json, sys
import cbor2
from cbor2 import CBORTag, loads
golden = json.load(open(sys.argv[1]))

def comid(path):
    raw = open(path, "rb").read()
    corim = loads(raw)
    assert isinstance(corim, CBORTag) and corim.tag == 501 and corim.value[0] == "guest"
    (tag,) = corim.value[1]
    assert tag.tag == 506 and isinstance(tag.value, bytes)
    # Shortest forms throughout: writing it again gives the same bytes.
    assert cbor2.dumps(corim, datetime_as_timestamp=True, timezone=datetime.timezone.utc) == raw
    return corim.value, loads(tag.value)

def check_validity(corim):
    if "validity" not in golden:
        assert 4 not in corim
        return
    times = [int(datetime.datetime.fromisoformat(golden["validity"][key].replace("Z", "+00:00")).timestamp()) for key in ("not_before", "not_after")]
    # This reader makes times of tag 1.
    assert [int(corim[4][key].timestamp()) for key in (0, 1)] == times

# As Trustee's extractor names values: VENDOR/MODEL/KEY/digests, one list for each.
corim, tree = comid(sys.argv[2])
check_validity(corim)
keys = {"launch_digest": "snp_launch_measurement", "mrtd": "mr_td", "rtmr0": "rtmr_0", "rtmr1": "rtmr_1", "rtmr2": "rtmr_2",
        "rtmr3": "rtmr_3", "host_data": "host_data", "mrconfigid": "mr_config_id"}
assert tree[1] == {0: "guest"} and len(tree[4][0]) == 2
for (environment, measurements), vendor, model in zip(tree[4][0], ("AMD", "Intel"), ("snp", "tdx")):
    assert environment == {0: {1: vendor, 2: model}}
    want = {}
    for t in golden["tuples"]:
        if (t["tee"] == "tdx") == (model == "tdx"):
            for k, v in {**t["values"], **t.get("anchors", {})}.items():
                want.setdefault(keys[k], []).append(v)
    want = {k: list(dict.fromkeys(v)) for k, v in want.items()}
    got = {}
    for m in measurements:
        assert all(alg == {32: 1, 48: 7}[len(digest)] for alg, digest in m[1][2])
        got[m[0]] = [digest.hex() for _, digest in m[1][2]]
    assert got == want and len(got) == len(measurements), (got, want)

corim, tree = comid(sys.argv[3])
check_validity(corim)
(profile,) = corim[3]
assert profile == CBORTag(32, "tag:amd.com,2025:snp-corim-profile")
snp = [t for t in golden["tuples"] if t["tee"] == "sev-snp"]
assert len(tree[4][0]) == len(snp)
tcb = golden["platform"]["snp"]["min_tcb"]
for (environment, measurements), t in zip(tree[4][0], snp):
    assert environment == {0: {0: CBORTag(111, bytes.fromhex("06092b060104019c780301"))}}
    m = {entry[0]: entry[1] for entry in measurements}
    assert list(m) == sorted(m)
    assert m[641] == {2: [[7, bytes.fromhex(t["values"]["launch_digest"])]]}
    assert m[2] == {4: CBORTag(560, int(t["policy"]["guest_policy"], 16).to_bytes(8, "little"))}
    assert m[5] == {15: 0}
    assert m[647] == {1: CBORTag(553, tcb["microcode"] << 56 | tcb["snp"] << 48 | tcb["tee"] << 8 | tcb["bootloader"])}
    if "anchors" in t:
        assert m[642] == {2: [[1, bytes.fromhex(t["anchors"]["host_data"])]]}
END
	for doc in "$G" "$T/full.json"; do
		rm -f "$T/corim" "$T/amd"
		r corim "$doc" -o "$T/corim"
		r corim-amd "$doc" -o "$T/amd"
		ok "a CBOR reader finds the values ($(basename "$doc"))" "$oracle_dir/bin/python" "$T/corim.py" "$doc" "$T/corim" "$T/amd"
	done
else
	skip "a CBOR reader finds the values" "$oracle_why"
fi

# The library that Trustee's RVPS reads CoRIMs with: one value for each name, because its store keeps the last.
if judge_rust corim-judge; then
	cat >"$T/rvps.py" <<'END'
import json, subprocess, sys
judge, path, golden = sys.argv[1:]
got = json.loads(subprocess.run([judge, path], stdout=subprocess.PIPE, check=True).stdout)
tuples = json.load(open(golden))["tuples"]
assert all(len(lists) == 1 for lists in got.values()), got
values = lambda tee, key: list(dict.fromkeys(t["values"][key] for t in tuples if t["tee"] == tee))
assert got["AMD/snp/snp_launch_measurement/digests"] == [values("sev-snp", "launch_digest")]
for key, name in (("mrtd", "mr_td"), ("rtmr1", "rtmr_1"), ("rtmr2", "rtmr_2")):
    assert got[f"Intel/tdx/{name}/digests"] == [values("tdx", key)]
END
	for doc in "$G" "$T/full.json"; do
		rm -f "$T/corim"
		r corim "$doc" -o "$T/corim"
		ok "Trustee's library finds every value ($(basename "$doc"))" python3 "$T/rvps.py" "$oracle_dir/judge" "$T/corim" "$doc"
	done
	rm -f "$T/corim"
	r corim-amd "$G" -o "$T/corim"
	ok "and takes AMD's profile" "$oracle_dir/judge" "$T/corim"
	printf '\377' | dd of="$T/corim" bs=1 seek=4 conv=notrunc 2>/dev/null
	"$oracle_dir/judge" "$T/corim" >"$T/out" 2>&1
	same "and not a broken one" $? 1
else
	skip "Trustee's library finds every value" "$oracle_why"
fi
done_testing

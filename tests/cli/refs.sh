#!/bin/sh
# assay refs: forms, choosing tuples, gaps and --strict, files and directories.
. "$(dirname "$0")/../tap.sh"
G=$TOP/tests/data/golden.json
r() { "$ASSAY" refs "$@"; }
without_platform() { python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); del d["platform"]; json.dump(d, open(sys.argv[2], "w"))' "$G" "$T/bare.json"; }

ok "the forms" r --format list
same "every form is listed" "$(r --format list | grep -c .)" "$(r --help | sed -n '/^Forms:/,$p' | tail -n +2 | grep -c .)"
same "c8s, form first" "$(r c8s "$G" --tee sev-snp | grep -c '"measurement"')" 2
same "c8s, form as an option" "$(r "$G" --format c8s --tee sev-snp | sha256sum)" "$(r c8s "$G" --tee sev-snp | sha256sum)"
same "one tuple" "$(r csv "$G" --tuple guest-smp1 | wc -l)" 2
same "all of a family" "$(r csv "$G" --tee tdx | wc -l)" 4
ok "to a file" r csv "$G" -o "$T/golden.csv"
same "which is the same" "$(sha256sum <"$T/golden.csv")" "$(r csv "$G" | sha256sum)"
ok "several files" r trustee "$G" -o "$T/trustee"
same "in a directory" "$(ls "$T/trustee" | tr '\n' ' ')" "notes.txt reference-values.json rvps-uri.json rvps.json "
ok "--strict with all facts" r trustee-policy "$G" --strict -o "$T/policy.rego"
if without_platform 2>/dev/null; then
	ok "without facts" r trustee "$T/bare.json" -o "$T/bare"
	r trustee "$T/bare.json" -o "$T/bare2" 2>"$T/warnings"
	same "a warning for each gap" "$(grep -c '^assay: warning: ' "$T/warnings")" 4
	fails 2 'strict: ' "--strict refuses gaps" r trustee "$T/bare.json" --strict -o "$T/bare3"
	same "and writes nothing" "$(ls -d "$T/bare3" 2>/dev/null)" ""
	fails 2 'strict: ' "the policy too" r trustee-policy "$T/bare.json" --strict
else
	skip "gaps" "no python3"
fi
r c8s "$G" --tee tdx -o "$T/policy.json"
same "a policy is read back" "$(r c8s --check "$T/policy.json")" "$T/policy.json: 1 images, tdx"
sed 's/"tee": "tdx"/"tee": "sev-snp"/' "$T/policy.json" >"$T/other.json"
fails 2 'other.json: .\.measurements\[0\]' "of the other family" r c8s --check "$T/other.json"
python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); del d["measurements"][0]["rtmr"]; json.dump(d, open(sys.argv[2], "w"))' "$T/policy.json" "$T/loose.json" 2>/dev/null &&
	fails 2 'let any kernel pass' "--strict: images without RTMRs" r c8s --check --strict "$T/loose.json"
rtmr3() { python3 -c 'import json, sys; print(json.load(sys.stdin)["measurements"][0]["rtmr"][3])'; }
ones=$(printf '1%.0s' $(seq 96))
zeros=$(printf '0%.0s' $(seq 96))
pinned() { python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); d["tuples"][2]["values"]["rtmr3"] = sys.argv[2]; json.dump(d, open(sys.argv[3], "w"))' "$G" "$1" "$T/pinned.json"; }
if pinned "$ones" 2>/dev/null; then
	same "RTMR3 is zeros" "$(r c8s "$G" --tee tdx | rtmr3)" ""
	same "or unchecked" "$(r c8s "$G" --tee tdx --rtmr3 any | rtmr3)" None
	same "or another value" "$(r c8s "$G" --tee tdx --rtmr3 "$ones" | rtmr3)" "$ones"
	same "zeros in full are the same" "$(r c8s "$G" --tee tdx --rtmr3 "$zeros" | rtmr3)" ""
	same "a tuple's own goes first" "$(r c8s "$T/pinned.json" --tee tdx --rtmr3 any | rtmr3)" "$ones"
	pinned "$zeros"
	same "and its zeros are zeros" "$(r c8s "$T/pinned.json" --tee tdx --rtmr3 any | rtmr3)" ""
	r c8s "$G" --tee tdx --rtmr3 any -o "$T/any.json"
	same "which is read back" "$(r c8s --check "$T/any.json")" "$T/any.json: 1 images, tdx"
else
	skip "RTMR3 in C8s policies" "no python3"
fi
if python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); d["validity"] = {"not_before": "2026-01-01T00:00:00Z"}; json.dump(d, open(sys.argv[2], "w"))' "$G" "$T/open.json" 2>/dev/null; then
	fails 2 'strict: validity' "a CoRIM's validity has an end" r corim "$T/open.json" --strict
fi
if python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); t = d["tuples"][0]; t["anchors"] = {"host_data": "1" * 64}; json.dump(d, open(sys.argv[2], "w")); t["policy"]["guest_policy"] = "0x130000"; json.dump(d, open(sys.argv[3], "w"))' "$G" "$T/anchor.json" "$T/policy.json" 2>/dev/null; then
	fails 2 'strict: .*HOST_DATA' "Contrast has HOST_DATA elsewhere" r contrast "$T/anchor.json" --tee sev-snp --strict
	fails 2 'refuses guest policy 0x130000' "a policy that Contrast refuses" r contrast "$T/policy.json"
fi
r trustee-script "$G" --tuple guest-smp1 -o "$T/register.sh"
printf '#!/bin/sh\nprintf "%%s " "$@"\necho\n' >"$T/kbs-client"
chmod +x "$T/kbs-client"
register() { PATH=$T:$PATH sh "$T/register.sh" --url http://kbs | sed 's/ [0-9a-f]\{96\} / DIGEST /' | sed -n "$1"; }
same "kbs-client with a token" "$(KBS_ADMIN_TOKEN_FILE=token register 1p)" \
	"--url http://kbs config --admin-token-file token set-sample-reference-value snp_launch_measurement DIGEST "
same "kbs-client with a key, as it was" "$(KBS_ADMIN_KEY=key register 2p)" \
	"--url http://kbs config --auth-private-key key set-sample-reference-value snp_smt_allowed true --as-bool --as-single-value "
fails 2 KBS_ADMIN_KEY "neither" sh "$T/register.sh"
fails 2 'not any and not 96' "a short RTMR3" r c8s "$G" --tee tdx --rtmr3 11
fails 2 'of tuples of TDX only' "RTMR3 on SNP" r c8s "$G" --tee sev-snp --rtmr3 any
fails 2 'form c8s only' "another form is not read back" r csv --check "$T/policy.json"
fails 2 'no such form' "an unknown form" r swid "$G"
fails 2 'name the form' "no form" r "$G"
fails 2 'name the form' "two forms" r csv "$G" --format csv
fails 2 'usage' "nothing" r
fails 2 'sev-snp or tdx' "an unknown family" r csv "$G" --tee cca
fails 2 'required, a document' "c8s without a family" r c8s "$G"
fails 2 'no tuple' "no such role" r csv "$G" --role cds
fails 2 'names the directory' "several files to stdout" r trustee "$G"
fails 3 'missing' "no such document" r csv "$T/missing"
echo '{"schema": "assay-golden/1", "x": 1}' >"$T/unknown.json"
fails 2 'unknown.json: .\.x: unknown field' "an unknown field" r csv "$T/unknown.json"
done_testing

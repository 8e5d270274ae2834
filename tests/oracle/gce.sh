#!/bin/sh
# Launch endorsements of GCE's form: protoc and Google's own types read what we write, and its verifier takes what we sign.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/oracle.sh"
. "$(dirname "$0")/go-judge.sh"
command -v python3 >/dev/null || {
	skip "GCE's golden measurements" "no python3"
	done_testing
}
r() { "$ASSAY" refs "$@"; }
commit=0123456789abcdef0123456789abcdef01234567

# A build of one file, and golden documents of it: edit NAME CODE, where d is the document, snp and tdx its tuples.
mkdir "$T/build"
printf 'not a firmware' >"$T/build/ovmf.fd"
cat >"$T/edit.py" <<'END'
import hashlib, json, os, sys
top, source, name, code = sys.argv[1:]
firmware = open(f"{top}/build/ovmf.fd", "rb").read()
sha256 = hashlib.sha256(firmware).hexdigest()
manifest = json.dumps({"outputs": {"ovmf.fd": {"sha256": sha256, "size_bytes": len(firmware)}}})
open(f"{top}/build/manifest.json", "w").write(manifest)
d = json.load(open(source))
d["manifest_sha256"] = hashlib.sha256(manifest.encode()).hexdigest()
for t in d["tuples"]:
    t["inputs"]["firmware"] = {"path": "ovmf.fd", "sha256": sha256}
snp, tdx = d["tuples"][:2], d["tuples"][2]
exec(code)
json.dump(d, open(f"{top}/{name}.json", "w"))
END
edit() { python3 "$T/edit.py" "$T" "$TOP/tests/data/golden.json" "$1" "$2"; }
edit good 'd["timestamp"] = 1790000000; tdx["shape"]["memory_bytes"] = 4 << 30'

openssl req -x509 -newkey rsa:2048 -nodes -keyout "$T/root.key" -out "$T/root.pem" -days 2 -subj /CN=root 2>/dev/null
openssl req -newkey rsa:2048 -nodes -keyout "$T/key" -out "$T/csr" -subj /CN=signer 2>/dev/null
openssl x509 -req -in "$T/csr" -CA "$T/root.pem" -CAkey "$T/root.key" -CAcreateserial -out "$T/cert.pem" -days 2 2>/dev/null
ok "an endorsement" r gce "$T/good.json" --build "$T/build" --commit $commit --cert "$T/cert.pem" --key "$T/key" --strict -o "$T/out"
same "is three files" "$(ls "$T/out" | tr '\n' ' ')" "golden_measurement.binarypb golden_measurement.textproto launch_endorsement.binarypb "

if ! command -v protoc >/dev/null; then
	skip "protoc agrees" "no protoc here"
elif oracle_go_source github.com/google/gce-tcb-verifier v0.3.1 'h1:4L9YgkOtqC2U7cj4FofCUufHFCCpdD4Y0yPKI8UhOhI='; then
	message="--proto_path=$oracle_dir/proto endorsement.proto"
	# shellcheck disable=SC2086 # words
	protoc --deterministic_output --encode=cloud_vmm_proto.VMGoldenMeasurement $message <"$T/out/golden_measurement.textproto" >"$T/encoded"
	ok "protoc makes the binary form of the text" cmp "$T/encoded" "$T/out/golden_measurement.binarypb"
	# shellcheck disable=SC2086
	protoc --decode=cloud_vmm_proto.VMGoldenMeasurement $message <"$T/out/golden_measurement.binarypb" >"$T/decoded"
	same "and reads it" "$(grep -c 'measurements {' "$T/decoded") $(grep -c 'ram_gib: 4' "$T/decoded")" "3 1"
	# shellcheck disable=SC2086
	protoc --decode=cloud_vmm_proto.VMLaunchEndorsement $message <"$T/out/launch_endorsement.binarypb" >"$T/decoded"
	same "the endorsement too" "$(cut -d : -f 1 "$T/decoded" | tr '\n' ' ')" "serialized_uefi_golden signature "
else
	skip "protoc agrees" "$oracle_why"
fi

if go_judge endorse-judge; then
	judge=$oracle_dir/judge
	golden() { "$judge" golden "$1/golden_measurement.binarypb" "$1/golden_measurement.textproto" >"$T/judged.json"; }
	verify() { "$judge" verify "$T/out/launch_endorsement.binarypb" "$T/root.pem" "$1" "$2"; }
	ok "Google's types read both forms alike" golden "$T/out"
	cat >"$T/check.py" <<'END'
import base64, hashlib, json, sys
top, commit = sys.argv[1:]
got = json.load(open(f"{top}/judged.json"))
d = json.load(open(f"{top}/good.json"))
b64 = lambda text: base64.b64encode(bytes.fromhex(text)).decode()
cert = base64.b64decode(got.pop("cert"))
assert got.pop("timestamp").startswith("2026-")
assert got == {
    "commit": b64(commit),
    "digest": base64.b64encode(hashlib.sha384(open(f"{top}/build/ovmf.fd", "rb").read()).digest()).decode(),
    "sevSnp": {"measurements": {str(t["shape"]["vcpus"]): b64(t["values"]["launch_digest"]) for t in d["tuples"] if t["tee"] == "sev-snp"},
               "policy": str(0x30000)},
    "tdx": {"measurements": [{"ramGib": 4, "mrtd": b64(t["values"]["mrtd"])} for t in d["tuples"] if t["tee"] == "tdx"]}}, got
assert cert == open(f"{top}/cert.der", "rb").read()
END
	openssl x509 -in "$T/cert.pem" -outform DER -out "$T/cert.der"
	ok "with the values" python3 "$T/check.py" "$T" $commit
	two=$(python3 -c 'import json, sys; print([t["values"]["launch_digest"] for t in json.load(open(sys.argv[1]))["tuples"] if t["shape"].get("vcpus") == 2][0])' "$T/good.json")
	ok "the verifier takes the endorsement for 2 vCPUs" verify "$two" 2
	verify "$two" 3 2>/dev/null
	same "not for another number" $? 1
	verify "$(echo "$two" | tr 0-9a-f 1-9a-f0)" 2 2>/dev/null
	same "nor for another digest" $? 1
	printf '\377' | dd of="$T/out/launch_endorsement.binarypb" bs=1 seek=40 conv=notrunc 2>/dev/null
	verify "$two" 2 2>/dev/null
	same "nor changed" $? 1
	edit zero 'd["timestamp"] = 0'
	r gce "$T/zero.json" -o "$T/zero" 2>/dev/null
	ok "a timestamp of 0, and gaps" golden "$T/zero"
else
	skip "Google's types read it" "$oracle_why"
fi

edit many 'd["tuples"] += [{**snp[0], "name": "again"}]'
ok "equal tuples appear once" r gce "$T/many.json" --tee sev-snp -o "$T/many"
same "in the order of their vCPUs" "$(grep -c 'key:' "$T/many/golden_measurement.textproto") $(sed -n 's/ *key: //p' "$T/many/golden_measurement.textproto" | tr '\n' ' ')" "2 1 2 "
edit other 'd["tuples"] += [{**snp[0], "name": "again", "values": {"launch_digest": "1" * 96}}]'
fails 2 'two launch digests of' "two digests of one number of vCPUs" r gce "$T/other.json" --tee sev-snp -o "$T/no"
edit policy 'snp[1]["policy"]["guest_policy"] = "0x20000"'
fails 2 'two guest policies' "two policies" r gce "$T/policy.json" --tee sev-snp -o "$T/no"
edit firmware 'tdx["inputs"]["firmware"]["sha256"] = "1" * 64'
fails 2 'another firmware' "two firmwares" r gce "$T/firmware.json" -o "$T/no"
fails 1 'not the firmware' "a firmware that is not the build's" r gce "$T/firmware.json" --tee tdx --build "$T/build" -o "$T/no"
edit none 'del tdx["inputs"]["firmware"]'
fails 2 'does not say what its firmware' "no firmware" r gce "$T/none.json" -o "$T/no"
edit memory 'tdx["shape"]["memory_bytes"] = 1 << 29'
fails 2 'whole number of GiB' "half a GiB" r gce "$T/memory.json" -o "$T/no"
edit svsm 'snp[0]["vmm"] = "svsm"'
fails 2 'with an SVSM' "an SVSM" r gce "$T/svsm.json" --tee sev-snp -o "$T/no"
edit anchor 'snp[0]["anchors"] = {"host_data": "1" * 64}'
fails 2 'strict: .*HOST_DATA' "--strict: HOST_DATA does not fit" r gce "$T/anchor.json" --commit $commit --cert "$T/cert.pem" --build "$T/build" --strict -o "$T/no"
fails 2 'strict: commit' "--strict: no commit" r gce "$T/good.json" --cert "$T/cert.pem" --build "$T/build" --strict -o "$T/no"
fails 2 'strict: cert' "--strict: no certificate" r gce "$T/good.json" --commit $commit --build "$T/build" --strict -o "$T/no"
fails 2 'strict: digest' "--strict: no build" r gce "$T/good.json" --commit $commit --cert "$T/cert.pem" --strict -o "$T/no"
fails 2 'bytes in hex' "a commit that is not hex" r gce "$T/good.json" --commit 12x -o "$T/no"
fails 2 'bytes in hex' "a long commit" r gce "$T/good.json" --commit "$(printf '00%.0s' $(seq 65))" -o "$T/no"
fails 2 'needs the key' "a key without its certificate" r gce "$T/good.json" --key "$T/key" -o "$T/no"
fails 1 'of another key' "another key" r gce "$T/good.json" --key "$T/root.key" --cert "$T/cert.pem" -o "$T/no"
fails 2 'no certificate' "a key for a certificate" r gce "$T/good.json" --cert "$T/key" -o "$T/no"
fails 2 'no private key' "a certificate for a key" r gce "$T/good.json" --cert "$T/cert.pem" --key "$T/cert.pem" -o "$T/no"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/ec.key" -out "$T/ec.pem" -days 2 -subj /CN=ec 2>/dev/null
fails 2 'not an RSA key' "a certificate of an ECDSA key" r gce "$T/good.json" --cert "$T/ec.pem" -o "$T/no"
openssl req -x509 -newkey rsa:1024 -nodes -keyout "$T/small.key" -out "$T/small.pem" -days 2 -subj /CN=small 2>/dev/null
fails 2 'not an RSA key' "a small RSA key" r gce "$T/good.json" --cert "$T/small.pem" -o "$T/no"
same "a refusal leaves nothing" "$(ls -d "$T/no" 2>/dev/null)" ""
done_testing

#!/bin/sh
# @sigstore/verify judges our bundles, and refuses those that we refuse; openssl checks the signature itself, which for
# P-384 is the only judge: @sigstore/verify hashes for every curve with SHA-256 where the key comes without a certificate.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/oracle.sh"

sigstore_install() {
	cp -R "$TOP/tests/oracle/sigstore-judge" "$oracle_dir" && cd "$oracle_dir" && npm ci --ignore-scripts --no-audit --no-fund
}
oracle_dir=$ORACLES/sigstore-judge-$(cat "$TOP/tests/oracle/sigstore-judge"/* | sha256sum | cut -c 1-16)
if ! command -v npm >/dev/null; then
	oracle_why='no npm here'
	judge=
elif oracle_once sigstore_install; then
	judge=$oracle_dir/judge.js
else
	judge=
fi

mkdir -p "$T/d/sub"
cp "$TOP/tests/data/golden.json" "$T/d"
printf 'a file\n' >"$T/d/sub/file"
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$T/p256.key" 2>/dev/null
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out "$T/p384.key" 2>/dev/null
openssl genpkey -algorithm ed25519 -out "$T/ed25519.key" 2>/dev/null

cat >"$T/pae.py" <<'END'
import base64, json, sys
bundle = json.load(open(sys.argv[1]))
envelope = bundle["dsseEnvelope"]
payload = base64.b64decode(envelope["payload"], validate=True)
kind = envelope["payloadType"].encode()
open(sys.argv[2], "wb").write(b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload))
open(sys.argv[3], "wb").write(base64.b64decode(envelope["signatures"][0]["sig"], validate=True))
statement = json.loads(payload)
assert statement["_type"] == "https://in-toto.io/Statement/v1"
assert [s["name"] for s in statement["subject"]] == ["golden.json", "sub/file"]
assert statement["predicate"]["golden"]["schema"] == "assay-golden/1"
END
# Changes one thing in a bundle.
cat >"$T/tamper.py" <<'END'
import base64, json, sys
bundle = json.load(open(sys.argv[1]))
envelope = bundle["dsseEnvelope"]
if sys.argv[3] == "payload":
    payload = base64.b64decode(envelope["payload"]).replace(b"sub/file", b"sub/filf")
    envelope["payload"] = base64.b64encode(payload).decode()
elif sys.argv[3] == "signature":
    signature = bytearray(base64.b64decode(envelope["signatures"][0]["sig"]))
    signature[-1] ^= 1
    envelope["signatures"][0]["sig"] = base64.b64encode(signature).decode()
else:
    envelope["payloadType"] = "text/plain"
json.dump(bundle, open(sys.argv[2], "w"))
END

openssl_accepts() { # KEY
	case $1 in
	p256) openssl dgst -sha256 -verify "$T/$1.pub" -signature "$T/signature" "$T/pae" ;;
	p384) openssl dgst -sha384 -verify "$T/$1.pub" -signature "$T/signature" "$T/pae" ;;
	*) openssl pkeyutl -verify -pubin -inkey "$T/$1.pub" -rawin -in "$T/pae" -sigfile "$T/signature" ;;
	esac
}

for key in p256 p384 ed25519; do
	openssl pkey -in "$T/$key.key" -pubout -out "$T/$key.pub"
	ok "sign with $key" "$ASSAY" sign "$T/d" -k "$T/$key.key" -o "$T/$key.json"
	ok "$key: the statement" python3 "$T/pae.py" "$T/$key.json" "$T/pae" "$T/signature"
	ok "$key: openssl accepts" openssl_accepts "$key"
	for what in payload signature payloadType; do
		python3 "$T/tamper.py" "$T/$key.json" "$T/$key-$what.json" "$what"
		"$ASSAY" verify "$T/d" -k "$T/$key.pub" -b "$T/$key-$what.json" >"$T/out" 2>&1
		same "$key: we refuse another $what" "$([ $? -ne 0 ] && echo no)" no
	done
done
if [ -n "$judge" ]; then
	for key in p256 ed25519; do
		ok "$key: @sigstore/verify accepts" node "$judge" "$T/$key.json" "$T/$key.pub"
		for what in payload signature payloadType; do
			node "$judge" "$T/$key-$what.json" "$T/$key.pub" >"$T/out" 2>&1
			same "$key: it refuses another $what" $? 1
		done
		node "$judge" "$T/$key.json" "$T/p384.pub" >"$T/out" 2>&1
		same "$key: it refuses another key" $? 1
	done
else
	skip "@sigstore/verify accepts our bundles" "$oracle_why"
fi
done_testing

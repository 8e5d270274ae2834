#!/bin/sh
# assay sign and verify: every way in which a directory can differ from what was signed.
. "$(dirname "$0")/../tap.sh"
command -v openssl >/dev/null || { skip "signing" "no openssl to make keys"; done_testing; }
D=$T/build
mkdir -p "$D/firmware"
cp "$TOP/tests/data/golden.json" "$D"
printf '{"a": 1}\n' >"$D/manifest.json"
printf 'fw' >"$D/firmware/snp.fd"
printf '' >"$D/empty"
openssl genpkey -algorithm ed25519 -out "$T/key" 2>/dev/null
openssl pkey -in "$T/key" -pubout -out "$T/pub"
openssl genpkey -algorithm ed25519 -out "$T/other" 2>/dev/null
openssl pkey -in "$T/other" -pubout -out "$T/other.pub"

ok "sign" "$ASSAY" sign "$D/" -k "$T/key"
ok "the bundle is beside the directory" test -f "$D.sigstore.json"
same "verify" "$("$ASSAY" verify "$D" -k "$T/pub" | sed 's/, signed.*//')" "$D: 4 files"
cp "$D.sigstore.json" "$T/first"
ok "sign again" "$ASSAY" sign "$D" -k "$T/key" -o "$T/second"
same "Ed25519: the same bytes" "$(sha256sum <"$T/first")" "$(sha256sum <"$T/second")"
v() { "$ASSAY" verify "$D" -k "$T/pub"; }

printf 'fX' >"$D/firmware/snp.fd"
fails 1 'firmware/snp.fd: not what was signed' "another content" v
printf 'fw' >"$D/firmware/snp.fd"
printf 'x' >"$D/zz"
fails 1 'zz: not among the signed files' "a file more, at the end" v
mv "$D/zz" "$D/aa"
fails 1 'aa: not among the signed files' "a file more, in between" v
rm "$D/aa"
mkdir "$D/empty-dir"
ok "an empty directory is nothing" v
rmdir "$D/empty-dir"
mv "$D/manifest.json" "$T/manifest.json"
fails 1 'manifest.json: missing' "a file less" v
ln -s "$T/manifest.json" "$D/manifest.json"
fails 2 'manifest.json: not a file' "a link in its place" v
rm "$D/manifest.json"
mkdir "$D/manifest.json"
fails 1 'manifest.json: missing' "a directory in its place" v
rmdir "$D/manifest.json"
mv "$T/manifest.json" "$D"
ok "all as it was" v
fails 1 'not of this key' "another key" "$ASSAY" verify "$D" -k "$T/other.pub"
fails 2 'no public key' "a private key to verify" "$ASSAY" verify "$D" -k "$T/key"
fails 2 'no private key' "a public key to sign" "$ASSAY" sign "$D" -k "$T/pub"
fails 2 'key: required' "no key" "$ASSAY" sign "$D"
fails 2 'key: required' "no key to verify" "$ASSAY" verify "$D"
fails 3 'nowhere' "no such directory" "$ASSAY" sign "$T/nowhere" -k "$T/key"
mkdir "$T/none"
fails 2 'no files' "nothing to sign" "$ASSAY" sign "$T/none" -k "$T/key"
mkfifo "$T/none/pipe"
fails 2 'pipe: not a file' "a pipe" "$ASSAY" sign "$T/none" -k "$T/key"
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$T/rsa" 2>/dev/null
fails 2 'not an ECDSA' "an RSA key" "$ASSAY" sign "$D" -k "$T/rsa"
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521 -out "$T/p521" 2>/dev/null
fails 2 'not an ECDSA' "a P-521 key" "$ASSAY" sign "$D" -k "$T/p521"
openssl pkey -in "$T/key" -aes256 -passout pass:x -out "$T/locked" 2>/dev/null
fails 2 'without a passphrase' "an encrypted key" "$ASSAY" sign "$D" -k "$T/locked"
bundle() { # SED-SCRIPT: a bundle with something else in it
	sed "$1" "$T/first" >"$T/bad"
	"$ASSAY" verify "$D" -k "$T/pub" -b "$T/bad"
}
fails 2 'mediaType: not' "another bundle version" bundle 's/v0.3+json/v0.2+json/'
fails 2 'payloadType: not' "another payload type" bundle 's/vnd.in-toto/vnd.other/'
fails 2 'unknown field' "an unknown field" bundle 's/"mediaType"/"x": 1, "mediaType"/'
fails 2 'not base64' "a payload that is not base64" bundle 's/"payload": "./"payload": "*/'
fails 2 'signatures: 0, not one' "no signature" bundle '/"signatures": \[/,/\]/{s/"signatures": \[/"signatures": []/;/keyid/d;/"sig"/d;/^ *[{}]$/d;/^ *\]$/d}'
ok "help" "$ASSAY" sign --help
ok "help of verify" "$ASSAY" verify --help
done_testing

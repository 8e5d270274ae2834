#!/bin/sh
# assay idblock: blocks signed here and by another program, with openssl as signer and judge; every refusal.
. "$(dirname "$0")/../tap.sh"

command -v openssl >/dev/null || {
	skip "ID blocks" "no openssl here"
	done_testing
}
key() { # NAME CURVE
	openssl ecparam -name "$2" -genkey -noout 2>/dev/null | openssl pkcs8 -topk8 -nocrypt -out "$T/$1.pem" 2>/dev/null
	openssl pkey -in "$T/$1.pem" -pubout -out "$T/$1.pub" 2>/dev/null
}
key id secp384r1
key author secp384r1
key p256 prime256v1
digest=$(printf x | openssl dgst -sha384 -r | cut -d' ' -f1)
create="$ASSAY idblock create --digest $digest"
quiet() { "$@" 2>/dev/null; }

cat >"$T/fields.py" <<'END'
"""Takes an ID authentication apart by the ABI's offsets: writes the signatures in DER and the keys' digests."""
import hashlib, sys
auth = open(sys.argv[1], "rb").read()
def der(at):
    def number(start):
        value = int.from_bytes(auth[start:start + 72], "little")
        raw = value.to_bytes(value.bit_length() // 8 + 1, "big")
        return b"\x02" + bytes([len(raw)]) + raw
    body = number(at) + number(at + 72)
    return b"\x30" + bytes([len(body)]) + body
assert len(auth) == 4096 and auth[:8] == bytes([1, 0, 0, 0, 1, 0, 0, 0]) and auth[0x240] == 2
open(sys.argv[2] + ".block.sig", "wb").write(der(0x40))
open(sys.argv[2] + ".key.sig", "wb").write(der(0x680))
open(sys.argv[2] + ".key", "wb").write(auth[0x240:0x240 + 0x404])
print(hashlib.sha384(auth[0x240:0x644]).hexdigest(), hashlib.sha384(auth[0x880:0xC84]).hexdigest())
END

# Signed here, judged by openssl.
# shellcheck disable=SC2086
$create --id-key "$T/id.pem" --author-key "$T/author.pem" --id-block "$T/block" --id-auth "$T/auth" --guest-svn 7 \
	--family-id 000102030405060708090a0b0c0d0e0f --policy 0x20000 >"$T/digests" 2>"$T/err"
same "an ID block is made, without a warning" "$? $(wc -c <"$T/err")" "0 0"
same "of 96 bytes, as the ABI lays them out" "$(od -An -v -tx1 "$T/block" | tr -d ' \n')" \
	"${digest}000102030405060708090a0b0c0d0e0f00000000000000000000000000000000""01000000""07000000""0000020000000000"
same "the keys' digests are those of the structure" "$(cut -d' ' -f2 "$T/digests" | tr '\n' ' ')" "$(python3 "$T/fields.py" "$T/auth" "$T/x") "
ok "openssl accepts the signature of the block" openssl dgst -sha384 -verify "$T/id.pub" -signature "$T/x.block.sig" "$T/block"
ok "and the author's of the key" openssl dgst -sha384 -verify "$T/author.pub" -signature "$T/x.key.sig" "$T/x.key"
same "digest prints the same" "$("$ASSAY" idblock digest "$T/id.pem")" "$(sed -n 's/^id_key_digest //p' "$T/digests")"
same "of the public key too" "$("$ASSAY" idblock digest "$T/id.pub")" "$("$ASSAY" idblock digest "$T/id.pem")"
ok "inspect accepts it" "$ASSAY" idblock inspect "$T/block" --id-auth "$T/auth"
same "and shows it" "$("$ASSAY" idblock inspect "$T/block" --id-auth "$T/auth" | grep -E 'svn|policy|launch' | tr '\n' ';')" \
	"launch_digest $digest;guest_svn 7;policy 0x20000;"
same "as JSON too" "$("$ASSAY" idblock inspect "$T/block" --format json | python3 -c 'import json,sys; print(json.load(sys.stdin)["launch_digest"])')" "$digest"

# Signed by another program.
# shellcheck disable=SC2086
quiet $create --id-pubkey "$T/id.pub" --author-pubkey "$T/author.pub" --to-sign "$T/tbs" --author-to-sign "$T/author-tbs" >"$T/out"
same "what is to be signed is written" "$? $(wc -c <"$T/tbs") $(wc -c <"$T/author-tbs")" "0 96 1028"
openssl dgst -sha384 -sign "$T/id.pem" -out "$T/tbs.sig" "$T/tbs"
openssl dgst -sha384 -sign "$T/author.pem" -out "$T/author-tbs.sig" "$T/author-tbs"
# shellcheck disable=SC2086
ok "the signatures are taken" $create --id-pubkey "$T/id.pub" --author-pubkey "$T/author.pub" --signature "$T/tbs.sig" \
	--author-signature "$T/author-tbs.sig" --id-block "$T/block2" --id-auth "$T/auth2" --base64
ok "inspect accepts base64" "$ASSAY" idblock inspect "$T/block2" --id-auth "$T/auth2"
base64 -d <"$T/block2" >"$T/block2.bin"
same "which is that of what was signed" "$(cmp "$T/block2.bin" "$T/tbs" 2>&1)" ""
# shellcheck disable=SC2086
ok "without an author" $create --id-key "$T/id.pem" --id-block "$T/block3" --id-auth "$T/auth3"
ok "inspect accepts that" "$ASSAY" idblock inspect "$T/block3" --id-auth "$T/auth3"
same "SMT is warned of" "$("$ASSAY" idblock create --digest "$digest" --id-key "$T/id.pem" --to-sign "$T/tbs3" 2>&1 >/dev/null | grep -c 'allows SMT')" 1

# What a check must refuse: status 1.
fails 1 'signature of the ID block' "another block's signature" "$ASSAY" idblock inspect "$T/block3" --id-auth "$T/auth"
printf '\001' | dd of="$T/auth" bs=1 seek=$((0x680 + 3)) conv=notrunc 2>/dev/null
printf '\001' | dd of="$T/auth" bs=1 seek=$((0x680 + 4)) conv=notrunc 2>/dev/null
fails 1 'signature of the ID key' "a changed author signature" "$ASSAY" idblock inspect "$T/block" --id-auth "$T/auth"
# shellcheck disable=SC2086
fails 1 'signature of the ID block' "an external signature of something else" $create --guest-svn 1 --id-pubkey "$T/id.pub" \
	--signature "$T/tbs.sig" --id-block "$T/n1" --id-auth "$T/n2"
ok "leaves nothing behind" test ! -e "$T/n1" -a ! -e "$T/n2"

# Malformed input and usage: status 2.
openssl pkey -in "$T/id.pem" -aes256 -passout pass:x -out "$T/encrypted.pem"
printf '\001' | dd of="$T/auth3" bs=1 seek=$((0xF00)) conv=notrunc 2>/dev/null
head -c 95 "$T/block" >"$T/short"
cp "$T/block" "$T/version"
printf '\002' | dd of="$T/version" bs=1 seek=80 conv=notrunc 2>/dev/null
printf 'no signature' >"$T/garbage"
# shellcheck disable=SC2034 # used in the eval
while IFS='|' read -r pattern name args; do
	# shellcheck disable=SC2086
	eval "fails 2 \"\$pattern\" \"\$name\" $ASSAY idblock $args"
done <<END
curve P-384|a key of another curve|create --digest $digest --id-key $T/p256.pem --id-block $T/n1 --id-auth $T/n2
encrypted|an encrypted key, without a prompt|create --digest $digest --id-key $T/encrypted.pem --id-block $T/n1 --id-auth $T/n2
not a private key|a public key to sign with|create --digest $digest --id-key $T/id.pub --id-block $T/n1 --id-auth $T/n2
bit 17|a policy without bit 17|create --digest $digest --id-key $T/id.pem --id-block $T/n1 --id-auth $T/n2 --policy 0x10000
debugging|a policy with debugging|create --digest $digest --id-key $T/id.pem --id-block $T/n1 --id-auth $T/n2 --policy 0xb0000
migration agent|a policy with a migration agent|create --digest $digest --id-key $T/id.pem --id-block $T/n1 --id-auth $T/n2 --policy 0x70000
allows SMT|SMT under --strict|create --digest $digest --id-key $T/id.pem --id-block $T/n1 --id-auth $T/n2 --strict
96 lowercase|a digest of another length|create --digest 00 --id-key $T/id.pem --id-block $T/n1 --id-auth $T/n2
32 lowercase|a family ID of another length|create --digest $digest --id-key $T/id.pem --id-block $T/n1 --id-auth $T/n2 --family-id 00
32 bits|a guest SVN too large|create --digest $digest --id-key $T/id.pem --id-block $T/n1 --id-auth $T/n2 --guest-svn 4294967296
is needed|no key|create --digest $digest --id-block $T/n1 --id-auth $T/n2
is needed|two keys|create --digest $digest --id-key $T/id.pem --id-pubkey $T/id.pub --id-block $T/n1 --id-auth $T/n2
are needed|no output|create --digest $digest --id-key $T/id.pem
needs --to-sign|a public key alone|create --digest $digest --id-pubkey $T/id.pub --id-block $T/n1 --id-auth $T/n2
goes with --id-pubkey|a signature and a private key|create --digest $digest --id-key $T/id.pem --signature $T/tbs.sig --id-block $T/n1 --id-auth $T/n2
not an ECDSA|a signature that is none|create --digest $digest --id-pubkey $T/id.pub --signature $T/garbage --id-block $T/n1 --id-auth $T/n2
neither 96|bad-idblock-short|inspect $T/short
version 2|bad-idblock-version|inspect $T/version
neither 4096|bad-idauth-size|inspect $T/block --id-auth $T/block
reserved bytes|bad-idauth-reserved|inspect $T/block3 --id-auth $T/auth3
text or json|an unknown format|inspect $T/block --format xml
not a key|bad-key|digest $T/garbage
create, inspect or digest|nothing to do|
END
done_testing

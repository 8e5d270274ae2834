#!/bin/sh
# Authenticode digests: of signed images of Debian, the digest is the one that Microsoft or Debian signed, and pesign's; of images
# that objcopy makes, pesign's.
. "$(dirname "$0")/../tap.sh"
# shellcheck source=tests/oracle/oracle.sh disable=SC2154
. "$(dirname "$0")/oracle.sh"
DIGEST=$BUILD/tests/oracle/authenticode

for program in pesign sbattach openssl objcopy; do
	command -v $program >/dev/null || {
		skip "Authenticode digests" "no $program here"
		done_testing
	}
done
oracle_debs trixie systemd-boot-efi grub-efi-amd64-signed shim-signed shim-unsigned shim-helpers-amd64-signed || {
	skip "Authenticode digests" "$oracle_why"
	done_testing
}
root=$oracle_dir/root/usr/lib

# The digest that the image's first signature is over: the last octets of SpcIndirectDataContent.
signed_digest() {
	cp "$1" "$T/signed"
	sbattach --detach "$T/signature" "$T/signed" 2>/dev/null &&
		openssl asn1parse -inform DER -in "$T/signature" 2>/dev/null | sed -n 's/.*OCTET STRING *\[HEX DUMP\]:\([0-9A-F]\{64\}\)$/\1/p' |
		head -n 1 | tr A-F a-f
}

pesign_digest() {
	pesign -h -i "$1" 2>/dev/null | sed -n 's/^hash: //p'
}

for image in "$root"/shim/*.signed "$root"/grub/x86_64-efi-signed/*.signed; do
	name=$(basename "$image")
	digest=$("$DIGEST" sha256 "$image")
	same "$name: what was signed" "$digest" "$(signed_digest "$image")"
	same "$name: pesign's" "$digest" "$(pesign_digest "$image")"
done
stub=$root/systemd/boot/efi/linuxx64.efi.stub
same "systemd-stub, not signed: pesign's" "$("$DIGEST" sha256 "$stub")" "$(pesign_digest "$stub")"
# The end of the stub in memory, from its section headers.
end=$(objdump -h "$stub" | awk '$1 ~ /^[0-9]+$/ { print "0x"$4 }' | sort | tail -n 1)
for size in 1 511 512 513 70000; do
	head -c $size /dev/urandom >"$T/more"
	objcopy --add-section .more="$T/more" --set-section-flags .more=data,readonly \
		--change-section-vma ".more=$(printf 0x%x $((end + 0x10000)))" "$stub" "$T/image"
	same "a section of $size bytes: pesign's" "$("$DIGEST" sha256 "$T/image")" "$(pesign_digest "$T/image")"
done
done_testing

#!/bin/sh
# dstack's documents of an image: a second program reads them and computes from them and the files what dstack's verifier
# does. dstack's own crates are in no registry; the bytes were compared with dstack-mr's by hand (docs/verifiers.md).
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/oracle.sh"
. "$(dirname "$0")/../demo.sh"
demo_get || {
	skip "dstack's documents" "$demo_why"
	done_testing
}
r() { "$ASSAY" refs "$@"; }
P=$TOP/tests/oracle/dstack.py

# image NAME WORDS: the demo with WORDS at the end of its command line, on a target for dstack's QEMU.
image() {
	python3 "$P" image "$demo" "$T/$1" "$2" && "$ASSAY" golden "$T/$1" --target "$T/$1.toml" -o "$T/$1.golden"
}
# target FILE VMM MEMORY
target() {
	cat >"$1" <<END
name = "d"
[[launch.snp]]
firmware = "firmware/snp.fd"
vmm = "qemu"
cpus = ["EPYC-v4"]
vcpus = [1, 3]
[[launch.tdx]]
firmware = "firmware/tdx.fd"
vmm = "$2"
memory_bytes = $3
END
}
hash=$(printf '5%.0s' $(seq 64))
target "$T/good.toml" qemu-8.2-canonical 4294967296
target "$T/plain.toml" qemu-8.2-canonical 4294967296
target "$T/short.toml" qemu-8.2-canonical 4294967296
target "$T/low.toml" qemu-8.2-canonical 1073741824
target "$T/two.toml" qemu-8.2-canonical 2147483648
ok "an image with a root hash" image good " dstack.rootfs_hash=$hash dstack.rootfs_size=1"
G=$T/good.golden/golden.json
ok "its documents" r dstack "$G" --build "$T/good" --image-version 0.6.0 --strict -o "$T/image"
same "are six files" "$(ls "$T/image" | tr '\n' ' ')" \
	"digest.txt measurement.snp.cbor measurement.tdx.cbor metadata.json mr.json sha256sum.txt "
cp "$T/good/vmlinuz" "$T/image/bzImage"
cp "$T/good/initrd.img" "$T/image/initramfs.cpio.gz"
cp "$T/good/firmware/tdx.fd" "$T/image/ovmf.fd"
ok "sha256sum agrees" sh -c "cd '$T/image' && sha256sum --strict -c sha256sum.txt"
same "in dstack's order" "$(sed 's/.*  //' "$T/image/sha256sum.txt" | tr '\n' ' ')" \
	"ovmf.fd bzImage initramfs.cpio.gz metadata.json measurement.tdx.cbor measurement.snp.cbor "
same "digest.txt is the digest of it" "$(cat "$T/image/digest.txt")" "$(sha256sum <"$T/image/sha256sum.txt" | cut -c 1-64)"
if oracle_python cbor2; then
	cbor=$oracle_dir/bin/python
	ok "a second reader computes the same registers" "$cbor" "$P" tdx "$T/image" "$G"
	if oracle_python sev-snp-measure; then
		"$cbor" "$P" snp "$T/image" "$G" >"$T/snp.sh"
		ok "and inputs" test -s "$T/snp.sh"
		# One line for each tuple: vCPUs, digest, OVMF hash, command line.
		bad=0
		while IFS='|' read -r vcpus digest ovmf line; do
			got=$("$oracle_dir/bin/sev-snp-measure" --mode snp --vcpus "$vcpus" --vcpu-type EPYC-v4 --ovmf "$T/good/firmware/snp.fd" \
				--snp-ovmf-hash "$ovmf" --kernel "$T/good/vmlinuz" --initrd "$T/good/initrd.img" --append "$line")
			[ "$got" = "$digest" ] || bad=$((bad + 1))
		done <"$T/snp.sh"
		same "sev-snp-measure has the digests from the document's OVMF hash and command line" "$bad" 0
	else
		skip "sev-snp-measure agrees" "$oracle_why"
	fi
else
	skip "a second reader computes the same registers" "$oracle_why"
fi

r dstack "$G" --build "$T/good" --tee sev-snp -o "$T/snp" 2>/dev/null
same "SNP alone" "$(sed 's/.*  //' "$T/snp/sha256sum.txt" | tr '\n' ' ')" \
	"bzImage initramfs.cpio.gz metadata.json measurement.snp.cbor "
r dstack "$G" --build "$T/good" --tee tdx --variant debug -o "$T/tdx" 2>/dev/null
same "TDX alone, a debug image" "$(sed 's/.*  //' "$T/tdx/sha256sum.txt" | tr '\n' ' ')$(grep -c '"is_dev": true' "$T/tdx/metadata.json")" \
	"ovmf.fd bzImage initramfs.cpio.gz metadata.json measurement.tdx.cbor 1"
mkdir "$T/low" "$T/two"
cp -R "$T/good/." "$T/low"
cp -R "$T/good/." "$T/two"
"$ASSAY" golden "$T/low" --target "$T/low.toml" -o "$T/low.golden"
"$ASSAY" golden "$T/two" --target "$T/two.toml" -o "$T/two.golden"
fails 2 'another RTMR1: .* patches' "1 GiB of memory moves RTMR1 away from dstack's" \
	r dstack "$T/low.golden/golden.json" --build "$T/low" -o "$T/out"
ok "2 GiB does not" r dstack "$T/two.golden/golden.json" --build "$T/two" --image-version 0.6.0 -o "$T/2g"
same "and the documents are the same" "$(cat "$T/2g/digest.txt")" "$(cat "$T/image/digest.txt")"
mkdir "$T/uki"
cp -R "$T/good/." "$T/uki"
python3 "$P" uki "$T/uki"
"$ASSAY" golden "$T/uki" --target "$T/good.toml" -o "$T/uki.golden"
ok "a unified kernel image" r dstack "$T/uki.golden/golden.json" --build "$T/uki" --image-version 0.6.0 -o "$T/gcp"
same "is listed last" "$(sed -n '$s/.*  //p' "$T/gcp/sha256sum.txt")" measurement.gcp.cbor
if oracle_python cbor2; then
	ok "by its Authenticode digest" "$oracle_dir/bin/python" "$P" gcp "$T/gcp" "$T/uki"
else
	skip "by its Authenticode digest" "$oracle_why"
fi
image plain "" >/dev/null
fails 2 'no dstack.rootfs_hash=' "not an image for dstack" r dstack "$T/plain.golden/golden.json" --build "$T/plain" -o "$T/out"
image short " xdstack.rootfs_hash=$hash dstack.rootfs_hash=5" >/dev/null
fails 2 'not 64 hex digits' "a short root hash" r dstack "$T/short.golden/golden.json" --build "$T/short" -o "$T/out"
fails 2 'build: required' "no build" r dstack "$G" -o "$T/out"
fails 1 'of another build' "another build" r dstack "$G" --build "$T/plain" -o "$T/out"
python3 "$P" kata "$G" "$T/kata.json"
fails 2 'no file of the build for its cmdline' "Kata's command line" r dstack "$T/kata.json" --build "$T/good" -o "$T/out"
python3 "$P" other "$G" "$T/other.json" 2
fails 2 'another RTMR2' "an RTMR2 that dstack does not compute" r dstack "$T/other.json" --build "$T/good" --tee tdx -o "$T/out"
python3 "$P" other "$G" "$T/other.json" mrtd
fails 2 'MRTD is not' "an MRTD that is none of the two" r dstack "$T/other.json" --build "$T/good" --tee tdx -o "$T/out"
fails 2 'another launch digest' "a launch digest that dstack does not compute" r dstack "$T/other.json" --build "$T/good" --tee sev-snp -o "$T/out"
same "a refusal leaves nothing" "$(ls -d "$T/out" 2>/dev/null)" ""

# The allow list.
app=$(printf 'a%.0s' $(seq 40))
python3 "$P" kms "$G" "$T/kms.json"
ok "the allow list" r dstack-auth "$T/kms.json" --build "$T/good" --image-version 0.6.0 --app "$app=$hash" --app "$app=$hash" --strict -o "$T/auth.json"
ok "has what dstack's key management compares" python3 "$P" auth "$T/auth.json" "$T/kms.json" "$T/image/digest.txt" "$app" "$hash"
r dstack "$T/kms.json" --build "$T/good" --key-provider "$hash" -o "$T/mr" 2>/dev/null
ok "mr.json too" python3 "$P" mr "$T/mr/mr.json" "$T/kms.json" "$hash"
fails 2 'no tuple of role kms' "--strict without a KMS" r dstack-auth "$G" --build "$T/good" --app "$app=$hash" --strict
fails 2 'no --app' "--strict without applications" r dstack-auth "$T/kms.json" --build "$T/good" --strict
fails 2 'APP-ID=COMPOSE-HASH' "an application without a hash" r dstack-auth "$T/kms.json" --build "$T/good" --app "$app"
fails 2 'APP-ID=COMPOSE-HASH' "a short hash" r dstack-auth "$T/kms.json" --build "$T/good" --app "$app=55"
fails 2 'not 64 hex digits' "a short key provider" r dstack "$G" --build "$T/good" --key-provider 55 -o "$T/out"
done_testing

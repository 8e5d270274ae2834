#!/bin/sh
# assay inspect: every kind of file, as text and as JSON, and every file that it refuses.
# shellcheck disable=SC2154 # what demo.sh sets
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/../demo.sh"

python3 "$TOP/tests/cli/inspect.py" "$T"
python3 "$TOP/tests/oracle/td-shim.py" "$T" 4 >"$T/case"
ok "the files are made" test -s "$T/000.fd"
# shows WHAT FILE LINE: the text has this line.
shows() {
	"$ASSAY" inspect "$2" >"$T/text" 2>&1
	grep -qxF -- "$3" "$T/text" || sed 's/^/# /' "$T/text"
	ok "$1" grep -qxF -- "$3" "$T/text"
}
shows "a quote" "$T/quote4" "form TDX quote, version 4"
shows "its attributes" "$T/quote4" "attribute_names debug sept_ve_disable"
shows "its registers" "$T/quote4" "rtmr0 $(printf '14%.0s' $(seq 48))"
shows "its module" "$T/quote4" "  tee_tcb_svn 07070707070707070707070707070707"
shows "its signature's size" "$T/quote4" "signature_bytes 9"
shows "that nothing is verified" "$T/quote4" "signature_verified no"
shows "a service TD in a quote of TDX 1.5" "$T/quote5" "mrservicetd $(printf '09%.0s' $(seq 48))"
shows "an SNP report" "$T/report" "kind snp-report"
shows "its policy" "$T/report" "policy_names smt reserved debug"
shows "its measurement" "$T/report" "measurement $(printf 'ab%.0s' $(seq 48))"
shows "its platform" "$T/report" "platform_names smt_en ecc_en alias_check_complete"
shows "its CPU" "$T/report" "cpuid family 0x19 model 0x11 stepping 0x1"
shows "the same inside a response" "$T/response" "measurement $(printf 'ab%.0s' $(seq 48))"
shows "an SEV report" "$T/sev" "launch_digest $(printf '22%.0s' $(seq 32))"
shows "its policy" "$T/sev" "policy_names nodbg es"
shows "an IGVM file" "$T/igvm" "platform type=tdx mask=0x2 highest_vtl=0"
shows "its policy" "$T/igvm" "guest_policy mask=0x1 policy=0x30000"
shows "its headers" "$T/igvm" "  PAGE_DATA 3"
shows "its pages" "$T/igvm" "  highest 0x102fff"
shows "a unified kernel" "$T/uki" "unified_kernel yes"
shows "its stub" "$T/uki" "stub systemd-stub 257.4"
shows "its os-release" "$T/uki" '  NAME="A test"'
shows "its command line, escaped" "$T/uki" '  quiet ro\x1b[31m'
shows "its sections" "$T/uki" "section name=.sdmagic address=0x4000 size_bytes=41 sha256=$(printf '#### LoaderInfo: systemd-stub 257.4 ####\0' | sha256sum | cut -d' ' -f1)"
shows "a kernel" "$TOP/tests/data/tdx/kernel.bin" "boot_protocol 2.15"
shows "an initrd's first archive" "$T/initrd" "segment form=cpio offset=0 size_bytes=384 entries=2 content_bytes=5"
same "its files" "$("$ASSAY" inspect "$T/initrd" --list | tr '\n' ' ')" "100644 0 kernel 100644 5 kernel/microcode.bin 100644 10 init "
gzip -c "$T/initrd" >"$T/packed"
shows "a compressed initrd" "$T/packed" "  segment form=cpio offset=0 size_bytes=384 entries=2 content_bytes=5"
same "its files" "$("$ASSAY" inspect "$T/packed" --list)" "$("$ASSAY" inspect "$T/initrd" --list)"
{ cat "$T/initrd" && cat "$T/packed"; } >"$T/both"
same "archives, then a compressed one" "$("$ASSAY" inspect "$T/both" --list | wc -l)" 6
shows "dm-verity parameters" "$T/params" "data_bytes 4096000"
shows "the size of their tree" "$T/params" "tree_bytes 36864"
shows "a golden document" "$TOP/tests/data/golden.json" "schema assay-golden/1"
shows "a JSON document" "$T/json" "fields b a"
shows "firmware" "$T/000.fd" "kind firmware"
shows "its metadata" "$T/000.fd" "  section type=TempMem data=0x0 data_size=0x0 gpa=0x820000 size=0x1000 attributes=-"
shows "td-shim's payload" "$T/003.fd" "  signed yes"
ok "firmware's files are listed" "$ASSAY" inspect "$T/000.fd" --list

for name in quote4 report sev igvm uki initrd params json 000.fd; do
	"$ASSAY" inspect "$T/$name" --format json >"$T/out.json"
	ok "$name: JSON with size and digest" python3 -c '
import hashlib, json, os, sys
doc = json.load(open(sys.argv[1]))
assert doc["size_bytes"] == os.path.getsize(sys.argv[2]), doc["size_bytes"]
assert doc["sha256"] == hashlib.sha256(open(sys.argv[2], "rb").read()).hexdigest()' "$T/out.json" "$T/$name"
done

if [ -n "$SHARED" ]; then
	shows "a real firmware's generation" "$SHARED/vectors/sev-snp/debian/OVMF_2025.02-8+deb13u1.fd" "  generation edk2-stable202502"
	shows "a real report's digests" "$SHARED/vectors/tdx/attestation-rs/tdx_tdreport_live.bin" "digests_consistent yes"
	shows "a real log" "$SHARED/vectors/tdx/trustee-eventlog/CCEL_data" "bank sha384"
	same "a log in JSON with its quote" "$("$ASSAY" inspect "$SHARED/vectors/tdx/dstack/tdx-lite-getquote.json" | grep -c '^registers name=rtmr')" 4
	same "a firmware's modules" "$("$ASSAY" inspect "$SHARED/vectors/sev-snp/debian/OVMF_2025.02-8+deb13u1.fd" --list | grep -c BdsDxe)" 1
else
	skip "real files" "no reference data"
fi
if demo_get; then
	shows "a guest image" "$demo/rootfs.img" "label mbr"
	ok "its files are listed" "$ASSAY" inspect "$demo/rootfs.img" --list
	same "with their digests" "$("$ASSAY" inspect "$demo/rootfs.img" --list | grep -Ec '^f [0-7]{4} .* [0-9a-f]{64} /')" \
		"$("$ASSAY" inspect "$demo/rootfs.img" --list | grep -c '^f ')"
	shows "a distribution's kernel" "$demo/vmlinuz" "efi_stub yes"
	same "assay's own initrd" "$("$ASSAY" inspect "$demo/initrd.img" --list | grep -c ' init$')" 1
else
	skip "a built image" "$demo_why"
fi

fails 2 'no kind of file that is known' "a file of no kind" "$ASSAY" inspect "$T/unknown"
fails 2 'empty' "an empty file" "$ASSAY" inspect "$T/empty"
fails 2 'holds no files' "--list of a quote" "$ASSAY" inspect "$T/quote4" --list
fails 2 'text or json' "an unknown format" "$ASSAY" inspect "$T/quote4" --format xml
fails 3 'No such file' "no such file" "$ASSAY" inspect "$T/none"
fails 2 'not a regular file' "a directory" "$ASSAY" inspect "$T"
fails 2 'inspect' "no file at all" "$ASSAY" inspect
bad() { # WANT WHAT FROM BYTES
	head -c "$4" "$T/$3" >"$T/bad"
	fails 2 "$1" "$2" "$ASSAY" inspect "$T/bad"
}
bad 'cut short' "a quote cut short" quote4 600
bad 'IGVM' "an IGVM file cut short" igvm 5000
bad 'cut short|malformed' "an archive cut short" initrd 700
bad 'parameters' "a line of parameters cut short" params 90
bad 'document' "a JSON document cut short" json 9
head -c 100 "$T/packed" >"$T/bad"
fails 2 'truncated|decompression' "a compressed archive cut short" "$ASSAY" inspect "$T/bad"
printf '07070100000001zzzzzzzz%0200d' 0 >"$T/bad"
fails 2 'malformed' "an archive without numbers" "$ASSAY" inspect "$T/bad"
done_testing

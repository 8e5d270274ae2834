#!/bin/sh
# MRTD against gce-tcb-verifier (Go): over random TDVF images, and over real firmware of the reference data. No
# registry has a calculator for Cloud Hypervisor or td-shim: their rules are written a second time, in Python.
# shellcheck disable=SC2154 # what oracle.sh sets
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/oracle.sh"
. "$(dirname "$0")/judges.sh"

kernel=$TOP/tests/data/tdx/kernel.bin
mkdir "$T/shim"
ok "300 random images with all section types" python3 "$TOP/tests/oracle/tdvf-random.py" "$T/shim" 300 td-shim
# Cloud Hypervisor does not build sections without memory, and a kernel must fit: what it would refuse is left out.
peer() { # WHAT VMM ORDER KERNEL CMDLINE
	for image in "$T/shim"/*.fd; do
		echo "$image $("$ASSAY" measure tdx --firmware "$image" --vmm "$2" --mrtd-order "$3" --register mrtd \
			${4:+--kernel "$4"} ${5:+--cmdline "$5"} 2>>"$T/refused")"
	done | grep -E ' [0-9a-f]{96}$' >"$T/ours"
	cut -d' ' -f1 "$T/ours" | xargs python3 "$TOP/tests/oracle/mrtd-peer.py" "$2" "$3" "$4" "$5" >"$T/theirs"
	ok "$1: at least $6 are measured" test "$(wc -l <"$T/ours")" -ge "$6"
	same "$1: both agree on each" "$(diff "$T/ours" "$T/theirs" | head -n 4)" ""
}
peer "td-shim-tools" td-shim-tools single "" "" 300
peer "td-shim-tools, two passes" td-shim-tools two "" "" 300
ok "nothing was refused" test ! -s "$T/refused"
# Without their TdInfo or TdParams section, which has type 7 or 8.
python3 - "$T/shim"/*.fd <<'END'
import struct, sys
for path in sys.argv[1:]:
    data = bytearray(open(path, "rb").read())
    at = data.rindex(b"TDVF")
    count, = struct.unpack_from("<I", data, at + 12)
    sections = [bytes(data[at + 16 + 32 * i:at + 48 + 32 * i]) for i in range(count)]
    kept = [s for s in sections if s[24] < 7]
    data[at + 4:at + 16] = struct.pack("<III", 16 + 32 * len(kept), 1, len(kept))
    data[at + 16:at + 16 + 32 * len(kept)] = b"".join(kept)
    open(path, "wb").write(data)
END
peer "Cloud Hypervisor" cloud-hypervisor single "" "" 300
peer "Cloud Hypervisor with a kernel" cloud-hypervisor single "$kernel" "console=hvc0 quiet" 200
peer "Cloud Hypervisor, two passes" cloud-hypervisor two "$kernel" "" 200
same "what it refuses is that the kernel does not fit" "$(grep -vc 'bytes do not fit its memory' "$T/refused")" 0
for image in "$T/shim"/0000.fd "$T/shim"/0001.fd; do
	fails 2 'does not build such sections|GUIDed table' "QEMU and td-shim's sections" \
		"$ASSAY" measure tdx --firmware "$image" --vmm qemu-10.1
done

judge_go mrtd-judge || {
	skip "gce-tcb-verifier agrees on MRTD" "$oracle_why"
	done_testing
}
mkdir "$T/images"
ok "100 random images are made" python3 "$TOP/tests/oracle/tdvf-random.py" "$T/images" 100
if [ -n "$SHARED" ]; then
	cp "$SHARED"/vectors/sev-snp/debian/OVMF*.fd "$T/images"
else
	skip "real firmware" "no reference data"
fi
for image in "$T/images"/*.fd; do
	echo "$image $("$ASSAY" measure tdx --firmware "$image" --vmm gce --register mrtd)"
done >"$T/ours"
same "all of them are measured" "$(grep -Ec ' [0-9a-f]{96}$' "$T/ours")" "$(find "$T/images" -name '*.fd' | wc -l)"
"$oracle_dir/judge" "$T/images"/*.fd >"$T/theirs"
same "gce-tcb-verifier runs" $? 0
same "and agrees on each" "$(diff "$T/ours" "$T/theirs" | head -n 4)" ""
done_testing

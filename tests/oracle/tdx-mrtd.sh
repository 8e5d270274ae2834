#!/bin/sh
# MRTD against gce-tcb-verifier (Go): over random TDVF images, and over real firmware of the reference data.
# shellcheck disable=SC2154 # what oracle.sh sets
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/oracle.sh"
. "$(dirname "$0")/judges.sh"

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

#!/bin/sh
# IGVM measurements against the igvm crate, over random files that the crate itself writes.
# shellcheck disable=SC2154 # what oracle.sh sets
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/oracle.sh"
. "$(dirname "$0")/judges.sh"

judge_rust igvm-judge || {
	skip "the igvm crate agrees" "$oracle_why"
	done_testing
}
"$oracle_dir/judge" "$T" 300 >"$T/theirs"
same "the igvm crate runs" $? 0
ok "it measured at least 500 launches" test "$(wc -l <"$T/theirs")" -ge 500
while read -r n tee _; do
	printf '%s %s %s\n' "$n" "$tee" "$("$ASSAY" measure igvm "$T/$n.igvm" --tee "$tee" --vmm igvm-crate 2>/dev/null)"
done <"$T/theirs" >"$T/ours"
same "both agree on every one" "$(diff "$T/ours" "$T/theirs" | head -n 4)" ""

# A change of any header byte must be seen: by the checksum, or as another file.
first=$(sed -n '1s/ .*//p' "$T/theirs")
cp "$T/$first.igvm" "$T/changed.igvm"
printf '\377' | dd of="$T/changed.igvm" bs=1 seek=60 conv=notrunc 2>/dev/null
fails 2 'checksum' "a changed header" "$ASSAY" measure igvm "$T/changed.igvm"
done_testing

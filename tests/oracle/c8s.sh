#!/bin/sh
# C8s image policies: what we write is taken, and our reader and a second one written from the loader's rules agree on many changes.
. "$(dirname "$0")/../tap.sh"
command -v python3 >/dev/null || {
	skip "C8s policies, read twice" "no python3"
	done_testing
}
G=$TOP/tests/data/golden.json
P=$TOP/tests/oracle/c8s.py

# "take NAME" or "refuse NAME" for each file, by assay.
ours() {
	for file in "$@"; do
		if "$ASSAY" refs c8s --check "$file" >"$T/.out" 2>"$T/.err"; then
			echo "take $(basename "$file")"
		else
			echo "refuse $(basename "$file")"
		fi
	done
}

for tee in sev-snp tdx; do
	mkdir "$T/$tee"
	"$ASSAY" refs c8s "$G" --tee $tee -o "$T/$tee.json"
	python3 "$P" mutate "$T/$tee.json" "$T/$tee"
	python3 "$P" judge "$T/$tee"/*.json >"$T/theirs" 2>"$T/why"
	ours "$T/$tee"/*.json >"$T/ours"
	same "$tee: what we write is taken" "$(grep -c '^take good\.0\.json$' "$T/theirs")" 1
	ok "$tee: many changes" test "$(wc -l <"$T/theirs")" -ge 70
	same "$tee: both readers agree" "$(grep -v ' fold-' "$T/ours" | diff - "$T/theirs" | grep -v ' fold-' | grep '^[<>]')" ""
	same "$tee: changes that are good are taken" "$(grep -c '^refuse good' "$T/ours")" 0
	same "$tee: all others are refused" "$(grep '^take' "$T/ours" | grep -cv '^take good')" 0
	folds=$(find "$T/$tee" -name 'fold*' | wc -l)
	same "$tee: spellings that Go folds are refused by ours alone" \
		"$(grep -c '^refuse fold' "$T/ours") $(grep -c '^take fold' "$T/theirs")" "$folds $folds"
done
done_testing

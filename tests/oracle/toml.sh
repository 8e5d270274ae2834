#!/bin/sh
# lib/toml against the official suite's documents for TOML 1.0.0 (https://github.com/toml-lang/toml-test): every valid one must be
# read as its JSON says, every invalid one refused.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/oracle.sh"

oracle_go_source github.com/toml-lang/toml-test/v2 v2.2.0 h1:q3ELZu7oPnpl9TClC6OOcAccXwj+jwAyFP8WvzBdK1M= || {
	skip "the toml-test suite" "$oracle_why"
	done_testing
}
suite=$oracle_dir/tests
decoder=$BUILD/tests/oracle/toml-test

grep '^valid/.*\.toml$' "$suite/files-toml-1.0.0" >"$T/valid"
grep '^invalid/.*\.toml$' "$suite/files-toml-1.0.0" >"$T/invalid"
same "the suite is whole" "$(($(wc -l <"$T/valid") > 200)) $(($(wc -l <"$T/invalid") > 400))" "1 1"

while IFS= read -r name; do
	mkdir -p "$T/got/$(dirname "$name")"
	"$decoder" <"$suite/$name" >"$T/got/${name%.toml}.json" 2>"$T/err"
done <"$T/valid"
python3 "$TOP/tests/oracle/toml-compare.py" "$T/got" "$suite" <"$T/valid" >"$T/compared"
while read -r status name; do
	same "$name: read" "$status" same
done <"$T/compared"
same "every valid document was compared" "$(wc -l <"$T/compared")" "$(wc -l <"$T/valid")"
while IFS= read -r name; do
	"$decoder" <"$suite/$name" >"$T/out" 2>"$T/err"
	same "$name: refused" "$?" 1
done <"$T/invalid"
done_testing

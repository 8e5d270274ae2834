#!/bin/sh
# The [[source]] list of recipes: what sources make of an empty guest, and one line for every refusal. The cases are made by
# sources.py.
. "$(dirname "$0")/../tap.sh"
SOURCE_TREE=$BUILD/tests/oracle/source-tree

command -v python3 >/dev/null || { skip 'sources' 'no python3 here'; done_testing; }
umask 022
python3 "$(dirname "$0")/sources.py" "$T/cases" || { ok 'the fixtures are made' false; done_testing; }
export TMPDIR="$T"
for case in "$T"/cases/*; do
	name=$(basename "$case")
	if [ -e "$case/want" ]; then
		ok "$name" "$SOURCE_TREE" "$case"
		same "$name: what it makes" "$(cat "$T/.out")" "$(cat "$case/want")"
	else
		fails "$(cat "$case/status")" "$(cat "$case/pattern")" "$name" "$SOURCE_TREE" "$case"
	fi
done
same "a directory's digest is that of its listing" "$("$SOURCE_TREE" --digest "$T/cases/dir/src")" \
	"$(sha256sum <"$T/cases/dir/want" | cut -d ' ' -f 1)"
done_testing

# TAP for shell tests: sourced. Gives $ASSAY (the program under test), $T (a scratch directory, removed at
# exit), $TOP (the source tree), $SHARED (reference data that is not ours, or empty), and:
#   ok TEXT COMMAND...            the command succeeds
#   fails STATUS PATTERN TEXT COMMAND...   it exits with STATUS, one stderr line matching PATTERN, empty stdout
#   same TEXT GOT WANT            the two strings are equal
#   skip TEXT REASON              counted, and said loudly
#   done_testing
# shellcheck shell=sh
set -u
TOP=$(cd "$(dirname "$0")/../.." && pwd)
BUILD=${BUILD:-$TOP/build/release}
ASSAY=${ASSAY:-$BUILD/assay}
SHARED=${ASSAY_SHARED-$TOP/../shared}
[ -d "$SHARED" ] || SHARED=
T=$(mktemp -d "${TMPDIR:-/tmp}/assay-test.XXXXXX")
trap 'rm -rf "$T"' EXIT
trap 'exit 130' INT TERM
tap_n=0
tap_bad=0

tap_result() { # STATUS TEXT
	tap_n=$((tap_n + 1))
	if [ "$1" -eq 0 ]; then
		printf 'ok %d - %s\n' "$tap_n" "$2"
	else
		tap_bad=$((tap_bad + 1))
		printf 'not ok %d - %s\n' "$tap_n" "$2"
	fi
}

ok() {
	tap_text=$1
	shift
	"$@" >"$T/.out" 2>"$T/.err"
	tap_status=$?
	tap_result $tap_status "$tap_text"
	[ $tap_status -eq 0 ] || { echo "# status $tap_status: $*"; tail -n 5 "$T/.out" "$T/.err" | sed 's/^/# /'; }
}

fails() {
	tap_want=$1 tap_pattern=$2 tap_text=$3
	shift 3
	"$@" >"$T/.out" 2>"$T/.err" </dev/null
	tap_status=$?
	tap_good=0
	[ $tap_status -eq "$tap_want" ] || tap_good=1
	[ ! -s "$T/.out" ] || tap_good=1
	[ "$(wc -l <"$T/.err")" -eq 1 ] || tap_good=1
	[ "$(wc -c <"$T/.err")" -le 512 ] || tap_good=1
	grep -Eq -- "$tap_pattern" "$T/.err" || tap_good=1
	tap_result $tap_good "$tap_text"
	[ $tap_good -eq 0 ] || { echo "# status $tap_status, want $tap_want matching $tap_pattern"; head -n 5 "$T/.out" "$T/.err" | sed 's/^/# /'; }
}

same() {
	[ "$2" = "$3" ]
	tap_status=$?
	tap_result $tap_status "$1"
	[ $tap_status -eq 0 ] || printf '# got  %s\n# want %s\n' "$2" "$3"
}

skip() {
	tap_n=$((tap_n + 1))
	printf 'ok %d - %s # SKIP %s\n' "$tap_n" "$1" "$2"
}

done_testing() {
	echo "1..$tap_n"
	[ $tap_bad -eq 0 ]
	exit $?
}

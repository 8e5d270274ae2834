# Judges from package registries: sourced after tap.sh. Each is pinned by version and hash, and installed once below
# $ASSAY_ORACLES (build/oracles unless set). A function returns 1 with its reason in $oracle_why when the judge cannot be had;
# the test then says so:
#   oracle_python sev-snp-measure || { skip "sev-snp-measure agrees" "$oracle_why"; done_testing; }
#   "$oracle_dir/bin/sev-snp-measure" ...
# shellcheck shell=sh disable=SC2034
ORACLES=${ASSAY_ORACLES:-$TOP/build/oracles}
oracle_why=
oracle_dir=

# Runs a command that fills the directory $oracle_dir, unless an earlier run did; its output explains a failure. Tests run
# in parallel, so one installs while the others wait.
oracle_once() {
	oracle_log=$oracle_dir.log
	mkdir -p "$ORACLES"
	(
		flock 9
		[ -e "$oracle_dir/.complete" ] && exit 0
		rm -rf "$oracle_dir"
		"$@" >"$oracle_log" 2>&1 </dev/null && touch "$oracle_dir/.complete"
	) 9>"$oracle_dir.lock" && return 0
	oracle_why="$(basename "$oracle_dir") cannot be installed: $(grep -v '^$' "$oracle_log" | tail -n 1 | sed 's,^[[:space:]]*,,' | cut -c 1-200)"
	return 1
}

oracle_venv() {
	python3 -m venv "$oracle_dir" &&
		"$oracle_dir/bin/pip" install --disable-pip-version-check --no-deps --only-binary :all: --require-hashes -r "$1"
}

# The Python package(s) of pins/NAME.txt in a virtual environment: programs in $oracle_dir/bin.
oracle_python() {
	command -v python3 >/dev/null || { oracle_why='no python3 here'; return 1; }
	oracle_pins=$TOP/tests/oracle/pins/$1.txt
	oracle_dir=$ORACLES/$1-$(sha256sum <"$oracle_pins" | cut -c 1-16)
	oracle_once oracle_venv "$oracle_pins"
}

oracle_module() {
	oracle_json=$(cd "$ORACLES" && GO111MODULE=on GOTOOLCHAIN=local GONOSUMDB='*' go mod download -json "$1@$2")
	case $oracle_json in
	*"\"Sum\": \"$3\""*) ;;
	*)
		echo "$1@$2: not the pinned bytes"
		printf '%s\n' "$oracle_json" | grep '"Error"\|"Sum"'
		return 1
		;;
	esac
	cp -R "$(printf '%s\n' "$oracle_json" | sed -n 's/^\t"Dir": "\(.*\)",*$/\1/p')" "$oracle_dir" && chmod -R u+w "$oracle_dir"
}

# The source of the Go module MODULE at VERSION, whose hash in go.sum's form is SUM: $oracle_dir.
oracle_go_source() {
	command -v go >/dev/null || { oracle_why='no go here'; return 1; }
	oracle_dir=$ORACLES/$(printf '%s@%s' "$1" "$2" | tr / _)
	oracle_once oracle_module "$1" "$2" "$3"
}

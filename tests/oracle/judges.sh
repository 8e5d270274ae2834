# Judges that are programs of ours around a pinned library: sourced after oracle.sh. They are copied before they are built, so
# that nothing is made in the source tree; go.sum and Cargo.lock pin what they are built from. After
#   judge_go NAME    or    judge_rust NAME
# $oracle_dir/judge is the program of tests/oracle/NAME; a failure has its reason in $oracle_why.
# shellcheck shell=sh disable=SC2034
build_go() {
	cp -R "$1" "$oracle_dir" && cd "$oracle_dir" && GOTOOLCHAIN=local GOFLAGS=-mod=readonly go build -o judge .
}

build_rust() {
	cp -R "$1" "$oracle_dir" && cd "$oracle_dir" && cargo build -q --locked --target-dir target &&
		mv "target/debug/$(basename "$1")" judge && rm -rf target
}

judge() { # BUILDER TOOL NAME
	command -v "$2" >/dev/null || { oracle_why="no $2 here"; return 1; }
	oracle_dir=$ORACLES/$3-$(find "$TOP/tests/oracle/$3" -type f | LC_ALL=C sort | xargs cat | sha256sum | cut -c 1-16)
	oracle_once "$1" "$TOP/tests/oracle/$3"
}

judge_go() {
	judge build_go go "$1"
}

judge_rust() {
	judge build_rust cargo "$1"
}

# A judge that is a Go program of ours around pinned modules: sourced after oracle.sh.
#   go_judge opa-judge || { skip "OPA agrees" "$oracle_why"; done_testing; }
#   "$oracle_dir/judge" ...
# shellcheck shell=sh disable=SC2034

go_judge_build() {
	cp -R "$1" "$oracle_dir" && cd "$oracle_dir" &&
		GOTOOLCHAIN=local GOFLAGS=-mod=readonly GONOSUMDB='*' go build -trimpath -o judge .
}

# The program of tests/oracle/NAME/{go.mod,go.sum,main.go}, built once: $oracle_dir/judge.
go_judge() {
	command -v go >/dev/null || { oracle_why='no go here'; return 1; }
	oracle_dir=$ORACLES/$1-$(cat "$TOP/tests/oracle/$1"/* | sha256sum | cut -c 1-16)
	oracle_once go_judge_build "$TOP/tests/oracle/$1"
}

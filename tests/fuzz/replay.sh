#!/bin/sh
# Every fuzz target over its corpus, crashers included.
. "$(dirname "$0")/../tap.sh"

for source in "$TOP"/tests/fuzz/fuzz-*.c; do
	target=$(basename "$source" .c)
	set -- "$TOP/tests/fuzz/corpus/${target#fuzz-}"/*
	ok "$target over $# files" "$BUILD/tests/fuzz/$target" "$@"
done
done_testing

#!/bin/sh
# Release flavour only.
# Every C file is formatted as .clang-format says.
. "$(dirname "$0")/../tap.sh"

ok "the tree is formatted (make format)" make -s -C "$TOP" format-check
done_testing

#!/bin/sh
# Hash trees: veritysetup computes the same bytes and the same root hash, and verifies ours.
. "$(dirname "$0")/../tap.sh"

TREE=$BUILD/tests/oracle/image-tree
PATH=$PATH:/usr/sbin:/sbin
command -v veritysetup >/dev/null || { skip 'veritysetup agrees' 'no veritysetup here'; done_testing; }

format() { # SALT DATA HASH: prints the root hash
	veritysetup format --no-superblock --hash sha256 --data-block-size 4096 --hash-block-size 4096 \
		--salt "$1" "$2" "$3" | sed -n 's/^Root hash:[[:space:]]*//p'
}

salt=8d1c5a6f00ff7e2b9a4c3d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192
long=$(printf '%064d' 0)$salt$salt$salt$salt$salt$salt$salt
for blocks in 1 2 127 128 129 4000 16384 16385; do
	seq 1 $((blocks * 600)) 2>/dev/null | head -c $((blocks * 4096)) >"$T/data"
	truncate -s $((blocks * 4096)) "$T/data"
	for s in $salt 00 - "$long"; do
		[ "$blocks" -lt 4000 ] || [ "$s" = $salt ] || continue
		rm -f "$T/theirs"
		"$TREE" verity "$s" "$T/data" "$T/ours" 3 >"$T/root"
		[ -s "$T/ours" ] || : >"$T/ours"
		same "the root hash of $blocks blocks, salt $(printf %.8s "$s")" "$(cat "$T/root")" "$(format "$s" "$T/data" "$T/theirs")"
		ok "the tree of $blocks blocks, salt $(printf %.8s "$s")" cmp "$T/ours" "$T/theirs"
	done
	"$TREE" verity $salt "$T/data" "$T/ours" 1 >"$T/root1"
	ok "veritysetup verifies ours of $blocks blocks" veritysetup verify --no-superblock --hash sha256 \
		--data-block-size 4096 --hash-block-size 4096 --data-blocks "$blocks" --salt $salt "$T/data" "$T/ours" "$(cat "$T/root1")"
done

spoilt() {
	printf X | dd of="$T/data" bs=1 seek=4096000 conv=notrunc status=none
	! veritysetup verify --no-superblock --hash sha256 --data-block-size 4096 --hash-block-size 4096 \
		--data-blocks 16385 --salt $salt "$T/data" "$T/ours" "$(cat "$T/root1")"
}
ok 'veritysetup refuses changed data' spoilt
done_testing

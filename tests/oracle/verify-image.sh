#!/bin/sh
# assay verify image, with veritysetup as judge: images of ours in every layout and images made as Kata makes them, sound and
# with bytes changed at random places.
. "$(dirname "$0")/../tap.sh"

TREE=$BUILD/tests/oracle/image-tree
PATH=$PATH:/usr/sbin:/sbin
CHANGES=${VERIFY_CHANGES:-40}

command -v veritysetup >/dev/null || { skip 'veritysetup agrees' 'no veritysetup here'; done_testing; }

verifies() { # IMAGE LINE
	"$ASSAY" verify image "$1" --verity-params "$2" >"$T/said" 2>"$T/why"
}

# Images as osbuilder makes them: a label by sfdisk, a file system by its own mkfs, the tree by veritysetup with a random salt.
mkdir -p "$T/root/usr/bin" "$T/root/etc"
seq 1 200000 >"$T/root/usr/bin/numbers"
printf 'a small file\n' >"$T/root/etc/small"
ln -s ../etc/small "$T/root/usr/link"
head -c 300000 /dev/urandom >"$T/root/usr/random"
make_fs() { # KIND FILE: 8 MiB
	case $1 in
	ext4) truncate -s 8M "$2" && mke2fs -q -t ext4 -b 4096 -d "$T/root" "$2" ;;
	erofs) mkfs.erofs -Enoinline_data "$2" "$T/root" >/dev/null 2>&1 && truncate -s 8M "$2" ;;
	erofs-lz4) mkfs.erofs -zlz4hc "$2" "$T/root" >/dev/null 2>&1 && truncate -s 8M "$2" ;;
	esac
}
make_theirs() { # KIND IMAGE [superblock]: prints the parameters
	make_fs "$1" "$T/fs" || return 1
	rm -f "$T/hash"
	veritysetup format ${3:---no-superblock} "$T/fs" "$T/hash" >"$T/format" || return 1
	[ "$(wc -c <"$T/hash")" -le 1048576 ] || return 1
	rm -f "$2" && truncate -s 10M "$2" || return 1
	printf 'label: dos\nstart=2048, size=16384, type=83, bootable\nstart=18432, size=2048, type=83\n' | sfdisk -q "$2" 2>"$T/why" || return 1
	dd if="$T/fs" of="$2" bs=1M seek=1 conv=notrunc status=none
	dd if="$T/hash" of="$2" bs=1M seek=9 conv=notrunc status=none
	sed -n -E '/^Root hash:|^Salt:/s/^([^:]*):[[:space:]]*/\1 /p' "$T/format" | sed -n \
		-e 's/^Root hash \(.*\)/root_hash=\1/p' -e 's/^Salt \(.*\)/salt=\1/p' | sort | tr '\n' , |
		sed 's/$/data_blocks=2048,data_block_size=4096,hash_block_size=4096/'
}
for kind in ext4 erofs erofs-lz4; do
	if ! line=$(make_theirs $kind "$T/$kind"); then
		skip "Kata's way with $kind" "it cannot be made here"
		continue
	fi
	ok "an image made Kata's way with $kind is sound" verifies "$T/$kind" "$line"
	same "its file system is $kind" "$(sed -n 's/^root .* type //p' "$T/said")" "${kind%-lz4}"
	printf '%s\n' "$line" >"$T/line"
	ok 'the parameters may come from a file' "$ASSAY" verify image "$T/$kind" --verity-params "$T/line"
done
if line=$(make_theirs erofs "$T/super" --hash=sha256); then
	ok "an image with a super block, as osbuilder made them once, is sound" verifies "$T/super" "$line"
	root=$(printf '%s\n' "$line" | sed 's/root_hash=\([0-9a-f]*\),.*/\1/')
	ok 'its root hash alone is enough' "$ASSAY" verify image "$T/super" --root-hash "$root"
	fails 1 'hash block 0 .level 1., at byte 9441280, does not match the root hash$' 'another root hash is not' \
		"$ASSAY" verify image "$T/super" --root-hash "$(printf '%064d' 1)"
fi

# The files of an image as a listing, from the files themselves.
listing() {
	(cd "$T/root" && find . -printf '%y %#m %U %G %s %P %l\n' | sort -k 6 | while read -r type mode uid gid size path target; do
		[ "$type" = f ] && sum=$(sha256sum "$path" | cut -d ' ' -f 1) || sum=-
		[ "$type" = d ] && size=-
		printf '%s %04d %s %s %s %s /%s%s\n' "$type" "${mode#0}" "$uid" "$gid" "$size" "$sum" "$path" "${target:+ -> $target}"
	done)
}
for kind in erofs erofs-lz4 ext4; do
	line=$(make_theirs $kind "$T/$kind") || continue
	# Directories have another size in each, and ext4 a name of its own.
	"$ASSAY" verify image "$T/$kind" --verity-params "$line" --list | sed -E 's/^(d [^ ]* [^ ]* [^ ]*) [0-9]+/\1 -/' |
		grep -v ' /lost+found$' >"$T/listed"
	listing >"$T/files"
	ok "$kind: the files are listed as they are" cmp "$T/listed" "$T/files"
	if [ $kind = erofs-lz4 ]; then
		# Random bytes stand in it as they are.
		at=$(python3 -c 'import sys
print(open(sys.argv[1], "rb").read().find(open(sys.argv[2], "rb").read()[200000:200064]))' "$T/$kind" "$T/root/usr/random")
		printf X | dd of="$T/$kind" bs=1 seek="$at" conv=notrunc status=none
		fails 1 'data block [0-9]+, at byte [0-9]+, does not match the hash tree: byte [0-9]+ of /usr/random$' \
			"$kind: a changed file is named" "$ASSAY" verify image "$T/$kind" --verity-params "$line"
		continue
	fi
	printf X | dd of="$T/$kind" bs=1 seek="$(grep -abo '^150000$' "$T/$kind" | head -n 1 | cut -d : -f 1)" conv=notrunc status=none
	fails 1 'data block [0-9]+, at byte [0-9]+, does not match the hash tree: byte [0-9]+ of /usr/bin/numbers$' \
		"$kind: a changed file is named" "$ASSAY" verify image "$T/$kind" --verity-params "$line"
	fails 1 'usr/bin/numbers' "$kind: and nothing is listed" "$ASSAY" verify image "$T/$kind" --verity-params "$line" --list
done

# Changes at random places: both find them, or neither does.
random_below() { # N
	echo $(($(od -An -N4 -tu4 /dev/urandom) % $1))
}
"$TREE" disk 5 "$T/ours" 0 >"$T/facts"
line=$(sed -n 1p "$T/facts")
value() { printf '%s\n' "$line" | tr , '\n' | sed -n "s/^$1=//p"; }
blocks=$(value data_blocks)
judged() { # the verdicts of both on $T/bad
	dd if="$T/bad" of="$T/bad1" bs=4096 skip=256 count="$blocks" status=none
	dd if="$T/bad" of="$T/bad2" bs=4096 skip=$((256 + blocks)) status=none
	veritysetup verify --no-superblock --data-blocks "$blocks" --salt "$(value salt)" "$T/bad1" "$T/bad2" \
		"$(value root_hash)" >/dev/null 2>&1 && theirs=yes || theirs=no
	verifies "$T/bad" "$line" && ours=yes || ours=no
	echo "$ours $theirs"
}
cp "$T/ours" "$T/bad"
same 'ours is sound to both' "$(judged)" 'yes yes'
differ=0 found=0
for i in $(seq "$CHANGES"); do
	cp "$T/ours" "$T/bad"
	off=$((1048576 + $(random_below $((blocks * 4096 + 3 * 4096)))))
	old=$(od -An -tu1 -j $off -N 1 "$T/ours" | tr -d ' ')
	printf "\\$(printf %03o $((old ^ 1)))" | dd of="$T/bad" bs=1 seek=$off conv=notrunc status=none
	verdict=$(judged)
	case $verdict in
	'no no')
		found=$((found + 1))
		block=$(((off - 1048576) / 4096))
		grep -Eq "(data block $block,|hash block $((block - blocks)) )" "$T/why" || { differ=$((differ + 1)); echo "# byte $off: $(cat "$T/why")"; }
		;;
	'yes yes') ;;
	*)
		differ=$((differ + 1))
		echo "# byte $off: $verdict"
		;;
	esac
done
same "both say the same of $CHANGES changed bytes, and we name the block" "$differ" 0
ok 'and found some of them' test "$found" -gt 0

for layout in kata-dax gpt one-disk raw; do
	"$TREE" disk 5 "$T/other" 0 $layout >"$T/facts"
	ok "a disk of layout $layout is sound" verifies "$T/other" "$(sed -n 1p "$T/facts")"
done

fails 2 'either --verity-params or --root-hash' 'no parameters' "$ASSAY" verify image "$T/ours"
fails 2 'either --verity-params or --root-hash' 'both kinds of parameters' "$ASSAY" verify image "$T/ours" --verity-params x --root-hash y
fails 2 '^assay: --root-hash: 64 lowercase' 'a malformed root hash' "$ASSAY" verify image "$T/ours" --root-hash 00
fails 2 'no dm-verity super block' 'a root hash alone without a super block' "$ASSAY" verify image "$T/ours" --root-hash "$(value root_hash)"
fails 2 '^assay: --verity-params: byte 0: the verity parameters' 'a malformed line' "$ASSAY" verify image "$T/ours" --verity-params root_hash=00
fails 3 'No such file' 'no file of parameters' "$ASSAY" verify image "$T/ours" --verity-params "$T/none"
fails 3 'No such file' 'no image' "$ASSAY" verify image "$T/none" --verity-params "$line"
fails 2 'threads: at most 64' 'too many threads' "$ASSAY" verify image "$T/ours" --verity-params "$line" --threads 65
ok 'verify image --help' "$ASSAY" verify image --help
done_testing

#!/bin/sh
# Random trees as ext4: e2fsck finds nothing to say, the kernel shows every owner, time, link and attribute as it was, and the
# same tree gives the same bytes.
. "$(dirname "$0")/../tap.sh"

TREE=$BUILD/tests/oracle/image-tree
SEEDS=${EXT4_SEEDS:-40}
PATH=$PATH:/usr/sbin:/sbin

command -v e2fsck >/dev/null || { skip 'e2fsck takes the images' 'no e2fsck here'; done_testing; }

judge() { # SEED
	"$TREE" ext4 "$1" "$T/image" >"$T/want" && e2fsck -fn "$T/image" || return 1
	! e2fsck -fn "$T/image" 2>&1 | grep -i '? no\|fix'
}
again() { # SEED, at another time and elsewhere
	sum=$(sha256sum <"$T/image")
	mkdir -p "$T/elsewhere"
	faketime=$(command -v faketime) || faketime=
	${faketime:+faketime '2031-05-06 07:08:09'} "$TREE" ext4 "$1" "$T/elsewhere/other" >/dev/null || return 1
	[ "$(sha256sum <"$T/elsewhere/other")" = "$sum" ]
}
# A lost+found is added, which the root counts as one link more.
plain() {
	grep -v '^/lost+found	' | sed -E 's/^(\/	[^	]*	[^	]*	[^	]*	[^	]*	[^	]*	)[0-9]+/\1-/' | LC_ALL=C sort
}
# Our own reader, which shares nothing with the writer.
reads() {
	"$TREE" read "$T/image" | plain >"$T/got"
	[ -s "$T/got" ] && plain <"$T/want" | cmp - "$T/got"
}
mounted() { # SEED [offset]
	mount -t ext4 -o "loop,ro,data=ordered,errors=remount-ro" "$T/image" "$T/mnt" || return 1
	"$TREE" list "$T/mnt" | plain >"$T/got"
	umount "$T/mnt"
	plain <"$T/want" | cmp - "$T/got"
}

mkdir "$T/mnt"
"$TREE" ext4 0 "$T/image" >/dev/null
mount=no
if [ "$(id -u)" -eq 0 ] && mount -t ext4 -o loop,ro "$T/image" "$T/mnt" 2>"$T/why"; then
	umount "$T/mnt"
	mount=yes
fi
for seed in $(seq 0 $((SEEDS - 1))); do
	ok "tree $seed passes e2fsck" judge "$seed"
	ok "our reader finds in tree $seed what went in" reads
	[ $mount = no ] || ok "the kernel shows tree $seed" mounted "$seed"
	[ $((seed % 5)) -ne 0 ] || ok "tree $seed gives the same bytes at another time" again "$seed"
done
[ $mount = yes ] || skip 'the kernel shows the trees' "ext4 cannot be mounted here: $(head -n 1 "$T/why" 2>/dev/null)"

"$TREE" ext4 5 "$T/image" >/dev/null
if command -v dumpe2fs >/dev/null; then
	dumpe2fs -h "$T/image" >"$T/dump" 2>/dev/null
	same 'dumpe2fs reads the features' "$(sed -n 's/^Filesystem features: *//p' "$T/dump")" \
		'has_journal ext_attr filetype extent 64bit flex_bg sparse_super large_file huge_file dir_nlink extra_isize metadata_csum'
	same 'nothing is reserved, nothing is due' "$(sed -n 's/^\(Reserved block count\|Maximum mount count\|Check interval\): *//p' "$T/dump" | tr '\n' ' ')" \
		'0 -1 0 (<none>) '
	same 'the journal is empty' "$(sed -n 's/^Journal start: *//p' "$T/dump")" 0
fi
if command -v debugfs >/dev/null; then
	"$TREE" ext4 1 "$T/image" >"$T/want"
	same 'debugfs lists a directory of 10000 entries' "$(debugfs -R 'ls -p /' "$T/image" 2>/dev/null | grep -c '^/')" 10004
fi

# Sizes around the ends of block groups, 128 MiB each, and of what libext2fs makes of a short last group.
sized() { # FILES KIB
	rm -f "$T/image"
	"$TREE" ext4-size "$1" "$2" "$T/image" && e2fsck -fn "$T/image"
}
for kib in 1 900 110000 125000 126000 126900 127000 127500 128000 129000 131072 132000 256000 380000 500000 1100000 2200000 9000000; do
	ok "one file of $kib KiB" sized 1 $kib
done
for files in 100 1000 5000 8100 8200 30000 60000; do
	ok "$files files of 4 KiB" sized $files 4
	ok "$files empty files" sized $files 0
done
ok '3000 files of 1 MiB' sized 3000 1000

# Our reader, on what mke2fs writes, which makes its own root.
theirs() { # mke2fs options
	rm -f "$T/theirs"
	mke2fs -q -F -d "$T/in" "$@" "$T/theirs" 40M && "$TREE" read "$T/theirs" | plain | grep -v '^/	' >"$T/got" && cmp "$T/in.list" "$T/got"
}
if command -v mke2fs >/dev/null; then
	mkdir -p "$T/in/a/b" "$T/in/many" && seq 1 100000 >"$T/in/lines" && : >"$T/in/empty"
	for i in $(seq 1 3000); do echo "$i" >"$T/in/many/a-long-name-to-fill-directory-blocks-$i"; done
	truncate -s 5000000 "$T/in/sparse" && echo end >>"$T/in/sparse"
	ln -s ../lines "$T/in/a/b/link" && ln "$T/in/lines" "$T/in/a/hard" && mkfifo "$T/in/pipe"
	ln -s "$(printf '%0100d' 0)" "$T/in/a/longer-than-60"
	python3 -c 'import os, sys
os.setxattr(sys.argv[1] + "/lines", "user.own", b"1" * 300)
os.setxattr(sys.argv[1] + "/empty", "user.small", b"1")' "$T/in" 2>/dev/null || echo '# no attributes here'
	"$TREE" list "$T/in" | plain | grep -v '^/	' >"$T/in.list"
	for options in '-t ext4' '-t ext4 -b 1024' '-t ext4 -b 2048 -I 128' '-t ext4 -O ^64bit,^metadata_csum' '-t ext4 -O ^has_journal,^flex_bg -g 1024' \
		'-t ext4 -O ^resize_inode,metadata_csum_seed'; do
		# shellcheck disable=SC2086 # words
		ok "our reader finds what went in: mke2fs $options" theirs $options
	done
	e2fsck -fyD "$T/theirs" >/dev/null 2>&1
	"$TREE" read "$T/theirs" | plain | grep -v '^/	' >"$T/got"
	ok 'and when directories are hashed' cmp "$T/in.list" "$T/got"
	theirs -t ext2 >/dev/null 2>&1
	"$TREE" read "$T/theirs" >/dev/null 2>"$T/why"
	same 'it does not take ext2' "$? $(cat "$T/why")" "2 $T/theirs: only erofs and ext4 can be read, and this is ext2"
	theirs -t ext4 -O inline_data >/dev/null 2>&1
	"$TREE" read "$T/theirs" >/dev/null 2>"$T/why"
	same 'nor inline data' "$? $(sed 's/features 0x[0-9a-f]*/features/' "$T/why")" \
		"2 $T/theirs: ext4 with features, which are not supported"
else
	skip 'our reader reads file systems by mke2fs' 'no mke2fs here'
fi

"$TREE" disk 5 "$T/disk" 1 kata-mbr ext4 >"$T/facts"
line=$(sed -n 1p "$T/facts")
same 'the digest of a disk is that of the file' "$(sha256sum <"$T/disk" | cut -d ' ' -f 1)" "$(sed -n 4p "$T/facts")"
for layout in kata-mbr one-disk; do
	"$TREE" disk 5 "$T/disk" 1 $layout ext4 >"$T/facts"
	"$TREE" disk 5 "$T/other" 4 $layout ext4 >"$T/facts2"
	ok "$layout: 4 threads write the same" cmp "$T/disk" "$T/other"
	ok "$layout: it is sound" "$ASSAY" verify image "$T/disk" --verity-params "$line"
	dd if="$T/disk" of="$T/p1" bs=1M skip=1 count=$((4096 * $(sed -n 2p "$T/facts") / 1048576)) status=none
	ok "$layout: e2fsck takes p1" e2fsck -fn "$T/p1"
done
if command -v veritysetup >/dev/null; then
	value() { printf '%s\n' "$line" | tr , '\n' | sed -n "s/^$1=//p"; }
	"$TREE" disk 5 "$T/disk" 0 kata-mbr ext4 >/dev/null
	dd if="$T/disk" of="$T/p2" bs=4096 skip=$((256 + $(value data_blocks))) status=none
	ok 'veritysetup verifies it' veritysetup verify --no-superblock --data-blocks "$(value data_blocks)" \
		--salt "$(value salt)" "$T/p1" "$T/p2" "$(value root_hash)"
fi
done_testing

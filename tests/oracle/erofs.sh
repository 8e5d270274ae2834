#!/bin/sh
# Random trees as EROFS: fsck.erofs takes them and extracts what went in; where the kernel can mount them it shows every
# owner, time, link and attribute as it was.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/oracle.sh"

TREE=$BUILD/tests/oracle/image-tree
SEEDS=${EROFS_SEEDS:-50}

command -v fsck.erofs >/dev/null || { skip 'fsck.erofs takes the images' 'no fsck.erofs here'; done_testing; }

# What extraction loses: modes beyond 0777, attributes, hard links.
extracted() {
	sed -E 's/^([^\t]*\t[^\t]*\t)[0-7]([0-7]{3}\t[^\t]*\t[^\t]*\t[^\t]*)\t.*/\1\2/' | LC_ALL=C sort
}

fsck=fsck.erofs
judge() { # SEED [inline|PACK]
	"$TREE" erofs "$1" "$T/image" ${2+"$2"} >"$T/want" || return 1
	"$fsck" "$T/image" || return 1
	# Only root can extract, and read, any owner, mode and device.
	[ "$(id -u)" -eq 0 ] || return 0
	rm -rf "$T/out"
	"$fsck" --extract="$T/out" "$T/image" || return 1
	"$TREE" list "$T/out" | extracted >"$T/got.x"
	extracted <"$T/want" | cmp - "$T/got.x"
}
reads() { # our own reader, on the image that was judged last
	"$TREE" read "$T/image" | LC_ALL=C sort >"$T/got"
	[ -s "$T/got" ] && LC_ALL=C sort "$T/want" | cmp - "$T/got"
}

mounted() { # SEED [inline]
	"$TREE" erofs "$1" "$T/image" ${2+"$2"} | LC_ALL=C sort >"$T/want" || return 1
	mount -t erofs -o loop,ro "$T/image" "$T/mnt" || return 1
	"$TREE" list "$T/mnt" | LC_ALL=C sort >"$T/got"
	umount "$T/mnt"
	cmp "$T/want" "$T/got"
}

for seed in $(seq 0 $((SEEDS - 1))); do
	ok "tree $seed passes fsck.erofs and comes out as it went in" judge "$seed"
done
for seed in 0 1 2 3 4 5 6 7; do
	ok "tree $seed with inline tails passes fsck.erofs" judge "$seed" inline
done

# Compressed: Debian 12's fsck.erofs knows LZ4.
for seed in $(seq 0 $((SEEDS - 1))); do
	ok "tree $seed in LZ4HC passes fsck.erofs and comes out as it went in" judge "$seed" lz4hc:9:16384
	ok "and for our reader" reads
done

# Our reader, on what another program wrote.
sources() {
	mkdir -p "$T/in/a/b" && seq 1 100000 >"$T/in/lines" && : >"$T/in/empty" || return 1
	for i in $(seq 1 300); do seq 1 $((i * 7)) >"$T/in/a/file$i" || return 1; done
	head -c 3000000 /dev/zero >"$T/in/zeros" && cat "$ASSAY" "$T/in/lines" "$ASSAY" >"$T/in/a/mix" && cp "$T/in/a/mix" "$T/in/a/b/again" &&
		head -c 100000 /dev/urandom >"$T/in/random" && cat "$ASSAY" "$T/in/random" >"$T/in/a/begins-like-it" || return 1
	for i in 1 2 3 4 5; do
		head -c $((i * 4096)) "$ASSAY" >"$T/in/a/whole$i" && head -c $((i * 4096 + i)) "$ASSAY" >"$T/in/a/more$i" || return 1
	done
	ln -s ../lines "$T/in/a/b/link" && ln "$T/in/lines" "$T/in/a/hard" && mkfifo "$T/in/pipe" || return 1
	python3 -c 'import os, sys
for i in range(1, 9): os.setxattr(sys.argv[1] + "/a/file%d" % i, "user.same", b"one value, shared")
os.setxattr(sys.argv[1] + "/lines", "user.own", b"1")' "$T/in" 2>/dev/null || echo 'no attributes here' >&2
	"$TREE" list "$T/in" | LC_ALL=C sort >"$T/in.list"
}
theirs() { # mkfs.erofs options
	rm -f "$T/theirs"
	"$mkfs" "$@" "$T/theirs" "$T/in" >"$T/mkfs.log" 2>&1 || { cat "$T/mkfs.log"; return 1; }
}
reads_theirs() { # mkfs.erofs options
	theirs "$@" && "$TREE" read "$T/theirs" | LC_ALL=C sort >"$T/got" && cmp "$T/in.list" "$T/got"
}
refuses_theirs() { # REASON mkfs.erofs options
	refused=$1
	shift
	theirs "$@" >/dev/null 2>&1
	"$TREE" read "$T/theirs" >/dev/null 2>"$T/why"
	same "it refuses $*" "$? $(sed 's/inode [0-9]*/inode/' "$T/why")" "2 $T/theirs: EROFS inode$refused"
}
if command -v mkfs.erofs >/dev/null; then
	mkfs=mkfs.erofs
	ok 'files for mkfs.erofs' sources
	for options in -d0 -Enoinline_data '-zlz4' '-zlz4hc' '-zlz4hc -C65536' '-zlz4hc -C65536 -Eztailpacking'; do
		# shellcheck disable=SC2086 # words
		ok "our reader finds what went in: mkfs.erofs $options" reads_theirs $options
	done
	refuses_theirs ' is chunk-based, which is not supported' --chunksize=4096
	refuses_theirs ', byte 0: an empty cluster, or one of the first format' -zlz4 -Elegacy-compress
else
	skip 'our reader reads images by mkfs.erofs' 'no mkfs.erofs here'
fi
newer=no
if oracle_debian erofs-utils sid; then
	newer=$oracle_dir/bin
	mkfs=$newer/mkfs.erofs
	[ -e "$T/in.list" ] || sources
	for options in -zlz4hc,9\ -C65536 -Efragments '-Eall-fragments -C65536' '-Ededupe -C65536' -Eztailpacking,fragments,dedupe -Elegacy-compress; do
		# shellcheck disable=SC2086 # words
		ok "our reader finds what went in: newer mkfs.erofs -zlz4hc $options" reads_theirs -zlz4hc $options
	done
	for options in -C4096 -C65536 '-zzstd,level=12 -C1048576' '-C65536 -Eall-fragments,dedupe' '-C16384 -Eztailpacking,fragments' '-zlz4:zstd -C65536'; do
		# shellcheck disable=SC2086 # words
		ok "our reader finds what went in: newer mkfs.erofs -zzstd $options" reads_theirs -zzstd $options
	done
	fsck=$newer/fsck.erofs
	for seed in $(seq 0 $((SEEDS - 1))); do
		ok "tree $seed in Zstandard passes a newer fsck.erofs and comes out as it went in" judge "$seed" zstd:3:65536
		ok "and for our reader" reads
	done
	fsck=fsck.erofs
	for name in 1:lzma 2:deflate; do
		refuses_theirs " is compressed by algorithm ${name%:*}; only LZ4 and Zstandard are supported" "-z${name#*:}"
	done
else
	skip 'our reader reads images by a newer mkfs.erofs' "$oracle_why"
fi

"$TREE" erofs 5 "$T/image" >/dev/null
if command -v dump.erofs >/dev/null; then
	dump.erofs "$T/image" >"$T/dump"
	same 'dump.erofs reads the super block' \
		"$(sed -n 's/^Filesystem \(blocks\|root nid\|features\|UUID\): *//p' "$T/dump" | tr '\n' ' ')" \
		"$(($(wc -c <"$T/image") / 4096)) 128 sb_csum mtime  30313233-3435-3637-3839-616263646566 "
else
	skip 'dump.erofs reads the super block' 'no dump.erofs here'
fi
if command -v blkid >/dev/null; then
	same 'blkid sees EROFS' "$(blkid -p -o value -s TYPE "$T/image")" erofs
else
	skip 'blkid sees EROFS' 'no blkid here'
fi

content() {
	! fsck.erofs "$T/image" 2>&1 | grep '<E>'
}
flipped() { # one byte of block 0; old versions warn, new ones fail
	cp "$T/image" "$T/bad" && printf '\377' | dd of="$T/bad" bs=1 seek=1300 conv=notrunc status=none
	fsck.erofs "$T/bad" 2>&1 | grep -i 'superblock ch'
}
ok 'fsck.erofs looks at the checksum of block 0' flipped
ok 'fsck.erofs is content with ours' content

"$TREE" big "$T/big" >"$T/want"
ok 'fsck.erofs takes a file over 4 GiB' fsck.erofs "$T/big"

mkdir "$T/mnt"
"$TREE" erofs 1 "$T/lz4" lz4hc >/dev/null
"$TREE" erofs 1 "$T/zstd" zstd >/dev/null
if [ "$(id -u)" -eq 0 ] && mount -t erofs -o loop,ro "$T/image" "$T/mnt" 2>"$T/why"; then
	umount "$T/mnt"
	for seed in $(seq 0 $((SEEDS - 1))); do
		ok "the kernel shows tree $seed" mounted "$seed"
	done
	for seed in 0 1 2 3 4 5 6 7; do
		ok "the kernel shows tree $seed with inline tails" mounted "$seed" inline
	done
	if mount -t erofs -o loop,ro "$T/lz4" "$T/mnt" 2>/dev/null; then
		umount "$T/mnt"
		for seed in $(seq 0 $((SEEDS - 1))); do
			ok "the kernel shows tree $seed in LZ4HC" mounted "$seed" lz4hc:9:32768
		done
	else
		skip 'the kernel shows the trees in LZ4HC' 'this kernel does not read it'
	fi
	if mount -t erofs -o loop,ro "$T/zstd" "$T/mnt" 2>/dev/null; then
		umount "$T/mnt"
		for seed in $(seq 0 $((SEEDS - 1))); do
			ok "the kernel shows tree $seed in Zstandard" mounted "$seed" zstd:5:131072
		done
	else
		skip 'the kernel shows the trees in Zstandard' 'this kernel does not read it'
	fi
	mount -t erofs -o loop,ro "$T/big" "$T/mnt"
	same 'the kernel shows a file over 4 GiB' \
		"$(stat -c %s "$T/mnt/big") $(tail -c 3 "$T/mnt/big") $(cat "$T/mnt/c")" '4294971393 end x'
	umount "$T/mnt"
else
	skip 'the kernel shows the trees' "EROFS cannot be mounted here: $(head -n 1 "$T/why" 2>/dev/null)"
fi
done_testing

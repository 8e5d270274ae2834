#!/bin/sh
# Archives by GNU tar and dpkg-deb, in every format and compression they write: what comes out of the tree is what they
# were made of.
. "$(dirname "$0")/../tap.sh"

IMAGE=$BUILD/tests/oracle/archive-image
TREE=$BUILD/tests/oracle/image-tree
SEEDS=${ARCHIVE_SEEDS:-12}
long=$(printf 'n%.0s' $(seq 200))

# A directory with every kind of name, mode and link that an ordinary user can make.
plain_dir() {
	mkdir -p "$1/d/e" "$1/empty" "$1/$long/$long"
	printf 'text' >"$1/d/f"
	head -c 300000 /dev/urandom >"$1/d/large"
	: >"$1/d/none"
	chmod 0701 "$1/d/f"
	chmod 4755 "$1/d/none"
	ln "$1/d/f" "$1/linked"
	ln "$1/d/f" "$1/d/e/linked too"
	ln -s d/f "$1/short"
	ln -s "/$long/$long" "$1/far"
	printf 'x' >"$1/$long/$long/leaf"
	printf 'y' >"$1/with space"
	printf 'z' >"$1/$(printf 'b\303\244r\377%%')"
	mkfifo "$1/fifo"
	touch -d '2001-02-03 04:05:06.789' "$1/d/f" "$1/d"
}

# A random tree, as fsck.erofs extracts it: any owner, device and name, for root alone.
random_dir() {
	"$TREE" erofs "$1" "$T/seed.img" >/dev/null && fsck.erofs --extract="$2" "$T/seed.img" >/dev/null
}

# What the image of an archive holds, and what the directory does.
listed() { # KIND ARCHIVE
	"$IMAGE" "$1" "$2" "$T/image" && "$TREE" read "$T/image" | LC_ALL=C sort
}

same_tree() { # KIND ARCHIVE DIRECTORY
	listed "$1" "$2" >"$T/got" || return 1
	# tar holds no sockets
	"$TREE" list "$3" | grep -av "$(printf '\t')s$(printf '\t')" | LC_ALL=C sort >"$T/want" || return 1
	[ "$1" = tar ] || sed -i '/^\/*\td\t/d' "$T/got" "$T/want"
	cmp "$T/want" "$T/got" || { diff "$T/want" "$T/got" | head -n 4; return 1; }
}

tar_case() { # FORMAT COMPRESSION DIRECTORY
	tar --format="$1" --numeric-owner --sort=name --xattrs --xattrs-include='user.*' "--$2" -C "$3" -cf "$T/tar" . || return 1
	same_tree tar "$T/tar" "$3"
}

plain_dir "$T/plain"
for format in gnu posix; do
	for compression in gzip xz zstd; do
		ok "GNU tar, $format, $compression" tar_case $format $compression "$T/plain"
	done
done
rm -rf "$T/plain/${long:?}" "$T/plain/far"
ok 'GNU tar, ustar, gzip' tar_case ustar gzip "$T/plain"
ok 'GNU tar, ustar, no compression' tar_case ustar no-auto-compress "$T/plain"

if [ "$(id -u)" -ne 0 ]; then
	skip 'random trees' 'only root can extract any owner and device'
elif ! command -v fsck.erofs >/dev/null; then
	skip 'random trees' 'no fsck.erofs here'
else
	for seed in $(seq 1 "$SEEDS"); do
		rm -rf "$T/random"
		random_dir "$seed" "$T/random" || { skip "random tree $seed" 'fsck.erofs cannot extract it'; continue; }
		ok "random tree $seed, gnu" tar_case gnu gzip "$T/random"
		ok "random tree $seed, posix" tar_case posix zstd "$T/random"
	done
fi

deb_case() { # COMPRESSION
	rm -f "$T/p.deb"
	mkdir -p "$T/plain/DEBIAN"
	printf 'Package: p\nVersion: 1\nArchitecture: all\nMaintainer: m <m@example.org>\nDescription: d\n' >"$T/plain/DEBIAN/control"
	dpkg-deb -Z"$1" --build "$T/plain" "$T/p.deb" || return 1
	rm -rf "$T/plain/DEBIAN"
	same_tree deb "$T/p.deb" "$T/plain"
}
if command -v dpkg-deb >/dev/null; then
	for compression in xz zstd gzip none; do
		ok "dpkg-deb, $compression" deb_case $compression
	done
else
	skip 'packages' 'no dpkg-deb here'
fi
done_testing

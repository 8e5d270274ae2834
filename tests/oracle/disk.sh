#!/bin/sh
# Kata's disk: sfdisk, blkid, fsck.erofs and veritysetup take its parts, and any number of threads writes the same bytes.
. "$(dirname "$0")/../tap.sh"

TREE=$BUILD/tests/oracle/image-tree
PATH=$PATH:/usr/sbin:/sbin

has() { # PROGRAM TEXT
	command -v "$1" >/dev/null && return 0
	skip "$2" "no $1 here"
	return 1
}

"$TREE" disk 5 "$T/disk" 1 >"$T/facts"
line=$(sed -n 1p "$T/facts")
erofs_blocks=$(sed -n 2p "$T/facts")
hash_blocks=$(sed -n 3p "$T/facts")
sum=$(sed -n 4p "$T/facts")
value() { printf '%s\n' "$line" | tr , '\n' | sed -n "s/^$1=//p"; }
root=$(value root_hash) salt=$(value salt) blocks=$(value data_blocks)

same 'the digest is that of the file' "$(sha256sum <"$T/disk" | cut -d ' ' -f 1)" "$sum"
for threads in 2 5 0; do
	"$TREE" disk 5 "$T/other" $threads >"$T/facts2"
	ok "$threads threads report the same" cmp "$T/facts" "$T/facts2"
	ok "$threads threads write the same" cmp "$T/disk" "$T/other"
done

if has sfdisk 'sfdisk reads the label'; then
	same 'sfdisk reads the label' "$(sfdisk --dump "$T/disk" | sed -n "s,^$T/,,p;s/^label/label/p" | tr -s ' ')" \
		"label: dos
label-id: 0x61737361
disk1 : start= 2048, size= $((blocks * 8)), type=83, bootable
disk2 : start= $((2048 + blocks * 8)), size= 2048, type=83"
	ok 'sfdisk verifies it' sfdisk --verify "$T/disk"
	same 'and finds nothing' "$(sfdisk --verify "$T/disk" 2>&1 | tail -n 1)" 'No errors detected.'
fi
if has blkid 'blkid sees the label and EROFS in p1'; then
	same 'blkid sees the label' "$(blkid -p -o value -s PTTYPE "$T/disk")" dos
	same 'blkid sees EROFS in p1' "$(blkid -p -O 1048576 -o value -s TYPE "$T/disk")" erofs
fi
dd if="$T/disk" of="$T/p1" bs=4096 skip=256 count="$blocks" status=none
dd if="$T/disk" of="$T/p2" bs=4096 skip=$((256 + blocks)) status=none
"$TREE" erofs 5 "$T/erofs" >/dev/null
same 'p1 begins with the file system' "$(head -c $((erofs_blocks * 4096)) "$T/p1" | sha256sum)" "$(sha256sum <"$T/erofs")"
same 'and is zero behind it' "$(tail -c +$((erofs_blocks * 4096 + 1)) "$T/p1" | tr -d '\0' | wc -c)" 0
same 'p2 is zero behind the tree' "$(tail -c +$((hash_blocks * 4096 + 1)) "$T/p2" | tr -d '\0' | wc -c)" 0
if has fsck.erofs 'fsck.erofs takes p1'; then
	ok 'fsck.erofs takes p1' fsck.erofs "$T/p1"
fi
if has veritysetup 'veritysetup agrees about p2'; then
	verify() { # DATA HASH
		veritysetup verify --no-superblock --hash sha256 --data-block-size 4096 --hash-block-size 4096 \
			--data-blocks "$blocks" --salt "$salt" "$1" "$2" "$root"
	}
	refuses() { # with one byte of p1 or p2 changed
		cp "$T/p1" "$T/bad1" && cp "$T/p2" "$T/bad2" || return 1
		printf '\001' | dd of="$T/bad$1" bs=1 seek=5000 conv=notrunc status=none
		! verify "$T/bad1" "$T/bad2"
	}
	same 'the root hash' "$root" "$(veritysetup format --no-superblock --hash sha256 --data-block-size 4096 \
		--hash-block-size 4096 --salt "$salt" "$T/p1" "$T/tree" | sed -n 's/^Root hash:[[:space:]]*//p')"
	ok 'the tree, byte for byte' cmp -n $((hash_blocks * 4096)) "$T/tree" "$T/p2"
	same 'the size of the tree' "$(wc -c <"$T/tree")" $((hash_blocks * 4096))
	ok 'veritysetup verifies p1 with p2' verify "$T/p1" "$T/p2"
	ok 'it finds a changed byte in p1' refuses 1
	ok 'it finds a changed byte in p2' refuses 2
fi

limited() { # writes a disk where there is no room
	(
		ulimit -f 1024 # of 512 or 1024 bytes: less than the 3 MiB either way
		trap '' XFSZ
		exec "$TREE" disk 5 "$T/small" 2
	)
}
fails 3 "^$T/small: File too large" 'a limit of the machine is one line and status 3' limited
mkdir "$T/tiny"
if [ "$(id -u)" -eq 0 ] && mount -t tmpfs -o size=64k tmpfs "$T/tiny" 2>/dev/null; then
	fails 3 "^$T/tiny/disk: No space left on device" 'a full disk is one line and status 3' "$TREE" disk 5 "$T/tiny/disk" 2
	umount "$T/tiny"
else
	skip 'a full disk is one line and status 3' 'no file system can be mounted here'
fi
done_testing

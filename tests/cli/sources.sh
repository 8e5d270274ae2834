#!/bin/sh
# The [[source]] list of recipes: what sources make of an empty guest, and one line for every refusal. The cases are made by
# sources.py.
. "$(dirname "$0")/../tap.sh"
SOURCE_TREE=$BUILD/tests/oracle/source-tree

command -v python3 >/dev/null || { skip 'sources' 'no python3 here'; done_testing; }
umask 022
python3 "$(dirname "$0")/sources.py" "$T/cases" || { ok 'the fixtures are made' false; done_testing; }
export TMPDIR="$T"
for case in "$T"/cases/*; do
	name=$(basename "$case")
	if [ -e "$case/want" ]; then
		ok "$name" "$SOURCE_TREE" "$case"
		same "$name: what it makes" "$(cat "$T/.out")" "$(cat "$case/want")"
	else
		fails "$(cat "$case/status")" "$(cat "$case/pattern")" "$name" "$SOURCE_TREE" "$case"
	fi
done

# The directory's files as a guest image, by mkfs.erofs: as it is, and as the first partition of a disk.
image() { # NAME FILE SHA256 [LINE]
	mkdir -p "$T/$1"
	printf 'schema = "assay-recipe/1"\nname = "t"\narchitecture = "amd64"\ntimestamp = 1\n[[source]]\nkind = "image"\n' >"$T/$1/recipe.toml"
	printf 'path = "../%s"\nsha256 = "%s"\n%s\n' "$2" "$3" "${4:-}" >>"$T/$1/recipe.toml"
}
sum() {
	sha256sum "$1" | cut -d ' ' -f 1
}
if command -v mkfs.erofs >/dev/null && command -v sfdisk >/dev/null; then
	mkfs.erofs -T0 --all-root "$T/image" "$T/cases/dir/src" >"$T/.out" 2>&1 || cat "$T/.out"
	image plain-image image "$(sum "$T/image")"
	ok 'image: bare EROFS' "$SOURCE_TREE" "$T/plain-image"
	same '... what it makes' "$(cat "$T/.out")" "$(cat "$T/cases/dir/want")"
	truncate -s 4M "$T/disk"
	printf 'label: dos\nstart=2048, size=2048, type=83\nstart=4096, size=2048, type=83\n' | sfdisk -q "$T/disk"
	dd if="$T/image" of="$T/disk" bs=1M seek=1 conv=notrunc status=none
	image disk-image disk "$(sum "$T/disk")" 'only = ["/b/run"]'
	ok 'image: a disk' "$SOURCE_TREE" "$T/disk-image"
	same '... what it makes' "$(cat "$T/.out")" "$(grep -e '/b$' -e /b/run "$T/cases/dir/want")"
	image bad-image image "$(sum "$T/disk")"
	fails 1 'sha256 is [0-9a-f]{64}, the recipe says' 'image: another digest' "$SOURCE_TREE" "$T/bad-image"
	truncate -s 6M "$T/gpt"
	printf 'label: gpt\nstart=2048, size=4096\nstart=6144, size=2048, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709\n' | sfdisk -q "$T/gpt"
	dd if="$T/image" of="$T/gpt" bs=1M seek=3 conv=notrunc status=none
	image gpt-image gpt "$(sum "$T/gpt")"
	ok 'image: the root of a GPT' "$SOURCE_TREE" "$T/gpt-image"
	same '... what it makes' "$(cat "$T/.out")" "$(cat "$T/cases/dir/want")"
	rm -f "$T/packed" && mkfs.erofs -T0 --all-root -zlz4hc "$T/packed" "$T/cases/dir/src" >"$T/.out" 2>&1 || cat "$T/.out"
	image packed-image packed "$(sum "$T/packed")"
	ok 'image: compressed EROFS' "$SOURCE_TREE" "$T/packed-image"
	same '... what it makes' "$(cat "$T/.out")" "$(cat "$T/cases/dir/want")"
	head -c 1M "$T/disk" >"$T/empty"
	image bad-disk empty "$(sum "$T/empty")"
	fails 2 'empty: ' 'image: a disk that is cut off' "$SOURCE_TREE" "$T/bad-disk"
	head -c 8192 /dev/zero >"$T/zero"
	image bad-zero zero "$(sum "$T/zero")"
	fails 2 'zero: ' 'image: no file system' "$SOURCE_TREE" "$T/bad-zero"
	sfdisk -q --part-type "$T/disk" 1 82
	image bad-type disk "$(sum "$T/disk")"
	fails 2 'first partition has the type 0x82, not 0x83' 'image: a swap partition' "$SOURCE_TREE" "$T/bad-type"
	: >"$T/nothing"
	image bad-empty nothing "$(sum "$T/nothing")"
	fails 2 'nothing: too small for an image' 'image: an empty file' "$SOURCE_TREE" "$T/bad-empty"
	for kind in setuid fifo hard-links; do
		rm -f "$T/special"
		mkfs.erofs -T0 --all-root "$T/special" "$T/cases/dir-$kind/src" >/dev/null 2>&1
		image "image-$kind" special "$(sum "$T/special")"
		case $kind in
		setuid) fails 2 'special: /s: setuid or setgid' 'image: a setuid file' "$SOURCE_TREE" "$T/image-$kind" ;;
		fifo) fails 2 'special: /p: special files are not allowed' 'image: a FIFO' "$SOURCE_TREE" "$T/image-$kind" ;;
		*)
			ok 'image: hard links' "$SOURCE_TREE" "$T/image-$kind"
			same '... what they make' "$(cat "$T/.out")" "$(cat "$T/cases/dir-$kind/want")"
			;;
		esac
	done
else
	skip 'images' 'no mkfs.erofs or sfdisk here'
fi
PATH=$PATH:/usr/sbin:/sbin
if command -v mke2fs >/dev/null && [ "$(id -u)" -eq 0 ]; then
	truncate -s 4M "$T/ext4"
	mke2fs -q -t ext4 -d "$T/cases/dir/src" "$T/ext4" >"$T/.out" 2>&1 || cat "$T/.out"
	image ext4-image ext4 "$(sum "$T/ext4")"
	ok 'image: ext4' "$SOURCE_TREE" "$T/ext4-image"
	same '... what it makes, and mke2fs of its own' "$(grep -v '/lost+found$' "$T/.out")" "$(cat "$T/cases/dir/want")"
else
	skip 'image: ext4' 'no mke2fs here, or files of another owner'
fi
same "a directory's digest is that of its listing" "$("$SOURCE_TREE" --digest "$T/cases/dir/src")" \
	"$(sha256sum <"$T/cases/dir/want" | cut -d ' ' -f 1)"
done_testing

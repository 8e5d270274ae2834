#!/bin/sh
# The initrd: GNU cpio, gzip and zstd read what we write, and our reader reads what GNU cpio writes.
. "$(dirname "$0")/../tap.sh"

IMAGE=$BUILD/tests/oracle/guest-image
command -v cpio >/dev/null || { skip 'GNU cpio agrees' 'no cpio here'; done_testing; }

modules=$T/6.0.0
mkdir "$modules"
echo kernel/fs/ext4/ext4.ko >"$modules/modules.builtin"
for c in none gzip zstd; do
	ok "an initrd, compressed: $c" "$IMAGE" initrd $c "$modules" "$T/$c" ext4
done
ok 'gzip unpacks it' sh -c "gzip -dc <'$T/gzip' | cmp - '$T/none'"
if command -v zstd >/dev/null; then
	ok 'zstd unpacks it' sh -c "zstd -dcq <'$T/zstd' | cmp - '$T/none'"
	ok 'and tells its size' sh -c "zstd -lv '$T/zstd' | grep -q '($(stat -c %s "$T/none") B)'"
else
	skip 'zstd unpacks it' 'no zstd here'
fi

"$IMAGE" list "$T/none" >"$T/ours"
cpio -it --quiet <"$T/none" >"$T/names" 2>"$T/warnings"
same 'GNU cpio lists what should be there' "$(tr '\n' ' ' <"$T/names")" \
	'dev dev/console init modules modules.list newroot proc sys '
same 'and so do we' "$(cut -d ' ' -f 4 "$T/ours")" "$(cat "$T/names")"
same 'without a warning' "$(cat "$T/warnings")" ''
same 'all of it is of root' \
	"$(TZ=UTC cpio -itvn --quiet <"$T/none" | awk '{ print $3, $4 }' | sort -u)" '0 0'

# What it extracts and packs again in its own way has the same contents.
unpack() {
	mkdir "$T/root" && cd "$T/root" && cpio -imd --quiet --no-absolute-filenames <"$T/none" 2>"$T/warnings"
}
if unpack; then
	(cd "$T/root" && find . -mindepth 1 | LC_ALL=C sort | cpio -oH newc --quiet) >"$T/gnu"
	"$IMAGE" list "$T/gnu" >"$T/theirs"
	same 'our reader finds in its archive what was in ours' "$(cat "$T/theirs")" "$(cat "$T/ours")"
	same 'and the times were ours' "$(find "$T/root" -mindepth 1 -type f -newermt @1699999999 ! -newermt @1700000000 | wc -l)" 2
else
	skip 'GNU cpio extracts it' "no device nodes here: $(head -n 1 "$T/warnings")"
fi

# Archives of another kind.
(cd "$T" && find 6.0.0 | cpio -oH crc --quiet) >"$T/crc"
fails 2 'no newc magic at offset 0' 'the format with checksums is refused' "$IMAGE" list "$T/crc"
(cd "$T" && find 6.0.0 -depth | cpio -oH newc --quiet) >"$T/depth"
fails 2 'before its parent' 'children before their parents are refused' "$IMAGE" list "$T/depth"
cat "$T/none" "$T/none" >"$T/two"
fails 2 'something after the trailer' 'a second archive behind is refused' "$IMAGE" list "$T/two"
done_testing

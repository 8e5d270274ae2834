#!/bin/sh
# From a root file system's tar (about $MB MB, from this machine's /usr) to a sealed disk, against the fastest public chain in the
# same run: mkfs.erofs or mke2fs from the tar (of Debian's newest, when they can be had), veritysetup, sfdisk. Then the same
# compressed, and dm-verity hashing of $GIB GiB against veritysetup. Medians of $RUNS runs in the page cache: wall time, processor
# time, the peak memory of the largest process. Outputs of the run before are removed outside of what is measured. Nobody flushes
# to the disk but mkfs.erofs and mke2fs, which cannot be kept from it. Nothing else should run meanwhile: where processor time is
# much less than it should be beside wall time, something did. Prints a table; judges nothing.
. "$(dirname "$0")/../tap.sh"
# shellcheck source=tests/oracle/oracle.sh
. "$(dirname "$0")/../oracle/oracle.sh"
RUNS=${RUNS:-3}
MB=${MB:-300}
GIB=${GIB:-2}
TREE=$BUILD/tests/oracle/image-tree
PATH=$PATH:/usr/sbin:/sbin

[ -x "$TREE" ] || make -s -C "$TOP" "$TREE" || exit 3

cat >"$T/median.py" <<'END'
"""median.py DIR RUNS COMMAND...: removes DIR's files before each run; milliseconds of wall time and of processor time, KiB of peak memory; medians, after one run
to warm up."""
import os, statistics, sys, time

def run():
    for name in os.listdir(sys.argv[1]):
        os.unlink(os.path.join(sys.argv[1], name))
    start = time.perf_counter()
    child = os.fork()
    if child == 0:
        null = os.open(os.devnull, os.O_RDWR)
        for fd in range(2):
            os.dup2(null, fd)
        os.execvp(sys.argv[3], sys.argv[3:])
    _, status, usage = os.wait4(child, 0)
    assert status == 0, sys.argv[3:]
    cpu = usage.ru_utime + usage.ru_stime
    return (time.perf_counter() - start) * 1000, cpu * 1000, usage.ru_maxrss

run()
runs = [run() for _ in range(int(sys.argv[2]))]
print(" ".join(f"{statistics.median(r[i] for r in runs):.0f}" for i in range(3)))
END
cat >"$T/list.py" <<'END'
"""list.py MB: names below /usr, sorted, until their files have so many MB; NUL behind each."""
import os, stat, sys
left = int(sys.argv[1]) * 1000000
for top, dirs, files in os.walk("/usr"):
    dirs.sort()
    sys.stdout.write(top[1:] + "\0")
    for name in sorted(files):
        path = os.path.join(top, name)
        mode = os.lstat(path)
        if stat.S_ISREG(mode.st_mode) and mode.st_size < 50000000 or stat.S_ISLNK(mode.st_mode):
            sys.stdout.write(path[1:] + "\0")
            left -= mode.st_size
    if left < 0:
        break
END
row() { # NAME COMMAND...: prints a row; leaves the milliseconds in $ms
	row_name=$1
	shift
	row_values=$(python3 "$T/median.py" "$O" "$RUNS" "$@") || return
	ms=${row_values%% *}
	# shellcheck disable=SC2086 # three words
	printf '%-54s %6s ms %6s ms CPU %7s KiB\n' "$row_name" $row_values
}
ratio() { # TEXT OVER UNDER
	awk -v over="$2" -v under="$3" -v text="$1" 'BEGIN { printf "%-54s %6.2f\n", text, over / under }'
}

python3 "$T/list.py" "$MB" >"$T/list"
tar -C / --no-recursion --null --mode=u+rw,a-s --owner=0 --group=0 --hard-dereference -cf "$T/tar" -T "$T/list"
printf '%-54s %6s MB, %s names\n' "the tar" $(($(wc -c <"$T/tar") / 1000000)) "$(tr -dc '\0' <"$T/list" | wc -c)"
# What a pipeline does after mkfs: the tree, the label, the parts into one file. $1 is the file system's file.
cat >"$T/seal.sh" <<'END'
set -e
size=$((($(wc -c <"$1") + 1048575) / 1048576 * 1048576))
truncate -s $size "$1"
veritysetup format --no-superblock --salt 00 "$1" "$1.hash" >/dev/null
hash=$((($(wc -c <"$1.hash") + 1048575) / 1048576))
mib=$((size / 1048576))
truncate -s $((1 + mib + hash))M "$1.disk"
printf 'label: dos\nstart=2048, size=%d, type=83, bootable\nstart=%d, size=%d, type=83\n' $((mib * 2048)) $((2048 + mib * 2048)) \
	$((hash * 2048)) | sfdisk -q "$1.disk" 2>/dev/null
dd if="$1" of="$1.disk" bs=1M seek=1 conv=notrunc status=none
dd if="$1.hash" of="$1.disk" bs=1M seek=$((1 + mib)) conv=notrunc status=none
END

O=$T/o
mkdir "$O"
mkfs=mkfs.erofs
if oracle_debian erofs-utils sid; then
	mkfs=$oracle_dir/bin/mkfs.erofs
fi
mke2fs=mke2fs
if oracle_debian e2fsprogs sid; then
	mke2fs=$oracle_dir/bin/mke2fs
fi
"$mkfs" -V 2>/dev/null | head -n 1
"$mke2fs" -V 2>&1 | head -n 1
row 'read the tar, hash it once, write it' sh -c "tee '$O/copy' <'$T/tar' | openssl dgst -sha256"
floor=$ms
row 'assay: tar to disk, EROFS' "$TREE" pack "$T/tar" "$O/disk" kata-mbr erofs
erofs=$ms
row '... and the digest of the file, which the chain has not' sh -c "'$TREE' pack '$T/tar' '$O/disk' kata-mbr erofs && openssl dgst -sha256 '$O/disk'"
erofs_digest=$ms
row 'assay: tar to disk, ext4' "$TREE" pack "$T/tar" "$O/disk" kata-mbr ext4
ext4=$ms
"$TREE" pack "$T/tar" "$T/disk" kata-mbr erofs >"$T/params"
row 'assay verify image of the EROFS disk' "$ASSAY" verify image "$T/disk" --verity-params "$(cat "$T/params")"
row 'mkfs.erofs --tar, veritysetup, sfdisk' sh -c "'$mkfs' --quiet --tar=f '$O/e' '$T/tar' && sh '$T/seal.sh' '$O/e'"
chain=$ms
row 'mke2fs -d TAR, veritysetup, sfdisk' sh -c "'$mke2fs' -q -t ext4 -d '$T/tar' '$O/x' $((MB * 2 + 300))M && sh '$T/seal.sh' '$O/x'"
chain4=$ms
ratio 'EROFS: the chain / assay' "$chain" "$erofs"
ratio 'EROFS: the chain / assay with the digest of the file' "$chain" "$erofs_digest"
ratio 'ext4: the chain / assay' "$chain4" "$ext4"
ratio 'EROFS: assay / reading, hashing once, writing' "$erofs" "$floor"
ratio '... with the digest of the file' "$erofs_digest" "$floor"
for pack in lz4hc:9 zstd:3; do
	name=${pack%:*}
	row "assay: tar to disk, $pack" "$TREE" pack "$T/tar" "$O/disk" kata-mbr erofs "$pack"
	packed=$ms
	printf '%-54s %6s MB\n' '... its size' $(($(wc -c <"$O/disk") / 1000000))
	row "mkfs.erofs --tar -z$name, veritysetup, sfdisk" sh -c \
		"'$mkfs' --quiet -z$name,level=${pack#*:} -C65536 --tar=f '$O/e' '$T/tar' && sh '$T/seal.sh' '$O/e'"
	printf '%-54s %6s MB\n' '... its size' $(($(wc -c <"$O/e.disk") / 1000000))
	ratio "$name: the chain / assay" "$ms" "$packed"
done
rm -rf "$T/disk" "$O"/*

head -c $((GIB << 30)) /dev/urandom >"$T/data"
row "assay: dm-verity tree of $GIB GiB" "$TREE" hash "$T/data" "$O/ours"
ours=$ms
mv "$O/ours" "$T/ours"
row "veritysetup format of $GIB GiB" veritysetup format --no-superblock --salt - "$T/data" "$O/theirs"
theirs=$ms
cmp "$T/ours" "$O/theirs" && ratio 'veritysetup / assay, the same bytes' "$theirs" "$ours"

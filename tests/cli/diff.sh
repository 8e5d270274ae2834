#!/bin/sh
# assay diff: what moved between two builds, from the package to the register.
. "$(dirname "$0")/../tap.sh"
one=$(printf '%064d' 1) two=$(printf '%064d' 2)

# A build: $1 its directory, $2 the version of a package, $3 a word of the command line, $4 what its files are, $5 the cmdline's digest.
build() {
	mkdir -p "$1/derivation"
	cat >"$1/manifest.json" <<JSON
{"schema": "assay-build/1", "name": "guest", "architecture": "amd64", "timestamp": 7, "cmdline": "root=/dev/dm-0 $3 quiet",
 "verity": {"root_hash": "$one"}, "inputs": [{"kind": "package", "set": "rootfs", "name": "libfoo", "version": "$2", "sha256": "$one"},
 {"kind": "recipe", "sha256": "$one", "size_bytes": 1}], "outputs": {"cmdline": {"sha256": "$5", "size_bytes": 2}}}
JSON
	cat >"$1/files.json" <<JSON
{"schema": "assay-files/1", "name": "guest", "root_hash": "$one", "files": [
 {"path": "/", "type": "directory", "mode": "0755", "uid": 0, "gid": 0, "origin": "deb:base=1"}, $4]}
JSON
	cat >"$1/golden.json" <<JSON
{"schema": "assay-golden/1", "tuples": [{"name": "smp1", "tee": "sev-snp", "vmm": "qemu", "shape": {"vcpus": 1},
 "inputs": {"cmdline": {"path": "cmdline", "sha256": "$5"}, "firmware": {"path": "f", "sha256": "$one"}},
 "values": {"launch_digest": "$5$(printf '%032d' 0)"}}]}
JSON
	cat >"$1/derivation/smp1.launch_digest.json" <<JSON
{"schema": "assay-derivation/1", "steps": [{"kind": "NORMAL", "what": "firmware", "gpa": "0x0", "content": "$one", "size_bytes": 4096, "running": "aa"},
 {"kind": "NORMAL", "what": "kernel hash table", "gpa": "0x1000", "content": "$5", "size_bytes": 4096, "running": "bb"}]}
JSON
}
file() { # PATH SHA256 ORIGIN
	printf '{"path": "%s", "type": "file", "mode": "0644", "uid": 0, "gid": 0, "sha256": "%s", "size_bytes": 1, "origin": "%s"}' "$@"
}
a=$T/a b=$T/b
build "$a" 1.0 quiet=1 "$(file /usr/lib/libfoo.so "$one" deb:libfoo=1.0), $(file /etc/gone "$one" recipe)" "$one"
build "$b" 1.1 quiet=2 "$(file /usr/lib/libfoo.so "$two" deb:libfoo=1.1), $(file /etc/new "$one" recipe)" "$two"

ok "a build and itself" "$ASSAY" diff "$a" "$a"
same "are said to be alike" "$("$ASSAY" diff "$a" "$a" | tail -n 1)" "no difference"
"$ASSAY" diff "$a" "$b" >"$T/text"
same "two builds differ: status 1" "$?" 1
says() { # TEXT LINE
	ok "$1" grep -qxF -- "$2" "$T/text"
}
says "the package that changed" "  ~ package rootfs libfoo  1.0 -> 1.1"
says "the file that changed, under its packages" "  from deb:libfoo=1.0 -> deb:libfoo=1.1"
says "and what of it" "    ~ /usr/lib/libfoo.so  sha256"
says "the file that is gone" "    - /etc/gone"
says "the file that is new" "    + /etc/new"
says "the word that went" "  - quiet=1"
says "the word that came" "  + quiet=2"
says "the register's inputs" "      inputs: cmdline"
says "the steps that moved it" "      steps: kernel hash table"
same "nothing that is alike" "$(grep -c 'recipe  \|base=1\|root=/dev/dm-0\| quiet$\|steps: .*firmware' "$T/text")" 0

"$ASSAY" diff "$a" "$b" --format json >"$T/json"
same "JSON: status 1" "$?" 1
ok "JSON: names its schema" grep -q '"schema": "assay-diff/1"' "$T/json"
ok "JSON: whole digests" grep -q "\"after\": \"$two\"" "$T/json"

# Many files of one package.
many=$(for i in 01 02 03 04 05 06 07 08 09 10 11 12; do file "/usr/share/$i" "$one" deb:docs=1; printf ', '; done)
build "$T/c" 1.0 quiet=1 "$many$(file /usr/lib/libfoo.so "$one" deb:libfoo=1.0), $(file /etc/gone "$one" recipe)" "$one"
"$ASSAY" diff "$a" "$T/c" >"$T/text"
says "ten files of an origin are named" "    and 2 more (--all)"
same "all with --all" "$("$ASSAY" diff "$a" "$T/c" --all | grep -c '^    + /usr/share')" 12

# Directories of `assay golden` have no manifest; a tuple may be new.
mkdir "$T/g" "$T/h"
cp "$a/golden.json" "$T/g"
sed 's/smp1/smp2/' "$a/golden.json" >"$T/h/golden.json"
"$ASSAY" diff "$T/g" "$T/h" >"$T/text"
says "golden documents alone: the tuple that went" "  - smp1 launch_digest  0000000000000000..."
says "and the one that came" "  + smp2 launch_digest  0000000000000000..."

"$ASSAY" diff "$T/g/golden.json" "$T/h/golden.json" | tail -n +3 >"$T/files"
same "the documents themselves" "$(cat "$T/files")" "$(tail -n +3 "$T/text")"
fails 3 'no-such' "a build that is not there" "$ASSAY" diff "$a" "$T/no-such"

# Images: what is in them, listed.
if command -v mke2fs >/dev/null; then
	mkdir -p "$T/tree/etc"
	echo one >"$T/tree/etc/same"
	echo one >"$T/tree/etc/moved"
	mke2fs -q -t ext4 -d "$T/tree" "$T/a.img" 4M 2>/dev/null
	cp "$T/a.img" "$T/b.img"
	ok "an image and its copy" "$ASSAY" diff "$T/a.img" "$T/b.img"
	echo two >"$T/tree/etc/moved"
	ln -s same "$T/tree/etc/link"
	rm "$T/b.img"
	mke2fs -q -t ext4 -d "$T/tree" "$T/b.img" 4M 2>/dev/null
	"$ASSAY" diff "$T/a.img" "$T/b.img" >"$T/text"
	same "images that differ: status" $? 1
	says "the file that changed" "    ~ /etc/moved  sha256"
	says "the link that is new" "    + /etc/link"
	same "and no other name" "$(grep -c '^    . /' "$T/text")" 2
	fails 2 'text: .*' "a file that is no image" "$ASSAY" diff "$T/a.img" "$T/text"
else
	skip "differences of images" "no mke2fs"
fi

mkdir "$T/empty" "$T/bad"
fails 2 'neither a manifest.json nor a golden.json' "a directory that is no build" "$ASSAY" diff "$a" "$T/empty"
echo '{"schema": "assay-build/2"}' >"$T/bad/manifest.json"
fails 2 'bad/manifest.json: schema "assay-build/2"' "another schema" "$ASSAY" diff "$T/bad" "$a"
echo '{"schema": "assay-build/1", "schema": 1}' >"$T/bad/manifest.json"
fails 2 'bad/manifest.json:1:[0-9]*: duplicate' "a duplicate key" "$ASSAY" diff "$a" "$T/bad"
fails 2 'usage: assay diff' "one directory" "$ASSAY" diff "$a"
fails 2 'format: text or json' "an unknown format" "$ASSAY" diff "$a" "$b" --format yaml
python3 - "$T/bad/manifest.json" <<'PY'
import json, sys
json.dump({"schema": "assay-build/1", "cmdline": " ".join(["x"] * 1025)}, open(sys.argv[1], "w"))
PY
fails 3 'more than 1024 words' "a command line without end" "$ASSAY" diff "$a" "$T/bad"
done_testing

#!/bin/sh
# [kernel] of recipes: kernels from files, archives and source. The source is a stand-in whose Makefile resolves a configuration and
# "compiles" in no time; tests/boot/kata-kernel.sh builds the real one.
. "$(dirname "$0")/../tap.sh"

command -v python3 >/dev/null || { skip 'kernels' 'no python3 here'; done_testing; }
[ -x "$TOP/build/guest/kata-agent-stand-in" ] || { skip 'kernels' 'no guest programs (make guest)'; done_testing; }
umask 022
mkdir "$T/f"
cache=$T/cache
sum() {
	sha256sum "$1" | cut -d ' ' -f 1
}

# What the check wants of a kernel without an initrd; and a bzImage that carries it.
needed='MD BLK_DEV_DM DM_INIT DM_VERITY CRYPTO_SHA256 EROFS_FS MSDOS_PARTITION PCI PCI_MSI VIRTIO_PCI VIRTIO_BLK TMPFS DEVTMPFS CGROUPS
NAMESPACES FHANDLE INOTIFY_USER SECCOMP_FILTER HYPERVISOR_GUEST KVM_GUEST EFI EFI_STUB X86_X2APIC VIRTIO_CONSOLE VIRTIO_NET SCSI_VIRTIO VSOCKETS
VIRTIO_VSOCKETS OVERLAY_FS DM_CRYPT DM_INTEGRITY CRYPTO_XTS EXT4_FS EFI_PARTITION LOCK_DOWN_KERNEL_FORCE_INTEGRITY'
for option in $needed; do
	echo "CONFIG_$option=y"
done >"$T/f/config"
bzimage() { # RELEASE CONFIG FILE: without a configuration when CONFIG is empty
	python3 - "$@" <<'EOF'
import gzip, struct, sys
release, config, path = sys.argv[1:]
kernel = b"\177ELF"
if config:
	kernel += b"IKCFG_ST" + gzip.compress(open(config, "rb").read(), mtime=0) + b"IKCFG_ED"
payload = gzip.compress(kernel, mtime=0)
head = bytearray(1024)
head[0x1f1] = 1
head[0x1fe:0x200] = b"\x55\xaa"
head[0x202:0x208] = b"HdrS\x0f\x02"
head[0x20e:0x210] = struct.pack("<H", 0x100)
head[0x248:0x250] = struct.pack("<II", 0, len(payload))
text = (release + " (assay@assay) #1").encode() + b"\0" if release else b"\0"
head[0x300:0x300 + len(text)] = text
open(path, "wb").write(head + payload)
EOF
}

recipe() { # NAME: the recipe with what is on stdin for its kernel
	mkdir -p "$T/$1"
	cp "$TOP/build/guest/kata-agent-stand-in" "$T/$1/agent"
	{
		cat <<'EOF'
schema = "assay-recipe/1"
name = "t"
architecture = "amd64"
timestamp = 1793491200
[agent]
path = "agent"
stand-in = true
[policy]
text = """
package agent_policy
default SetPolicyRequest := false
default ExecProcessRequest := false
"""
name = "p.rego"
[[link]]
path = "/sbin/init"
target = "../usr/bin/kata-agent"
EOF
		cat
	} >"$T/$1/recipe.toml"
	[ -e "$T/$1/recipe.lock" ] || "$ASSAY" lock "$T/$1" --cache "$cache" --kernel-config "$T/$1/k.config" >"$T/.out" 2>"$T/.err"
}
build() { # NAME [OPTION...]
	build_name=$1
	shift
	"$ASSAY" build "$T/$build_name" --cache "$cache" --force -q -o "$T/out-$build_name" "$@"
}
manifest() { # PYTHON: an expression over the manifest m of the build
	python3 -c 'import json, sys; m = json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$T/out-$build_name/manifest.json" "$1"
}

# --- files ---

bzimage 6.1.2-file "$T/f/config" "$T/f/vmlinuz"
recipe file <<EOF
[kernel]
path = "../f/vmlinuz"
sha256 = "$(sum "$T/f/vmlinuz")"
initrd = false
EOF
ok 'a kernel that is a file' build file
ok '... as it is' cmp "$T/f/vmlinuz" "$T/out-file/vmlinuz"
same '... and no initrd' "$(ls "$T/out-file" | grep -c initrd)" 0
same '... in the manifest' "$(manifest '[m["kernel"]["version"], [i["sha256"] for i in m["inputs"] if i.get("name") == "kernel"][0]]')" \
	"['6.1.2-file', '$(sum "$T/f/vmlinuz")']"
ok '... which Kata boots by itself' grep -q '^kernel = ' "$T/out-file/kata.toml"
recipe with-initrd <<EOF
[kernel]
path = "../f/vmlinuz"
sha256 = "$(sum "$T/f/vmlinuz")"
compression = "none"
EOF
fails 2 'CONFIG_BLK_DEV_INITRD is not set' 'with an initrd it must be able to read one' build with-initrd
recipe bad-sum <<EOF
[kernel]
path = "../f/vmlinuz"
sha256 = "$(sum "$T/f/config")"
initrd = false
EOF
fails 1 'sha256 is [0-9a-f]{64}, the recipe says' 'another file' build bad-sum
bzimage 6.1.2-bare '' "$T/f/bare"
recipe bare <<EOF
[kernel]
path = "../f/bare"
sha256 = "$(sum "$T/f/bare")"
initrd = false
EOF
fails 2 'bare: carries no configuration' 'a kernel that does not say what is in it' build bare
sed -i 's/^initrd/config = "..\/f\/config"\n&/' "$T/bare/recipe.toml"
ok '... and its .config beside it' build bare
same '... is in the manifest' "$(manifest '[i["sha256"] for i in m["inputs"] if i.get("name") == "kernel.config"][0]')" "$(sum "$T/f/config")"
sed '/DM_INIT/d' "$T/f/config" >"$T/f/lacking"
sed -i 's/f\/config/f\/lacking/' "$T/bare/recipe.toml"
fails 2 'CONFIG_DM_INIT is not set' '... which is checked' build bare
bzimage '' "$T/f/config" "$T/f/nameless"
recipe nameless <<EOF
[kernel]
path = "../f/nameless"
sha256 = "$(sum "$T/f/nameless")"
initrd = false
EOF
fails 2 'names no version' 'a kernel without a version' build nameless

mkdir -p "$T/a/boot"
cp "$T/f/vmlinuz" "$T/a/boot/"
tar -C "$T/a" -cJf "$T/a.tar.xz" boot
recipe archive <<EOF
[kernel]
path = "../a.tar.xz"
sha256 = "$(sum "$T/a.tar.xz")"
member = "boot/vmlinuz"
initrd = false
EOF
ok "an archive's member" build archive
ok '... as it is' cmp "$T/f/vmlinuz" "$T/out-archive/vmlinuz"
sed -i 's/boot\/vmlinuz/boot\/vmlinux/' "$T/archive/recipe.toml"
fails 2 'a.tar.xz: has no file boot/vmlinux' 'a member that is not there' build archive

# --- source ---

# Resolves to the fragments' own lines and the machine's "compiler", but loses CONFIG_LOST.
mkdir -p "$T/linux-1/sub"
cat >"$T/linux-1/Makefile" <<'EOF'
allnoconfig:
	{ grep -e ^CONFIG_ -e 'is not set' $(KCONFIG_ALLCONFIG) | grep -v CONFIG_LOST; echo CONFIG_GCC_VERSION=`cat tool`; } >.config
bzImage:
	! grep -q CONFIG_BREAK .config || { echo 'sub/a.c:7: error: broken' >&2; echo 'make[2]: *** Error 1' >&2; exit 1; }
	mkdir -p arch/x86/boot
	{ cat sub/image; echo; } >arch/x86/boot/bzImage
	echo "$$KBUILD_BUILD_TIMESTAMP $$KBUILD_BUILD_USER $$KBUILD_BUILD_HOST $$KBUILD_BUILD_VERSION $$SOURCE_DATE_EPOCH" >>arch/x86/boot/bzImage
	readlink link >>arch/x86/boot/bzImage
	test -x sub/run
	! grep -q CONFIG_ENV .config || env | sed 's/=.*//' | sort >>arch/x86/boot/bzImage
	! grep -q CONFIG_NET .config || cat /proc/net/dev | sed -e 1,2d -e '/ lo:/d' >>arch/x86/boot/bzImage
EOF
echo 120200 >"$T/linux-1/tool"
bzimage 6.1.2-built "$T/f/config" "$T/linux-1/sub/image"
ln -s sub/image "$T/linux-1/link"
printf '#!/bin/sh\n' >"$T/linux-1/sub/run"
chmod 755 "$T/linux-1/sub/run"
tarball() {
	tar -C "$T" -cJf "$T/linux.tar.xz" linux-1
}
tarball
built() { # NAME FRAGMENT...
	built_name=$1
	shift
	recipe "$built_name" <<EOF
[kernel]
path = "../linux.tar.xz"
sha256 = "$(sum "$T/linux.tar.xz")"
initrd = false
[kernel.build]
config = "k.config"
fragments = [$(printf '"../f/%s", ' "$@")]
EOF
}
if ! gcc -print-prog-name=cc1 >/dev/null 2>&1; then
	skip 'kernels from source' 'no gcc here'
	done_testing
fi
built built config
same "the lock has the resolved configuration" "$(cat "$T/built/k.config")" "$(cat "$T/f/config"; echo CONFIG_GCC_VERSION=120200)"
ok 'a kernel from source' build built
same '... with a time, a user and a host of its own' "$(tail -n 2 "$T/out-built/vmlinuz" | tr '\n' ' ')" \
	'Sun Nov  1 00:00:00 UTC 2026 assay assay 1 1793491200 sub/image '
same '... and its tools in the manifest' "$(manifest '[i["name"] for i in m["inputs"] if i["kind"] == "tool" and "sha256" in i and "version" in i]')" \
	"['gcc', 'cc1', 'as', 'ld', 'objcopy']"
same '... and the files it is made from' "$(manifest '[i["name"] for i in m["inputs"] if i["kind"] == "file"][-3:]')" "['kernel', '../f/config', 'kernel.config']"
same '... whose configuration is the lock' "$(manifest '[i["sha256"] for i in m["inputs"] if i.get("name") == "kernel.config"][0]')" "$(sum "$T/built/k.config")"
cp -r "$T/out-built" "$T/first"
kept=$(ls "$cache"/kernel/*)
same 'it is kept' "$(printf '%s\n' "$kept" | wc -l)" 1
same 'nothing else is left of it' "$(ls -A "$cache" | grep -c build)" 0
ok 'built again' build built
ok '... it is the same' diff -r "$T/first" "$T/out-built"
cache=$T/elsewhere/deeper
ok 'built again elsewhere' build built --threads 1
ok '... it is the same' diff -r "$T/first" "$T/out-built"
(cd "$T" && "$ASSAY" build built --cache relative --force -q -o out-built) >"$T/.out" 2>"$T/.err"
ok 'and in a cache that is named from here' diff -r "$T/first" "$T/out-built"
cache=$T/cache

# Kept kernels that are damaged are built again; whole ones are taken.
printf 'x' | dd of="$kept" bs=1 seek=1100 conv=notrunc status=none
ok 'a kept kernel that is damaged' build built
ok '... is built again' diff -r "$T/first" "$T/out-built"
bzimage 6.1.2-kept "$T/f/config" "$T/f/kept"
python3 -c 'import hashlib, sys; b = open(sys.argv[1], "rb").read(); open(sys.argv[2], "wb").write(b + hashlib.sha256(b).digest())' "$T/f/kept" "$kept"
ok 'a kept kernel' build built
ok '... is taken' cmp "$T/f/kept" "$T/out-built/vmlinuz"
rm "$kept"

# What the machine says stays out of it.
echo 'CONFIG_ENV=y' >"$T/f/env"
built env config env
env FOO=bar CFLAGS=-O9 KCFLAGS=-O9 MAKEFLAGS=k CONFIG_SHELL=/bin/false "$ASSAY" build "$T/env" --cache "$cache" --force -q -o "$T/out-env" >"$T/.out" 2>"$T/.err"
same 'the environment is empty' "$(sed -n '/^sub\/image/,$p' "$T/out-env/vmlinuz" | tr '\n' ' ')" \
	'sub/image ARCH BINDGEN HOME KBUILD_BUILD_HOST KBUILD_BUILD_TIMESTAMP KBUILD_BUILD_USER KBUILD_BUILD_VERSION KCONFIG_ALLCONFIG LC_ALL LOCALVERSION MAKEFLAGS MAKELEVEL MAKEOVERRIDES MFLAGS PAHOLE PATH PWD RUSTC SOURCE_DATE_EPOCH TMPDIR TZ '
if unshare --map-current-user --net true 2>/dev/null; then
	echo 'CONFIG_NET=y' >"$T/f/net"
	built net config net
	ok 'a build without the network' build net
	same '... sees none' "$(sed '1,/^sub\/image/d' "$T/out-net/vmlinuz" | tr -d '\0')" ''
else
	skip 'the network is out of reach' 'no user namespaces here'
fi

# --- the gate ---

sed 's/120200/140200/' "$T/built/k.config" >"$T/f/other"
fails 1 'other: CONFIG_GCC_VERSION is 140200 there, and with this source and these tools it comes out as 120200 \(assay lock' \
	'a configuration that resolves differently' build built --kernel-config "$T/f/other"
sed '1d' "$T/built/k.config" >"$T/f/other"
fails 2 'to be built: CONFIG_MD is not set' 'a configuration that the guest cannot boot is told before the build' build built --kernel-config "$T/f/other"
sed '/LOCK_DOWN/d' "$T/built/k.config" >"$T/f/other"
fails 1 'CONFIG_LOCK_DOWN_KERNEL_FORCE_INTEGRITY is n there' 'an option that has come' build built --kernel-config "$T/f/other"
{ cat "$T/built/k.config" && echo 'CONFIG_GONE=y'; } >"$T/f/other"
fails 1 'CONFIG_GONE is y there' 'an option that has gone' build built --kernel-config "$T/f/other"
{ echo '# a comment' && cat "$T/built/k.config"; } >"$T/f/other"
fails 1 'comments alone' 'comments count too: they are in the image' build built --kernel-config "$T/f/other"
fails 3 'which assay lock writes' 'no configuration' build built --kernel-config "$T/f/none"
echo 'CONFIG_LOST=y' >"$T/f/lost"
built lost config lost
fails 2 'a fragment says CONFIG_LOST=y, and this source makes it n' 'an option that the source does not take' \
	"$ASSAY" lock "$T/lost" --cache "$cache"
fails 2 '--output goes with --kernel-config' 'a lock elsewhere leaves the configuration beside the recipe alone' \
	"$ASSAY" lock "$T/lost" --cache "$cache" -o "$T/lost/recipe.lock"
same '... leaves no lock' "$(ls "$T/lost")" "$(printf 'agent\nrecipe.toml')"
echo 'CONFIG_BREAK=y' >"$T/f/break"
built break config break
fails 3 'linux.tar.xz: make bzImage: status 2: sub/a.c:7: error: broken \(.*/kernel-build.log\)' 'a source that does not compile' build break
same '... what it said is kept' "$(grep -c 'sub/a.c:7' "$cache/kernel-build.log")" 1
same '... and nothing else' "$(ls -A "$cache" | grep -c 'kernel-build\.[^l]')" 0
echo 'prose' >"$T/f/prose"
built prose config prose
fails 2 'prose:1: neither a comment' 'a fragment that is none' "$ASSAY" lock "$T/prose" --cache "$cache"
printf 'CONFIG_A=y\nCONFIG_A=n\n' >"$T/f/twice"
built twice config twice
fails 2 'twice:2: CONFIG_A is there twice' 'a fragment that contradicts itself' "$ASSAY" lock "$T/twice" --cache "$cache"

# --- archives that are no source ---

cp "$T/linux.tar.xz" "$T/good.tar.xz"
mkdir -p "$T/x/other"
: >"$T/x/other/file"
tar -C "$T" -cJf "$T/linux.tar.xz" linux-1 -C "$T/x" other
built two config
fails 2 'other.* is not in the one directory' 'two directories in an archive' "$ASSAY" lock "$T/two" --cache "$cache"
tar -C "$T/x/other" -cJf "$T/linux.tar.xz" file
built flat config
fails 2 'file is not in the one directory' 'a file in none' "$ASSAY" lock "$T/flat" --cache "$cache"
mkfifo "$T/linux-1/pipe"
tarball
built pipe config
fails 2 'pipe' 'a FIFO in the source' "$ASSAY" lock "$T/pipe" --cache "$cache"
rm "$T/linux-1/pipe"
echo 'no archive' >"$T/linux.tar.xz"
built prose-tar config
fails 2 'linux.tar.xz' 'no archive' "$ASSAY" lock "$T/prose-tar" --cache "$cache"
mv "$T/good.tar.xz" "$T/linux.tar.xz"
echo more >>"$T/linux.tar.xz"
fails 1 'sha256 is' 'another archive' build built --cache "$T/fresh"
done_testing

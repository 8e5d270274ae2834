#!/bin/sh
# Release flavour only.
# The recipes coco-extension and nvidia-overlay with stand-ins for what they take from elsewhere, and the pause bundle of a container
# image: what is in the images, what the runtime is told, and what is refused.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/../demo.sh"
. "$(dirname "$0")/../c8s.sh"

stand_ins || {
	skip 'extensions and overlays' "$c8s_why"
	done_testing
}
mkdir "$T/recipes"
paths() { # BUILD: the files of an image
	python3 -c 'import json, sys; print(*(f["path"] for f in json.load(open(sys.argv[1]))["files"] if f["type"] == "file"), sep="\n")' "$1/files.json"
}

# --- an extension ---

extension=$T/recipes/coco-extension
cp -R "$TOP/rootfs-recipes/coco-extension" "$T/recipes"
payload=$T/payload
mkdir -p "$payload/usr/local/bin" "$payload/usr/sbin" "$payload/etc" "$payload/pause_bundle/rootfs"
for program in attestation-agent confidential-data-hub api-server-rest; do
	install -m 755 "$stand_in" "$payload/usr/local/bin/$program"
done
install -m 755 "$stand_in" "$payload/pause_bundle/rootfs/pause"
echo '{}' >"$payload/etc/ocicrypt_config.json"
echo '{}' >"$payload/pause_bundle/config.json"
pin_payload() {
	rm -rf "$extension/inputs"
	mkdir "$extension/inputs"
	digest=$(python3 "$TOP/tests/stand-ins/oci.py" "$payload" "$T/layout")
	tar -C "$T/layout" -cf "$extension/inputs/coco-extension.tar" .
	rm -rf "$T/layout"
	sed "s/0\{64\}/$digest/" "$TOP/rootfs-recipes/coco-extension/recipe.toml" >"$extension/recipe.toml"
}
build_extension() { "$ASSAY" build "$extension" -q -o "$@"; }
pin_payload
ok 'an extension builds without kernel, packages and lock' build_extension "$T/coco"
same 'its files are the payload and the manifest' "$(paths "$T/coco" | tr '\n' ' ')" \
	'/etc/kata-extensions/components.toml /etc/ocicrypt_config.json /pause_bundle/config.json /pause_bundle/rootfs/pause /usr/local/bin/api-server-rest /usr/local/bin/attestation-agent /usr/local/bin/confidential-data-hub '
same 'its outputs are those of a disk' "$(cd "$T/coco" && ls | tr '\n' ' ')" \
	'files.json kata.toml kernel_verity_params manifest.json root_hash rootfs.img sbom.cdx.json sbom.spdx.json '
params=$(cat "$T/coco/kernel_verity_params")
cat >"$T/want" <<EOT
# coco-extension, root hash $(cat "$T/coco/root_hash")
# virtio-blk, serial extension-coco

[[hypervisor.qemu.guest_extension_images]]
name = "coco"
path = "/opt/kata/share/coco-extension/rootfs.img"
verity_params = "$params"
EOT
ok "the runtime's drop-in" cmp "$T/want" "$T/coco/kata.toml"
printf '[hypervisor.qemu]\nconfidential_guest = true\ndefault_maxvcpus = 4\nimage = "/i"\nrootfs_type = "erofs"\nkernel_verity_params = "%s"\n' \
	"$params" >"$T/configuration.toml"
"$ASSAY" cmdline kata --runtime rust --kata-version 4.1.0 --tee snp --vcpus 1 -c "$T/configuration.toml" -c "$T/coco/kata.toml" >"$T/line" 2>"$T/.err" ||
	sed 's/^/# /' "$T/.err"
same "Kata's command line names it" "$(tr ' ' '\n' <"$T/line" | grep ^kata.extension)" "kata.extension.coco.verity_params=$params"
verity() { "$ASSAY" verify image "$T/coco/rootfs.img" --verity-params "$params"; }
ok 'and the image is what the parameters say' verity
if command -v sfdisk >/dev/null; then
	same 'two partitions: the file system and its tree' "$(sfdisk -d "$T/coco/rootfs.img" 2>/dev/null | grep -c 'type=83')" 2
else
	skip 'two partitions' 'no sfdisk here'
fi
rm "$payload/usr/local/bin/api-server-rest"
pin_payload
fails 1 '/etc/kata-extensions/components.toml:[0-9]+: /usr/local/bin/api-server-rest is not in the extension$' \
	'a component that is not there' build_extension "$T/no"
cp "$stand_in" "$payload/usr/local/bin/api-server-rest"
chmod 644 "$payload/usr/local/bin/api-server-rest"
pin_payload
fails 1 'api-server-rest is no executable file$' 'one that cannot run' build_extension "$T/no"
chmod 755 "$payload/usr/local/bin/api-server-rest"
refused() { # TEXT PATTERN SED [STATUS]
	pin_payload
	sed -i "$3" "$extension/recipe.toml"
	fails "${4:-2}" "$2" "$1" build_extension "$T/no"
}
refused 'a guest in an extension' 'agent has no place in an extension' '$a [agent]\npath = "x"\nstand-in = true'
refused 'a name that is no serial number' 'is not the name of an extension' 's/^name = "coco"/name = "elevenchars"/'
refused 'another file system' 'an extension is an EROFS in the layout kata-mbr' '$a [rootfs]\ntype = "ext4"'
refused 'another image' 'index.json has no sha256:00000000' 's/^sha256 = "[0-9a-f]\{8\}/sha256 = "00000000/' 1
manifest() { # TEXT PATTERN CONTENT [STATUS]
	pin_payload
	printf '%s' "$3" >"$extension/files/components.toml"
	fails "${4:-2}" "$2" "$1" build_extension "$T/no"
}
manifest 'another schema of components' 'schema_version is not 1' 'schema_version = 2'
manifest 'no schema of components' 'schema_version is not 1' '[paths]'
manifest 'a path out of the extension' 'leads out of the extension' 'schema_version = 1
paths.x = "../x"'
manifest 'a process without path' 'a process without a path' 'schema_version = 1
[[process]]
id = "x"'
manifest 'a process without id' 'a process without an id' 'schema_version = 1
[[process]]
path = "usr/local/bin/attestation-agent"'
manifest 'a variant without path' 'a variant without a path' 'schema_version = 1
[[process]]
id = "x"
variants.default.args = []'
manifest 'a variant whose program is not there' '/x is not in the extension' 'schema_version = 1
[[process]]
id = "x"
variants.default.path = "x"' 1
pin_payload
sed -i '/^\[\[file\]\]/,$d' "$extension/recipe.toml"
fails 1 '/etc/kata-extensions/components.toml: is not there' 'no manifest of components' build_extension "$T/no"

# --- a root file system by itself, and a pause bundle ---

plain=$T/recipes/plain
mkdir -p "$plain" "$T/pause"
install -m 755 "$stand_in" "$T/pause/pause"
bundle() { # CONFIG
	rm -rf "$plain/pause"
	digest=$(python3 "$TOP/tests/stand-ins/oci.py" "$T/pause" "$plain/pause" "$1")
	cat >"$plain/recipe.toml" <<EOT
schema = "assay-recipe/1"
name = "plain"
architecture = "amd64"
timestamp = 1
[[source]]
kind = "oci"
path = "pause"
sha256 = "$digest"
to = "/pause_bundle"
bundle = true
[[file]]
path = "/sbin/init"
source = "init"
mode = "0755"
EOT
}
cp "$stand_in" "$plain/init"
bundle '{"Entrypoint": ["/pause"], "Cmd": ["-v"], "User": "65535:7", "WorkingDir": "/", "Env": ["PATH=/bin"]}'
ok 'a root file system without a kernel' "$ASSAY" build "$plain" -q -o "$T/plain"
same 'the bundle' "$(paths "$T/plain" | grep pause_bundle | tr '\n' ' ')" '/pause_bundle/config.json /pause_bundle/rootfs/pause '
cat >"$T/want" <<'EOT'
{
  "ociVersion": "1.0.2",
  "process": {
    "args": [
      "/pause",
      "-v"
    ],
    "cwd": "/",
    "env": [
      "PATH=/bin"
    ],
    "terminal": false,
    "user": {
      "gid": 7,
      "uid": 65535
    }
  },
  "root": {
    "path": "rootfs",
    "readonly": true
  }
}
EOT
same 'its configuration is the image'\''s' \
	"$(python3 -c 'import json, sys; print(*(f["sha256"] for f in json.load(open(sys.argv[1]))["files"] if f["path"] == "/pause_bundle/config.json"))' "$T/plain/files.json")" \
	"$(sha256sum <"$T/want" | cut -d ' ' -f 1)"
same 'no command line and no golden values' "$(cd "$T/plain" && ls | grep -c -e cmdline -e golden -e vmlinuz)" 0
refuses_bundle() { # TEXT PATTERN CONFIG
	bundle "$3"
	fails 2 "$2" "$1" "$ASSAY" build "$plain" -q -o "$T/no"
}
refuses_bundle 'an image that starts nothing' 'neither Entrypoint nor Cmd' '{}'
refuses_bundle 'a user by name' 'User "nobody": only numbers are known' '{"Cmd": ["/pause"], "User": "nobody"}'
refuses_bundle 'no list' 'config.config.Env is not a list' '{"Cmd": ["/pause"], "Env": "x"}'
refuses_bundle 'no string' 'config.config.Cmd\[0\] is not a string' '{"Cmd": [1]}'

# --- parts of a source ---

parts=$T/recipes/parts
mkdir -p "$parts/tree/usr/lib" "$parts/tree/usr/share" "$parts/tree/sbin"
for library in liba.so.1 liba.so.2 libb.so; do
	echo "$library" >"$parts/tree/usr/lib/$library"
done
mkdir "$parts/tree/usr/lib/liba.d"
echo x >"$parts/tree/usr/lib/liba.d/x"
cp "$stand_in" "$parts/tree/sbin/init"
only() { # LIST: the files that come of it
	cat >"$parts/recipe.toml" <<EOT
schema = "assay-recipe/1"
name = "parts"
architecture = "amd64"
timestamp = 1
[[source]]
kind = "dir"
path = "tree"
sha256 = "$("$BUILD/tests/oracle/source-tree" --digest "$parts/tree")"
only = $1
EOT
	"$BUILD/tests/oracle/source-tree" "$parts" >"$T/list" || return
	sed -n 's/^f.* //p' "$T/list" | tr '\n' ' '
}
same 'a pattern' "$(only '["/usr/lib/liba.so.*"]')" '/usr/lib/liba.so.1 /usr/lib/liba.so.2 '
same 'a pattern for a directory has what is in it' "$(only '["/usr/*/liba.[a-d]"]')" '/usr/lib/liba.d/x '
same 'a pattern stops at slashes' "$(only '["/usr/*b.so", "/usr/lib/*b.so"]' 2>&1 | sed 's/.*: only/only/')" 'only: there is no /usr/*b.so in it'
same 'no directory that leads nowhere' "$(only '["/usr/lib/libb.s?"]' >/dev/null; grep -c share "$T/list")" 0

# --- a graft ---

demo_get || {
	skip 'nvidia-overlay' "$demo_why"
	done_testing
}
command -v cc >/dev/null || {
	skip 'nvidia-overlay' 'no C compiler here'
	done_testing
}
release=$(sed -n '/^  "kernel": {/,/^  }/s/^    "version": "\(.*\)",*$/\1/p' "$demo/manifest.json")
module() { # FILE NAME RELEASE
	printf '__attribute__((section(".modinfo"), used)) static const char m[] = "name=%s\\0vermagic=%s SMP mod_unload\\0depends=";\n' "$2" "$3" >"$T/module.c"
	cc -c -o "$1" "$T/module.c"
}
gpu=$T/gpu
mkdir -p "$gpu/lib/modules/$release/kernel" "$gpu/lib/firmware/nvidia/1.0" "$gpu/lib/x86_64-linux-gnu" "$gpu/bin" "$gpu/etc"
module "$gpu/lib/modules/$release/kernel/nvidia.ko" nvidia "$release"
echo gsp >"$gpu/lib/firmware/nvidia/1.0/gsp.bin"
for library in libnvidia-ml.so.1 libcuda.so.1 libother.so.1; do
	echo "$library" >"$gpu/lib/x86_64-linux-gnu/$library"
done
for program in nvidia-smi nvidia-persistenced nvidia-ctk nvidia-cdi-hook other; do
	install -m 755 "$stand_in" "$gpu/bin/$program"
done
cp -R "$TOP/rootfs-recipes/kata-debian" "$TOP/rootfs-recipes/nvidia-overlay" "$T/recipes"
sed -i "s,\.\./\.\./build/guest/kata-agent-stand-in,agent," "$T/recipes/kata-debian/recipe.toml"
cp "$TOP/build/guest/kata-agent-stand-in" "$T/recipes/kata-debian/agent"
overlay=$T/recipes/nvidia-overlay
mkdir "$overlay/inputs"
# The demo's kernel and packages: no kernel with that driver can be had, and nothing more to download.
mkdir "$T/recipes/gpu"
cat >"$T/recipes/gpu/recipe.toml" <<'EOT'
schema = "assay-recipe/1"
include = ["../nvidia-overlay/recipe.toml"]
name = "gpu"
drop = ["kernel", "packages.install=libxml2", "packages.install=libstdc++6", "packages.install=libtirpc3t64"]
[kernel]
suite = "trixie"
package = "linux-image-cloud-amd64"
compression = "zstd"
modules = ["virtio_blk", "sha256_ssse3", "dm_verity", "erofs"]
EOT
build_gpu() {
	image_of "$gpu" "$overlay/inputs/kata-containers-nvidia-gpu-confidential.img" || return
	sed "s/^sha256 = \"0\{64\}\"/sha256 = \"$(sha256sum <"$overlay/inputs/kata-containers-nvidia-gpu-confidential.img" | cut -d ' ' -f 1)\"/" \
		"$TOP/rootfs-recipes/nvidia-overlay/recipe.toml" >"$overlay/recipe.toml"
	"$ASSAY" build "$T/recipes/gpu" --lock "$demo_lock" --cache "$demo_cache" -q -o "$1"
}
build_gpu "$T/gpu-build" >"$T/.out" 2>"$T/.err"
same 'the driver is grafted' $? 0
sed 's/^/# /' "$T/.err"
same 'what is named of the image, and nothing else' \
	"$(python3 -c 'import json, sys; print(*(f["path"] for f in json.load(open(sys.argv[1]))["files"] if f["type"] == "file" and f["origin"].startswith("image:")))' "$T/gpu-build/files.json")" \
	"/usr/bin/nvidia-cdi-hook /usr/bin/nvidia-ctk /usr/bin/nvidia-persistenced /usr/bin/nvidia-smi /usr/lib/firmware/nvidia/1.0/gsp.bin /usr/lib/modules/$release/kernel/nvidia.ko /usr/lib/x86_64-linux-gnu/libcuda.so.1 /usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1"
mv "$gpu/lib/modules/$release" "$gpu/lib/modules/6.1.0"
module "$gpu/lib/modules/6.1.0/kernel/nvidia.ko" nvidia 6.1.0
fails 1 '/usr/lib/modules/6.1.0/kernel/nvidia.ko: is for kernel 6.1.0, and .* boots \(from image:\.\./nvidia-overlay/inputs/' \
	'modules of another kernel' build_gpu "$T/no"
done_testing

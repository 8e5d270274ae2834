#!/bin/sh
# The smallest guest with its root compressed: Linux reads what LZ4HC and Zstandard wrote, below dm-verity.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/boot.sh"

command -v qemu-system-x86_64 >/dev/null || boot_skip 'no qemu-system-x86_64 here'
mkdir -p "$T/build"
cp -R "$TOP/rootfs-recipes" "$T/recipes" && cp -R "$TOP/build/guest" "$T/build/guest"
boots() { # COMPRESSION LIBRARY
	boot_dir=$T/$1
	sed -i "s/^\(compression = \"[a-z0-9]*\" # root\|type = \"erofs\"\)\$/compression = \"$1\" # root/" "$T/recipes/agent-init/recipe.toml"
	"$ASSAY" build --fetch "$T/recipes/agent-init" -o "$boot_dir" >"$T/.out" 2>"$T/.err"
	boot_status=$?
	[ $boot_status -ne 3 ] || boot_skip "agent-init cannot be built: $(tail -n 1 "$T/.err")"
	ok "$1: builds" test $boot_status -eq 0
	[ $boot_status -eq 0 ] || { sed 's/^/# /' "$T/.err"; return; }
	ok "$1: the manifest names the library" grep -q "\"name\": \"$2\"" "$boot_dir/manifest.json"
	ok "$1: verified and listed" "$ASSAY" verify image "$boot_dir/rootfs.img" --verity-params "$boot_dir/kernel_verity_params" --list
	if [ -z "${BOOT_ACCEL-}" ]; then
		boot_probe
		echo "# acceleration: $BOOT_ACCEL"
	fi
	boot "$1" "$boot_dir/rootfs.img" "$(cat "$boot_dir/cmdline")"
	same "$1: the guest boots to the report" "$boot_end" report
	[ "$boot_end" = report ] || tail -n 40 "$boot_log" | sed 's/^/# /'
	ok "$1: its root hash is the one of the build" grep -q "root_dm_table=.* $(cat "$boot_dir/root_hash") " "$boot_log"
	same "$1: the policy comes out as it went in" "$(boot_value policy_sha256)" \
		"$(sha256sum <"$TOP/rootfs-recipes/kata-debian/files/policy.rego" | cut -d ' ' -f 1)"
}
boots lz4hc liblz4
boots zstd libzstd
done_testing

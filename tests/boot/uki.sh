#!/bin/sh
# The disk of node-uki: OVMF starts its unified kernel image, which comes to the agent's report; with a bit of the root changed it does
# not.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/boot.sh"

recipe=$TOP/rootfs-recipes/node-uki
code=/usr/share/OVMF/OVMF_CODE_4M.fd
vars=/usr/share/OVMF/OVMF_VARS_4M.fd
command -v qemu-system-x86_64 >/dev/null || boot_skip 'no qemu-system-x86_64 here'
if [ ! -e $code ] || [ ! -e $vars ]; then
	boot_skip 'no OVMF here'
fi
"$ASSAY" fetch "$recipe" >"$T/.out" 2>"$T/.err" || boot_skip "its packages cannot be had: $(tail -n 1 "$T/.err")"
ok 'the disk is built' "$ASSAY" build "$recipe" -o "$T/build"
[ -d "$T/build" ] || done_testing
# Of firmware nothing is known to KVM that crawls: TCG alone.
BOOT_ACCEL=tcg
boot_dir=$T/build

# What boots is on the disk alone: no kernel, no command line.
boot_machine() { # DISK
	cp "$vars" "$T/vars.fd"
	qemu-system-x86_64 -machine q35,accel=tcg -cpu "$(boot_cpu)" -smp 1 -m 1024 -nodefaults -no-user-config -display none -no-reboot \
		-drive "if=pflash,format=raw,readonly=on,file=$code" -drive "if=pflash,format=raw,file=$T/vars.fd" \
		-chardev "file,id=console,path=$boot_log" -device virtio-serial-pci -device virtconsole,chardev=console \
		-drive "file=$1,format=raw,if=none,id=root,readonly=on" -device virtio-blk-pci,drive=root,bootindex=1 \
		>"$T/.qemu" 2>&1 </dev/null &
	boot_qemu=$!
}
boot_disk_of() { # NAME DISK
	boot_log=$T/$1.log
	: >"$boot_log"
	: >"$T/.qemu"
	boot_machine "$2"
	boot_start=$(date +%s%N)
	boot_wait "$boot_start"
	boot_ms=$((($(date +%s%N) - boot_start) / 1000000))
	kill "$boot_qemu" 2>/dev/null
	wait "$boot_qemu" 2>/dev/null
	boot_qemu=
	echo "# $1: $boot_end after $boot_ms ms"
}

boot_disk_of sound "$boot_dir/rootfs.img"
same 'it boots to the report' "$boot_end" report
[ "$boot_end" = report ] || { tail -n 40 "$boot_log" | sed 's/^/# /'; done_testing; }
same 'the root is the verity device' "$(boot_value root_device) $(boot_value root_dm_target) $(boot_value root_dm_status)" 'dm-0 verity V'
same 'the command line is the one in the image' "$(boot_value cmdline)" "$(cat "$boot_dir/cmdline")"
ok 'its root hash is the one of the build' grep -q "root_dm_table=.* $(cat "$boot_dir/root_hash") " "$boot_log"

cp --sparse=always "$boot_dir/rootfs.img" "$T/tampered.disk"
flip "$T/tampered.disk" "$(grep -abo "$boot_begin" "$boot_dir/rootfs.img" | head -n 1 | cut -d : -f 1)"
boot_disk_of tampered "$T/tampered.disk"
boot_corrupt 'a bit of the agent in p1'
done_testing

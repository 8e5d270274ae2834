#!/bin/sh
# Kata's own way to boot, on a kernel from source: dm-mod.create= on Kata's exact command line, no initrd, /dev/vda1 and /dev/vda2. The
# kernel takes minutes to build: without ASSAY_KERNEL=1 (make check-kernel) this is a skip. With it the kernel is built twice, in two
# directories, and must be the same.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/boot.sh"

recipe=$TOP/rootfs-recipes/kata-kernel
work=$TOP/build/kernel
[ "${ASSAY_KERNEL-}" = 1 ] || boot_skip 'a kernel is built by make check-kernel alone'
command -v qemu-system-x86_64 >/dev/null || boot_skip 'no qemu-system-x86_64 here'
for program in gcc make flex bison bc zstd; do
	command -v $program >/dev/null || boot_skip "no $program here"
done
mkdir -p "$work"
lock=$recipe/recipe.lock config=$recipe/kernel.config

cache=${XDG_CACHE_HOME:-$HOME/.cache}/assay
build() { # DIR CACHE
	mkdir -p "$2"
	[ -e "$2/sha256" ] || ln -s "$cache/sha256" "$2/sha256"
	"$ASSAY" build "$recipe" --lock "$lock" --kernel-config "$config" --cache "$2" --force -o "$1"
}
# The configuration names gcc and binutils, and a mirror has the newest source alone: with others than the lock's the kernel is another
# one, and said to be.
relock() {
	lock=$work/recipe.lock config=$work/kernel.config
	echo "# not what the recipe's lock was made with here: locking again"
	"$ASSAY" lock "$recipe" -o "$lock" --kernel-config "$config" && "$ASSAY" fetch "$recipe" --lock "$lock"
}
if ! "$ASSAY" fetch "$recipe" >"$T/.out" 2>"$T/.err"; then
	relock >"$T/.out" 2>"$T/.err" || boot_skip "its packages cannot be had: $(tail -n 1 "$T/.err")"
fi
status=0
build "$work/one" "$work/cache" >"$T/.out" 2>"$T/.err" || status=$?
if [ $status -eq 1 ] && grep -q 'assay lock writes it' "$T/.err"; then
	sed 's/^/# /' "$T/.err"
	relock >"$T/.out" 2>"$T/.err" || boot_skip "it cannot be locked again: $(tail -n 1 "$T/.err")"
	status=0
	build "$work/one" "$work/cache" >"$T/.out" 2>"$T/.err" || status=$?
fi
same 'the kernel builds' "$status" 0
[ $status -eq 0 ] || sed 's/^/# /' "$T/.err"
[ -e "$work/one/vmlinuz" ] || done_testing
# Kept results would prove nothing: this cache is new each time.
rm -rf "$work/elsewhere"
ok 'and again, elsewhere' build "$work/two" "$work/elsewhere/and/deeper"
ok '... the whole build is the same' diff -r "$work/one" "$work/two"
rm -rf "$work/elsewhere" "$work/two"

boot_dir=$work/one
same 'nothing is missing in it, for Kata and both TEEs' "$("$ASSAY" check kernel "$boot_dir/vmlinuz")" '0 missing, 0 warnings'
same 'no initrd' "$(ls "$boot_dir" | grep -c initrd)" 0
BOOT_ACCEL=${BOOT_ACCEL-tcg}
boot_kernel() { # NAME DISK CMDLINE
	boot_log=$T/$1.log
	: >"$boot_log"
	: >"$T/.qemu"
	qemu-system-x86_64 -machine "q35,accel=$BOOT_ACCEL" -cpu "$(boot_cpu)" -smp 1 -m 1024 -nodefaults -no-user-config \
		-display none -no-reboot -kernel "$boot_dir/vmlinuz" -append "$3" \
		-chardev "file,id=console,path=$boot_log" -device virtio-serial-pci -device virtconsole,chardev=console \
		-drive "file=$2,format=raw,if=none,id=root,readonly=on" -device virtio-blk-pci,drive=root \
		>"$T/.qemu" 2>&1 </dev/null &
	boot_qemu=$!
	boot_start=$(date +%s%N)
	boot_wait "$boot_start"
	boot_ms=$((($(date +%s%N) - boot_start) / 1000000))
	kill "$boot_qemu" 2>/dev/null
	wait "$boot_qemu" 2>/dev/null
	boot_qemu=
	echo "# $1: $boot_end after $boot_ms ms ($BOOT_ACCEL)"
}

for class in 'go snp 3.30.0' 'rust tdx 4.1.0 --no-extensions'; do
	# shellcheck disable=SC2086 # a list of words
	set -- $class
	name=$1-$2-$3
	runtime=$1 tee=$2 version=$3
	shift 3
	cmdline=$("$ASSAY" cmdline kata --kata-version "$version" --runtime "$runtime" --tee "$tee" --rootfs-type erofs --vcpus 1 \
		--verity-params "$(cat "$boot_dir/kernel_verity_params")" "$@" 2>"$T/.err")
	ok "$name: Kata's command line" test -n "$cmdline"
	boot_kernel "$name" "$boot_dir/rootfs.img" "$cmdline"
	same "$name: the guest boots to the report" "$boot_end" report
	[ "$boot_end" = report ] || tail -n 40 "$boot_log" | sed 's/^/# /'
	same "$name: the root is the verity device" "$(boot_value root_device) $(boot_value root_dm_target) $(boot_value root_dm_status)" 'dm-0 verity V'
	same "$name: on Kata's own line" "$(boot_value cmdline)" "$cmdline"
	same "$name: the kernel is the manifest's" "$(boot_value kernel)" \
		"$(sed -n '/^  "kernel": {/,/^  }/s/^    "version": "\(.*\)",*$/\1/p' "$boot_dir/manifest.json")"
	same "$name: systemd started the agent" "$(boot_value init) $(boot_value cgroup)" 'systemd 0::/system.slice/kata-agent.service'
done

# Kata's table has no panic_on_corruption: what cannot be read is an I/O error, and there is no report.
cp --sparse=always "$boot_dir/rootfs.img" "$T/tampered.disk"
flip "$T/tampered.disk" "$(grep -abo "$boot_begin" "$boot_dir/rootfs.img" | head -n 1 | cut -d : -f 1)"
boot_limit=120
boot_kernel tampered "$T/tampered.disk" "$cmdline"
ok 'a bit of the agent: no report' test "$boot_end" != report
boot_kernel loud "$T/tampered.disk" "$(printf '%s' "$cmdline" | sed 's/ quiet / /; s/ 0 sha256 \([0-9a-f]* [0-9a-f]*\)"/ 0 sha256 \1 1 panic_on_corruption"/')"
boot_corrupt 'and with panic_on_corruption the end'
wrong=$(cat "$boot_dir/root_hash" | tr 0123456789abcdef 123456789abcdef0)
boot_kernel other "$boot_dir/rootfs.img" "$(printf '%s' "$cmdline" | sed "s/$(cat "$boot_dir/root_hash")/$wrong/")"
ok 'another root hash: no report' test "$boot_end" != report
done_testing

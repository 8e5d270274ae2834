#!/bin/sh
# The guest's PID 1 on a quick disk: it boots what is sound, and answers everything else with one line and power off.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/boot.sh"

boot_build
boot_disk "$STAND_IN"
base='console=hvc0 quiet panic=1'
hash=$(printf '%s' "$boot_root" | sed 's/.* sha256 \([0-9a-f]*\) .*/\1/')
blocks=$(printf '%s' "$boot_root" | sed 's/.* 4096 4096 \([0-9]*\) .*/\1/')

boot sound "$boot_disk" "$base $boot_root"
same 'a sound disk boots to the report' "$boot_end" report
same 'PID 1 says nothing' "$(boot_said)" ''
same 'the root is the verity device' "$(boot_value root_device) $(boot_value root_dm_name)" 'dm-0 dm-verity'
same 'which is read-only' "$(boot_value root_read_only)" 1
same 'and verified' "$(boot_value root_dm_target) $(boot_value root_dm_status)" 'verity V'
ok 'corruption panics' grep -q 'root_dm_table=.* panic_on_corruption' "$boot_log"
same 'the policy is the one put in' "$(boot_value policy_sha256)" "$(sha256sum <"$T/policy" | cut -d ' ' -f 1)"
same 'the command line arrives as given' "$(boot_value cmdline)" "$base $boot_root"
same 'with nothing else in its environment' "$(boot_value environment)" 'HOME=/ TERM=linux'

# What the command line asks for.
refused() { # TEXT PATTERN ROOT-PARAMETERS
	boot refused "$boot_disk" "$base $3"
	boot_line "$1" "$2"
}
with() { # SED-SCRIPT
	printf '%s' "$boot_root" | sed "$1"
}
refused 'no dm-mod.create' '^the command line names no verified root: dm-mod.create= is missing$' 'root=/dev/dm-0 rootflags=ro rootfstype=erofs'
refused 'an unverified root' 'dm-mod.create= is missing$' 'root=/dev/vda1 rootflags=ro rootfstype=erofs'
refused 'an unverified root beside the verified one' 'root= stands twice$' "$boot_root root=/dev/vda1"
refused 'a table without root hash' 'too few fields$' "$(with "s/ $hash//")"
refused 'a table that ignores corruption' 'too many fields$' "$(with 's/" root=/ 1 ignore_corruption&/')"
refused 'swapped devices' '^/dev/vda2 has [0-9]+ sectors, the|not that of /dev/vda1$' \
	"$(with 's,/dev/vda1 /dev/vda2,/dev/vda2 /dev/vda1,')"
refused 'fewer sectors than the partition has' '^/dev/vda1 has [0-9]+ sectors, the command line says 8$' \
	"$(with "s/,0 [0-9]* verity/,0 8 verity/; s/4096 4096 $blocks/4096 4096 1/")"
refused 'another root hash' '^the root hash on the command line is not that of /dev/vda2$' \
	"$(with "s/$hash/$(printf '%s' "$hash" | tr 0-9a-f 1-9a-f0)/")"
refused 'another file system' '^cannot mount the root as ext4: ' "$(with 's/=erofs/=ext4/')"
boot knobs "$boot_disk" "$base init=/bin/sh rd.break rdinit.shell=1 systemd.debug-shell=1 SHELL=/bin/sh $boot_root"
same 'nothing else on the command line gets another root' "$boot_end $(boot_value root_dm_status)" 'report V'
same 'or into the environment' "$(boot_value environment)" 'HOME=/ TERM=linux'

# What the disk holds.
tampered() { # OFFSET
	cp --sparse=always "$boot_disk" "$T/tampered.disk"
	flip "$T/tampered.disk" "$1"
	boot tampered "$T/tampered.disk" "$base $boot_root"
}
p1=1048576
p2=$((p1 + blocks * 4096))
tampered $((p1 + 1024 + 16))
boot_corrupt 'a bit of the superblock'
tampered "$(grep -abo "$boot_begin" "$boot_disk" | head -n 1 | cut -d : -f 1)"
boot_corrupt 'a bit of /sbin/init'
tampered $((p2 + 4096 * 1))
boot_corrupt 'a bit of the lowest level of the hash tree'
tampered $p2
boot_line 'a bit of the top of the hash tree' '^the root hash on the command line is not that of /dev/vda2$'

# What the root holds.
boot_disk "$T/policy"
boot noinit "$boot_disk" "$base $boot_root"
boot_line 'an init that is no program' '^cannot start /sbin/init: Exec format error$'

# What the initrd holds: a module that the kernel refuses, and no modules at all.
echo 'no module' >"$T/broken.ko"
for modules in "$T/broken.ko" ''; do
	boot_initrd=$T/initrd
	# shellcheck disable=SC2086 # none or one
	"$IMAGE" raw "$boot_initrd" $modules
	boot modules "$boot_disk" "$base $boot_root"
	boot_line "modules: ${modules##*/}" '^(cannot load module broken.ko: Exec format error|/dev/vda1 did not appear in [0-9]+ s)$'
done
boot_initrd=

# A debug command line shows more of the kernel, not less of PID 1; and a silent one does not silence it.
for words in 'debug' 'loglevel=0' 'console=ttyS0 console=hvc0 quiet'; do
	boot words "$boot_disk" "console=hvc0 panic=1 $words root=/dev/vda1"
	boot_line "one line with $words" 'dm-mod.create= is missing$'
done
done_testing

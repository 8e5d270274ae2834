#!/bin/sh
# The demo guest: what was built boots to kata-containers.target and the agent's report, and tampered with it does not.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/boot.sh"

boot_build
disk=$boot_dir/rootfs.img
cmdline=$(cat "$boot_dir/cmdline")
blocks=$(sed 's/.*data_blocks=\([0-9]*\).*/\1/' "$boot_dir/kernel_verity_params")
p1=1048576
p2=$((p1 + blocks * 4096))
levels=0 level=$blocks tree=0 lowest=0
while [ "$level" -gt 1 ]; do
	level=$(((level + 127) / 128))
	[ $levels -gt 0 ] || lowest=$level
	tree=$((tree + level)) levels=$((levels + 1))
done

boot sound "$disk" "$cmdline"
same 'the guest boots to the report' "$boot_end" report
[ "$boot_end" = report ] || { tail -n 40 "$boot_log" | sed 's/^/# /'; done_testing; }
echo "# the agent's report came $(boot_value uptime_seconds) s after the kernel's start"
same 'the root is the verity device' "$(boot_value root_device) $(boot_value root_dm_target)" 'dm-0 verity'
same 'verified and read-only' "$(boot_value root_dm_status) $(boot_value root_read_only)" 'V 1'
ok 'its root hash is the one of the build' grep -q "root_dm_table=.* $(cat "$boot_dir/root_hash") " "$boot_log"
same 'the command line is the one of the build' "$(boot_value cmdline)" "$cmdline"
ok 'the agent says that it is a stand-in' grep -q '^agent=stand-in ' "$boot_log"
manifest() { # OBJECT KEY: a string of one of the manifest's top-level objects
	sed -n "/^  \"$1\": {/,/^  }/s/^    \"$2\": \"\(.*\)\",*$/\1/p" "$boot_dir/manifest.json"
}
same "the policy is the manifest's" "$(boot_value policy_sha256)" "$(manifest policy sha256)"
same "the kernel is the manifest's" "$(boot_value kernel)" "$(manifest kernel version)"
same 'systemd started the agent as its service' "$(boot_value init) $(boot_value cgroup)" \
	'systemd 0::/system.slice/kata-agent.service'
ok 'PID 1 says nothing' test -z "$(boot_said)"

tampered() { # NAME OFFSET
	cp --sparse=always "$disk" "$T/tampered.disk"
	flip "$T/tampered.disk" "$2"
	boot "$1" "$T/tampered.disk" "$cmdline"
}
tampered superblock $((p1 + 1024 + 16))
boot_corrupt 'a bit of the superblock in p1'
tampered agent "$(grep -abo "$boot_begin" "$disk" | head -n 1 | cut -d : -f 1)"
boot_corrupt 'a bit of the agent in p1'
tampered leaf $((p2 + (tree - lowest) * 4096))
boot_corrupt 'a bit of the lowest level of the tree in p2'
tampered top $p2
boot_line 'a bit of the top of the tree in p2' '^the root hash on the command line is not that of /dev/vda2$'
done_testing

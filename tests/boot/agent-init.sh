#!/bin/sh
# The smallest guest: no packages, the agent is /sbin/init. What was built boots to its report, and tampered with it does not.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/boot.sh"

command -v qemu-system-x86_64 >/dev/null || boot_skip 'no qemu-system-x86_64 here'
boot_dir=$T/build
"$ASSAY" build --fetch "$TOP/rootfs-recipes/agent-init" -o "$boot_dir" >"$T/.out" 2>"$T/.err"
boot_status=$?
[ $boot_status -ne 3 ] || boot_skip "agent-init cannot be built: $(tail -n 1 "$T/.err")"
ok 'agent-init builds' test $boot_status -eq 0
[ $boot_status -eq 0 ] || { sed 's/^/# /' "$T/.err"; done_testing; }
[ -n "${BOOT_ACCEL-}" ] || boot_probe
echo "# acceleration: $BOOT_ACCEL"
disk=$boot_dir/rootfs.img
cmdline=$(cat "$boot_dir/cmdline")
echo "# rootfs.img has $(wc -c <"$disk") bytes"
ok 'the disk is smaller than 4 MiB' test "$(wc -c <"$disk")" -le 4194304

boot sound "$disk" "$cmdline"
same 'the guest boots to the report' "$boot_end" report
[ "$boot_end" = report ] || { tail -n 40 "$boot_log" | sed 's/^/# /'; done_testing; }
echo "# the agent's report came $(boot_value uptime_seconds) s after the kernel's start"
same 'the agent is PID 1' "$(boot_value init)" init
same 'the root is the verity device' "$(boot_value root_device) $(boot_value root_dm_target)" 'dm-0 verity'
same 'verified and read-only' "$(boot_value root_dm_status) $(boot_value root_read_only)" 'V 1'
ok 'its root hash is the one of the build' grep -q "root_dm_table=.* $(cat "$boot_dir/root_hash") " "$boot_log"
same 'the command line is the one of the build' "$(boot_value cmdline)" "$cmdline"
same 'the policy is the one of the recipe' "$(boot_value policy_sha256)" \
	"$(sha256sum <"$TOP/rootfs-recipes/kata-debian/files/policy.rego" | cut -d ' ' -f 1)"

cp "$disk" "$T/tampered.disk"
flip "$T/tampered.disk" "$(grep -abo "$boot_begin" "$disk" | head -n 1 | cut -d : -f 1)"
boot tampered "$T/tampered.disk" "$cmdline"
boot_corrupt 'a bit of the agent in p1'
done_testing

#!/bin/sh
# The recipe c8s-guest, with stand-ins for what it cannot ship, boots until C8s is ready and the agent reports; without policy-monitor
# there is no agent.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/../demo.sh"
. "$(dirname "$0")/../c8s.sh"
. "$(dirname "$0")/boot.sh"

command -v qemu-system-x86_64 >/dev/null || boot_skip 'no qemu-system-x86_64 here'
stand_ins || boot_skip "$c8s_why"
ok 'an image of parts, and everything pinned' c8s_recipes
c8s_lock || boot_skip "$c8s_why"
boot_dir=$T/build
ok 'it builds' c8s_build "$boot_dir"
[ -d "$boot_dir" ] || done_testing
[ -n "${BOOT_ACCEL-}" ] || boot_probe
echo "# acceleration: $BOOT_ACCEL"

# The console shows what systemd does. The agent comes after policy-monitor, readiness after ratls-mesh has been asked: the later of the
# two ends the test.
cmdline=$(sed 's/ quiet systemd.show_status=false//' "$boot_dir/cmdline")
boot_also='C8s is ready in this guest'
boot ready "$boot_dir/rootfs.img" "$cmdline systemd.show_status=true systemd.log_color=0"
same 'C8s is ready' "$boot_end" report
[ "$boot_end" = report ] || tail -n 60 "$boot_log" | sed 's/^/# /'
said() { grep -q "stand-in $1" "$boot_log"; }
for program in 'attestation-service --config /etc/c8s/attestation-service.toml' 'ratls-mesh in-guest' 'ratls-mesh readiness-check' \
	'policy-monitor monitor' 'volumed --guest'; do
	ok "$program" said "$program"
done
ok 'the agent reports' grep -q '^assay-agent-report end' "$boot_log"
same 'with the policy of the manifest' "$(boot_value policy_sha256)" \
	"$(sed -n '/^  "policy": {/,/^  }/s/^    "sha256": "\(.*\)",*$/\1/p' "$boot_dir/manifest.json")"
ok 'and after policy-monitor' sh -c 'sed "/assay-agent-report begin/q" "$1" | grep -q "stand-in policy-monitor monitor"' sh "$boot_log"
done_testing

# Booting guests: sourced after tap.sh. QEMU with KVM where a short probe boots, else with TCG.
#   boot_build                 $boot_dir: a build of rootfs-recipes/kata-debian ($ASSAY_BUILD_DIR when set); or skips all
#   boot_disk INIT             $boot_disk and $boot_root: a quick disk with INIT as /sbin/init, its root parameters
#   boot NAME DISK CMDLINE     boots $boot_dir's kernel and initrd ($boot_initrd when set); the console is in $boot_log, how it ended in $boot_end:
#                              report (the agent's report came), off (the guest powered off or panicked), limit
#   boot_line NAME PATTERN     PID 1 said exactly one line, which matches, and there was no report
#   flip FILE OFFSET           flips the lowest bit of one byte
# BOOT_SECONDS bounds one boot. Times are printed, never judged.
# shellcheck shell=sh disable=SC2034
BOOT_SECONDS=${BOOT_SECONDS:-240}
BOOT_PROBE_SECONDS=8
IMAGE=$BUILD/tests/oracle/guest-image
STAND_IN=$TOP/build/guest/kata-agent-stand-in
boot_begin='assay-agent-report begin'
boot_done='assay-agent-report end'
boot_also= # what must be there too
boot_qemu=

# A test that is stopped takes its machine along.
trap 'exit 130' INT TERM
trap '[ -z "$boot_qemu" ] || kill "$boot_qemu" 2>/dev/null; rm -rf "$T"' EXIT

boot_skip() { # REASON
	skip 'guests boot' "$1"
	done_testing
}

boot_build() {
	command -v qemu-system-x86_64 >/dev/null || boot_skip 'no qemu-system-x86_64 here'
	boot_dir=${ASSAY_BUILD_DIR-}
	if [ -z "$boot_dir" ]; then
		boot_dir=$T/build
		"$ASSAY" fetch "$TOP/rootfs-recipes/kata-debian" >"$T/.out" 2>"$T/.err" ||
			boot_skip "the demo's packages cannot be had: $(tail -n 1 "$T/.err")"
		ok 'the demo builds' "$ASSAY" build "$TOP/rootfs-recipes/kata-debian" -o "$boot_dir"
		[ -d "$boot_dir" ] || done_testing
	fi
	[ -n "${BOOT_ACCEL-}" ] || boot_probe
	echo "# acceleration: $BOOT_ACCEL"
}

# Nested KVM may be there and hang, abort or crawl: it counts when PID 1 refuses an empty command line in time.
boot_probe() {
	BOOT_ACCEL=tcg
	[ -w /dev/kvm ] || return 0
	BOOT_ACCEL=kvm
	: >"$T/probe.disk"
	truncate -s 1M "$T/probe.disk"
	boot_limit=$BOOT_PROBE_SECONDS
	boot probe "$T/probe.disk" 'console=hvc0 panic=1' >/dev/null
	boot_limit=$BOOT_SECONDS
	grep -q '^.*assay-init: ' "$boot_log" || BOOT_ACCEL=tcg
}

boot_cpu() {
	case $BOOT_ACCEL in
	kvm) echo host ;;
	# TCG of QEMU 7.2 now and then corrupts registers in the per-CPU cmpxchg16b of current kernels
	*) echo max,-cx16 ;;
	esac
}

boot_limit=$BOOT_SECONDS
boot_initrd=
boot() { # NAME DISK CMDLINE
	boot_log=$T/$1.log
	: >"$boot_log"
	: >"$T/.qemu"
	qemu-system-x86_64 -machine "q35,accel=$BOOT_ACCEL" -cpu "$(boot_cpu)" -smp 1 -m 1024 -nodefaults -no-user-config \
		-display none -no-reboot -kernel "$boot_dir/vmlinuz" -initrd "${boot_initrd:-$boot_dir/initrd.img}" -append "$3" \
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
	grep -v 'terminating on signal' "$T/.qemu" | sed 's/^/# /'
}

# The agent's report, the end of the machine, or the limit: whichever comes first.
boot_wait() { # START
	while :; do
		boot_end=report
		grep -q "$boot_done" "$boot_log" && grep -q "$boot_also" "$boot_log" && return
		boot_end=off
		# what was written before it went counts
		kill -0 "$boot_qemu" 2>/dev/null || { grep -q "$boot_done" "$boot_log" && boot_end=report; return; }
		boot_end=limit
		! grep -q 'KVM internal error' "$T/.qemu" || return
		[ $((($(date +%s%N) - $1) / 1000000000)) -lt "$boot_limit" ] || return
		sleep 0.1
	done
}

# The value of a line of the report.
boot_value() { # KEY
	tr -d '\r' <"$boot_log" | sed -n "/$boot_begin/,/$boot_done/s/^$1=//p"
}

# The lines of PID 1, without the kernel's time stamp.
boot_said() {
	tr -d '\r' <"$boot_log" | sed -n 's/^.*assay-init: //p'
}

boot_line() { # TEXT PATTERN
	boot_good=0
	[ "$boot_end" = off ] || boot_good=1
	[ "$(boot_said | wc -l)" -eq 1 ] || boot_good=1
	boot_said | grep -Eq -- "$2" || boot_good=1
	! grep -q "$boot_begin" "$boot_log" || boot_good=1
	tap_result $boot_good "$1"
	echo "# said: $(boot_said)"
	[ $boot_good -eq 0 ] || { echo "# ended by $boot_end; the console's last lines:"; tail -n 8 "$boot_log" | sed 's/^/# /'; }
}

# Corruption that the kernel found: it panics, and nothing of the guest's ran to its report.
boot_corrupt() { # TEXT
	boot_good=0
	[ "$boot_end" = off ] || boot_good=1
	grep -q 'Kernel panic - not syncing: dm-verity device corrupted' "$boot_log" || boot_good=1
	! grep -q "$boot_begin" "$boot_log" || boot_good=1
	tap_result $boot_good "$1"
	[ $boot_good -eq 0 ] || { echo "# ended by $boot_end; the console's last lines:"; tail -n 8 "$boot_log" | sed 's/^/# /'; }
}

boot_disk() { # INIT
	printf 'package agent_policy\n\ndefault AllowRequestsFailingPolicy := false\n' >"$T/policy"
	boot_disk=$T/quick.disk
	boot_root=$("$IMAGE" disk "$1" "$T/policy" "$boot_disk") && return
	ok 'the quick disk is written' false
	done_testing
}

flip() { # FILE OFFSET
	flip_byte=$(od -An -tu1 -j "$2" -N 1 "$1" | tr -d ' ')
	# shellcheck disable=SC2059 # the escape is the byte
	printf "\\$(printf %o $((flip_byte ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

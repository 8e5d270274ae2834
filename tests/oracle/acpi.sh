#!/bin/sh
# The built-in ACPI tables are those of stock QEMUs, byte for byte, over a matrix of shapes: of the QEMU installed here, of those
# of other Debian releases (unpacked beside their libraries, nothing is installed), and of any that ASSAY_TEST_QEMUS names.
# Machines without PCI devices are asked over qtest; in the others Debian 13's OVMF runs until it reads the tables. Of those
# a few shapes each are compared, and with ASSAY_TEST_ACPI=all (make check-acpi) every number of vCPUs and every size.
. "$(dirname "$0")/../tap.sh"
# shellcheck source=tests/oracle/oracle.sh disable=SC2154
. "$(dirname "$0")/oracle.sh"
COMPARE=$BUILD/tests/oracle/acpi-builtin
READ=$BUILD/tests/oracle/acpi-qemu
all=${ASSAY_TEST_ACPI-}
firmware=

[ -x "$COMPARE" ] || {
	skip "built-in ACPI tables" "no $COMPARE"
	done_testing
}

# Comparisons run two at a time: job NAME COUNT QEMU FIRMWARE LAYOUT MEMORY VCPUS.
job() {
	job_n=$((${job_n:-0} + 1))
	printf '%s\n' "$1" >"$T/$job_n.name"
	printf '%s\n' "$2" >"$T/$job_n.want"
	shift 2
	printf '%s\n' "$job_n" "$@" >>"$T/jobs"
}

run_jobs() {
	tr '\n' '\0' <"$T/jobs" | xargs -0 -n 6 -P 2 sh -c '"$0" "$3" "$4" "$5" "$6" "$7" >"$1/$2.got" 2>&1' "$COMPARE" "$T"
	for name in "$T"/*.name; do
		same "$(cat "$name")" "$(cat "${name%.name}.got")" "$(cat "${name%.name}.want")"
	done
}

# plain NAME QEMU: around the sizes at which memory is split, and every number of vCPUs.
plain() {
	job "$1: 512 MiB and 512 GiB, 1 to 64 vCPUs" 128 "$2" - '' 512,524288 1-64
	job "$1: 10 more sizes, 1 to 9 vCPUs" 90 "$2" - '' 513,1024,2048,2815,2816,2817,3072,4096,6145,131072 1-9
	job "$1: a serial port" 12 "$2" - serial 512,2816 1-5,64
	job "$1: no HPET" 12 "$2" - hpet=off,serial 512,2816 1-5,64
}

# few NAME QEMU MACHINE: one, and enough vCPUs for the other interrupt model, below, at and above the split of memory.
few() {
	job "$1: $3, 512 MiB and 512 GiB" 2 "$2" "$firmware" "$3" 512,524288 1
	job "$1: $3, 2816 MiB" 1 "$2" "$firmware" "$3" 2816 9
}

# many NAME QEMU MACHINE: every number of vCPUs, every size.
many() {
	job "$1: $3, 512 MiB, 1 to 64 vCPUs" 64 "$2" "$firmware" "$3" 512 1-64
	job "$1: $3, 512 GiB" 4 "$2" "$firmware" "$3" 524288 1,8,9,64
	job "$1: $3, 10 more sizes" 10 "$2" "$firmware" "$3" 513,1024,2048,2815,2816,2817,3072,4096,6145,131072 2
}

# machines NAME QEMU: those with PCI devices.
machines() {
	for machine in virtio=1 virtio=24,serial,pci-hole64-size=4096G; do
		few "$1" "$2" "$machine"
	done
	for machine in kata-go-3.25.0,net=1,initdata=no kata-go-4.0.0,net=1,initdata=yes kata-go-4.1.0,net=2,initdata=no \
		kata-rust-4.0.0,net=1,initdata=yes kata-rust-4.1.0,net=8,initdata=yes; do
		if [ "$all" = all ]; then
			many "$1" "$2" "$machine"
		else
			few "$1" "$2" "$machine"
		fi
	done
	[ "$all" = all ] || job "$1: a Kata machine, 64 vCPUs" 1 "$2" "$firmware" kata-go-4.1.0,net=1,initdata=yes 2048 64
}

# alike NAME QEMU: Kata's own devices give the tables that their stand-ins give (vhost-vsock is one that takes no part in
# virtio's first version; the device itself needs the host's kernel).
alike() {
	reserved=io-reserve=4k,mem-reserve=1m,pref64-reserve=1m
	blank=null-co,size=1048576
	modern=virtio-rng-pci,disable-legacy=on,disable-modern=off
	tables=$("$READ" "$2" "$firmware" 2048 2 - -device pcie-root-port,id=rp0,bus=pcie.0,chassis=16,slot=0,addr=2,bus-reserve=0x1,$reserved \
		-device pcie-pci-bridge,bus=rp0,id=pci-bridge-0 -device virtio-serial-pci,disable-modern=false,id=serial0,max_ports=2 \
		-blockdev $blank,node-name=image -device virtio-blk-pci,disable-modern=false,drive=image \
		-device virtio-scsi-pci,id=scsi0,disable-modern=false -blockdev $blank,node-name=initdata \
		-device virtio-blk-pci,drive=initdata -device $modern -device virtio-net-pci,disable-modern=false,mq=on,vectors=4 2>&1)
	stand_ins=$("$READ" "$2" "$firmware" 2048 2 - -device pcie-root-port,id=rp0,bus=pcie.0,chassis=16,addr=2,bus-reserve=0x1,$reserved \
		-device pcie-pci-bridge,bus=rp0 -device virtio-rng-pci -device virtio-rng-pci -device virtio-rng-pci \
		-device virtio-rng-pci -device virtio-rng-pci -device virtio-rng-pci 2>&1)
	same "$1: Kata's devices and their stand-ins" "$tables" "$stand_ins"
}

# judge NAME QEMU
judge() {
	plain "$1" "$2"
	if [ -n "$firmware" ]; then
		machines "$1" "$2"
		alike "$1" "$2"
	else
		skip "$1: machines with PCI devices" "no firmware: $firmware_why"
	fi
}

# release NAME SUITE...: $release_qemu, or empty.
release() {
	release_name=$1 release_qemu=
	shift
	if oracle_qemu "$@"; then
		release_qemu=$oracle_dir/qemu
	else
		skip "$release_name" "$oracle_why"
	fi
}

release "Debian 13" trixie
trixie=$release_qemu firmware_why=$oracle_why
[ -z "$trixie" ] || firmware=$oracle_dir/root/usr/share/ovmf/OVMF.fd
if command -v qemu-system-x86_64 >/dev/null; then
	judge "$(qemu-system-x86_64 --version | head -n 1 | cut -d ' ' -f 2-4)" qemu-system-x86_64
else
	skip "the QEMU installed here" "no qemu-system-x86_64"
fi
[ -z "$trixie" ] || judge "Debian 13" "$trixie"
release "Debian 13 with backports" trixie trixie-backports
[ -z "$release_qemu" ] || judge "$release_name" "$release_qemu"
for qemu in ${ASSAY_TEST_QEMUS-}; do
	judge "$qemu" "$qemu"
done
run_jobs

# The verb itself runs the firmware that it measures.
if [ -n "$trixie" ]; then
	tdx() { # --acpi ...
		"$ASSAY" measure tdx --firmware "$firmware" --vmm qemu-10.0 --kernel "$TOP/tests/data/tdx/kernel.bin" --memory 2G --vcpus 2 \
			--register rtmr0 "$@"
	}
	same "assay measure tdx: a Kata machine by the built-in tables and by QEMU" \
		"$(tdx --acpi builtin:kata-go-3.28.0,net=1,initdata=yes 2>&1)" \
		"$(tdx --acpi qemu:kata-go-3.28.0,net=1,initdata=yes --qemu "$trixie" 2>&1)"
	same "devices as QEMU's own arguments" "$(tdx --acpi builtin:virtio=2 2>&1)" \
		"$(tdx --acpi qemu --qemu "$trixie" --qemu-arg=-device --qemu-arg=virtio-rng-pci --qemu-arg=-device \
			--qemu-arg=virtio-serial-pci 2>&1)"
fi
done_testing

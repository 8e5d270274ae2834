#!/bin/sh
# A real OVMF with a software TPM under QEMU (TCG) measures what we predict: the same edk2 code hashes the kernel, the command
# line and the initrd into PCRs there and into RTMRs on TDX. The guest prints the firmware's own event log and the TPM's PCRs:
# the ACPI tables that QEMU gives over qtest are the ones that firmware measures, and the replay of the log gives the PCRs.
. "$(dirname "$0")/../tap.sh"
PREDICT=${BUILD:-$TOP/build/release}/tests/oracle/tdx-direct
ACPI=${BUILD:-$TOP/build/release}/tests/oracle/acpi-qemu

give_up() {
	skip "real OVMF measures what is predicted" "$1"
	done_testing
}

for program in qemu-system-x86_64 swtpm musl-gcc cpio xxd; do
	command -v $program >/dev/null || give_up "no $program here"
done
[ -x "$PREDICT" ] || give_up "no $PREDICT"
kernel=${ASSAY_TEST_KERNEL-}
for found in "$TOP"/out/*/vmlinuz "$TOP"/build/*/vmlinuz; do
	[ -n "$kernel" ] || [ ! -f "$found" ] || kernel=$found
done
[ -n "$kernel" ] || give_up "no kernel: ASSAY_TEST_KERNEL names none, and out/ has no built guest"

# The guest: one program that prints the log.
mkdir -p "$T/root/dev"
musl-gcc -std=c17 -Os -static -s -o "$T/root/init" "$TOP/tests/oracle/guest/tpm-log.c" 2>"$T/cc.log" || give_up "$(head -n 1 "$T/cc.log")"
mknod "$T/root/dev/console" c 5 1 2>/dev/null || give_up "no device nodes without root"
(cd "$T/root" && find . | LC_ALL=C sort | cpio -o -H newc --quiet) >"$T/initrd"

# boot CODE VARS MEMORY CMDLINE: the event log as one line of hex in $T/log.
# (Without cx16: TCG of QEMU 7.2 now and then corrupts registers in the per-CPU cmpxchg16b of current kernels.)
boot() {
	# A directory of its own: a swtpm that ends removes its socket by name.
	W=$(mktemp -d "$T/boot.XXXXXX")
	cp "$2" "$W/vars.fd" && chmod u+w "$W/vars.fd"
	swtpm socket --tpm2 --tpmstate "dir=$W" --ctrl "type=unixio,path=$W/sock" --daemon --terminate
	timeout 300 qemu-system-x86_64 -M q35,smm=off -accel tcg -cpu max,-cx16 -m "$3" -nodefaults -display none -serial stdio \
		-no-reboot -kernel "$kernel" -initrd "$T/initrd" -append "$4" \
		-drive "if=pflash,format=raw,unit=0,readonly=on,file=$1" -drive "if=pflash,format=raw,unit=1,file=$W/vars.fd" \
		-chardev "socket,id=c,path=$W/sock" -tpmdev emulator,id=tpm0,chardev=c -device tpm-crb,tpmdev=tpm0 \
		>"$T/serial" 2>&1 </dev/null
	tr -d '\r' <"$T/serial" | sed -n 's/^.*log \([0-9a-f][0-9a-f]*\)$/\1/p' | tr -d '\n' >"$T/log"
}

# agree NAME IMAGE CODE VARS MEMORY CMDLINE: each predicted digest stands in the log. IMAGE is the whole firmware, where the
# modules are read.
agree() {
	"$PREDICT" "$2" "$kernel" "$T/initrd" "$6" "$5" "$blobs" >"$T/predicted" 2>"$T/err" || {
		ok "$1: predicted ($(cat "$T/err"))" false
		return
	}
	boot "$3" "$4" "$5" "$6"
	[ -s "$T/log" ] || {
		ok "$1: the guest prints its log ($(tail -n 1 "$T/serial"))" false
		return
	}
	# The same machine for its tables, with a TPM of its own (a device that is not on the PCI bus).
	W=$(mktemp -d "$T/acpi.XXXXXX")
	swtpm socket --tpm2 --tpmstate "dir=$W" --ctrl "type=unixio,path=$W/sock" --daemon --terminate
	[ -z "$acpi" ] || "$ACPI" qemu-system-x86_64 - "$5" 1 - -machine pic=on -serial null -chardev "socket,id=c,path=$W/sock" -tpmdev emulator,id=tpm0,chardev=c \
		-device tpm-crb,tpmdev=tpm0 >>"$T/predicted" 2>"$T/err" || ok "$1: ACPI tables ($(cat "$T/err"))" false
	while read -r name digest; do
		ok "$1: $name" grep -q "$digest" "$T/log"
	done <"$T/predicted"
	xxd -r -p "$T/log" >"$T/binary"
	# Up to PCR 9: the kernel itself extends 10.
	for bank in sha256 sha384; do
		"$ASSAY" replay "$T/binary" --kind tpm --bank $bank | sed -n 's/^pcr\([0-9]*\)=/\1 /p' >"$T/replayed"
		tr -d '\r' <"$T/serial" | sed -n "s/^pcr $bank //p" | tr A-F a-f | grep '^[0-9] ' | grep -v ' 0*$' >"$T/pcrs"
		same "$1: replayed $bank PCRs are the TPM's" "$(cat "$T/replayed")" "$(cat "$T/pcrs")"
	done
}

# QEMU offers the untouched kernel from 10.0 on.
blobs=plain
case $(qemu-system-x86_64 --version | sed -n 's/^QEMU emulator version \([0-9]*\)\..*/\1/p') in
[0-9]) ;;
*) blobs=named ;;
esac

acpi=yes
trixie=$SHARED/vectors/sev-snp/debian/OVMF_2025.02-8+deb13u1.fd
if [ -n "$SHARED" ] && [ -f "$trixie" ]; then
	head -c 540672 "$trixie" >"$T/vars-2025"
	tail -c +540673 "$trixie" >"$T/code-2025"
	agree "edk2 202502, 1 GiB" "$trixie" "$T/code-2025" "$T/vars-2025" 1024 "console=ttyS0 quiet"
	agree "edk2 202502, 3 GiB" "$trixie" "$T/code-2025" "$T/vars-2025" 3072 "console=ttyS0 quiet  a=\"b c\""
else
	skip "edk2 202502" "no reference data"
fi
# Debian 12's edk2 202211 does not measure ACPI tables.
acpi=
code=/usr/share/OVMF/OVMF_CODE_4M.fd
if [ -f $code ]; then
	agree "the firmware installed here, 1 GiB" $code $code /usr/share/OVMF/OVMF_VARS_4M.fd 1024 "console=ttyS0 loglevel=0"
else
	skip "the firmware installed here" "no $code"
fi
done_testing

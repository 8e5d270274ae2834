#!/bin/sh
# A real OVMF with a software TPM under QEMU (TCG) measures into PCRs 1 and 7 what is predicted of RTMR0, in the predicted order:
# Secure Boot variables, the entry of db that vouches for a signed kernel, SMBIOS tables and boot variables. The firmware is
# Debian's newest, and Debian 13's with the keys of its variable stores and one that virt-fw-vars enrolled.
. "$(dirname "$0")/../tap.sh"
# shellcheck source=tests/oracle/oracle.sh disable=SC2154
. "$(dirname "$0")/oracle.sh"
COMPARE=$TOP/tests/oracle/rtmr0-compare.py

give_up() {
	skip "real OVMF measures what is predicted of RTMR0" "$1"
	done_testing
}

for program in swtpm musl-gcc cpio xxd python3 openssl; do
	command -v $program >/dev/null || give_up "no $program here"
done
kernel=${ASSAY_TEST_KERNEL-}
for found in "$TOP"/out/*/vmlinuz "$TOP"/build/*/image/vmlinuz; do
	[ -n "$kernel" ] || [ ! -f "$found" ] || kernel=$found
done
[ -n "$kernel" ] || give_up "no kernel: ASSAY_TEST_KERNEL names none, and out/ has no built guest"
oracle_qemu trixie || give_up "$oracle_why"
qemu=$oracle_dir/qemu trixie=$oracle_dir/root/usr/share

mkdir -p "$T/root/dev"
musl-gcc -std=c17 -Os -static -s -o "$T/root/init" "$TOP/tests/oracle/guest/tpm-log.c" 2>"$T/cc.log" || give_up "$(head -n 1 "$T/cc.log")"
mknod "$T/root/dev/console" c 5 1 2>/dev/null || give_up "no device nodes without root"
(cd "$T/root" && find . | LC_ALL=C sort | cpio -o -H newc --quiet) >"$T/initrd"

# boot FIRMWARE VARS KERNEL MEMORY VCPUS QEMU-ARGUMENTS...: the event log in $T/binary. FIRMWARE is the whole image.
boot() {
	# A directory of its own: a swtpm that ends removes its socket by name.
	W=$(mktemp -d "$T/boot.XXXXXX")
	head -c 540672 "$2" >"$W/vars"
	tail -c +540673 "$1" >"$W/code"
	booted=$3 memory=$4 vcpus=$5
	shift 5
	swtpm socket --tpm2 --tpmstate "dir=$W" --ctrl "type=unixio,path=$W/sock" --daemon --terminate
	timeout 300 "$qemu" -M q35 -accel tcg -cpu max,-cx16 -m "$memory" -smp "$vcpus" -nodefaults -display none \
		-serial stdio -no-reboot -kernel "$booted" -initrd "$T/initrd" -append "console=ttyS0 quiet" \
		-global driver=cfi.pflash01,property=secure,value=on \
		-drive "if=pflash,format=raw,unit=0,readonly=on,file=$W/code" -drive "if=pflash,format=raw,unit=1,file=$W/vars" \
		-chardev "socket,id=c,path=$W/sock" -tpmdev emulator,id=tpm0,chardev=c -device tpm-crb,tpmdev=tpm0 "$@" \
		>"$T/serial" 2>&1 </dev/null
	tr -d '\r' <"$T/serial" | sed -n 's/^.*log \([0-9a-f][0-9a-f]*\)$/\1/p' | tr -d '\n' | xxd -r -p >"$T/binary"
}

# What QEMU's vCPU model "max" says of itself: CPUID leaf 1, EAX and EDX.
id=$("$BUILD/tests/oracle/acpi-builtin" id "$qemu" 1) || give_up "no processor ID: $id"
ids=$("$BUILD/tests/oracle/acpi-builtin" id "$qemu" 2)

# agree NAME FIRMWARE VARS KERNEL MEMORY VCPUS ID EXPECTED-EVENTS [ASSAY-ARGUMENTS...]
agree() {
	name=$1 firmware=$2 vars=$3 started=$4 memory=$5 vcpus=$6 processor=$7 count=$8
	shift 8
	"$ASSAY" measure tdx --firmware "$firmware" --vmm qemu-10.0 --kernel "$started" --initrd "$T/initrd" \
		--cmdline "console=ttyS0 quiet" --memory "${memory}M" --vcpus "$vcpus" --acpi builtin \
		--smbios-processor-id "$processor" --explain --format json "$@" >"$T/predicted" 2>"$T/err" || {
		ok "$name: predicted ($(cat "$T/err"))" false
		return
	}
	boot "$firmware" "$vars" "$started" "$memory" "$vcpus"
	[ -s "$T/binary" ] || {
		ok "$name: the guest prints its log ($(tail -n 1 "$T/serial"))" false
		return
	}
	"$ASSAY" replay "$T/binary" --kind tpm --bank sha384 --format json >"$T/replayed"
	same "$name" "$(python3 "$COMPARE" "$T/predicted" "$T/replayed" 2>&1)" "$count events"
}

# options FIRMWARE VARS: what is predicted of Secure Boot and boot variables; VARS may be empty.
options() {
	"$ASSAY" measure tdx --firmware "$1" --vmm qemu-10.0 --kernel "${signed:-$kernel}" --memory 1G --vcpus 1 --acpi builtin \
		--smbios-processor-id "$id" --explain --register rtmr0 ${2:+--secure-boot-vars "$2"} 2>&1 |
		grep -A 1 'variable \|Boot....: \|BootOrder: ' | grep -v running || echo "nothing: $1 $2"
}

# The newest firmware: SMBIOS tables, two boot options.
newest=
if oracle_debs sid ovmf-generic; then
	newest=$oracle_dir/root/usr/share/ovmf/OVMF.fd
	agree "newest OVMF, 3 GiB, 2 vCPUs" "$newest" "$newest" "$kernel" 3072 2 "$ids" 10
else
	skip "newest OVMF" "$oracle_why"
fi

oracle_python virt-firmware || {
	skip "variables that virt-fw-vars stores" "$oracle_why"
	done_testing
}
virt=$oracle_dir/bin/virt-fw-vars

# A boot option is stored already, under a number in the middle, and another number is taken by BootNext.
cat >"$T/json" <<'END'
{"version": 2, "variables": [
	{"name": "BootOrder", "guid": "8be4df61-93ca-11d2-aa0d-00e098032b8c", "attr": 7, "data": "0100"},
	{"name": "Boot0001", "guid": "8be4df61-93ca-11d2-aa0d-00e098032b8c", "attr": 7, "data": "010000000400640000007fff0400"},
	{"name": "BootNext", "guid": "8be4df61-93ca-11d2-aa0d-00e098032b8c", "attr": 7, "data": "0200"}]}
END
if [ -n "$newest" ]; then
	"$virt" -i "$newest" -o "$T/firmware" --set-json "$T/json" >"$T/virt.log" 2>&1 ||
		ok "virt-fw-vars stores options: $(tail -n 1 "$T/virt.log")" false
	agree "newest OVMF, with a stored boot option" "$T/firmware" "$T/firmware" "$kernel" 1024 1 "$id" 11
	same "the same from JSON: boot options" "$(options "$newest" "$T/json")" "$(options "$T/firmware" "")"
fi

# With Secure Boot: the stores of Debian 13, with a certificate of ours in db beside theirs.
command -v sbsign >/dev/null || {
	skip "enrolled keys" "no sbsign here"
	done_testing
}
owner=11111111-2222-3333-4444-555555555555
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$T/key.pem" -out "$T/cert.pem" -subj /CN=ours -days 3650 2>/dev/null
cp "$kernel" "$T/unsigned"
while sbattach --remove "$T/unsigned" 2>/dev/null; do :; done
signed=$T/signed
sbsign --key "$T/key.pem" --cert "$T/cert.pem" --output "$signed" "$T/unsigned" >/dev/null 2>&1
cat "$trixie/OVMF/OVMF_VARS_4M.fd" "$trixie/OVMF/OVMF_CODE_4M.secboot.fd" >"$T/firmware"
for store in OVMF_VARS_4M.ms.fd OVMF_VARS_4M.snakeoil.fd; do
	"$virt" -i "$trixie/OVMF/$store" -o "$T/vars" --add-db $owner "$T/cert.pem" --output-json "$T/json" >"$T/virt.log" 2>&1 ||
		ok "virt-fw-vars enrols keys: $(tail -n 1 "$T/virt.log")" false
	agree "edk2 202502, keys in $store" "$T/firmware" "$T/vars" "$T/signed" 1024 1 "$id" 9 --secure-boot-vars "$T/vars"
	same "the same from JSON: variables" "$(options "$T/firmware" "$T/json")" "$(options "$T/firmware" "$T/vars")"
done
done_testing

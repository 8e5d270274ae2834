#!/bin/sh
# A real OVMF with a software TPM under QEMU (TCG) boots disks: unified kernel images, GRUB, shim and GRUB. Every event that is
# predicted of PCRs 2 to 6 and 8 to 15 stands in the firmware's log, in this order, and no other; where the programs measure by
# the CC protocol as they do by a TPM, the log comes to the RTMR1 and RTMR2 that assay measure tdx says. Stubs, GRUBs and shims
# are Debian's, unpacked, not installed.
. "$(dirname "$0")/../tap.sh"
# shellcheck source=tests/oracle/oracle.sh disable=SC2154
. "$(dirname "$0")/oracle.sh"
COMPARE=$BUILD/tests/oracle/boot-disk

give_up() {
	skip "real OVMF measures what is predicted of disks" "$1"
	done_testing
}

for program in qemu-system-x86_64 swtpm musl-gcc cpio xxd mformat mcopy mmd sfdisk objcopy objdump; do
	command -v $program >/dev/null || give_up "no $program here"
done
[ -x "$COMPARE" ] || give_up "no $COMPARE"
kernel=${ASSAY_TEST_KERNEL-}
for found in "$TOP"/out/*/vmlinuz "$TOP"/build/*/image/vmlinuz; do
	[ -n "$kernel" ] || [ ! -f "$found" ] || kernel=$found
done
[ -n "$kernel" ] || give_up "no kernel: ASSAY_TEST_KERNEL names none, and out/ has no built guest"

# --- what is booted ---

oracle_debs bookworm systemd-boot-efi || give_up "$oracle_why"
stub_252=$oracle_dir/root/usr/lib/systemd/boot/efi/linuxx64.efi.stub
oracle_debs trixie systemd-boot-efi grub-efi-amd64-signed shim-signed shim-unsigned shim-helpers-amd64-signed ||
	give_up "$oracle_why"
stub_257=$oracle_dir/root/usr/lib/systemd/boot/efi/linuxx64.efi.stub
grub=$oracle_dir/root/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed
shim=$oracle_dir/root/usr/lib/shim/shimx64.efi.signed

cd "$T" || exit 3
mkdir -p root/dev
musl-gcc -std=c17 -Os -static -s -o root/init "$TOP/tests/oracle/guest/tpm-log.c" 2>cc.log || give_up "$(head -n 1 cc.log)"
mknod root/dev/console c 5 1 2>/dev/null || give_up "no device nodes without root"
(cd root && find . | LC_ALL=C sort | cpio -o -H newc --quiet) >initrd
(cd root && echo dev | cpio -o -H newc --quiet) >microcode
cp "$kernel" vmlinuz
printf 'console=ttyS0 quiet a="b c"\n' >cmdline
printf 'ID=test\n' >osrel
printf '6.1.0-test' >release
printf 'PEM\n' >key
printf '{}\n' >signature
: >empty

# uki STUB OUT SECTION=FILE...: sections behind those that the stub has.
uki() {
	stub=$1 out=$2
	shift 2
	base=$(objdump -p "$stub" | awk '/^ImageBase/ { print $2 }')
	at=0
	for vma in $(objdump -h "$stub" | awk '$1 ~ /^[0-9]+$/ { print "0x"$3"+0x"$4 }'); do
		vma=$((${vma%+*} + ${vma#*+}))
		[ $vma -le $at ] || at=$vma
	done
	[ $at -gt $((0x$base)) ] || at=$((at + 0x$base))
	arguments=
	for section in "$@"; do
		name=${section%%=*}
		at=$(((at + 4095) / 4096 * 4096))
		arguments="$arguments --add-section $section --set-section-flags $name=data,readonly \
			--change-section-vma $name=$(printf 0x%x $at)"
		at=$((at + $(stat -c %s "${section#*=}")))
	done
	# shellcheck disable=SC2086 # words
	objcopy $arguments "$stub" "$out"
}

# disk IMAGE SECTORS-OF-ESP MFORMAT-OPTION FILE=PATH...
disk() {
	image=$1 sectors=$2 kind=$3
	shift 3
	rm -f "$image"
	truncate -s $(((sectors + 2048 + 40960 + 2048) * 512)) "$image"
	printf '%s\n' 'label: gpt' 'label-id: 11111111-2222-3333-4444-555555555555' \
		"start=2048, size=$sectors, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, uuid=aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee, name=esp" \
		"start=$((2048 + sectors)), size=38912, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4, uuid=aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeef, name=data" |
		sfdisk -q "$image"
	# shellcheck disable=SC2086 # no word, or one
	mformat -i "$image@@1M" $kind -T "$sectors" -h 64 -s 32 -N 12345678 ::
	for file in "$@"; do
		part=
		for name in $(dirname "${file#*=}" | tr / ' '); do
			part=$part/$name
			mmd -i "$image@@1M" "::$part" 2>/dev/null </dev/null
		done
		mcopy -i "$image@@1M" "${file%%=*}" "::${file#*=}"
	done
}

# --- booting ---

# boot IMAGE CODE VARS [secure]: the event log as $T/log, empty when the guest did not print it.
boot() {
	if [ "${4-}" = secure ]; then
		set -- "$1" "$2" "$3" q35,smm=on -global driver=cfi.pflash01,property=secure,value=on -global ICH9-LPC.disable_s3=1
	else
		set -- "$1" "$2" "$3" q35,smm=off
	fi
	W=$(mktemp -d "$T/boot.XXXXXX")
	cp "$3" "$W/vars.fd" && chmod u+w "$W/vars.fd"
	image=$1 code=$2
	shift 3
	swtpm socket --tpm2 --tpmstate "dir=$W" --ctrl "type=unixio,path=$W/sock" --daemon --terminate
	timeout 150 qemu-system-x86_64 -accel tcg -cpu max,-cx16 -m 1024 -nodefaults -display none -serial stdio -M "$@" \
		-no-reboot -drive "if=none,id=d,format=raw,snapshot=on,file=$image" -device virtio-blk-pci,drive=d,bootindex=1 \
		-drive "if=pflash,format=raw,unit=0,readonly=on,file=$code" -drive "if=pflash,format=raw,unit=1,file=$W/vars.fd" \
		-chardev "socket,id=c,path=$W/sock" -tpmdev emulator,id=tpm0,chardev=c -device tpm-crb,tpmdev=tpm0 \
		>serial 2>&1 </dev/null
	tr -d '\r' <serial | sed -n 's/^.*log \([0-9a-f][0-9a-f]*\)$/\1/p' | tr -d '\n' | xxd -r -p >log
}

# agree NAME FLOW IMAGE CODE VARS [secure]
agree() {
	name=$1 flow=$2 disk=$3 firmware_code=$4 keys=-
	shift 2
	boot "$@"
	# Current kernels now and then hang under TCG: once more.
	[ -s log ] || boot "$@"
	[ "${4-}" != secure ] || keys=$3
	[ -s log ] || {
		ok "$name: the guest prints its log ($(tail -n 1 serial))" false
		return
	}
	"$COMPARE" "$flow" "$disk" log "$keys" "$firmware_code" >compared 2>&1
	status=$?
	tap_result $status "$name: $(grep -c . compared) lines, $(sed -n 's/^equal=//p' compared) events"
	[ $status -eq 0 ] || sed 's/^/# /' compared
}

# registers NAME FLOW IMAGE: the log of the last boot comes to the registers of the command line's answer.
registers() {
	for register in rtmr1 rtmr2; do
		same "$1: $register" \
			"$("$ASSAY" measure tdx --firmware "$firmware" --vmm qemu-10.1 --boot "$2" --disk "$3" --register $register 2>&1)" \
			"$(sed -n "s/^$register=//p" compared)"
	done
}

firmware=$SHARED/vectors/sev-snp/debian/OVMF_2025.02-8+deb13u1.fd
old=/usr/share/OVMF/OVMF_CODE_4M.fd old_vars=/usr/share/OVMF/OVMF_VARS_4M.fd
if [ -n "$SHARED" ] && [ -f "$firmware" ]; then
	head -c 540672 "$firmware" >vars-2025
	tail -c +540673 "$firmware" >code-2025
else
	firmware=
	skip "edk2 202502" "no reference data"
fi

uki "$stub_252" uki-252 .osrel=osrel .cmdline=cmdline .uname=release .initrd=initrd .linux=vmlinuz .pcrpkey=key .pcrsig=signature
uki "$stub_257" uki-257 .osrel=osrel .cmdline=cmdline .uname=release .initrd=initrd .linux=vmlinuz .pcrpkey=key .pcrsig=signature \
	.ucode=microcode .splash=empty
uki "$stub_257" uki-bare .linux=vmlinuz .initrd=initrd .cmdline=cmdline
disk uki-252.img 131072 -F uki-252=/EFI/BOOT/BOOTX64.EFI
disk uki-257.img 131072 -F uki-257=/EFI/BOOT/BOOTX64.EFI cmdline=/loader/loader.conf
disk uki-bare.img 65536 '-c 4' "cmdline=/a long name of a file" uki-bare=/EFI/BOOT/BOOTX64.EFI

cat >grub.cfg <<'END'
# A comment, which GRUB drops
set timeout=0
default='second one' # by its title
insmod fat
search --no-floppy --file /vmlinuz --set=root
set options="quiet a=\"b c\""
export options
terminal_output console
menuentry "first" --class debian --id one {
	linux /vmlinuz none
}
menuentry 'second one' more {
	set gfxpayload=text
	echo 'Loading it ...'
	linux ($root)/vmlinuz console=ttyS0 "${options}" it\'s back\\slash c=$grub_cpu
	initrd /initrd /more
}
END
printf 'abcde' >second
disk grub.img 131072 -F "$grub=/EFI/BOOT/BOOTX64.EFI" grub.cfg=/EFI/debian/grub.cfg vmlinuz=/vmlinuz initrd=/initrd second=/more
disk shim.img 131072 -F "$shim=/EFI/BOOT/BOOTX64.EFI" "$grub=/EFI/BOOT/grubx64.efi" grub.cfg=/EFI/debian/grub.cfg \
	vmlinuz=/vmlinuz initrd=/initrd second=/more

if [ -n "$firmware" ]; then
	agree "systemd-stub 252, edk2 202502" uki uki-252.img code-2025 vars-2025
	agree "systemd-stub 257, edk2 202502" uki uki-257.img code-2025 vars-2025
	registers "systemd-stub 257" uki uki-257.img
	agree "GRUB 2.12, edk2 202502" grub grub.img code-2025 vars-2025
	registers "GRUB 2.12" grub grub.img
	agree "shim 16.1 and GRUB 2.12, edk2 202502" shim-grub shim.img code-2025 vars-2025
	registers "shim 16.1 and GRUB 2.12" shim-grub shim.img
fi
if [ -f $old ]; then
	agree "systemd-stub 257 on FAT16, the firmware installed here" uki uki-bare.img $old $old_vars
else
	skip "the firmware installed here" "no $old"
fi

# The newest one: its FAT driver makes the first attempt to end boot services fail.
if oracle_debs sid ovmf-generic; then
	newest=$oracle_dir/root/usr/share/OVMF
	agree "shim 16.1 and GRUB 2.12, Debian's newest firmware" shim-grub shim.img "$newest/OVMF_CODE_4M.fd" "$newest/OVMF_VARS_4M.fd"
else
	skip "Debian's newest firmware" "$oracle_why"
fi

# Secure Boot: a UKI that is signed by the key that OVMF brings for tests; shim, GRUB and a kernel that Microsoft and Debian signed.
secure=/usr/share/OVMF/OVMF_CODE_4M.secboot.fd own=/usr/share/OVMF/OVMF_VARS_4M.snakeoil.fd ms=/usr/share/OVMF/OVMF_VARS_4M.ms.fd
snakeoil=/usr/share/ovmf/PkKek-1-snakeoil
if [ ! -f $secure ] || [ ! -f $own ] || [ ! -f $ms ]; then
	skip "Secure Boot" "no $secure"
	done_testing
fi
if command -v sbsign >/dev/null && openssl rsa -in $snakeoil.key -passin pass:snakeoil -out key.pem 2>/dev/null &&
	sbsign --key key.pem --cert $snakeoil.pem --output uki-signed uki-bare 2>/dev/null; then
	disk signed.img 131072 -F uki-signed=/EFI/BOOT/BOOTX64.EFI
	agree "systemd-stub 257 under Secure Boot" uki signed.img $secure $own secure
	fails 2 'Secure Boot keeps the firmware from starting it' "a UKI that is not signed" \
		"$COMPARE" uki uki-257.img log $own -
	fails 2 'Secure Boot keeps the firmware from starting it' "a UKI that is signed by somebody else" \
		"$COMPARE" uki signed.img log $ms -
else
	skip "systemd-stub under Secure Boot" "no sbsign here"
fi
if grep -aq 'Debian Secure Boot Signer' vmlinuz; then
	agree "shim 16.1 and GRUB 2.12 under Secure Boot" shim-grub shim.img $secure $ms secure
	fails 2 'Secure Boot keeps the firmware from starting it' "a shim that the keys do not know" \
		"$COMPARE" shim-grub shim.img log $own -
else
	skip "shim and GRUB under Secure Boot" "the kernel is not signed"
fi
done_testing

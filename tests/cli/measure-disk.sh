#!/bin/sh
# assay measure tdx --boot uki, grub and shim-grub: options, values, refusals. Loaders and disks are synthetic (fake-disk.py).
. "$(dirname "$0")/../tap.sh"
firmware=$SHARED/vectors/sev-snp/debian/OVMF_2025.02-8+deb13u1.fd
older=$SHARED/vectors/sev-snp/debian/OVMF_2022.11-6+deb12u2.fd
fake=$TOP/tests/cli/fake-disk.py

tdx() {
	"$ASSAY" measure tdx --vmm qemu-10.1 "$@"
}

cd "$T" || exit 3
any=$TOP/tests/data/tdx/kernel.bin
fails 2 '^assay: no boot "pxe": direct, uki, grub, shim-grub$' "an unknown boot" tdx --firmware "$any" --boot pxe --disk x
fails 2 'a boot by uki needs a disk image' "no disk" tdx --firmware "$any" --boot uki
fails 2 'a disk image, but a direct boot' "a disk for a direct boot" tdx --firmware "$any" --disk x
fails 2 'a disk image, but a direct boot' "the same, said" tdx --firmware "$any" --boot direct --disk x
fails 2 'takes its kernel from there' "a kernel beside the disk" tdx --firmware "$any" --boot uki --disk x --kernel "$any"
fails 2 'an initrd without a kernel' "an initrd beside the disk" tdx --firmware "$any" --boot uki --disk x --initrd "$any"
fails 2 'commands or files of GRUB, which is not booted' "GRUB's commands for a UKI" \
	tdx --firmware "$any" --boot uki --disk x --grub-commands "$any"
fails 2 'commands or files of GRUB, which is not booted' "GRUB's files for a direct boot" \
	tdx --firmware "$any" --grub-file a=b
fails 2 '^assay: --grub-file: "a" is not NAME=PATH' "half a file of GRUB's" tdx --firmware "$any" --boot grub --disk x --grub-file a

if [ -z "$SHARED" ] || [ ! -f "$firmware" ]; then
	skip "boots from disks with real firmware" "no reference data"
	done_testing
fi

python3 "$fake" kernel kernel "$any" || exit 3
printf 'quiet a=b\n' >cmdline
printf 'abc' >initrd
python3 "$fake" uki uki .cmdline=cmdline .initrd=initrd .linux=kernel
python3 "$fake" disk disk EFI/BOOT/BOOTX64.EFI=uki

tdx --firmware "$firmware" --boot uki --disk disk >out 2>why
same "a UKI: MRTD, RTMR1, RTMR2" "$(cut -d= -f1 out | tr '\n' ' ')" "mrtd rtmr1 rtmr2 "
same "why there is no RTMR0" "$(cat why)" \
	"assay: no rtmr0: it holds the boot options that the firmware makes of the machine's devices"
same "bare" "$(tdx --firmware "$firmware" --boot uki --disk disk --register rtmr2)" "$(sed -n 's/^rtmr2=//p' out)"
fails 2 'rtmr0: it holds the boot options' "RTMR0 when it is wanted" tdx --firmware "$firmware" --boot uki --disk disk --register rtmr0
tdx --firmware "$firmware" --boot uki --disk disk --memory 1G,2G --vcpus 1,2 2>/dev/null | grep '^rtmr1=' | sort -u >shapes
same "no shape changes RTMR1" "$(cat shapes)" "$(grep '^rtmr1=' out)"

# The registers again, by sha384sum: extend old and digest.
fold() {
	value=$(printf '%096d' 0)
	for digest in "$@"; do
		value=$(printf '%s%s' "$value" "$digest" | xxd -r -p | sha384sum | cut -d ' ' -f 1)
	done
	echo "$value"
}
hash() {
	sha384sum | cut -d ' ' -f 1
}
utf16() {
	printf '%s\0' "$1" | sed 's/./&\x00/g'
}
if command -v xxd >/dev/null; then
	same "RTMR2 by sha384sum" "$(sed -n 's/^rtmr2=//p' out)" "$(fold \
		"$(printf '.linux\0' | hash)" "$(hash <kernel)" "$(printf '.cmdline\0' | hash)" "$(hash <cmdline)" \
		"$(printf '.initrd\0' | hash)" "$(hash <initrd)" "$(utf16 'quiet a=b' | hash)" "$(hash <initrd)")"
else
	skip "RTMR2 by sha384sum" "no xxd here"
fi

tdx --firmware "$firmware" --boot uki --disk disk --format json --explain >json 2>/dev/null
ok "JSON names the boot" grep -q '"boot": "uki"' json
ok "and the disk by its digest" grep -q "\"sha256\": \"$(sha256sum <disk | cut -d ' ' -f 1)\"" json
ok "and every event" grep -q '"what": "partition table"' json

# What cannot be predicted says so in one line; what is malformed is an error.
tdx --firmware "$older" --boot uki --disk disk >out 2>why
same "a firmware that does not measure" "$(cut -d= -f1 out) $(grep -c 'measures nothing into RTMRs' why)" "mrtd 2"
"$ASSAY" measure tdx --vmm gce --firmware "$firmware" --boot uki --disk disk >out 2>why
same "a VMM whose firmware is not known" "$(cut -d= -f1 out) $(grep -c 'how the firmware of gce boots a disk' why)" "mrtd 2"
fails 2 'not a UKI of systemd-stub|no modules in its mods section|GRUB image' "a UKI is no GRUB" \
	tdx --firmware "$firmware" --boot grub --disk disk
fails 2 'rtmr1: disk: not a shim' "a UKI is no shim" tdx --firmware "$firmware" --boot shim-grub --disk disk --register rtmr1
fails 3 'no-such-disk' "no such disk" tdx --firmware "$firmware" --boot uki --disk no-such-disk
fails 2 'are no disk image with a GPT' "a short disk" tdx --firmware "$firmware" --boot uki --disk cmdline
head -c 1000000 /dev/zero | tr '\0' x | head -c 999936 >noise
fails 2 'noise: byte 510: ' "a disk without a table" tdx --firmware "$firmware" --boot uki --disk noise
python3 "$fake" disk empty EFI/BOOT/OTHER.EFI=uki
fails 2 'no EFI/BOOT/BOOTX64.EFI on the EFI system partition' "no loader" tdx --firmware "$firmware" --boot uki --disk empty
python3 "$fake" disk junk EFI/BOOT/BOOTX64.EFI=cmdline
fails 2 'EFI/BOOT/BOOTX64.EFI: not a PE image' "a loader that is none" tdx --firmware "$firmware" --boot uki --disk junk
python3 "$fake" disk beside EFI/BOOT/BOOTX64.EFI=uki LOADER/CREDENTIALS/A.CRE=cmdline
fails 2 'rtmr1: .*systemd-stub reads what lies there' "a file that the stub reads" \
	tdx --firmware "$firmware" --boot uki --disk beside --register rtmr1
done_testing

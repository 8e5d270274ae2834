#!/bin/sh
# assay measure tdx: what a firmware measures into RTMR0 besides ACPI tables, where it is an input: the processor ID of SMBIOS
# tables, UEFI variables from outside, a declared release. Values of newer firmware are judged in tests/oracle/rtmr0.sh.
. "$(dirname "$0")/../tap.sh"
kernel=$TOP/tests/data/tdx/kernel.bin
firmware=$SHARED/vectors/sev-snp/debian/OVMF_2025.02-8+deb13u1.fd

tdx() {
	"$ASSAY" measure tdx --vmm qemu-10.1 "$@"
}

for id in "" 12 63060000FDFBCB1F00 zz060000FDFBCB1F 6306000-FDFBCB1F; do
	fails 2 'is not 8 bytes in hexadecimal' "a bad processor ID, \"$id\"" tdx --firmware "$kernel" --kernel "$kernel" \
		--smbios-processor-id "$id"
done
fails 2 'a directory has its own' "a processor ID beside a directory" tdx --firmware "$kernel" --kernel "$kernel" --acpi "$T" \
	--smbios-processor-id 63060000fdfbcb1f
fails 2 'a processor ID without a kernel' "a processor ID alone" tdx --firmware "$kernel" --smbios-processor-id "63 06 00 00 FD FB CB 1F"
fails 2 'nothing to boot' "variables alone" tdx --firmware "$kernel" --secure-boot-vars "$kernel"
fails 2 'nothing to boot' "a release alone" tdx --firmware "$kernel" --firmware-generation 202408

if [ -z "$SHARED" ] || [ ! -f "$firmware" ]; then
	skip "inputs of real firmware" "no reference data"
	done_testing
fi
boot() {
	tdx --firmware "$firmware" --kernel "$kernel" --memory 2G --vcpus 1 --acpi builtin "$@"
}

fails 2 'declared as 202408, but the firmware itself tells: edk2-stable202502' "a release that the firmware contradicts" \
	boot --firmware-generation 202408
fails 2 '"202409" is none that can be declared' "an unknown release" boot --firmware-generation 202409
fails 3 'no-such-file' "missing variables" boot --secure-boot-vars "$T/no-such-file"
fails 2 'a variable store of [0-9]* bytes, but the firmware.s configuration volume has 540672' "a store of another size" \
	boot --secure-boot-vars "$kernel"
echo '{' >"$T/vars"
fails 2 'vars: UEFI variables:2:0: ' "damaged JSON" boot --secure-boot-vars "$T/vars"
echo '{"version": 3, "variables": []}' >"$T/vars"
fails 2 'vars: UEFI variables: version 3' "JSON of another version" boot --secure-boot-vars "$T/vars"
cat >"$T/vars" <<'END'
{"version": 2, "variables": [{"name": "PK", "guid": "8be4df61-93ca-11d2-aa0d-00e098032b8c", "attr": 39, "data": "00"}]}
END
fails 2 'the firmware has no Secure Boot, yet the variable PK' "keys that the firmware has no use for" boot --secure-boot-vars "$T/vars"

# The same variables as in the image, and then one more boot option before the firmware's own.
plain=$(boot --register rtmr0)
head -c 540672 "$firmware" >"$T/store"
same "the firmware's own store" "$(boot --secure-boot-vars "$T/store" --register rtmr0)" "$plain"
echo '{"version": 2, "variables": []}' >"$T/vars"
same "no variables in JSON" "$(boot --secure-boot-vars "$T/vars" --register rtmr0)" "$plain"
cat >"$T/vars" <<'END'
{"version": 2, "variables": [
	{"name": "BootOrder", "guid": "8be4df61-93ca-11d2-aa0d-00e098032b8c", "attr": 7, "data": "0300"},
	{"name": "Boot0003", "guid": "8be4df61-93ca-11d2-aa0d-00e098032b8c", "attr": 7, "data": "010000000400640000007fff0400"}]}
END
boot --secure-boot-vars "$T/vars" --register rtmr0 --explain >"$T/out"
ok "a stored option comes first" grep -q 'BootOrder: 0003, 0000' "$T/out"
ok "with its own data" grep -q 'Boot0003: d$' "$T/out"
ok "and the firmware's after it" grep -q 'Boot0000: UiApp' "$T/out"
boot --secure-boot-vars "$T/vars" --format json >"$T/json"
ok "JSON names the variables' file" grep -q '"secure_boot_vars": {' "$T/json"
boot --smbios-processor-id "63 06 00 00 FD FB CB 1F" --format json >"$T/json"
ok "and the processor ID" grep -q '"smbios_processor_id": "63060000fdfbcb1f"' "$T/json"
same "which this firmware does not measure" "$(boot --smbios-processor-id 63060000fdfbcb1f --register rtmr0)" "$plain"
done_testing

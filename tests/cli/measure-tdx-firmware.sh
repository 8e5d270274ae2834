#!/bin/sh
# assay measure tdx: what a firmware measures into RTMR0 besides ACPI tables, where it is an input: the processor ID of SMBIOS
# tables, UEFI variables from outside, a declared release; on synthetic firmware of every generation. Values of real firmware are
# judged in tests/oracle/rtmr0.sh.
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

# --- synthetic firmware of every generation (fake-tdvf.py) ---

python3 "$TOP/tests/cli/fake-tdvf.py" "$T/old" || exit 3
python3 "$TOP/tests/cli/fake-tdvf.py" "$T/named" named-blobs || exit 3
python3 "$TOP/tests/cli/fake-tdvf.py" "$T/late" named-blobs smbios fw-cfg || exit 3
python3 "$TOP/tests/cli/fake-tdvf.py" "$T/smm" named-blobs smbios fw-cfg smm || exit 3
python3 "$TOP/tests/cli/fake-tdvf.py" "$T/no-menu" named-blobs no-menu || exit 3
python3 "$TOP/tests/cli/fake-tdvf.py" "$T/outside" named-blobs outside-vars || exit 3
python3 "$TOP/tests/cli/fake-tdvf.py" "$T/secure" named-blobs secure-boot || exit 3

fake() { # FIRMWARE REGISTER ARGUMENTS...
	fake_firmware=$1 fake_register=$2
	shift 2
	tdx --firmware "$T/$fake_firmware" --kernel "$kernel" --memory 2G --vcpus 1 --acpi builtin --register "$fake_register" "$@"
}

events() { # FIRMWARE REGISTER ARGUMENTS...: what is measured, one letter each
	fake "$@" --explain 2>&1 | sed -n 's/^ *1  EV_[A-Z_0-9]*  *-  *//p' |
		sed 's/^TD HOB$/H/;s/^config.*/C/;s/^fw_cfg: .*/f/;s/^variable .*/v/;s/^separator$/-/;s/^ACPI.*/a/;s/^SMBIOS.*/s/;s/^Boot.*/b/;
			s/^Authent.*/K/;s/^Calling.*/c/;s/^Exit.*/x/' | tr -d '\n'
}

id="63 06 00 00 FD FB CB 1F"
fails 2 'rtmr0: the firmware .* does not tell whether its second separator' "RTMR0 before named blobs" fake old rtmr0
fails 2 'rtmr1: the firmware .* does not tell whether its second separator' "RTMR1 before named blobs" fake old rtmr1
same "RTMR0 of a declared 202408" "$(events old rtmr0 --firmware-generation 202408)" HCvvvvv-aaabb-
same "RTMR1 of a declared 202408" "$(events old rtmr1 --firmware-generation 202408)" Kcxx
same "RTMR0 of a declared 202411" "$(events old rtmr0 --firmware-generation 202411)" HCvvvvv-aaabb
same "RTMR1 of a declared 202411" "$(events old rtmr1 --firmware-generation 202411)" Kc-xx
tdx --firmware "$T/old" --kernel "$kernel" --firmware-generation 202408 --format json >"$T/json" 2>/dev/null
ok "JSON says that it is declared" grep -q '"firmware_generation": "edk2-stable202408 (declared)"' "$T/json"
same "RTMR0 of 202502" "$(events named rtmr0)" HCvvvvv-aaabb
fails 2 'rtmr0: the processor ID is needed' "RTMR0 of 202505 without a processor ID" fake late rtmr0
same "RTMR0 of 202505" "$(events late rtmr0 --smbios-processor-id "$id")" HCffvvvvv-aaasbbb
fails 2 'rtmr0: the firmware does not tell whether it measures the SMBIOS' "drivers whose order is unknown" \
	fake smm rtmr0 --smbios-processor-id "$id"
fails 2 'rtmr0: the firmware does not tell which application is its boot menu' "an unknown boot menu" fake no-menu rtmr0
fails 2 'rtmr0: the VMM keeps the firmware.s variables' "variables that the VMM keeps" fake outside rtmr0
echo '{"version": 2, "variables": []}' >"$T/none"
same "the same with them" "$(events outside rtmr0 --secure-boot-vars "$T/none")" HCvvvvv-aaabb
cat >"$T/keys" <<'END'
{"version": 2, "variables": [{"name": "PK", "guid": "8be4df61-93ca-11d2-aa0d-00e098032b8c", "attr": 39, "data": "00"}]}
END
same "Secure Boot without keys" "$(events secure rtmr0)" HCvvvvv-aaabb
same "a kernel that nothing vouches for, older firmware" "$(events secure rtmr0 --secure-boot-vars "$T/keys")" HCvvvvv-aaabb
fails 2 'rtmr1: the firmware enforces Secure Boot and does not trust' "its RTMR1" fake secure rtmr1 --secure-boot-vars "$T/keys"
mkdir -p "$T/fw/etc/acpi" "$T/fw/etc/smbios"
head -c 128 /dev/zero >"$T/fw/etc/table-loader"
printf 'RSD PTR 012345678901' >"$T/fw/etc/acpi/rsdp"
head -c 64 /dev/zero >"$T/fw/etc/acpi/tables"
late() {
	tdx --firmware "$T/late" --kernel "$kernel" --memory 2G --acpi "$T/fw" "$@"
}
fails 2 'fw/bootorder is not there' "a directory without a boot order" late --register rtmr0
printf 'order\0' >"$T/fw/bootorder"
fails 2 'the SMBIOS tables are needed' "a directory without SMBIOS tables" late --register rtmr0
printf '\177\4\0\177\0' >"$T/fw/etc/smbios/smbios-tables"
fails 2 'SMBIOS tables: damaged structure at byte 0' "damaged SMBIOS tables" late --register rtmr0
printf '\177\4\0\177\0\0' >"$T/fw/etc/smbios/smbios-tables"
printf '12345678' >"$T/fw/etc/reserved-memory-end"
late --register rtmr0 --explain >"$T/out"
same "items of a directory, in their order" "$(sed -n 's/.*\(fw_cfg: .*\)/\1/p' "$T/out" | tr '\n' ' ')" \
	"fw_cfg: BootMenu fw_cfg: etc/reserved-memory-end fw_cfg: bootorder "

# --- real firmware ---

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

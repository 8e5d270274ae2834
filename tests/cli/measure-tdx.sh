#!/bin/sh
# assay measure tdx: values, shapes, formats and refusals. The kernel in tests/data is a synthetic bzImage with an EFI stub's
# headers and the GUID of the CC measurement protocol.
. "$(dirname "$0")/../tap.sh"
kernel=$TOP/tests/data/tdx/kernel.bin
firmware=$SHARED/vectors/sev-snp/debian/OVMF_2025.02-8+deb13u1.fd
older=$SHARED/vectors/sev-snp/debian/OVMF_2022.11-6+deb12u2.fd
printf 'an initrd' >"$T/initrd"

tdx() {
	"$ASSAY" measure tdx "$@"
}

fails 2 'no firmware given' "no firmware" tdx --vmm qemu-10.1
fails 2 'no VMM given' "no VMM" tdx --firmware "$kernel"
fails 2 'unknown VMM "qemu-1": known are qemu-8.2-canonical' "an unknown VMM" tdx --firmware "$kernel" --vmm qemu-1
fails 2 'firmware has no TDX metadata' "a firmware without metadata" tdx --firmware "$kernel" --vmm qemu-10.1
fails 3 'no-such-file' "a missing firmware" tdx --firmware "$T/no-such-file" --vmm qemu-10.1
fails 2 'an initrd without a kernel' "an initrd alone" tdx --firmware "$kernel" --vmm qemu-10.1 --initrd "$T/initrd"
fails 2 'a command line without a kernel' "a command line alone" tdx --firmware "$kernel" --vmm qemu-10.1 --cmdline x
fails 2 'ACPI tables without a kernel' "ACPI tables alone" tdx --firmware "$kernel" --vmm qemu-10.1 --acpi "$T"
fails 2 '^assay: --memory: "2X" is no size' "a bad size" tdx --firmware "$kernel" --vmm qemu-10.1 --memory 1G,2X
fails 2 '^assay: --memory: "0" is no size' "no memory" tdx --firmware "$kernel" --vmm qemu-10.1 --memory 0
fails 2 '^assay: --vcpus: "0" is no list|^assay: --vcpus: 1 to' "no vCPU" tdx --firmware "$kernel" --vmm qemu-10.1 --vcpus 0
fails 2 '^assay: --vcpus: "2-1" is no list' "a bad list" tdx --firmware "$kernel" --vmm qemu-10.1 --vcpus 2-1
fails 2 'go with --acpi qemu' "--qemu alone" tdx --firmware "$kernel" --vmm qemu-10.1 --qemu x
fails 2 'qemu-arg: "-bios" is not one of' "a firmware of QEMU's own" tdx --firmware "$kernel" --vmm qemu-10.1 --kernel "$kernel" \
	--memory 1G --vcpus 1 --acpi qemu --qemu-arg=-bios --qemu-arg x
fails 2 'qemu-arg: "-device" is not one of' "an option without its value" tdx --firmware "$kernel" --vmm qemu-10.1 --kernel "$kernel" \
	--memory 1G --vcpus 1 --acpi qemu --qemu-arg=-device
fails 2 '^assay: --acpi: "cereal" says nothing' "no such machine" tdx --firmware "$kernel" --vmm qemu-10.1 --acpi builtin:cereal
fails 2 '^assay: --acpi: a Kata machine has' "half a Kata machine" tdx --firmware "$kernel" --vmm qemu-10.1 --acpi qemu:kata-go-4.1.0
fails 2 '^assay: --mrtd-order: single or two' "a bad order" tdx --firmware "$kernel" --vmm qemu-10.1 --mrtd-order three
fails 2 '^assay: --register: ' "a bad register" tdx --firmware "$kernel" --vmm qemu-10.1 --register pcr0
fails 2 '^assay: --format: ' "a bad format" tdx --firmware "$kernel" --vmm qemu-10.1 --format xml
fails 2 'not JSON' "a bare register as JSON" tdx --firmware "$kernel" --vmm qemu-10.1 --format json --register mrtd
fails 2 'one memory size and vCPU count only' "an explanation of two shapes" tdx --firmware "$kernel" --vmm qemu-10.1 --memory 1G,2G --explain
fails 2 'only one of them' "two command lines" tdx --firmware "$kernel" --vmm qemu-10.1 --kernel "$kernel" --cmdline a \
	--cmdline-file "$kernel"

if [ -z "$SHARED" ] || [ ! -f "$firmware" ]; then
	skip "registers of real firmware" "no reference data"
	done_testing
fi

same "MRTD, single-pass" "$(tdx --firmware "$older" --vmm qemu-10.1 --register mrtd)" \
	4c7206f0f483c524f12c366c711e9049030a8d47c471ee5aa9c4999a08de4057fb887fed0744d5631a212967fb231c47
same "MRTD, two-pass by the VMM" "$(tdx --firmware "$older" --vmm qemu-8.2-canonical --register mrtd)" \
	acccbcc870a381adab0d3919d90a7f268ac3b0364771f202ed4bb4e892d045b33db3b32e6924cba830a724eed443f7e1
same "MRTD, two-pass on request" "$(tdx --firmware "$older" --vmm qemu-10.1 --mrtd-order two --register mrtd)" \
	acccbcc870a381adab0d3919d90a7f268ac3b0364771f202ed4bb4e892d045b33db3b32e6924cba830a724eed443f7e1

# A firmware that does not measure: MRTD, and one line for each register that is missing.
tdx --firmware "$older" --vmm qemu-10.1 --kernel "$kernel" >"$T/out" 2>"$T/why"
same "without CC measurement: MRTD alone" "$(cut -d= -f1 "$T/out" | tr '\n' ' ')" "mrtd "
same "and why the others are missing" "$(grep -c 'measures nothing into RTMRs' "$T/why")" 3
fails 2 'rtmr1: the firmware measures nothing' "a wanted register that is missing" \
	tdx --firmware "$older" --vmm qemu-10.1 --kernel "$kernel" --register rtmr1
fails 2 'rtmr3 cannot be predicted' "RTMR3" tdx --firmware "$firmware" --vmm qemu-10.1 --kernel "$kernel" --register rtmr3
tail -c 3653632 "$firmware" >"$T/code.fd"
fails 2 'code.fd: TDX metadata section 0 .BFV.: data .* lies beyond' "a split CODE image" \
	tdx --firmware "$T/code.fd" --vmm qemu-10.1

same "RTMR3 of two images" "$(tdx --firmware "$older" --vmm qemu-10.1 --register rtmr3 \
	--runtime-event text:sha256:9532d8c39891ca2ecde4d30d7710e01fb739c87a8b9299685c63704296b16028 \
	--runtime-event text:sha256:1e9991826cc99d614bf697d71a59d80ed5eb2969babba07d9707e6a0296026b4)" \
	16c3b1c47922b6e03c25ceac00216c40962ffc4da71d170e5ea1b76acaff10b1d3dceeaf3e449be1b01d302caee046c1
fails 2 'want dstack:' "an unknown runtime event" tdx --firmware "$older" --vmm qemu-10.1 --runtime-event x:y

# ACPI blobs of a TD on hardware: its RTMR0.
blob=$SHARED/vectors/tdx/derived/qemu-10.1.0-q35-smp1-2G-hpet-serial.etc_
mkdir -p "$T/fw/etc/acpi"
cp "${blob}table-loader" "$T/fw/etc/table-loader"
cp "${blob}acpi_rsdp" "$T/fw/etc/acpi/rsdp"
cp "${blob}acpi_tables" "$T/fw/etc/acpi/tables"
boot() {
	tdx --firmware "$firmware" --vmm qemu-10.1 --kernel "$kernel" --initrd "$T/initrd" --cmdline "console=hvc0" "$@"
}
same "RTMR0 of a TD on hardware" "$(boot --memory 2G --acpi "$T/fw" --register rtmr0)" \
	5aca07b1e885e17d1aeaf9d94edb2674767a61547cf8a49f26b73b4a43baeb04d147ba1953310852bbdcb13f0cfcac17
fails 2 'rtmr0: the ACPI tables are needed' "RTMR0 without ACPI" boot --memory 2G --register rtmr0
fails 2 'rtmr0: the memory size is needed' "RTMR0 without memory" boot --acpi "$T/fw" --register rtmr0
fails 2 'one memory size and vCPU count only' "one ACPI directory for two shapes" boot --acpi "$T/fw" --memory 1G,2G
echo x >"$T/fw/etc/acpi/rsdp"
fails 2 'etc/acpi/rsdp: not an RSDP' "a wrong RSDP" boot --memory 2G --acpi "$T/fw"
echo x >"$T/fw/etc/table-loader"
fails 2 'etc/table-loader: 2 bytes are no linker script' "a wrong linker script" boot --memory 2G --acpi "$T/fw"
rm "$T/fw/etc/acpi/tables"
fails 3 'etc/acpi/tables' "a missing table blob" boot --memory 2G --acpi "$T/fw"
cp "${blob}acpi_rsdp" "$T/fw/etc/acpi/rsdp"
cp "${blob}table-loader" "$T/fw/etc/table-loader"
echo x >"$T/fw/etc/acpi/tables"
fails 2 'etc/acpi/tables: 2 bytes hold no table' "wrong tables" boot --memory 2G --acpi "$T/fw"

# ACPI from a QEMU: one of another version is refused.
printf '#!/bin/sh\necho "QEMU emulator version 7.2.22 (Debian)"\n' >"$T/qemu"
chmod +x "$T/qemu"
fails 2 'qemu is version 7.2.22, not of qemu-10.1' "a QEMU of another version" boot --memory 2G --vcpus 1 --acpi qemu --qemu "$T/qemu"
printf '#!/bin/sh\n[ "$1" != --version ] || echo "QEMU emulator version 10.1.0"\n' >"$T/qemu"
fails 2 'qemu: QEMU refuses its arguments' "a QEMU that ends at once" boot --memory 2G --vcpus 1 --acpi qemu --qemu "$T/qemu"
printf '#!/bin/sh\n[ "$1" != --version ] || exec echo "QEMU emulator version 10.1.0"\necho "no such device" >&2\n' >"$T/qemu"
fails 2 'qemu: QEMU refuses its arguments or cannot be run: no such device$' "a QEMU that says why" boot --memory 2G --vcpus 1 \
	--acpi qemu:virtio=1 --qemu "$T/qemu"
fails 3 'cannot be run' "no QEMU" boot --memory 2G --vcpus 1 --acpi qemu --qemu "$T/no-qemu"
fails 2 'need the memory size and the vCPUs' "no vCPUs" boot --memory 2G --acpi qemu --qemu "$T/qemu"
fails 2 'no stock QEMU is known' "a VMM without a stock QEMU" tdx --firmware "$firmware" --vmm qemu-9.2 --kernel "$kernel" \
	--memory 2G --vcpus 1 --acpi qemu --qemu "$T/qemu"

# Built-in ACPI: the same TD on hardware, without its tables.
same "RTMR0 of a TD on hardware from built-in tables" "$(boot --memory 2G --vcpus 1 --acpi builtin:serial --register rtmr0)" \
	5aca07b1e885e17d1aeaf9d94edb2674767a61547cf8a49f26b73b4a43baeb04d147ba1953310852bbdcb13f0cfcac17
boot --memory 2G --vcpus 1 --acpi builtin --format json >"$T/json"
ok "built-in tables are verified" grep -q '"acpi_verified": true' "$T/json"
boot --memory 1G,2G,4G --vcpus 1-3,64 --acpi builtin >"$T/fleet" 2>"$T/why"
same "built-in tables: 12 shapes, each with an RTMR0 of its own" "$(grep '^rtmr0=' "$T/fleet" | sort -u | wc -l)" 12
for shape in 1G:1 2G:3 4G:64; do
	same "a shape among others is as it is alone: $shape" \
		"$(sed -n "/^# memory=$((${shape%G*} << 30)) vcpus=${shape#*:}\$/,/^\$/p" "$T/fleet" | sed '1d;/^$/d')" \
		"$(boot --memory "${shape%:*}" --vcpus "${shape#*:}" --acpi builtin)"
done
fails 2 'need the memory size and the vCPUs' "built-in tables of no machine" boot --memory 2G --acpi builtin
fails 2 'are for 1 to 64 vCPUs' "built-in tables of too many vCPUs" boot --memory 2G --vcpus 65 --acpi builtin
fails 2 'are for 512 MiB to 512 GiB' "built-in tables of too little memory" boot --memory 256M --vcpus 1 --acpi builtin
fails 2 'ACPI tables without a kernel' "built-in tables alone" tdx --firmware "$kernel" --vmm qemu-10.1 --acpi builtin
builtin_of() {
	tdx --firmware "$firmware" --vmm "$1" --kernel "$kernel" --memory 2G --vcpus 1 --acpi builtin
}
for vmm in qemu-10.0 qemu-10.2 qemu-11.0 qemu-11.1; do
	ok "built-in tables of $vmm" builtin_of "$vmm"
done
same "a Kata machine: RTMR0 depends on the QEMU's version and the number of network devices" \
	"$(for machine in 11.0:1 10.2:1 10.2:2; do
		tdx --firmware "$firmware" --vmm "qemu-${machine%:*}" --kernel "$kernel" --memory 2G --vcpus 1 --register rtmr0 \
			--acpi "builtin:kata-go-3.27.0,net=${machine#*:},initdata=no"
	done | sort -u | wc -l)" 3
fails 2 'no stock QEMU is known' "built-in tables of a VMM without a stock QEMU" builtin_of qemu-9.2

# Shapes and formats.
boot --memory 1G,2G >"$T/out" 2>/dev/null
same "one block for each memory size" "$(grep -c '^# memory=' "$T/out")/$(grep -c '^rtmr1=' "$T/out")" 2/2
same "RTMR1 does not depend on memory with QEMU 10" "$(grep '^rtmr1=' "$T/out" | sort -u | wc -l)" 1
tdx --firmware "$firmware" --vmm qemu-9.2 --kernel "$kernel" --initrd "$T/initrd" --memory 1G,2G >"$T/out" 2>/dev/null
same "but it does with QEMU 9.2" "$(grep '^rtmr1=' "$T/out" | sort -u | wc -l)" 2
old() {
	tdx --firmware "$firmware" --vmm qemu-9.2 --kernel "$kernel" --initrd "$T/initrd" "$@" 2>/dev/null
}
old --memory 1G,3G,2G,1536M,4G >"$T/out"
same "each size gets its own" "$(grep '^rtmr1=' "$T/out")" \
	"$(for size in 1G 3G 2G 1536M 4G; do echo "rtmr1=$(old --memory $size --register rtmr1)"; done)"
boot --memory 2G --format json --explain >"$T/json" 2>"$T/why"
ok "JSON parses" python3 -c 'import json, sys; json.load(open(sys.argv[1]))' "$T/json"
same "and says all on stdout" "$(wc -c <"$T/why")" 0
same "with the same value" "$(sed -n 's/^        "rtmr2": "\(.*\)"$/\1/p' "$T/json")" "$(boot --register rtmr2)"
ok "and that ACPI was not verified" grep -q '"acpi_verified": false' "$T/json"
same "every page and event is explained" "$(boot --memory 2G --explain 2>/dev/null | grep -c 'EV_EVENT_TAG')" 2
printf 'console=hvc0' >"$T/line"
same "the command line from a file" \
	"$(tdx --firmware "$firmware" --vmm qemu-10.1 --kernel "$kernel" --initrd "$T/initrd" --cmdline-file "$T/line" --register rtmr2)" \
	"$(boot --register rtmr2)"
printf 'a\0b' >"$T/line"
fails 2 'a NUL in the command line' "a NUL in it" tdx --firmware "$firmware" --vmm qemu-10.1 --kernel "$kernel" --cmdline-file "$T/line"
: >"$T/empty"
fails 2 'empty: empty' "an empty initrd" tdx --firmware "$firmware" --vmm qemu-10.1 --kernel "$kernel" --initrd "$T/empty"
fails 2 'no EFI stub|not a bzImage' "a kernel that is none" tdx --firmware "$firmware" --vmm qemu-10.1 --kernel "$T/initrd"
done_testing

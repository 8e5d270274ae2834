#!/bin/sh
# assay measure td-shim: its output forms, and every input that it refuses.
. "$(dirname "$0")/../tap.sh"

python3 "$TOP/tests/oracle/td-shim.py" "$T" 6 >"$T/cases"
ok "images of six kinds are made" test -s "$T/005.fd"
td_shim() { "$ASSAY" measure td-shim --vmm cloud-hypervisor "$@"; }
kernel="--firmware $T/000.fd --payload $T/000.kernel --td-hob $T/000.hob"
signed="--firmware $T/003.fd --td-hob $T/003.hob --release later"

# shellcheck disable=SC2086 # words
{
	td_shim $kernel --cmdline quiet >"$T/text"
	same "three registers" "$(sed 's/=[0-9a-f]\{96\}$//' "$T/text" | tr '\n' ' ')" "mrtd rtmr0 rtmr1 "
	same "one register bare" "rtmr1=$(td_shim $kernel --cmdline quiet --register rtmr1)" "$(grep rtmr1 "$T/text")"
	td_shim $kernel --cmdline quiet --explain >"$T/explained"
	ok "every event is shown" grep -q 'td_payload_info: the command line' "$T/explained"
	ok "and every page" grep -q 'MEM.PAGE.ADD, MR.EXTEND' "$T/explained"
	td_shim $kernel --cmdline quiet --format json >"$T/json"
	same "JSON has the same values" "$(python3 -c "
import json,sys
for k, v in sorted(json.load(open(sys.argv[1]))['measurements'][0]['registers'].items()): print(k + '=' + v)" "$T/json")" \
		"$(cat "$T/text")"
	same "the command line counts" "$(td_shim $kernel --cmdline quiet2 --register rtmr1 | grep -c "$(sed -n 's/rtmr1=//p' "$T/text")")" 0
	td_shim --firmware "$T/000.fd" --payload "$T/000.kernel" >"$T/text" 2>"$T/notes"
	same "without the VMM's list there is no RTMR0" "$(cut -d= -f1 "$T/text" | tr '\n' ' ')" "mrtd rtmr1 "
	ok "and it is said why" grep -q 'no rtmr0: .*--td-hob is needed' "$T/notes"
	fails 2 'rtmr0: .*--td-hob' "RTMR0 without that list" td_shim --firmware "$T/000.fd" --payload "$T/000.kernel" --register rtmr0
	fails 2 'rtmr1: .*--release 0.8.0 or later' "RTMR1 that depends on the release" \
		td_shim --firmware "$T/003.fd" --td-hob "$T/003.hob" --register rtmr1

	# Its own payload under QEMU: the list is computed. QEMU itself takes no image without a GUIDed table.
	fails 2 'GUIDed table alone' "an image without table under QEMU" "$ASSAY" measure td-shim --firmware "$T/002.fd" --vmm qemu-10.1 --memory 2G
	fails 2 'no firmware given' "no firmware" "$ASSAY" measure td-shim --vmm gce
	fails 2 'no VMM given' "no VMM" "$ASSAY" measure td-shim --firmware "$T/000.fd"
	fails 2 'unknown VMM' "an unknown VMM" "$ASSAY" measure td-shim --firmware "$T/000.fd" --vmm xen
	fails 2 'unknown td-shim release' "an unknown release" td_shim $kernel --release 7
	fails 2 'command line without a payload' "a command line without a payload" td_shim --firmware "$T/002.fd" --cmdline a
	fails 2 'no section of type Payload' "a kernel that has no place" td_shim --firmware "$T/002.fd" --payload "$T/000.kernel"
	fails 2 'TD HOB names a kernel, but none is given' "a list with a kernel, and none given" td_shim --firmware "$T/000.fd" --td-hob "$T/000.hob"
	fails 2 'TD HOB names no kernel, but one is given' "a list without one" td_shim $kernel --td-hob "$T/002.hob"
	fails 2 'no section for one' "a list that nothing takes" td_shim --firmware "$T/005.fd" --release later --td-hob "$T/000.hob"
	fails 2 'no payload of its own' "neither payload" td_shim --firmware "$T/000.fd" --release later
	fails 2 'single or two' "an unknown order" td_shim $kernel --mrtd-order three
	fails 2 'mrtd, rtmr0 or rtmr1' "a register that td-shim leaves alone" td_shim $kernel --register rtmr2
	fails 2 'text or json' "an unknown format" td_shim $kernel --format xml
	fails 2 'not JSON' "a register as JSON" td_shim $kernel --register mrtd --format json
	fails 3 'No such file' "no such file" td_shim --firmware "$T/none"
}
fails 2 'td_payload_info: .* bytes in a section of' "a command line that does not fit" \
	td_shim --firmware "$T/000.fd" --payload "$T/000.kernel" --vmm td-shim-tools --cmdline "$(printf '%4096s' x)"

# Images and lists with one thing changed.
change() { # FROM TO HEX-TO-FIND OFFSET-FROM-IT HEX
	python3 - "$@" <<'END'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
at = data.index(bytes.fromhex(sys.argv[3])) + int(sys.argv[4])
new = bytes.fromhex(sys.argv[5])
data[at:at + len(new)] = new
open(sys.argv[2], "wb").write(data)
END
}
header=58d5f2fcf59d4d4fb0d73e4b798ab066 anchor=a3658fbe3ba85c41a1fbf78e105e824e
file=2e74a2774093c94a8f85b7b978580021
# shellcheck disable=SC2086 # words
{
	ok "a signed payload" td_shim $signed
	change "$T/003.fd" "$T/bad.fd" $anchor 40 00000000
	fails 1 'a key that it does not trust' "another trusted key" td_shim $signed --firmware "$T/bad.fd"
	change "$T/003.fd" "$T/bad.fd" $file 0 00
	fails 1 'no key is trusted' "no trusted key" td_shim $signed --firmware "$T/bad.fd"
	change "$T/003.fd" "$T/bad.fd" $anchor 20 00
	fails 2 'trust anchor: malformed' "a malformed trusted key" td_shim $signed --firmware "$T/bad.fd"
	change "$T/003.fd" "$T/bad.fd" $header 40 03
	fails 2 'malformed signature header' "an unknown algorithm" td_shim $signed --firmware "$T/bad.fd"
	change "$T/003.fd" "$T/bad.fd" $header 20 ffffff7f
	fails 2 'no key behind it' "a signature beyond the payload" td_shim $signed --firmware "$T/bad.fd"
	change "$T/003.fd" "$T/bad.fd" $header -4 ffff7f
	fails 2 'damaged section|firmware volume' "a damaged section" td_shim $signed --firmware "$T/bad.fd"
	change "$T/003.fd" "$T/bad.fd" $header -1 19
	fails 2 'no program in its file' "a payload that is no program" td_shim $signed --firmware "$T/bad.fd"
	fails 2 'whether the payload goes to RTMR1' "no release" td_shim --firmware "$T/001.fd" --payload "$T/001.kernel" --register rtmr1
}
if [ -f "$SHARED/vectors/sev-snp/debian/OVMF_2025.02-8+deb13u1.fd" ]; then
	fails 2 'an OVMF image: assay measure tdx' "an OVMF image" "$ASSAY" measure td-shim --vmm qemu-10.1 \
		--firmware "$SHARED/vectors/sev-snp/debian/OVMF_2025.02-8+deb13u1.fd"
fi
done_testing

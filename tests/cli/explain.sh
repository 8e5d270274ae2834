#!/bin/sh
# assay explain: what made evidence differ from a golden document, for launches that assay measure itself computes and for event logs.
. "$(dirname "$0")/../tap.sh"
command -v python3 >/dev/null || {
	skip "explanations" "no python3"
	done_testing
}

# Writes the manifest of the build in a directory.
manifest() { # DIRECTORY
	python3 - "$1" <<'PY'
import hashlib, json, pathlib, sys
top = pathlib.Path(sys.argv[1])
files = [p for p in sorted(top.rglob("*")) if p.is_file()]
outputs = {str(p.relative_to(top)): {"sha256": hashlib.sha256(p.read_bytes()).hexdigest(), "size_bytes": p.stat().st_size} for p in files}
(top / "manifest.json").write_text(json.dumps({"schema": "assay-build/1", "name": "demo", "architecture": "amd64", "timestamp": 0, "agent": {"stand_in": False}, "outputs": outputs}))
PY
}

# --- SNP: a build, and reports of launches that depart from it ---
B=$T/build
mkdir -p "$B/firmware"
python3 "$TOP/tests/cli/fake-firmware.py" "$B/firmware/snp.fd"
printf 'kernel bytes' >"$B/vmlinuz"
printf 'initrd bytes' >"$B/initrd.img"
printf 'console=ttyS0 nr_cpus=2 quiet' >"$B/cmdline"
manifest "$B"
cat >"$T/target.toml" <<'TOML'
name = "plain"
[[launch.snp]]
firmware = "firmware/snp.fd"
vmm = "qemu"
cpus = ["EPYC-v4"]
vcpus = [2]
TOML
ok "golden values" "$ASSAY" golden "$B" --target "$T/target.toml" -o "$T/golden"

# Writes $T/report of the digest that assay measure computes; with the policy that $policy says.
launch() {
	"$ASSAY" measure snp "$@" >"$T/digest" 2>/dev/null
	python3 - "$T/report" "$(cat "$T/digest")" "${policy:-0x30000}" <<'PY'
import sys
report = bytearray(1184)
report[0] = 2
report[8:16] = int(sys.argv[3], 16).to_bytes(8, "little")
report[0x90:0xc0] = bytes.fromhex(sys.argv[2].strip())
open(sys.argv[1], "wb").write(report)
PY
}
explain() {
	"$ASSAY" explain "$T/golden" --build "$B" --evidence "$T/report" "$@" >"$T/text"
	status=$?
}
says() { # TEXT LINE
	same "$1" "$(grep -xF -- "$2" "$T/text")" "$2"
}
boot() {
	launch --firmware "$B/firmware/snp.fd" --kernel "$B/vmlinuz" --initrd "$B/initrd.img" \
		--cmdline "${line-$(cat "$B/cmdline")}" "$@"
}

boot --vcpus 2 --cpu EPYC-v4
explain
same "the launch that was expected: status" $status 0
says "it matches" "SNP report, matches tuple demo-smp2"
boot --vcpus 5 --cpu EPYC-v4
explain
same "another launch: status" $status 1
says "more vCPUs" "launch_digest: 5 vCPUs, not 2"
same "and nothing else" "$(grep -c '^launch_digest: ' "$T/text")" 1
boot --vcpus 2 --cpu EPYC-Milan
explain
says "another CPU" "launch_digest: CPU signature 0xa00f11 (EPYC-Milan), not EPYC-v4"
boot --vcpus 2 --cpu EPYC-v4 --sev-features 0x21
explain
says "other features" "launch_digest: SEV_FEATURES 0x21, not 0x1"
boot --vcpus 2 --cpu EPYC-v4 --vmm gce-milan
explain
says "another VMM" "launch_digest: launched as by VMM profile gce-milan, not qemu"
launch --firmware "$B/firmware/snp.fd" --no-kernel-hashes --vcpus 2 --cpu EPYC-v4
explain
says "no kernel hashes" "launch_digest: without kernel hashes: kernel, initrd and command line were not measured"
line='console=ttyS0 nr_cpus=7 quiet' boot --vcpus 7 --cpu EPYC-v4
explain
says "nr_cpus with the count" "launch_digest: nr_cpus= on the command line is 7"
policy=0xb0000 boot --vcpus 2 --cpu EPYC-v4
explain
says "another policy" "guest_policy: the guest was launched with another policy"

# What only the host's files tell.
line='console=ttyS0 nr_cpus=2 debug' boot --vcpus 2 --cpu EPYC-v4
explain
ok "another command line is not guessed" grep -q '^launch_digest: no vCPU count to 256' "$T/text"
echo 'console=ttyS0 nr_cpus=2 debug' >"$T/line"
explain --cmdline-file "$T/line"
says "but found, with its words" 'cmdline: "debug" in place of "quiet"'
printf 'other kernel' >"$T/kernel"
printf 'other initrd' >"$T/initrd"
launch --firmware "$B/firmware/snp.fd" --kernel "$T/kernel" --initrd "$B/initrd.img" --cmdline "$(cat "$B/cmdline")" --vcpus 2 --cpu EPYC-v4
explain --kernel "$T/kernel" --initrd "$T/initrd" --cmdline-file "$T/line"
says "another kernel" "launch_digest: the kernel is the one that was found, not the build's"
same "and nothing else of what was found" "$(grep -c '^launch_digest: ' "$T/text")" 1
{
	head -c 60000 "$B/firmware/snp.fd" | tr '\0' '\1'
	tail -c +60001 "$B/firmware/snp.fd"
} >"$T/firmware"
launch --firmware "$T/firmware" --kernel "$B/vmlinuz" --initrd "$T/initrd" --cmdline "$(cat "$B/cmdline")" --vcpus 2 --cpu EPYC-v4
explain --firmware "$T/firmware" --initrd "$T/initrd"
says "another firmware" "launch_digest: the firmware is the one that was found, not the build's"
says "and another initrd" "launch_digest: the initrd is the one that was found, not the build's"
"$ASSAY" explain "$T/golden/golden.json" --evidence "$T/report" >"$T/text"
says "without a build nothing is computed" "launch_digest: not explained: the build's files are needed (--build)"
printf x >>"$B/initrd.img"
fails 1 'initrd.img: not the file that the tuple names' "a build that was changed" "$ASSAY" explain "$T/golden" --build "$B" \
	--evidence "$T/report"

# --- TDX: reports and logs ---
tdx() {
	python3 "$TOP/tests/cli/explain-tdx.py" "$T/tdx" "$@"
	"$ASSAY" explain "$T/tdx/build" --evidence "$T/tdx/report" --log "$T/tdx/log" >"$T/text"
	status=$?
}
mkdir "$T/tdx"
tdx
same "a TD that matches: status" $status 0
tdx 1:0:another
same "another kernel: status" $status 1
says "names the event" "rtmr1: expected the kernel, found EV_IPL another (bound)"
same "and no other" "$(grep -c '^rtmr[0-9]: ' "$T/text")" 1
tdx 2:+:more debug
says "an event more" "rtmr2: expected no event, found EV_IPL more (bound)"
says "debugging" "debug: the TD's debug attribute: the host can read its memory when it is set"
tdx 2:1:another forget:2
says "a log that is not whole is not believed" \
	"rtmr2: the log does not lead to the evidence's value: it is another guest's, or not whole"
"$ASSAY" explain "$T/tdx/build" --evidence "$T/tdx/report" >"$T/text"
says "without a log" "rtmr2: not explained: the command line or the initrd (the guest's event log would tell: --log)"
"$ASSAY" explain "$T/tdx/build" --evidence "$T/tdx/report" --log "$T/tdx/log" --format json >"$T/json"
same "JSON: status" $? 1
ok "JSON parses, with its schema" python3 -c \
	'import json, sys; assert json.load(open(sys.argv[1]))["schema"] == "assay-explanation/1"' "$T/json"

fails 2 'evidence: required' "no evidence" "$ASSAY" explain "$T/golden"
fails 2 'line: neither a quote nor a TD report; 30 bytes: an SNP report has 1184' "evidence that is none" "$ASSAY" explain "$T/golden" \
	--evidence "$T/line"
fails 2 "no tuple of the evidence's kind" "evidence of another kind" "$ASSAY" explain "$T/golden" --evidence "$T/tdx/report"
fails 2 'no tuple other' "a tuple that is not there" "$ASSAY" explain "$T/tdx/build" --evidence "$T/tdx/report" --tuple other
fails 2 'log: an SNP guest has none' "a log of an SNP guest" "$ASSAY" explain "$T/golden" --evidence "$T/report" --log "$T/tdx/log"
fails 3 'no-such' "golden values that are not there" "$ASSAY" explain "$T/no-such" --evidence "$T/report"
printf 'a\0b' >"$T/nul"
fails 2 'nul: a NUL byte' "a command line with a NUL" "$ASSAY" explain "$T/golden" --evidence "$T/report" --cmdline-file "$T/nul"

if [ -z "$SHARED" ]; then
	skip "a real TD against another's values" "no reference data"
	done_testing
fi
live=$SHARED/vectors/tdx/attestation-rs
"$ASSAY" explain "$T/tdx/build" --evidence "$live/tdx_tdreport_live.bin" --log "$live/tdx_ccel_live.bin" >"$T/text"
same "a real TD against another's values: status" $? 1
ok "its kernel is named" grep -q '^rtmr1: expected the kernel, found EV_EFI_BOOT_SERVICES_APPLICATION image of 17008712 bytes' "$T/text"

# A TDX build on real firmware, and registers of the same files in another shape.
D=$T/real
mkdir -p "$D/firmware"
cp "$SHARED/vectors/sev-snp/debian/OVMF_2025.02-8+deb13u1.fd" "$D/firmware/tdx.fd"
cp "$TOP/tests/data/tdx/kernel.bin" "$D/vmlinuz"
printf 'initrd bytes' >"$D/initrd.img"
printf 'console=hvc0 quiet' >"$D/cmdline"
manifest "$D"
cat >"$T/target.toml" <<'TOML'
name = "tdx"
[[launch.tdx]]
firmware = "firmware/tdx.fd"
vmm = "qemu-10.1"
vcpus = [2]
memory_bytes = 2147483648
acpi = "builtin"
TOML
ok "golden values of a TD" "$ASSAY" golden "$D" --target "$T/target.toml" -o "$T/td"
shape() { # MEASURE-OPTIONS...: a report of that launch
	"$ASSAY" measure tdx --firmware "$D/firmware/tdx.fd" --kernel "$D/vmlinuz" --initrd "$D/initrd.img" --cmdline "$(cat "$D/cmdline")" \
		--acpi builtin "$@" >"$T/registers" 2>/dev/null
	python3 - "$T/report" "$T/registers" <<'PY'
import sys
regs = dict(line.strip().split("=") for line in open(sys.argv[2]) if "=" in line)
report = bytearray(1024)
report[0] = 0x81
report[528:576] = bytes.fromhex(regs["mrtd"])
for i in range(3):
    report[720 + 48 * i:768 + 48 * i] = bytes.fromhex(regs[f"rtmr{i}"])
open(sys.argv[1], "wb").write(report)
PY
	"$ASSAY" explain "$T/td" --build "$D" --evidence "$T/report" --acpi builtin >"$T/text"
	status=$?
}
shape --vmm qemu-10.1 --vcpus 2 --memory 2G
same "the TD that was expected" "$status" 0
shape --vmm qemu-10.1 --vcpus 7 --memory 2G
says "more vCPUs" "rtmr0: 7 vCPUs, not 2"
shape --vmm qemu-10.1 --vcpus 2 --memory 8G
says "more memory" "rtmr0: 8192 MiB of memory, not 2048"
shape --vmm qemu-10.1 --vcpus 2 --memory 2G --mrtd-order two
says "another order of pages" "mrtd: launched as by VMM profile qemu-8.2-canonical, not qemu-10.1"
fails 2 'acpi: builtin or builtin:MACHINE' "tables of another kind" "$ASSAY" explain "$T/td" --evidence "$T/report" --acpi qemu
done_testing

#!/bin/sh
# assay golden: a build and a deployment target give tuples that assay measure, assay cmdline and assay initdata agree with.
. "$(dirname "$0")/../tap.sh"
command -v python3 >/dev/null || {
	skip "golden values of a target" "no python3"
	done_testing
}
B=$T/build
mkdir -p "$B/firmware"
python3 "$TOP/tests/cli/fake-firmware.py" "$B/firmware/snp.fd"
printf 'kernel bytes' >"$B/vmlinuz"
printf 'initrd bytes' >"$B/initrd.img"
printf 'console=ttyS0 nr_cpus=2' >"$B/cmdline"
zeros=$(printf '%064d' 0)
printf 'root_hash=%s,salt=%s,data_blocks=8,data_block_size=4096,hash_block_size=4096' "$zeros" "$zeros" >"$B/kernel_verity_params"
manifest() {
	python3 - "$B" <<'PY'
import hashlib, json, pathlib, sys
top = pathlib.Path(sys.argv[1])
files = [p for p in sorted(top.rglob("*")) if p.is_file() and p.name != "manifest.json"]
outputs = {str(p.relative_to(top)): {"sha256": hashlib.sha256(p.read_bytes()).hexdigest(), "size_bytes": p.stat().st_size} for p in files}
(top / "manifest.json").write_text(json.dumps({"schema": "assay-build/1", "name": "demo", "architecture": "amd64", "timestamp": 0, "agent": {"stand_in": False}, "outputs": outputs}))
PY
}
manifest
# The value of a Python expression over the golden document g.
json() { # EXPRESSION
	python3 -c 'import json, sys; g = json.load(open(sys.argv[1])); t = g["tuples"]; print(eval(sys.argv[2]))' "$T/golden/golden.json" "$1"
}
make() { # makes $T/golden from the target on stdin
	cat >"$T/target.toml"
	rm -rf "$T/golden"
	ok "$1" "$ASSAY" golden "$B" --target "$T/target.toml" -o "$T/golden"
}

# Without Kata: the build's own initrd and command line.
make "a plain target" <<'E'
name = "plain"
[[launch.snp]]
firmware = "firmware/snp.fd"
vmm = "qemu"
cpus = ["EPYC-v4", "EPYC-Genoa"]
vcpus = [1, 4]
E
same "tuples" "$(json '[x["name"] for x in t]')" "['demo-EPYC-v4-smp1', 'demo-EPYC-v4-smp4', 'demo-EPYC-Genoa-smp1', 'demo-EPYC-Genoa-smp4']"
same "assay measure agrees" "$(json 't[3]["values"]["launch_digest"]')" \
	"$("$ASSAY" measure snp --firmware "$B/firmware/snp.fd" --kernel "$B/vmlinuz" --initrd "$B/initrd.img" --cmdline "$(cat "$B/cmdline")" \
		--vcpus 4 --cpu EPYC-Genoa 2>/dev/null)"
same "a derivation for each" "$(find "$T/golden/derivation" -type f | wc -l)" 4
same "stdout has the same document" "$("$ASSAY" golden "$B" --target "$T/target.toml" 2>/dev/null | sha256sum)" "$(sha256sum <"$T/golden/golden.json")"
same "the target is named by its digest" "$(json 'g["target"]["sha256"]')" "$(sha256sum <"$T/target.toml" | cut -c 1-64)"
ok "assay refs reads it" "$ASSAY" refs c8s "$T/golden/golden.json" --tee sev-snp
# A kernel that sets its root up by itself: there is no initrd, and SNP has the hash of nothing in its place.
mv "$B/initrd.img" "$T/initrd.img"
rm "$B/manifest.json"
manifest
cp "$T/target.toml" "$T/same.toml"
make "a build without an initrd" <"$T/same.toml"
same "assay measure agrees" "$(json 't[3]["values"]["launch_digest"]')" \
	"$("$ASSAY" measure snp --firmware "$B/firmware/snp.fd" --kernel "$B/vmlinuz" --cmdline "$(cat "$B/cmdline")" --vcpus 4 --cpu EPYC-Genoa 2>/dev/null)"
same "its inputs" "$(json 'sorted(t[0]["inputs"])')" "['cmdline', 'firmware', 'kernel']"
mv "$T/initrd.img" "$B/initrd.img"
rm "$B/manifest.json"
manifest
fails 2 'target: required' "no target" "$ASSAY" golden "$B"
fails 2 'usage' "no build" "$ASSAY" golden --target "$T/target.toml"
fails 3 'nothing/manifest.json' "a build that is not there" "$ASSAY" golden "$T/nothing" --target "$T/target.toml"
fails 3 'missing.toml' "a target that is not there" "$ASSAY" golden "$B" --target "$T/missing.toml"
"$ASSAY" golden "$B" --target "$T/target.toml" --strict >"$T/out" 2>"$T/why"
same "--strict refuses unknown firmware" "$? $(wc -c <"$T/out") $(grep -c '^assay: --strict: firmware is not a known build' "$T/why")" "2 0 1"

# Kata: its own command line, roles by initdata.
printf 'version = "0.1.0"\nalgorithm = "sha256"\n\n[data]\n"role" = "workload"\n' >"$T/workload.toml"
printf 'version = "0.1.0"\nalgorithm = "sha256"\n\n[data]\n"role" = "cds"\n' >"$T/cds.toml"
make "Kata's guests in two roles" <<'E'
name = "kata"
[kata]
version = "3.30.0"
runtime = "go"
class = "qemu-snp"
rootfs_type = "erofs"
[[launch.snp]]
firmware = "firmware/snp.fd"
vmm = "qemu"
cpus = ["EPYC-v4"]
pod_cpu_limits = ["none", "1"]
[[role]]
name = "workload"
initdata = "workload.toml"
pins = "cds"
pins_in = "initdata"
[[role]]
name = "cds"
initdata = "cds.toml"
E
same "roles and shapes" "$(json '[(x["role"], x["shape"]["vcpus"]) for x in t]')" "[('workload', 1), ('workload', 2), ('cds', 1), ('cds', 2)]"
same "assay initdata agrees" "$(json 't[0]["anchors"]["host_data"]')" "$("$ASSAY" initdata digest "$T/workload.toml" --tee snp 2>/dev/null)"
"$ASSAY" cmdline kata --kata-version 3.30.0 --runtime go --tee snp --rootfs-type erofs --verity-params "$(cat "$B/kernel_verity_params")" --vcpus 2 >"$T/line" 2>"$T/why" || cat "$T/why"
printf '%s' "$(cat "$T/line")" >"$T/line.bare"
same "assay cmdline agrees" "$(json 't[1]["inputs"]["cmdline"]["text"]')" "$(cat "$T/line")"
same "and its digest" "$(json 't[1]["inputs"]["cmdline"]["sha256"]')" "$(sha256sum <"$T/line.bare" | cut -c 1-64)"
same "assay measure agrees" "$(json 't[1]["values"]["launch_digest"]')" \
	"$("$ASSAY" measure snp --firmware "$B/firmware/snp.fd" --kernel "$B/vmlinuz" --cmdline "$(cat "$T/line")" --vcpus 2 --cpu EPYC-v4 2>/dev/null)"
same "one role's references" "$("$ASSAY" refs csv "$T/golden/golden.json" --role cds | wc -l)" 5
sed 's/pins_in = "initdata"/pins_in = "cmdline"/' "$T/target.toml" >"$T/cycle.toml"
fails 1 'contain themselves' "values pinned in what they measure" "$ASSAY" golden "$B" --target "$T/cycle.toml"
sed 's/"cds.toml"/"workload.toml"/' "$T/target.toml" >"$T/same.toml"
fails 1 'cannot be told apart' "roles with the same initdata" "$ASSAY" golden "$B" --target "$T/same.toml"
sed '/^initdata = "cds.toml"/d' "$T/target.toml" >"$T/loose.toml"
fails 1 'cannot be told apart' "a role that lets any initdata pass" "$ASSAY" golden "$B" --target "$T/loose.toml"

printf 'kernel bytez' >"$B/vmlinuz"
fails 1 'not what the manifest says' "a file that is not the manifest's" "$ASSAY" golden "$B" --target "$T/target.toml"
same "nothing is left behind" "$(find "$T" -maxdepth 1 -name '.*golden*' | wc -l)" 0

# TDX: needs real firmware.
firmware=$SHARED/vectors/sev-snp/debian/OVMF_2025.02-8+deb13u1.fd
if [ -z "$SHARED" ] || [ ! -f "$firmware" ]; then
	skip "TDX" "no reference data"
	done_testing
fi
cp "$firmware" "$B/firmware/tdx.fd"
cp "$TOP/tests/data/tdx/kernel.bin" "$B/vmlinuz"
manifest
make "TDX, plain" <<'E'
name = "tdx"
[[launch.tdx]]
firmware = "firmware/tdx.fd"
vmm = "qemu-10.1"
memory_bytes = 2147483648
E
for register in mrtd rtmr1 rtmr2; do
	same "$register is that of assay measure" "$(json "t[0]['values']['$register']")" \
		"$("$ASSAY" measure tdx --firmware "$B/firmware/tdx.fd" --kernel "$B/vmlinuz" --initrd "$B/initrd.img" --cmdline "$(cat "$B/cmdline")" \
			--vmm qemu-10.1 --memory 2G --register "$register" 2>/dev/null)"
done
make "TDX, Kata" <<'E'
name = "tdx"
[kata]
version = "3.30.0"
runtime = "go"
class = "qemu-tdx"
rootfs_type = "erofs"
[[launch.tdx]]
firmware = "firmware/tdx.fd"
vmm = "qemu-10.1"
vcpus = [1, 2]
memory_bytes = 2147483648
[[role]]
name = "workload"
initdata = "workload.toml"
E
same "a tuple for each count, which the command line names" "$(json 'len({x["values"]["rtmr2"] for x in t})')" 2
same "the anchor" "$(json 't[0]["anchors"]["mrconfigid"]')" "$("$ASSAY" initdata digest "$T/workload.toml" --tee tdx 2>/dev/null)"
sed -i '/^vcpus/d' "$T/target.toml"
fails 2 'vcpus is missing' "no count, though the command line has one" "$ASSAY" golden "$B" --target "$T/target.toml"

# A policy that comes by initdata takes the place of the image's.
for name in locked open broken; do
	locked=$TOP/rootfs-recipes/kata-debian/files/policy.rego
	policy=$locked
	[ $name = locked ] || policy=$T/$name.rego
	sed 's/^default ReadStreamRequest := false/default ReadStreamRequest := true/' "$locked" >"$T/open.rego"
	printf 'no policy {' >"$T/broken.rego"
	"$ASSAY" initdata create -d policy.rego="$policy" -o "$T/$name.toml"
done
role() { # INITDATA
	cat >"$T/role.toml" <<E
name = "role"
[[launch.snp]]
firmware = "firmware/snp.fd"
vmm = "qemu"
cpus = ["EPYC-v4"]
vcpus = [1]
[[role]]
name = "workload"
initdata = "$1.toml"
E
}
baked() { # SHA256
	python3 -c 'import json, sys; m = json.load(open(sys.argv[1])); m["policy"] = {"path": "etc/kata-opa/locked.rego", "sha256": sys.argv[2]}; json.dump(m, open(sys.argv[1], "w"))' "$B/manifest.json" "$1"
}
warned() { "$ASSAY" golden "$B" --target "$T/role.toml" 2>&1 >/dev/null | sed -n 's/^assay: warning: \(role .*\)/\1/p'; }
takes="role workload: its initdata brings a policy in place of the image's"
role open
same "an image without a policy" "$(warned)" "$takes, which has none; it is not locked"
baked "$(sha256sum <"$locked" | cut -c 1-64)"
same "another policy than the image's" "$(warned)" "$takes, and they differ; it is not locked"
"$ASSAY" golden "$B" --target "$T/role.toml" --strict >"$T/out" 2>"$T/why"
same "--strict refuses" "$? $(wc -c <"$T/out")" "2 0"
role locked
same "the same policy" "$(warned)" ""
baked "$zeros"
same "a locked one that differs" "$(warned)" "$takes, and they differ"
role broken
fails 2 'broken.toml: policy.rego' "a policy that the agent would not load" "$ASSAY" golden "$B" --target "$T/role.toml"

# TDX, firmware whose RTMR0 needs to be told more.
python3 "$TOP/tests/cli/fake-tdvf.py" "$B/firmware/late.fd" named-blobs smbios fw-cfg
cp "$TOP/tests/data/tdx/kernel.bin" "$B/vmlinuz"
manifest
cat >"$T/late.toml" <<'TOML'
name = "late"
[[launch.tdx]]
firmware = "firmware/late.fd"
vmm = "qemu-10.1"
vcpus = [2]
memory_bytes = 2147483648
acpi = "builtin"
smbios_processor_id = "63 06 00 00 FD FB CB 1F"
TOML
late() { # MEASURE-OPTIONS...: RTMR0 of the same launch
	"$ASSAY" measure tdx --firmware "$B/firmware/late.fd" --kernel "$B/vmlinuz" --initrd "$B/initrd.img" --cmdline "$(cat "$B/cmdline")" \
		--vmm qemu-10.1 --vcpus 2 --memory 2G --acpi builtin --register rtmr0 "$@"
}
make "a target with a processor ID" <"$T/late.toml"
same "assay measure agrees on RTMR0" "$(json 't[0]["values"]["rtmr0"]')" "$(late --smbios-processor-id 63060000fdfbcb1f)"
grep -v smbios "$T/late.toml" >"$T/none.toml"
fails 2 'the processor ID is needed' "no processor ID" "$ASSAY" golden "$B" --target "$T/none.toml"
sed 's/FD FB CB 1F/FD/' "$T/late.toml" >"$T/short.toml"
fails 2 'short.toml:8: .*not 8 bytes in hexadecimal' "a short processor ID" "$ASSAY" golden "$B" --target "$T/short.toml"
grep -v acpi "$T/late.toml" >"$T/alone.toml"
fails 2 'smbios_processor_id without acpi' "a processor ID without tables" "$ASSAY" golden "$B" --target "$T/alone.toml"
python3 "$TOP/tests/cli/fake-tdvf.py" "$B/firmware/late.fd"
manifest
sed 's/^smbios.*/firmware_generation = "202408"/' "$T/late.toml" >"$T/declared.toml"
make "a target with a declared release" <"$T/declared.toml"
same "assay measure agrees on it" "$(json 't[0]["values"]["rtmr0"]')" "$(late --firmware-generation 202408)"
rm "$B/firmware/late.fd"

# TDX: RTMR0 too, once it is known where ACPI tables come from; what assay measure says of every shape.
firmware=$SHARED/vectors/sev-snp/debian/OVMF_2025.02-8+deb13u1.fd
if [ -f "$firmware" ]; then
	cp "$firmware" "$B/firmware/tdx.fd"
	cp "$TOP/tests/data/tdx/kernel.bin" "$B/vmlinuz"
	manifest
	tdx() { "$ASSAY" measure tdx --firmware "$firmware" --kernel "$B/vmlinuz" --vmm qemu-10.1 "$@"; }
	registers() { json "[' '.join(k + '=' + v for k, v in sorted(x['values'].items())) for x in t][$1]"; }
	launch='[[launch.tdx]]
firmware = "firmware/tdx.fd"
vmm = "qemu-10.1"'
	printf 'name = "tdx"\n%s\nvcpus = [1, 4]\nmemory_bytes = [2147483648, 4294967296]\nacpi = "builtin"\n[[role]]\nname = "a"\ninitdata = "cds.toml"\n[[role]]\nname = "b"\ninitdata = "workload.toml"\n' "$launch" >"$T/tdx.toml"
	make "a target with ACPI tables" <"$T/tdx.toml"
	same "tuples by role, vCPUs and memory" "$(json '" ".join(x["name"] for x in t)')" \
		"$(for role in a b; do for shape in 1-2048 1-4096 4-2048 4-4096; do printf 'demo-%s-tdx-smp%sM ' $role $shape; done; done | sed 's/ $//')"
	same "of which RTMR0 is pinned" "$(json 'sorted(t[7]["values"])')" "['mrtd', 'rtmr0', 'rtmr1', 'rtmr2']"
	same "and verified" "$(json 'set(x["acpi_verified"] for x in t)')" "{True}"
	i=0
	for vcpus in 1 4; do
		for memory in 2G 4G; do
			same "assay measure agrees on $vcpus vCPUs, $memory" "$(registers $i)" \
				"$(tdx --initrd "$B/initrd.img" --cmdline "$(cat "$B/cmdline")" --vcpus $vcpus --memory $memory --acpi builtin | tr '\n' ' ' | sed 's/ $//')"
			i=$((i + 1))
		done
	done
	same "the second role has the same values" "$(registers 4:)" "$(registers :4)"
	same "a derivation for each register of each tuple" "$(find "$T/golden/derivation" -type f | wc -l)" 32
	same "which ends in the register" "$(python3 -c '
import json, sys
for name in sys.argv[2:]:
    doc = json.load(open(sys.argv[1] + "/" + name + ".json"))
    print(doc["steps"][-1]["running"] == doc["value"], len(doc["steps"]) > 3)' "$T/golden/derivation" \
		demo-b-tdx-smp4-4096M.rtmr0 demo-a-tdx-smp1-4096M.rtmr1 | sort -u)" "True True"
	same "RTMR1's derivation is there for shapes that share it" "$(cmp "$T/golden/derivation/demo-a-tdx-smp1-2048M.rtmr1.json" \
		"$T/golden/derivation/demo-a-tdx-smp4-4096M.rtmr1.json" | wc -l; grep -c running "$T/golden/derivation/demo-a-tdx-smp4-4096M.rtmr1.json")" "1
5"
	# The tables of a directory are of one shape.
	printf 'name = "tdx"\n%s\nvcpus = [1]\nmemory_bytes = 2147483648\nacpi = "tables"\n' "$launch" >"$T/one.toml"
	fails 3 'tables/etc/table-loader' "a directory that is not there" "$ASSAY" golden "$B" --target "$T/one.toml"
	if [ -d "$SHARED/vectors/tdx/derived" ]; then
		mkdir -p "$T/tables/etc/acpi"
		for blob in table-loader rsdp tables; do
			cp "$SHARED"/vectors/tdx/derived/qemu-10.1.0-q35-smp1-2G-hpet-serial.*"$blob"* \
				"$T/tables/etc/$([ $blob = table-loader ] || echo acpi/)$blob"
		done
		make "tables of a directory" <"$T/one.toml"
		same "are nobody's word but the directory's" "$(json 't[0]["acpi_verified"]')" False
		same "their RTMR0" "$(json 't[0]["values"]["rtmr0"]')" "$(tdx --initrd "$B/initrd.img" --cmdline "$(cat "$B/cmdline")" \
			--vcpus 1 --memory 2G --acpi "$T/tables" --register rtmr0)"
		sed -i 's/2147483648/[2147483648, 4294967296]/' "$T/one.toml"
		fails 2 'of one shape only' "a directory for two shapes" "$ASSAY" golden "$B" --target "$T/one.toml"
	fi
	for bad in 'builtin|both are needed' 'builtin:nothing|acpi' 'builtin"\nqemu = "qemu-none|qemu goes with'; do
		printf 'name = "tdx"\n%s\nvcpus = [1]\nacpi = "%b"\n' "$launch" "${bad%|*}" >"$T/bad.toml"
		case $bad in builtin\|*) ;; *) echo 'memory_bytes = 2147483648' >>"$T/bad.toml" ;; esac
		fails 2 "${bad#*|}" "ACPI tables: $bad" "$ASSAY" golden "$B" --target "$T/bad.toml"
	done
else
	skip "RTMR0 of a target" "no reference data"
fi
done_testing

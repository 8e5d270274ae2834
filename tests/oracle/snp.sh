#!/bin/sh
# SNP, SEV-ES and SEV launch digests against three independent programs, each for the VMMs that it models: sev-snp-measure
# (Python), gce-tcb-verifier (Go) and the sev crate (Rust). Over random launches, over the reference data's firmware and over a
# finished build ($ASSAY_BUILD_DIR) when there is one. Where ours and theirs are known to differ, that is tested too.
# shellcheck disable=SC2154 # what oracle.sh sets
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/oracle.sh"
. "$(dirname "$0")/judges.sh"
here=$TOP/tests/oracle

# Every digest of FILE is one of ours, and there are enough of them.
agree() { # NAME FILE LEAST
	ok "$1 computed at least $3 of them" test "$(grep -Ecx '[0-9]+ ([0-9a-f]{64}|[0-9a-f]{96})' "$2")" -ge "$3"
	same "$1 agrees on each" "$(grep -vxFf "$T/ours" "$2" | head -n 4)" ""
}

ok "1000 random launches are made" python3 "$here/snp-cases.py" "$T" 1000 assay
python3 "$here/snp-assay.py" "$ASSAY" "$T/cases.jsonl" >"$T/ours"
same "all of them are measured" "$(grep -Ecx '[0-9]+ ([0-9a-f]{64}|[0-9a-f]{96})' "$T/ours")" 1000

if judge_go gce-judge; then
	"$oracle_dir/judge" "$T/cases.tsv" >"$T/gce"
	same "gce-tcb-verifier runs" $? 0
	agree gce-tcb-verifier "$T/gce" 200
else
	skip "gce-tcb-verifier agrees" "$oracle_why"
fi
if judge_rust sev-judge; then
	"$oracle_dir/judge" "$T/cases.tsv" >"$T/sev"
	same "the sev crate runs" $? 0
	agree "the sev crate" "$T/sev" 150
else
	skip "the sev crate agrees" "$oracle_why"
fi
oracle_python sev-snp-measure || {
	skip "sev-snp-measure agrees" "$oracle_why"
	done_testing
}
python=$oracle_dir/bin/python
peer=$oracle_dir/bin/sev-snp-measure
"$python" "$here/snp-peer.py" "$T/cases.jsonl" >"$T/theirs"
same "sev-snp-measure runs" $? 0
agree sev-snp-measure "$T/theirs" 600

# Known differences. Theirs is the value or behaviour described in docs/sev-snp.md.
firmware=$T/firmware-0.fd
same "they measure 0 vCPUs" "$("$peer" --mode snp --vcpus 0 --vcpu-type EPYC-v4 --ovmf "$firmware" | wc -c)" 97
fails 2 'vcpus' "we do not" "$ASSAY" measure snp --firmware "$firmware" --vcpus 0 --cpu EPYC-v4
theirs=$("$peer" --mode seves --vcpus 2 --vcpu-type EPYC-v4 --ovmf "$firmware")
same "their SEV-ES is that of legacy-vm-type=off" "$theirs" \
	"$("$ASSAY" measure sev-es --vmm qemu --firmware "$firmware" --vcpus 2 --cpu EPYC-v4 2>/dev/null)"
legacy=$("$ASSAY" measure sev-es --vmm qemu-es-legacy --firmware "$firmware" --vcpus 2 --cpu EPYC-v4 2>/dev/null)
ok "QEMU's default is another" test "$theirs" != "$legacy"

if [ -n "$SHARED" ]; then
	data=$SHARED/vectors/sev-snp
	theirs=$("$peer" --mode snp:svsm --vcpus 4 --vcpu-type EPYC-v4 --ovmf "$data/sev-snp-measure/svsm_ovmf.fd" \
		--svsm "$data/sev-snp-measure/svsm.bin" --vars-size 540672)
	for vmm in svsm svsm-pre-6.10; do
		ours=$("$ASSAY" measure snp --vmm $vmm --vcpus 4 --cpu EPYC-v4 --firmware "$data/sev-snp-measure/svsm_ovmf.fd" \
			--svsm "$data/sev-snp-measure/svsm.bin" --vars-size 540672 2>/dev/null)
		ok "their SVSM has another FPU state than $vmm" test "${#ours}" -eq 96 -a "$ours" != "$theirs"
	done
	for fd in "$data"/debian/*.fd; do
		for vcpus in 1 5; do
			same "$(basename "$fd"), $vcpus vCPUs" \
				"$("$ASSAY" measure snp --firmware "$fd" --vcpus $vcpus --cpu EPYC-Genoa 2>/dev/null)" \
				"$("$peer" --mode snp --vcpus $vcpus --vcpu-type EPYC-Genoa --ovmf "$fd")"
		done
	done
else
	skip "the reference data's firmware" "no reference data (ASSAY_SHARED)"
fi

build=${ASSAY_BUILD_DIR:-}
if [ -n "$build" ] && [ -f "$build/golden.json" ]; then
	python3 - "$build/golden.json" >"$T/tuples" <<-'END'
		import json, sys
		for tuple in json.load(open(sys.argv[1]))["tuples"]:
		    if tuple["tee"] == "sev-snp":
		        shape = tuple["shape"]
		        print(tuple["name"], shape["vcpus"], shape["cpu_signature"], shape["sev_features"],
		              tuple["inputs"]["firmware"]["path"], tuple["values"]["launch_digest"])
	END
	ok "the build has SNP tuples" test -s "$T/tuples"
	while read -r name vcpus signature features path digest; do
		same "$name of the build" "$digest" "$("$peer" --mode snp --vcpus "$vcpus" --vcpu-sig "$signature" \
			--guest-features "$features" --ovmf "$build/$path" --kernel "$build/vmlinuz" \
			--initrd "$build/initrd.img" --append "$(cat "$build/cmdline")")"
	done <"$T/tuples"
else
	skip "the tuples of a build" "no finished build (ASSAY_BUILD_DIR)"
fi
done_testing

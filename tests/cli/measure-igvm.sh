#!/bin/sh
# assay measure igvm from outside: output forms, warnings, refusals. What is measured is in tests/unit/test-igvm.c.
. "$(dirname "$0")/../tap.sh"

cat >"$T/make.py" <<'END'
"""make.py FILE [WHAT]: an IGVM file with four pages, a parameter area and a policy; WHAT: id-block, tdx, short."""
import struct, sys, zlib
what = sys.argv[2] if len(sys.argv) > 2 else ""
def header(kind, body):
    return struct.pack("<II", kind, len(body)) + body + bytes(-len(body) % 8)
headers = header(0x1, struct.pack("<IBBHQ", 1, 0, 3 if what == "tdx" else 2, 1, 0))
headers += header(0x101, struct.pack("<QII", 0x30000, 1, 0)) + header(0x301, struct.pack("<QII", 0x2000, 0, 0))
pages = [(0x1000 * (i + 1), i) for i in range(4)]
extra = header(0x303, struct.pack("<QII", 0x100000, 1, 0))
if what == "id-block":
    extra += header(0x30B, struct.pack("<IB3x", 1, 0) + bytes(688))
start = 24 + len(headers) + 32 * len(pages) + len(extra)
for gpa, index in pages:
    headers += header(0x302, struct.pack("<QIIIHH", gpa, 1, start + 4096 * index, 0, 0, 0))
headers += extra
data = b"".join(bytes([index + 1]) * 4096 for _, index in pages)
fixed = lambda crc: struct.pack("<4sIIIII", b"IGVM", 1, 24, len(headers), 24 + len(headers) + len(data), crc)
image = fixed(zlib.crc32(fixed(0) + headers)) + headers + data
open(sys.argv[1], "wb").write(image[:-1] if what == "short" else image)
END
make() { # NAME [WHAT]
	python3 "$T/make.py" "$T/$1.igvm" "${2:-}"
}
make good
make id id-block
make tdx tdx
make short short
igvm="$ASSAY measure igvm"

# shellcheck disable=SC2086 # words
ok "a file is measured" $igvm "$T/good.igvm" --cpu EPYC
# shellcheck disable=SC2086
same "the bare digest" "$($igvm "$T/good.igvm" --cpu EPYC | grep -cx '[0-9a-f]\{96\}')" 1
# shellcheck disable=SC2086
same "more vCPUs, another digest" "$(for n in 1 2 3; do $igvm "$T/good.igvm" --cpu EPYC --vcpus $n; done | sort -u | wc -l)" 3
# shellcheck disable=SC2086
same "the calculators need no CPU, and differ" "$(for p in igvmmeasure igvm-crate; do $igvm "$T/good.igvm" --vmm $p; done | sort -u | wc -l)" 2
# shellcheck disable=SC2086
same "an MRTD" "$($igvm "$T/tdx.igvm" --tee tdx | grep -cx '[0-9a-f]\{96\}')" 1
# shellcheck disable=SC2086
$igvm "$T/good.igvm" --cpu EPYC --explain >"$T/explain"
same "explained: the areas first, then the run, then the VMSA" "$(sed -n 's/^ *[0-9]*  \([A-Z][A-Z]*\) .*/\1/p' "$T/explain" | tr '\n' ' ')" "UNMEASURED NORMAL VMSA "
# shellcheck disable=SC2086
$igvm "$T/good.igvm" --cpu EPYC --explain --format json >"$T/json"
same "the same in JSON" "$(python3 -c 'import json,sys; d=json.load(open(sys.argv[1])); print(d["launch_digest"], d["policy"], len(d["steps"]), d["input"]["sha256"])' "$T/json")" \
	"$(tail -n 1 "$T/explain") 0x30000 7 $(sha256sum <"$T/good.igvm" | cut -d' ' -f1)"
# shellcheck disable=SC2086
same "an ID block of another digest: warned of" "$($igvm "$T/id.igvm" --cpu EPYC 2>&1 >/dev/null | grep -c 'expects another')" 1
# shellcheck disable=SC2086
fails 2 'expects another' "--strict refuses it" $igvm "$T/id.igvm" --cpu EPYC --strict
while IFS='|' read -r pattern name args; do
	# shellcheck disable=SC2086
	fails 2 "$pattern" "$name" $igvm $args
done <<END
says .* bytes|bad-igvm-short|$T/short.igvm --cpu EPYC
not an IGVM file|bad-igvm-other|$T/make.py --cpu EPYC
--cpu is missing|no CPU|$T/good.igvm
no such CPU|an unknown CPU|$T/good.igvm --cpu Xeon
not support SEV-SNP|a file for TDX|$T/tdx.igvm --cpu EPYC
no TD|TDX as QEMU|$T/tdx.igvm --tee tdx --vmm qemu
known: qemu|an unknown profile|$T/good.igvm --vmm hyper-v
snp or tdx|an unknown TEE|$T/good.igvm --tee sgx
text or json|an unknown format|$T/good.igvm --format xml
0 vCPUs|no vCPU|$T/good.igvm --vcpus 0 --cpu EPYC
usage|two files|$T/good.igvm $T/tdx.igvm
END
fails 3 'No such file' "a file that is not there" "$ASSAY" measure igvm "$T/absent"
done_testing

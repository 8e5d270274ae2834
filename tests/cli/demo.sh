#!/bin/sh
# Release flavour only.
# What `assay build` makes of the demo's recipe: the files that are promised, and documents that agree with the files and with
# one another. What they mean is judged in oracle/ and boot/.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/../demo.sh"

demo_get || {
	skip "the demo guest" "$demo_why"
	done_testing
}

same "the files" "$(cd "$demo" && find . -type f | sort)" "./cmdline
./derivation/kata-debian-smp1.launch_digest.json
./derivation/kata-debian-smp2.launch_digest.json
./derivation/kata-debian-smp4.launch_digest.json
./derivation/kata-debian-smp8.launch_digest.json
./derivation/kata-debian.mrtd.json
./derivation/kata-debian.rtmr1.json
./derivation/kata-debian.rtmr2.json
./files.json
./firmware/snp.fd
./firmware/tdx.fd
./golden.json
./initrd.img
./kata.toml
./kernel_verity_params
./manifest.json
./refs/c8s-snp.json
./refs/c8s-tdx.json
./root_hash
./rootfs.img
./sbom.cdx.json
./sbom.spdx.json
./vmlinuz"
# The value of a Python expression over the documents.
json() { # EXPRESSION
	python3 - "$demo" "$1" <<'PY'
import hashlib, json, pathlib, sys
top = pathlib.Path(sys.argv[1])
load = lambda name: json.loads((top / name).read_text())
sha256 = lambda name: hashlib.sha256((top / name).read_bytes()).hexdigest()
m, g = load("manifest.json"), load("golden.json")
text = lambda name: (top / name).read_text().rstrip("\n")
tuples = {t["name"]: t for t in g["tuples"]}
derived = {p.name[:-5]: json.loads(p.read_text()) for p in (top / "derivation").iterdir()}
print(eval(sys.argv[2]))
PY
}
holds() { # TEXT EXPRESSION
	same "$1" "$(json "$2" 2>&1 | tail -n 1)" True
}
holds "the manifest has every output's digest" \
	'all(sha256(n) == o["sha256"] and (top / n).stat().st_size == o["size_bytes"] for n, o in m["outputs"].items())'
holds "the manifest has every file that is not computed from it" \
	'set(m["outputs"]) == {"vmlinuz", "initrd.img", "rootfs.img", "cmdline", "kernel_verity_params", "kata.toml", "root_hash", "firmware/snp.fd", "firmware/tdx.fd", "files.json", "sbom.cdx.json", "sbom.spdx.json"}'
holds "the manifest has the digest of every package" \
	'sum(i["kind"] == "package" for i in m["inputs"]) > 50 and all(len(i["sha256"]) == 64 for i in m["inputs"] if i["kind"] != "tool" or "sha256" in i)'
holds "the root hash is one and the same" \
	'all(m["verity"]["root_hash"] in text(n) for n in ("root_hash", "kernel_verity_params", "cmdline"))'
holds "and in the runtime's drop-in" 'm["verity"]["root_hash"] in text("kata.toml") and text("kernel_verity_params") in text("kata.toml")'
holds "the salt too" 'all(m["verity"]["salt"] in text(n) for n in ("kernel_verity_params", "cmdline"))'
holds "the command line is the manifest's" 'text("cmdline") == m["cmdline"]'
holds "golden values are those of this manifest" 'g["manifest_sha256"] == sha256("manifest.json")'
holds "and of these files" 'all(i["sha256"] == sha256(i["path"]) for t in g["tuples"] for i in t["inputs"].values())'
holds "four SNP tuples, one TDX tuple" \
	'[(t["tee"], t["shape"].get("vcpus")) for t in g["tuples"]] == [("sev-snp", 1), ("sev-snp", 2), ("sev-snp", 4), ("sev-snp", 8), ("tdx", None)]'
holds "no value twice" 'len({v for t in g["tuples"] for v in t["values"].values()}) == 7'
holds "every value has its derivation" \
	'{(n, v) for n, d in derived.items() for v in [d["value"]]} == {(f"{t}.{r}", v) for t in tuples for r, v in tuples[t]["values"].items()}'
holds "the SNP policy holds the same digests" \
	'{(x["name"], x["measurement"]) for x in load("refs/c8s-snp.json")["measurements"]} == {(n, t["values"]["launch_digest"]) for n, t in tuples.items() if t["tee"] == "sev-snp"}'
holds "the TDX policy holds the same registers" \
	'[(x["mrtd"], x["rtmr"][1], x["rtmr"][2]) for x in load("refs/c8s-tdx.json")["measurements"]] == [tuple(t["values"][r] for r in ("mrtd", "rtmr1", "rtmr2")) for t in tuples.values() if t["tee"] == "tdx"]'
same "no path of this machine" "$(cd "$demo" && grep -rlF -e "$TOP" -e "$demo_cache" .)" ""
done_testing

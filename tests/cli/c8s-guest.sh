#!/bin/sh
# Release flavour only.
# The recipe c8s-guest, with stand-ins for what it cannot ship: what is in the image, that its debug sibling differs in the agent policy
# alone, and that nothing but what is pinned gets in.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/../demo.sh"
. "$(dirname "$0")/../c8s.sh"

stand_ins || {
	skip 'c8s-guest' "$c8s_why"
	done_testing
}
ok 'an image of parts, and everything pinned' c8s_recipes
c8s_lock || {
	skip 'c8s-guest' "$c8s_why"
	done_testing
}
ok 'it builds' c8s_build "$T/release"
ok 'so does its debug sibling' c8s_build "$T/debug" --variant debug
[ -d "$T/release" ] && [ -d "$T/debug" ] || done_testing
# The value of a Python expression over both builds.
value() { # EXPRESSION
	python3 - "$T" "$1" <<'PY' 2>&1 | tail -n 1
import hashlib, json, pathlib, sys
top = pathlib.Path(sys.argv[1])
load = lambda build, name: json.loads((top / build / name).read_text())
text = lambda build, name: (top / build / name).read_text()
sha256 = lambda path: hashlib.sha256((top / path).read_bytes()).hexdigest()
files = {b: {f["path"]: f for f in load(b, "files.json")["files"]} for b in ("release", "debug")}
r, d = files["release"], files["debug"]
m, md = load("release", "manifest.json"), load("debug", "manifest.json")
strip = lambda f: {k: v for k, v in f.items() if k != "blocks"}
content = lambda f: {k: v for k, v in f.items() if k in ("path", "type", "mode", "uid", "gid", "sha256", "target", "origin")}
differ = lambda a, b: sorted(p for p in set(a) | set(b) if content(a.get(p, {})) != content(b.get(p, {})))
print(eval(sys.argv[2]))
PY
}
same 'the sibling differs in one file, the agent policy' "$(value 'differ(r, d)')" "['/etc/kata-opa/c8s.rego']"
same 'its manifest says so' "$(value 'md["variant"]')" \
	"{'added': ['policy.debug'], 'changed': ['policy.path'], 'dropped': [], 'name': 'debug', 'of': 'c8s-guest'}"
same 'by a name of its own' "$(value 'm["name"], md["name"]')" "('c8s-guest', 'c8s-guest-debug')"
same 'with the salt of the release' "$(value 'm["verity"]["salt"] == md["verity"]["salt"], m["verity"]["root_hash"] == md["verity"]["root_hash"]')" '(True, False)'
same 'the same kernel, initrd and firmware' \
	"$(value '[m["outputs"][n] == md["outputs"][n] for n in ("vmlinuz", "initrd.img", "firmware/snp.fd", "firmware/tdx.fd")]')" \
	'[True, True, True, True]'
same 'other golden values' "$(cat "$T/release/golden.json" "$T/debug/golden.json" | grep -o '"launch_digest": "[^"]*"' | sort -u | wc -l)" 8
same 'the release has no variant' "$(value '"variant" in m')" False
same 'what it includes is named by digest' "$(value '[i["name"] for i in m["inputs"] if i["kind"] == "include" and i["sha256"] == sha256("recipes/c8s-guest/" + i["name"])]')" \
	"['../kata-debian/recipe.toml', 'inputs.toml']"
same 'and is a document, not a part of the image' "$(cat "$T/release/sbom.spdx.json" "$T/release/sbom.cdx.json" | grep -c 'inputs.toml')" 0
same 'the programs are the pinned ones' \
	"$(value '[r["/usr/local/bin/" + n]["sha256"] == sha256("recipes/c8s-guest/inputs/" + n) for n in ("ratls-mesh", "policy-monitor", "attestation-service", "volumed")]')" \
	'[True, True, True, True]'
same "the guest components come out of Kata's image" \
	"$(value 'sorted(p for p, f in r.items() if f["type"] == "file" and f["origin"].startswith("image:"))')" \
	"['/etc/ocicrypt_config.json', '/pause_bundle/config.json', '/pause_bundle/rootfs/pause', '/usr/local/bin/api-server-rest', '/usr/local/bin/attestation-agent', '/usr/local/bin/confidential-data-hub']"
same 'the seed allow-list' "$(value 'r["/etc/c8s/bootstrap-allowlist.json"]["sha256"]')" \
	"$(printf '{\n  "sha256_digests": []\n}\n' | sha256sum | cut -d ' ' -f 1)"
same 'units are enabled for the boot' \
	"$(value 'sorted(p.split("/")[-1] for p in r if p.startswith("/etc/systemd/system/kata-containers.target.wants/"))')" \
	"['attestation-service.service', 'c8s-ready.target', 'chrony.service', 'dbus.socket', 'kata-agent.service', 'policy-monitor.service', 'ratls-mesh.service', 'volumed.service']"
same 'and by their own [Install], as the preset says' \
	"$(value 'sorted(p[len("/etc/systemd/system/"):] for p in r if ("/multi-user.target.wants/" in p or "/c8s-ready.target.wants/" in p) and p.startswith("/etc/"))')" \
	"['c8s-ready.target.wants/ratls-mesh.service', 'multi-user.target.wants/attestation-service.service', 'multi-user.target.wants/c8s-ready.target', 'multi-user.target.wants/policy-monitor.service', 'multi-user.target.wants/volumed.service']"
same 'the bundle of certificates is every certificate' \
	"$(value 'r["/etc/ssl/certs/ca-certificates.crt"]["size_bytes"] == sum(f["size_bytes"] for p, f in r.items() if p.startswith("/usr/share/ca-certificates/mozilla/") and p.endswith(".crt"))')" True
same "the runtime's drop-in is the image's" "$(value 'all(x["verity"]["root_hash"] in text(b, "kata.toml") for b, x in (("release", m), ("debug", md)))')" True
ok 'the drop-in of a debug image says so' grep -q '^# agent policy, sha256 [0-9a-f]*: a debug image$' "$T/debug/kata.toml"
cat >"$T/configuration.toml" <<'EOT'
[hypervisor.qemu]
confidential_guest = true
default_maxvcpus = 8
image = "/opt/kata/share/kata-containers/kata-containers-confidential.img"
rootfs_type = "ext4"
kernel_verity_params = ""
[agent.kata]
[runtime]
EOT
line() { "$ASSAY" cmdline kata --runtime go --kata-version 3.30.0 --tee snp -c "$T/configuration.toml" -c "$T/$1/kata.toml" --vcpus 1; }
for build in release debug; do
	line $build >"$T/line" 2>"$T/.err" || sed 's/^/# /' "$T/.err"
	same "$build: Kata's command line boots the image that the drop-in came with" \
		"$(grep -o 'sha256 [0-9a-f]* [0-9a-f]*"' "$T/line")" "$(sed 's/root_hash=\([0-9a-f]*\),salt=\([0-9a-f]*\),.*/sha256 \1 \2"/' "$T/$build/kernel_verity_params")"
done

# Nothing gets in that is not pinned.
echo x >>"$inputs/volumed"
fails 1 'inputs/volumed: sha256 is [0-9a-f]*, the recipe says' 'another program' c8s_build "$T/no"
rm "$inputs/volumed"
fails 3 'inputs/volumed: No such file' 'no program' c8s_build "$T/no"
fails 2 'there is no \[variant.release\]; there are: debug' 'a variant that is not there' c8s_build "$T/no" --variant release
ok 'and nothing was built' test ! -e "$T/no"
done_testing

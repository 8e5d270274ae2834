#!/bin/sh
# C8s image policies: what we write is taken, and our reader and a second one written from the loader's rules agree on many changes.
. "$(dirname "$0")/../tap.sh"
command -v python3 >/dev/null || {
	skip "C8s policies, read twice" "no python3"
	done_testing
}
G=$TOP/tests/data/golden.json
P=$TOP/tests/oracle/c8s.py

# "take NAME" or "refuse NAME" for each file, by assay.
ours() {
	for file in "$@"; do
		if "$ASSAY" refs c8s --check "$file" >"$T/.out" 2>"$T/.err"; then
			echo "take $(basename "$file")"
		else
			echo "refuse $(basename "$file")"
		fi
	done
}

for tee in sev-snp tdx; do
	mkdir "$T/$tee"
	"$ASSAY" refs c8s "$G" --tee $tee -o "$T/$tee.json"
	python3 "$P" mutate "$T/$tee.json" "$T/$tee"
	python3 "$P" judge "$T/$tee"/*.json >"$T/theirs" 2>"$T/why"
	ours "$T/$tee"/*.json >"$T/ours"
	same "$tee: what we write is taken" "$(grep -c '^take good\.0\.json$' "$T/theirs")" 1
	ok "$tee: many changes" test "$(wc -l <"$T/theirs")" -ge 70
	same "$tee: both readers agree" "$(grep -v ' fold-' "$T/ours" | diff - "$T/theirs" | grep -v ' fold-' | grep '^[<>]')" ""
	same "$tee: changes that are good are taken" "$(grep -c '^refuse good' "$T/ours")" 0
	same "$tee: all others are refused" "$(grep '^take' "$T/ours" | grep -cv '^take good')" 0
	folds=$(find "$T/$tee" -name 'fold*' | wc -l)
	same "$tee: spellings that Go folds are refused by ours alone" \
		"$(grep -c '^refuse fold' "$T/ours") $(grep -c '^take fold' "$T/theirs")" "$folds $folds"
done

# The flat forms and the image manifest, read by the rules of C8s' own loaders (ratls.ParseRTMRPins, pkg/runtimemeasure).
cat >"$T/flat.py" <<'END'
import json, re, subprocess, sys
assay, path = sys.argv[1:]
golden = json.load(open(path))
snp = [t for t in golden["tuples"] if t["tee"] == "sev-snp"]
(tdx,) = [t["values"] for t in golden["tuples"] if t["tee"] == "tdx"]
digests = [t["values"]["launch_digest"] for t in snp]

def refs(form, tee=None):
    options = ["--tee", tee] if tee else []
    return subprocess.run([assay, "refs", form, path] + options, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout.decode()

def once(pairs):
    assert len({key for key, _ in pairs}) == len(pairs)
    return dict(pairs)

assert refs("c8s-measurements", "sev-snp").split("\n") == digests + [""]
assert refs("c8s-measurements", "tdx") == tdx["mrtd"] + "\n"
pins = once([line.split("=") for line in refs("c8s-rtmrs", "tdx").split()])
assert pins == {"1": tdx["rtmr1"], "2": tdx["rtmr2"]}
manifest = json.loads(refs("image-manifest"), object_pairs_hook=once)
assert manifest["version"] == 3 and manifest["tdx"] == {name: tdx[name] for name in ("mrtd", "rtmr1", "rtmr2")}
variants = [(v["smp"], v["measurement"]) for v in manifest["snp_variants"]]
assert variants == sorted((t["shape"]["vcpus"], {"algorithm": "sha384", "snp_launch_digest": t["values"]["launch_digest"]}) for t in snp)
# A small subset of YAML: sections, lists, quoted strings.
for tee, lists in (("sev-snp", {"measurements": digests}),
                   ("tdx", {"measurements": [tdx["mrtd"]], "rtmrs": ["1=" + tdx["rtmr1"], "2=" + tdx["rtmr2"]]})):
    values, section, name = {}, None, None
    for line in refs("c8s-helm", tee).splitlines():
        if match := re.fullmatch(r"(\w+):", line):
            section = values[match[1]] = {}
        elif match := re.fullmatch(r"  (\w+):", line):
            name = section[match[1]] = []
        else:
            name.append(re.fullmatch(r'    - "([0-9a-f=]+)"', line)[1])
    assert values == {"cds": lists, "ratlsMesh": lists}, values
END
ok "the flat forms, Helm values and the image manifest say the same" python3 "$T/flat.py" "$ASSAY" "$G"
done_testing

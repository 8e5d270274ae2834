#!/bin/sh
# assay initdata: the three forms into one another, strict input, exit statuses.
. "$(dirname "$0")/../tap.sh"

printf 'package agent_policy\n\ndefault X := false\n' >"$T/policy.rego"
printf 'url = "http://kbs"\n' >"$T/aa.toml"
i() { "$ASSAY" initdata "$@"; }

ok "create" i create -a sha256 -d "aa.toml=$T/aa.toml" -d "policy.rego=$T/policy.rego" -t c8s.role=workload -o "$T/doc.toml"
same "the document" "$(cat "$T/doc.toml")" "$(cat <<'END'
version = "0.1.0"
algorithm = "sha256"

[data]
"aa.toml" = '''
url = "http://kbs"
'''
"c8s.role" = "workload"
"policy.rego" = '''
package agent_policy

default X := false
'''
END
)"
sum=$(sha256sum "$T/doc.toml" | cut -d ' ' -f 1)
same "HOST_DATA" "$(i digest "$T/doc.toml" --tee snp)" "$sum"
same "MRCONFIGID is filled with zeros" "$(i digest "$T/doc.toml" --tee tdx)" "${sum}00000000000000000000000000000000"
same "in base64" "$(i digest "$T/doc.toml" --tee snp --base64)" "$(printf %s "$sum" | tr a-f A-F | basenc --base16 -d | base64)"
same "comments count" "$(printf '# x\n' | cat - "$T/doc.toml" >"$T/doc2.toml"; i digest "$T/doc2.toml" --tee snp)" \
	"$(sha256sum "$T/doc2.toml" | cut -d ' ' -f 1)"
i annotate "$T/doc.toml" >"$T/annotation"
same "gunzip reads the annotation" "$(base64 -d "$T/annotation" | gunzip | sha256sum)" "$(sha256sum <"$T/doc.toml")"
ok "image" i image "$T/doc.toml" -o "$T/image"
same "a device of whole sectors" $(($(wc -c <"$T/image") % 512)) 0
for form in annotation image; do
	same "back from the $form" "$(i show "$T/$form" --raw | sha256sum)" "$(sha256sum <"$T/doc.toml")"
	same "the digest of the $form" "$(i digest "$T/$form" --tee snp)" "$sum"
done
same "annotate --yaml" "$(i annotate "$T/image" --yaml)" \
	"io.katacontainers.config.hypervisor.cc_init_data: $(cat "$T/annotation")"
same "one entry" "$(i show "$T/annotation" -e c8s.role)" workload
same "show" "$(i show "$T/doc.toml" | sed -n 's/.*"snp": "\(.*\)",/\1/p')" "$sum"
ok "the baked policy is the same" i show "$T/doc.toml" --baked-policy "$T/policy.rego"
i show "$T/doc.toml" --baked-policy "$T/aa.toml" >"$T/shown"
same "another one: no" $? 1
same "and it is said" "$(grep -c '"policy_vs_baked": "differs"' "$T/shown")" 1
i create -t a=b -o "$T/none.toml"
same "no policy inside" "$(i show "$T/none.toml" --baked-policy "$T/aa.toml" | grep -c '"policy_vs_baked": "absent"')" 1
ok "help" i --help
ok "help of a sub-verb" i digest --help

fails 2 'initdata: create, show' "no such sub-verb" i make
fails 2 'not sha256' "another algorithm" i create -a sha1 -t a=b
fails 2 'given twice' "a key twice" i create -t a=b -t a=c
fails 2 'not KEY=FILE' "no file" i create -d a
fails 2 'not KEY=VALUE' "no value" i create -t a
fails 2 'not a key' "an empty key" i create -t =a
fails 3 'missing' "a missing file" i create -d "a=$T/missing"
printf '\377' >"$T/binary"
fails 2 'not text' "a binary value" i create -d "a=$T/binary"
fails 2 'tee: snp' "no platform" i digest "$T/doc.toml"
fails 2 'no entry x' "no such entry" i show "$T/doc.toml" -e x
fails 2 'output: required' "an image to nowhere" i image "$T/doc.toml"
fails 3 'missing' "a missing document" i show "$T/missing"
printf 'version = "0.1.0"\nalgorithm = "sha256"\nextra = 1\n[data]\n' >"$T/extra.toml"
fails 2 'extra.toml:3' "an unknown key" i show "$T/extra.toml"
head -c 40 "$T/annotation" >"$T/cut"
fails 2 'cut: ' "an annotation cut short" i show "$T/cut"
head -c 300000 /dev/urandom | base64 -w 0 >"$T/noise"
i create -d "a=$T/noise" -o "$T/large.toml"
fails 3 'Kubernetes' "an annotation that Kubernetes would not take" i annotate "$T/large.toml"
done_testing

#!/bin/sh
# assay measure snp, sev and sev-es, and assay inspect: output forms, fleets, every refusal, warnings, memory.
. "$(dirname "$0")/../tap.sh"

make_firmware() { # NAME [WHAT]
	python3 "$TOP/tests/cli/fake-firmware.py" "$T/$1.fd" "${2:-}"
}
make_firmware good
printf 'kernel bytes' >"$T/kernel"
printf 'initrd bytes' >"$T/initrd"
printf 'console=ttyS0 nr_cpus=2' >"$T/cmdline"
snp="$ASSAY measure snp --firmware $T/good.fd"
quiet() { "$@" 2>/dev/null; }

# The digests that sev-snp-measure gives for the same bytes; tests/unit/test-snp.c has them too.
two=aefaed11f891d31135a88f4bebfa0a5201fe6393450bdb8e4d6b204b0837a72b95fe181cb3a58a85cf8ca7c063727c4f
payload="--kernel $T/kernel --initrd $T/initrd"
# shellcheck disable=SC2086 # words
same "one shape: the bare digest" "$(quiet $snp $payload --cmdline-file "$T/cmdline" --vcpus 2 --cpu EPYC)" $two
# shellcheck disable=SC2086
same "the command line as text" "$(quiet $snp $payload --cmdline 'console=ttyS0 nr_cpus=2' --vcpus 2 --cpu 0x800f12)" $two
kernel_hash=$(sha256sum <"$T/kernel" | cut -d' ' -f1)
initrd_hash=$(sha256sum <"$T/initrd" | cut -d' ' -f1)
# shellcheck disable=SC2086
same "kernel and initrd by their digests" "$(quiet $snp --kernel-sha256 "$kernel_hash" --initrd-sha256 "$initrd_hash" \
	--cmdline-file "$T/cmdline" --vcpus 2 --cpu 23/1/2)" $two
# shellcheck disable=SC2086
quiet $snp $payload --cmdline 'console=ttyS0 nr_cpus={vcpus}' --vcpus 2,1,3-4 --cpu EPYC,EPYC-Milan >"$T/fleet"
same "a fleet: one line a shape" "$(wc -l <"$T/fleet")" 8
same "in the order asked for" "$(sed -n 1p "$T/fleet")" "$two  vcpus=2 cpu=EPYC vmm=qemu"
same "CPUs outermost" "$(cut -d' ' -f3- "$T/fleet" | sed -n '4p;5p' | tr '\n' ';')" "vcpus=4 cpu=EPYC vmm=qemu;vcpus=2 cpu=EPYC-Milan vmm=qemu;"
one_by_one() {
	while read -r _ vcpus cpu _; do
		# shellcheck disable=SC2086
		quiet $snp $payload --cmdline "console=ttyS0 nr_cpus=${vcpus#vcpus=}" --vcpus "${vcpus#vcpus=}" --cpu "${cpu#cpu=}"
	done <"$T/fleet"
}
same "each as if measured alone" "$(one_by_one)" "$(cut -d' ' -f1 "$T/fleet")"
# shellcheck disable=SC2086
quiet $snp --vcpus 1-9 --cpu all --sev-features 0x1,0x21 >"$T/all"
same "all CPU models, two feature words" "$(wc -l <"$T/all") $(grep -c 'sev_features=0x21$' "$T/all")" "450 225"
same "models of one signature share digests" "$(cut -d' ' -f1 "$T/all" | sort -u | wc -l)" 108
# shellcheck disable=SC2086
same "a digest amid a long chain" "$(grep 'vcpus=7 cpu=EPYC-Genoa vmm=qemu sev_features=0x21' "$T/all" | cut -d' ' -f1)" \
	"$(quiet $snp --vcpus 7 --cpu EPYC-Genoa --sev-features 33)"

# JSON: canonical, the same digests, and every input's digest.
# shellcheck disable=SC2086
quiet $snp $payload --cmdline 'console=ttyS0 nr_cpus={vcpus}' --vcpus 2,1,3-4 --cpu EPYC,EPYC-Milan --format json >"$T/fleet.json"
# shellcheck disable=SC2086
quiet $snp --vcpus 3 --cpu EPYC --explain --format json >"$T/explain.json"
cat >"$T/check.py" <<'END'
import json, sys
for name in sys.argv[1:]:
    text = open(name, encoding="utf-8").read()
    doc = json.loads(text)
    assert text == json.dumps(doc, sort_keys=True, indent=2, ensure_ascii=False) + "\n", name
    print(doc["schema"], doc["tee"], doc["vmm"], " ".join(m["launch_digest"] for m in doc["measurements"]), len(doc.get("steps", [])),
          *(doc["inputs"][k]["sha256"] for k in ("firmware", "kernel", "initrd") if k in doc["inputs"]))
END
python3 "$T/check.py" "$T/fleet.json" "$T/explain.json" >"$T/checked"
same "JSON: canonical, with the digests of the text" "$(sed -n 1p "$T/checked")" \
	"assay-measurement/1 sev-snp qemu $(cut -d' ' -f1 "$T/fleet" | tr '\n' ' ')0 $(sha256sum <"$T/good.fd" | cut -d' ' -f1) $kernel_hash $initrd_hash"
same "JSON: every page explained" "$(sed -n 2p "$T/checked" | cut -d' ' -f5)" $((16 + 16 + 3))
# shellcheck disable=SC2086
quiet $snp --vcpus 3 --cpu EPYC --explain >"$T/explain"
# shellcheck disable=SC2086
same "the explanation ends in the digest" "$(tail -n 1 "$T/explain")" "$(quiet $snp --vcpus 3 --cpu EPYC)"
same "with runs of pages folded" "$(grep -c '^ *[0-9]*  [A-Z]' "$T/explain")" 9

# A firmware's metadata in its place.
ok "inspect writes the metadata" "$ASSAY" inspect "$T/good.fd" --format snp-meta
"$ASSAY" inspect "$T/good.fd" --format snp-meta >"$T/meta.json"
# shellcheck disable=SC2086
same "which gives the same digest" "$(quiet "$ASSAY" measure snp --firmware-meta "$T/meta.json" $payload --cmdline-file "$T/cmdline" \
	--vcpus 2 --cpu EPYC)" $two
same "inspect as text" "$("$ASSAY" inspect "$T/good.fd" | grep -c "^  section type=")" 6

# Plain SEV, SEV-ES.
# shellcheck disable=SC2086
same "SEV-ES" "$(quiet "$ASSAY" measure sev-es --firmware "$T/good.fd" $payload --cmdline-file "$T/cmdline" --vcpus 3 --cpu EPYC --vmm qemu)" \
	f70c44512416d06126cbbd25147af1b64030437260a7b4fbba10a410aa148ad3
# shellcheck disable=SC2086
same "SEV" "$(quiet "$ASSAY" measure sev --firmware "$T/good.fd" $payload --cmdline-file "$T/cmdline")" \
	715426c0443e7abe2dcd46f1181d91fb90856b0b8bf62e45b0ad7b88e09ecf0e
same "the keyed measurement is an HMAC" "$(printf 'tik of 16 bytes.' >"$T/tik"
	"$ASSAY" measure sev-launch --digest "$kernel_hash" --tik "$T/tik" --policy 0x5 --nonce 00112233445566778899aabbccddeeff \
		--api 1.55 --build 24)" \
	"$(python3 -c 'import sys; sys.stdout.buffer.write(bytes.fromhex("04013718" "05000000" + sys.argv[1] + "00112233445566778899aabbccddeeff"))' \
		"$kernel_hash" >"$T/message"
	openssl dgst -sha256 -mac HMAC -macopt "hexkey:$(od -An -tx1 "$T/tik" | tr -d ' \n')" -r "$T/message" | cut -d' ' -f1)"

# Warnings: on stderr once there is a result, refused by --strict.
# shellcheck disable=SC2086
$snp --vcpus 1 --cpu EPYC >"$T/out" 2>"$T/err"
same "no kernel on firmware for direct boot: warned of" "$? $(grep -c 'does not bind a payload' "$T/err")" "0 1"
same "unknown firmware: warned of" "$(grep -c 'not a known build' "$T/err")" 1
# shellcheck disable=SC2086
fails 2 'does not bind a payload' "--strict refuses it" $snp --vcpus 1 --cpu EPYC --strict
make_firmware empty empty-section
make_firmware unknown unknown-section
same "an empty section: warned of" "$("$ASSAY" measure snp --firmware "$T/empty.fd" --vcpus 1 --cpu EPYC 2>&1 >/dev/null | grep -c 'is empty')" 1
same "an unknown section: warned of" "$("$ASSAY" measure snp --firmware "$T/unknown.fd" --vcpus 1 --cpu EPYC 2>&1 >/dev/null | grep -c 'is unknown')" 1
same "SEV-ES without --vmm: warned of" "$("$ASSAY" measure sev-es --firmware "$T/good.fd" --vcpus 1 --cpu EPYC 2>&1 >/dev/null | grep -c legacy)" 1

# Every refusal: status 2, one line, no output.
for what in no-hashes-section no-hash-entry; do
	make_firmware $what $what
	# shellcheck disable=SC2086
	fails 2 'unmeasured' "bad-$what with a kernel" "$ASSAY" measure snp --firmware "$T/$what.fd" --vcpus 1 --cpu EPYC $payload
done
# shellcheck disable=SC2086
fails 2 'unmeasured' "bad-no-hash-entry with a kernel, SEV" "$ASSAY" measure sev --firmware "$T/no-hash-entry.fd" $payload
while read -r what pattern; do
	make_firmware "$what" "$what"
	fails 2 "$pattern" "bad-$what" "$ASSAY" measure snp --firmware "$T/$what.fd" --vcpus 1 --cpu EPYC
done <<END
hash-outside not.inside
unaligned not.aligned
overlap overlaps
in-rom reaches.into
count bytes.for.5.sections
no-metadata no.SEV.metadata
no-reset reset.block
END
head -c 65000 "$T/good.fd" >"$T/short.fd"
printf '\177ELF' >"$T/elf"
printf 'quiet\n' >"$T/newline"
printf 'qui\000et' >"$T/nul"
# shellcheck disable=SC2034 # used in the eval
while IFS='|' read -r pattern name args; do
	# shellcheck disable=SC2086
	eval "fails 2 \"\$pattern\" \"\$name\" $ASSAY measure $args"
done <<END
4 KiB pages|bad-firmware-size|snp --firmware $T/short.fd --vcpus 1 --cpu EPYC
--firmware is missing|no firmware|snp --vcpus 1 --cpu EPYC
needs a kernel|an initrd without a kernel|snp --firmware $T/good.fd --vcpus 1 --cpu EPYC --initrd $T/initrd
needs a kernel|a command line without a kernel|snp --firmware $T/good.fd --vcpus 1 --cpu EPYC --cmdline quiet
unmeasured|a kernel with --no-kernel-hashes|snp --firmware $T/good.fd --vcpus 1 --cpu EPYC --kernel $T/kernel --no-kernel-hashes
exclude each other|two kernels|snp --firmware $T/good.fd --vcpus 1 --cpu EPYC --kernel $T/kernel --kernel-sha256 $kernel_hash
exclude each other|two initrds|snp --firmware $T/good.fd --vcpus 1 --cpu EPYC --kernel $T/kernel --initrd $T/initrd --initrd-sha256 $initrd_hash
exclude each other|two command lines|snp --firmware $T/good.fd --vcpus 1 --cpu EPYC --kernel $T/kernel --cmdline a --cmdline-file $T/cmdline
exclude each other|two firmwares|snp --firmware $T/good.fd --firmware-meta $T/meta.json --vcpus 1 --cpu EPYC
lowercase hex|a digest in capitals|snp --firmware $T/good.fd --vcpus 1 --cpu EPYC --kernel-sha256 $(echo "$kernel_hash" | tr a-f A-F)
lowercase hex|a short digest|snp --firmware $T/good.fd --vcpus 1 --cpu EPYC --kernel-sha256 00
ELF kernel|bad-kernel-elf|snp --firmware $T/good.fd --vcpus 1 --cpu EPYC --kernel $T/elf
ends in a newline|bad-cmdline-newline|snp --firmware $T/good.fd --vcpus 1 --cpu EPYC --kernel $T/kernel --cmdline-file $T/newline
holds a NUL|bad-cmdline-nul|snp --firmware $T/good.fd --vcpus 1 --cpu EPYC --kernel $T/kernel --cmdline-file $T/nul
a guest has 1 to|0 vCPUs|snp --firmware $T/good.fd --vcpus 0 --cpu EPYC
a guest has 1 to|too many vCPUs|snp --firmware $T/good.fd --vcpus 4097 --cpu EPYC
not a list|-1 vCPUs|snp --firmware $T/good.fd --vcpus=-1 --cpu EPYC
not a list|a range backwards|snp --firmware $T/good.fd --vcpus 4-1 --cpu EPYC
--vcpus is missing|no vCPUs|snp --firmware $T/good.fd --cpu EPYC
--cpu is missing|no CPU|snp --firmware $T/good.fd --vcpus 1
no such CPU model|an unknown CPU|snp --firmware $T/good.fd --vcpus 1 --cpu EPYC-Bergamo
known: qemu, |an unknown VMM|snp --firmware $T/good.fd --vcpus 1 --cpu EPYC --vmm xen
not for this kind|an SEV-ES profile for SNP|snp --firmware $T/good.fd --vcpus 1 --cpu EPYC --vmm qemu-es-legacy
not for this kind|an SNP profile for SEV-ES|sev-es --firmware $T/good.fd --vcpus 1 --vmm ec2
no rule|an unknown section on EC2|snp --firmware $T/unknown.fd --vcpus 1 --vmm ec2
needs --svsm|an SVSM profile without SVSM|snp --firmware $T/good.fd --vcpus 1 --cpu EPYC --vmm svsm
takes no --svsm|an SVSM without its profile|snp --firmware $T/good.fd --vcpus 1 --cpu EPYC --svsm $T/good.fd --vars-size 4096
no SVSM info|an SVSM that is none|snp --firmware $T/good.fd --vcpus 1 --cpu EPYC --vmm svsm --svsm $T/good.fd --vars-size 4096
not a number|a feature word that is none|snp --firmware $T/good.fd --vcpus 1 --cpu EPYC --sev-features 0xg
text or json|an unknown format|snp --firmware $T/good.fd --vcpus 1 --cpu EPYC --format yaml
for one shape|two shapes explained|snp --firmware $T/good.fd --vcpus 1,2 --cpu EPYC --explain
need the firmware file|SEV from metadata|sev --firmware-meta $T/meta.json
no --vcpus|{vcpus} without counts|sev --firmware $T/good.fd --kernel $T/kernel --cmdline n={vcpus}
64 lowercase|a launch digest of another length|sev-launch --digest 00 --tik $T/tik --policy 0 --nonce 00112233445566778899aabbccddeeff --api 1.1 --build 1
16 bytes|a TIK of another length|sev-launch --digest $kernel_hash --tik $T/kernel --policy 0 --nonce 00112233445566778899aabbccddeeff --api 1.1 --build 1
MAJOR.MINOR|an API version that is none|sev-launch --digest $kernel_hash --tik $T/tik --policy 0 --nonce 00112233445566778899aabbccddeeff --api 1 --build 1
32 bits|no policy|sev-launch --digest $kernel_hash --tik $T/tik --nonce 00112233445566778899aabbccddeeff --api 1.1 --build 1
not .sgx.|an unknown thing to measure|sgx
END
fails 3 'No such file' "a file that is not there" "$ASSAY" measure snp --firmware "$T/absent" --vcpus 1 --cpu EPYC
fails 2 'not a regular file' "a directory" "$ASSAY" measure snp --firmware "$T" --vcpus 1 --cpu EPYC
fails 2 'no SEV metadata' "inspect of firmware that is no SNP guest's" "$ASSAY" inspect "$T/no-metadata.fd" --format snp-meta

# Metadata documents that are not.
meta() { # NAME PATTERN PYTHON
	python3 -c "import json,sys; d=json.load(open(sys.argv[1])); $3; json.dump(d,open(sys.argv[2],'w'))" "$T/meta.json" "$T/bad.json"
	fails 2 "$2" "bad-meta-$1" "$ASSAY" measure snp --firmware-meta "$T/bad.json" --vcpus 1 --cpu EPYC
}
meta schema 'schema' 'd["schema"]="assay-firmware/2"'
meta extra 'unknown field' 'd["extra"]=1'
meta digest 'hex' 'd["launch_digest"]="00"'
meta gpa '0x number' 'd["sections"][0]["gpa"]="8388608"'
meta gpa-large '0x number' 'd["sections"][0]["gpa"]="0x100000000"'
meta type 'type' 'd["sections"][0]["type"]=-1'
meta overlap 'overlaps' 'd["sections"][0]["gpa"]="0x80d000"'
meta sections 'more than' 'd["sections"]=d["sections"]*20'
meta reset 'reset_eip' 'd["reset_eip"]="0x0"'
meta hashes 'not inside' 'd["hash_table_gpa"]="0x900000"'
fails 2 'bad.json' "bad-meta-cut" sh -c "head -c 50 '$T/meta.json' >'$T/bad.json'; exec '$ASSAY' measure snp --firmware-meta '$T/bad.json' --vcpus 1 --cpu EPYC"

# Memory does not follow the inputs. Sparse files: no disk is filled.
case $BUILD in
*asan*) skip "memory stays under 24 MiB" "sanitizers need more" ;;
*)
	truncate -s 400M "$T/big-kernel"
	truncate -s 300M "$T/big-initrd"
	if [ -x /usr/bin/time ]; then
		# shellcheck disable=SC2086
		/usr/bin/time -f %M -o "$T/peak" $snp --kernel "$T/big-kernel" --initrd "$T/big-initrd" --cmdline 'n={vcpus}' --vcpus 1-64 --cpu all \
			>"$T/out" 2>/dev/null
		same "700 MiB of inputs are measured" "$? $(wc -l <"$T/out")" "0 1600"
		ok "memory stays under 24 MiB ($(cat "$T/peak") KiB)" test "$(cat "$T/peak")" -lt 24576
	else
		skip "memory stays under 24 MiB" "no /usr/bin/time"
	fi
	;;
esac
done_testing

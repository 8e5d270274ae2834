#!/bin/sh
# Disks other than Kata's plain one: sfdisk, sgdisk, blkid and systemd-dissect read the GPT, veritysetup the trees with and
# without super block; the part behind an NVDIMM header is Kata's plain disk.
. "$(dirname "$0")/../tap.sh"

TREE=$BUILD/tests/oracle/image-tree
PATH=$PATH:/usr/sbin:/sbin

has() { # PROGRAM TEXT
	command -v "$1" >/dev/null && return 0
	skip "$2" "no $1 here"
	return 1
}
value() { # NAME FACTS
	sed -n 1p "$2" | tr , '\n' | sed -n "s/^$1=//p"
}
part() { # DISK START SIZE, in MiB
	dd if="$1" bs=1M skip="$2" count="$3" status=none
}

for layout in kata-mbr kata-dax gpt one-disk raw; do
	"$TREE" disk 5 "$T/$layout" 1 $layout >"$T/$layout.facts"
	same "$layout: the digest is that of the file" "$(sha256sum <"$T/$layout" | cut -d ' ' -f 1)" "$(sed -n 4p "$T/$layout.facts")"
	"$TREE" disk 5 "$T/other" 3 $layout >"$T/facts2"
	ok "$layout: 3 threads report the same" cmp "$T/$layout.facts" "$T/facts2"
	ok "$layout: 3 threads write the same" cmp "$T/$layout" "$T/other"
	same "$layout: the parameters are Kata's plain disk's" "$(sed -n 1,3p "$T/$layout.facts")" "$(sed -n 1,3p "$T/kata-mbr.facts")"
done
root=$(value root_hash "$T/gpt.facts") salt=$(value salt "$T/gpt.facts")
blocks=$(value data_blocks "$T/gpt.facts") hash_blocks=$(sed -n 3p "$T/gpt.facts")
mib=$((blocks / 256))
part "$T/kata-mbr" 1 $mib >"$T/p1"
part "$T/kata-mbr" $((1 + mib)) 1 >"$T/p2"

# The same file system and tree wherever they stand.
holds() { # LAYOUT ROOT TREE, in MiB
	part "$T/$1" "$2" $mib | cmp - "$T/p1" && part "$T/$1" "$3" 1 | cmp - "$T/p2"
}
ok 'kata-dax holds the same root and tree' holds kata-dax 3 $((3 + mib))
ok 'one-disk holds the same root and tree' holds one-disk 1 $((1 + mib))
ok 'raw holds the same root and tree' holds raw 0 $mib
for layout in gpt one-disk; do
	[ $layout = gpt ] && at=$((1 + mib)) || at=$((2 + mib))
	part "$T/$layout" $at 1 >"$T/$layout.verity"
	same "$layout: behind the super block is the same tree" \
		"$(tail -c +4097 "$T/$layout.verity" | head -c $((hash_blocks * 4096)) | sha256sum)" \
		"$(head -c $((hash_blocks * 4096)) "$T/p2" | sha256sum)"
done

for layout in kata-mbr kata-dax gpt one-disk; do
	has sfdisk "sfdisk verifies $layout" || break
	same "sfdisk verifies $layout" "$(sfdisk --verify "$T/$layout" 2>&1 | sed -n 2p)" 'No errors detected.'
done
if has sgdisk 'sgdisk verifies the GPT'; then
	for layout in gpt one-disk; do
		same "sgdisk verifies $layout" "$(sgdisk --verify "$T/$layout" | grep -c '^No problems found')" 1
	done
fi
if has blkid 'blkid reads the GPT'; then
	same 'blkid sees the GPT' "$(blkid -p -o value -s PTTYPE "$T/one-disk")" gpt
	same 'blkid sees the root' "$(blkid -p -O 1048576 -S $((mib << 20)) -o value -s TYPE "$T/one-disk")" erofs
	same 'blkid sees the super block' "$(blkid -p -o value -s TYPE "$T/gpt.verity")" DM_verity_hash
	same 'blkid reads its UUID' "$(blkid -p -o value -s UUID "$T/gpt.verity")" 66656463-6261-3938-3736-353433323130
fi

guid() { # 32 hex digits as a GUID
	printf '%s\n' "$1" | sed -E 's/(.{8})(.{4})(.{4})(.{4})(.{12})/\1-\2-\3-\4-\5/'
}
if has sfdisk 'sfdisk reads the partitions'; then
	upper=$(printf %s "$root" | tr a-f A-F)
	same 'sfdisk reads the partitions' "$(sfdisk --dump "$T/one-disk" | sed -n "s,^$T/one-disk\([0-9]\) : *,\1 ,p" | tr -s ' ')" \
		"1 start= 2048, size= $((mib * 2048)), type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709, uuid=$(guid "$(printf %.32s "$upper")"), name=\"root\", attrs=\"GUID:60\"
2 start= $((2048 + mib * 2048)), size= 2048, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4, uuid=72742061-6565-7327-2047-554944202020, name=\"kata-verity\", attrs=\"GUID:60\"
3 start= $((4096 + mib * 2048)), size= 2048, type=2C7357ED-EBD2-46D9-AEC1-23D437EC2BF5, uuid=$(guid "$(printf %s "$upper" | tail -c 32)"), name=\"root-verity\", attrs=\"GUID:60\""
fi

if has veritysetup 'veritysetup reads the super block'; then
	ok 'veritysetup verifies with the super block' veritysetup verify "$T/p1" "$T/gpt.verity" "$root"
	same 'it reads the same salt' "$(veritysetup dump "$T/gpt.verity" | sed -n 's/^Salt:[[:space:]]*//p')" "$salt"
	veritysetup format --salt "$salt" --uuid 66656463-6261-3938-3736-353433323130 "$T/p1" "$T/theirs" >/dev/null
	ok 'it would write the same bytes' cmp -n $((4096 * (1 + hash_blocks))) "$T/theirs" "$T/gpt.verity"
	ok 'it verifies raw at an offset' veritysetup verify --no-superblock --salt "$salt" --data-blocks "$blocks" \
		--hash-offset $((blocks * 4096)) "$T/raw" "$T/raw" "$root"
fi

# The signature of the root hash: openssl takes it for what the kernel's keyring would.
sig=no
if has openssl 'openssl verifies the signature'; then
	openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=test -days 2 -keyout "$T/key" -out "$T/crt" 2>/dev/null
	ok 'a signed disk' "$TREE" disk 5 "$T/signed" 0 one-disk erofs "$T/key" "$T/crt"
	"$TREE" disk 5 "$T/other" 1 one-disk erofs "$T/key" "$T/crt" >/dev/null
	ok 'is the same when made again' cmp "$T/signed" "$T/other"
	part "$T/signed" $((3 + mib)) 1 | tr -d '\0' >"$T/sig.json"
	json() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$T/sig.json" "$1"; }
	same 'the partition names the root hash' "$(json rootHash)" "$root"
	same 'and the certificate' "$(json certificateFingerprint)" \
		"$(openssl x509 -in "$T/crt" -noout -fingerprint -sha256 | sed 's/.*=//' | tr -d : | tr A-F a-f)"
	json signature | base64 -d >"$T/sig"
	printf %s "$root" >"$T/hash.txt"
	ok 'openssl verifies the signature' openssl smime -verify -noverify -binary -inform DER -in "$T/sig" \
		-content "$T/hash.txt" -certfile "$T/crt" -nointern
	openssl smime -sign -nocerts -noattr -binary -in "$T/hash.txt" -inkey "$T/key" -signer "$T/crt" -outform der -out "$T/theirs"
	ok 'and would write the same bytes' cmp "$T/theirs" "$T/sig"
	ok 'the signed disk is sound' "$ASSAY" verify image "$T/signed" --root-hash "$root"
	fails 2 'layout kata-mbr has no place for a signature' 'an MBR takes no signature' \
		"$TREE" disk 5 "$T/other" 1 kata-mbr erofs "$T/key" "$T/crt"
	sig=yes
fi

fails 2 'verity-key and --verity-cert go together' 'a key without its certificate' \
	"$ASSAY" build "$T/none" -o "$T/build" --verity-key "$T/key"

# What the label means to systemd. It needs a loop device.
dissect() { # LAYOUT
	systemd-dissect --root-hash="$root" --json=short --no-pager "$T/$1" | python3 -c 'import json, sys
for p in json.load(sys.stdin)["mounts"]: print(p["designator"], p["partno"], p["fstype"], p["architecture"], p["verity"], end=";")'
}
if has systemd-dissect 'systemd-dissect finds root and tree'; then
	for layout in gpt one-disk; do
		if ! systemd-dissect --root-hash="$root" --no-pager "$T/$layout" >/dev/null 2>"$T/why"; then
			skip "systemd-dissect finds root and tree of $layout" "no loop device: $(tail -n 1 "$T/why")"
			continue
		fi
		[ $layout = gpt ] && p=2 || p=3
		same "systemd-dissect finds root and tree of $layout" "$(dissect $layout)" \
			"root 1 erofs x86-64 yes;root-verity $p DM_verity_hash x86-64 None;"
	done
fi
if [ $sig = yes ] && systemd-dissect --root-hash="$root" --no-pager "$T/signed" >/dev/null 2>&1; then
	same 'systemd-dissect takes the signature for one' "$(dissect signed)" \
		'root 1 erofs x86-64 signed;root-verity 3 DM_verity_hash x86-64 None;root-verity-sig 4 verity_hash_signature x86-64 None;'
fi
done_testing

#!/bin/sh
# Release flavour only.
# Unified kernel images and the disks that firmware boots them from: ukify makes the same bytes, sbverify takes the signature, fsck.fat
# and mtools the EFI system partition, sgdisk the table; built again they are the same.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/oracle.sh"

PATH=$PATH:/usr/sbin:/sbin
recipe=$TOP/rootfs-recipes/node-uki
has() { # PROGRAM TEXT
	command -v "$1" >/dev/null && return 0
	skip "$2" "no $1 here"
	return 1
}
if ! "$ASSAY" fetch "$recipe" >"$T/.out" 2>"$T/.err"; then
	skip 'a unified kernel image' "its packages cannot be had: $(tail -n 1 "$T/.err")"
	done_testing
fi
ok 'a disk with a unified kernel image' "$ASSAY" build "$recipe" -o "$T/build"
image=$T/build/node-uki.efi
[ -e "$image" ] || done_testing
ok 'built again, with one thread' "$ASSAY" build "$recipe" -o "$T/again" --threads 1
ok '... it is the same' diff -r "$T/build" "$T/again"

# --- the image ---

if has objdump 'sections'; then
	same 'objdump sees the sections' "$(objdump -h "$image" | awk '$1 ~ /^[0-9]+$/ { printf "%s ", $2 }')" \
		'.text .rodata .data .sbat .sdmagic .reloc .osrel .cmdline .uname .linux .initrd '
fi
if has objcopy 'contents'; then
	contents() { # SECTION FILE
		objcopy -O binary --only-section="$1" "$image" "$T/section" 2>/dev/null
		ok "$1 is what it should be" cmp -n "$(stat -c %s "$2")" "$T/section" "$2"
	}
	contents .linux "$T/build/vmlinuz"
	contents .initrd "$T/build/initrd.img"
	contents .cmdline "$T/build/cmdline"
	objcopy -O binary --only-section=.osrel "$image" "$T/osrel" 2>/dev/null
	ok '.osrel is the guest'"'"'s' grep -q '^ID=debian' "$T/osrel"
fi
same 'the kernel in it is checked as any other' "$("$ASSAY" check kernel "$T/build/vmlinuz" 2>&1 | tail -n 1)" "$("$ASSAY" check kernel "$image" 2>&1 | tail -n 1 | sed "s,node-uki.efi,vmlinuz,")"

if oracle_debs trixie systemd-ukify python3-pefile; then
	ukify() {
		PYTHONPATH="$oracle_dir/root/usr/lib/python3/dist-packages" PYTHONDONTWRITEBYTECODE=1 python3 "$oracle_dir/root/usr/bin/ukify" "$@"
	}
	deb=$(awk '$1 == "name" { name = $3 } $1 == "sha256" && name == "\"systemd-boot-efi\"" { gsub("\"", "", $3); print $3 }' "$recipe/recipe.lock")
	dpkg-deb -x "${XDG_CACHE_HOME:-$HOME/.cache}/assay/sha256/$(echo "$deb" | sed 's,..,&/,')" "$T/stub"
	stub=$T/stub/usr/lib/systemd/boot/efi/linuxx64.efi.stub
	version=$(sed -n '/^  "kernel": {/,/^  }/s/^    "version": "\(.*\)",*$/\1/p' "$T/build/manifest.json")
	objcopy -O binary --only-section=.osrel "$image" /dev/stdout 2>/dev/null | tr -d '\0' >"$T/osrel.trimmed"
	ukify build --stub="$stub" --linux="$T/build/vmlinuz" --initrd="$T/build/initrd.img" --os-release="@$T/osrel.trimmed" \
		--cmdline="@$T/build/cmdline" --uname="$version" --output="$T/ukify.efi" >"$T/.out" 2>&1
	ok '... which is ours, byte for byte' cmp "$T/ukify.efi" "$image"
	same 'ukify shows what is in it' "$(ukify inspect "$image" | sed -n 's/^\(\..*\):$/\1/p' | tr '\n' ' ')" '.sbat .osrel .cmdline .uname .linux .initrd '
else
	skip 'ukify makes the same bytes' "$oracle_why"
fi

# --- its signature ---

key() { # NAME
	openssl req -x509 -newkey rsa:2048 -nodes -keyout "$T/$1.key" -out "$T/$1.crt" -days 3650 -subj "/CN=$1" >/dev/null 2>&1
}
key ours
key other
ok 'a signed one' "$ASSAY" build "$recipe" -o "$T/signed" --uki-key "$T/ours.key" --uki-cert "$T/ours.crt"
signed=$T/signed/node-uki.efi
ok 'signed again' "$ASSAY" build "$recipe" -o "$T/signed2" --uki-key "$T/ours.key" --uki-cert "$T/ours.crt"
ok '... it is the same' cmp "$signed" "$T/signed2/node-uki.efi"
if has sbverify 'the signature is good'; then
	ok 'the signature is good' sbverify --cert "$T/ours.crt" "$signed"
	fails_sbverify() { # CERT FILE
		! sbverify --cert "$1" "$2"
	}
	ok '... for no other certificate' fails_sbverify "$T/other.crt" "$signed"
	ok '... and an unsigned image has none' fails_sbverify "$T/ours.crt" "$image"
	for at in 300 4000 200000 12000000; do
		cp "$signed" "$T/bad.efi"
		printf '\001' | dd of="$T/bad.efi" bs=1 seek=$at conv=notrunc status=none
		cmp -s "$signed" "$T/bad.efi" && printf '\002' | dd of="$T/bad.efi" bs=1 seek=$at conv=notrunc status=none
		ok "... nor with byte $at changed" fails_sbverify "$T/ours.crt" "$T/bad.efi"
	done
	sbattach --detach "$T/sig" "$signed" >/dev/null 2>&1
	ok 'openssl reads it' openssl pkcs7 -inform DER -in "$T/sig" -print_certs -noout
	same '... and finds no time in it' "$(openssl asn1parse -inform DER -in "$T/sig" | grep -c signingTime)" 0
fi
fails 2 '--uki-key and --uki-cert go together' 'a key without a certificate' "$ASSAY" build "$recipe" -o "$T/none" --uki-key "$T/ours.key"
fails 2 'not the certificate of the key' "another key's certificate" "$ASSAY" build "$recipe" -o "$T/none" --uki-key "$T/ours.key" --uki-cert "$T/other.crt"

# --- the disk ---

for build in build signed; do
	disk=$T/$build/rootfs.img
	if ! has sgdisk "$build: the table"; then
		continue
	fi
	same "$build: sgdisk finds nothing" "$(sgdisk -v "$disk" | grep -c '^No problems found')" 1
	same "$build: and sees an EFI system partition last" "$(sgdisk -p "$disk" | awk '$1 ~ /^[0-9]+$/ { printf "%s %s, ", $(NF - 1), $NF }')" \
		'8304 root, 8300 kata-verity, 830C root-verity, EF00 esp, '
	first=$(sgdisk -i 4 "$disk" | sed -n 's/^First sector: \([0-9]*\) .*/\1/p')
	count=$(sgdisk -i 4 "$disk" | sed -n 's/^Partition size: \([0-9]*\) .*/\1/p')
	dd if="$disk" of="$T/esp" bs=512 skip="$first" count="$count" status=none
	if has fsck.fat "$build: the file system"; then
		ok "$build: fsck.fat takes it" fsck.fat -n "$T/esp"
	fi
	if has mtype "$build: the file in it"; then
		mtype -i "$T/esp" ::/EFI/BOOT/BOOTX64.EFI >"$T/got" 2>"$T/.err"
		ok "$build: mtools reads the image back" cmp "$T/got" "$T/$build/node-uki.efi"
		same "$build: and nothing else is there" "$(mdir -b -/ -i "$T/esp" :: | tr '\n' ' ')" '::/EFI/ ::/EFI/BOOT/ ::/EFI/BOOT/BOOTX64.EFI '
	fi
	ok "$build: its root is verified" "$ASSAY" verify image "$disk" --verity-params "$T/$build/kernel_verity_params"
done
done_testing

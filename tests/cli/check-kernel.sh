#!/bin/sh
# assay check kernel: statuses, lines and JSON; every boot flow; what compressors wrote around a kernel.
. "$(dirname "$0")/../tap.sh"

# The configuration of a kernel that lacks nothing; what follows replaces lines of it.
cat >"$T/config" <<'EOF'
CONFIG_MD=y
CONFIG_BLK_DEV_DM=y
CONFIG_DM_INIT=y
CONFIG_DM_VERITY=y
CONFIG_CRYPTO_SHA256=y
CONFIG_EROFS_FS=y
CONFIG_EXT4_FS=y
CONFIG_MSDOS_PARTITION=y
CONFIG_EFI_PARTITION=y
CONFIG_BLK_DEV_INITRD=y
CONFIG_RD_ZSTD=y
CONFIG_PCI=y
CONFIG_PCI_MSI=y
CONFIG_VIRTIO_PCI=y
CONFIG_VIRTIO_BLK=y
CONFIG_TMPFS=y
CONFIG_DEVTMPFS=y
CONFIG_CGROUPS=y
CONFIG_NAMESPACES=y
CONFIG_FHANDLE=y
CONFIG_INOTIFY_USER=y
CONFIG_SECCOMP_FILTER=y
CONFIG_HYPERVISOR_GUEST=y
CONFIG_KVM_GUEST=y
CONFIG_EFI=y
CONFIG_EFI_STUB=y
CONFIG_X86_X2APIC=y
CONFIG_AMD_MEM_ENCRYPT=y
CONFIG_INTEL_TDX_GUEST=y
CONFIG_SEV_GUEST=y
CONFIG_TDX_GUEST_DRIVER=y
CONFIG_TSM_REPORTS=y
CONFIG_CONFIGFS_FS=y
CONFIG_VIRTIO_CONSOLE=y
CONFIG_VIRTIO_NET=y
CONFIG_SCSI_VIRTIO=y
CONFIG_VSOCKETS=y
CONFIG_VIRTIO_VSOCKETS=y
CONFIG_OVERLAY_FS=y
CONFIG_DM_CRYPT=y
CONFIG_DM_INTEGRITY=y
CONFIG_CRYPTO_XTS=y
CONFIG_LOCK_DOWN_KERNEL_FORCE_CONFIDENTIALITY=y
EOF

# $T/changed: the configuration with each option set as given ("n" takes it out).
change() { # NAME=VALUE...
	cp "$T/config" "$T/changed"
	for change_one; do
		sed -i "/^CONFIG_${change_one%%=*}=/d" "$T/changed"
		echo "CONFIG_$change_one" >>"$T/changed"
	done
}

# The check says exactly these lines, and ends with that status.
says() { # STATUS TEXT LINES OPTION...
	says_want=$1 says_text=$2 says_lines=$3
	shift 3
	says_got=$("$ASSAY" check kernel "$T/changed" "$@" 2>&1)
	same "$says_text" "$? $says_got" "$says_want $says_lines"
}

change
says 0 'nothing is missing' '0 missing, 0 warnings'
change DM_INIT=n
says 1 'dm-init needs DM_INIT' 'missing: CONFIG_DM_INIT is not set, needed for dm-mod.create=, by which Kata names the root
1 missing, 0 warnings'
says 0 'an initrd does not' '0 missing, 0 warnings' --boot-flow verity-initrd --initrd-compression zstd
change DM_VERITY=m VIRTIO_BLK=m
says 1 'modules are of no use to the kernel itself' 'missing: CONFIG_DM_VERITY=m, needed as =y for the verified root
missing: CONFIG_VIRTIO_BLK=m, needed as =y for the root disk and volumes
2 missing, 0 warnings'
says 1 'nor to an initrd that does not load them' 'missing: CONFIG_DM_VERITY=m, needed for the verified root, and the initrd does not load it
1 missing, 0 warnings' --boot-flow verity-initrd --module virtio_blk
says 0 'one that does may have them' '0 missing, 0 warnings' --boot-flow verity-initrd --module virtio_blk --module dm-verity
says 1 'an initrd guest needs no dm-verity, but its devices' 'missing: CONFIG_VIRTIO_BLK=m, needed as =y for the root disk and volumes
1 missing, 0 warnings' --boot-flow initrd
change BLK_DEV_INITRD=n
says 0 'dm-init needs no initrd' '0 missing, 0 warnings'
says 1 'an initrd guest does' 'missing: CONFIG_BLK_DEV_INITRD is not set, needed for the initrd
missing: CONFIG_RD_GZIP is not set, needed for the initrd'"'"'s compression
2 missing, 0 warnings' --boot-flow initrd --initrd-compression gzip
change AMD_MEM_ENCRYPT=n TDX_GUEST_DRIVER=n
says 1 'both TEEs are the default' 'missing: CONFIG_AMD_MEM_ENCRYPT is not set, needed for SEV-SNP
missing: CONFIG_TDX_GUEST_DRIVER is not set, needed for TDX reports
2 missing, 0 warnings'
says 1 'SNP alone' 'missing: CONFIG_AMD_MEM_ENCRYPT is not set, needed for SEV-SNP
1 missing, 0 warnings' --tee snp
says 1 'TDX alone' 'missing: CONFIG_TDX_GUEST_DRIVER is not set, needed for TDX reports
1 missing, 0 warnings' --tee tdx
says 0 'neither' '0 missing, 0 warnings' --tee none
change
says 1 'a compressed EROFS' "missing: CONFIG_EROFS_FS_ZIP is not set, needed for the root's compression
missing: CONFIG_EROFS_FS_ZIP_ZSTD is not set, needed for the root's compression
2 missing, 0 warnings" --rootfs-compression zstd
says 1 'XFS' 'missing: CONFIG_XFS_FS is not set, needed for the root file system
1 missing, 0 warnings' --rootfs-type xfs
change EXT4_FS=n
says 1 'ext4 as the root' 'missing: CONFIG_EXT4_FS is not set, needed for the root file system
1 missing, 0 warnings' --rootfs-type ext4
says 0 'and for volumes alone' 'warning: CONFIG_EXT4_FS is not set, needed for volumes
0 missing, 1 warnings'
change EFI_PARTITION=n
says 1 'a GPT' "missing: CONFIG_EFI_PARTITION is not set, needed for the disk's label
1 missing, 0 warnings" --label gpt
change MODULES=y KEXEC=y HW_RANDOM_VIRTIO=m LOCK_DOWN_KERNEL_FORCE_CONFIDENTIALITY=n
says 0 'ways in are warnings' 'warning: CONFIG_MODULES=y: unsigned modules can be loaded
warning: CONFIG_KEXEC=y: another, unmeasured kernel can be started
warning: CONFIG_HW_RANDOM_VIRTIO=m: randomness from the host
warning: CONFIG_LOCK_DOWN_KERNEL_FORCE_INTEGRITY is not set: no lockdown by itself
0 missing, 4 warnings'
change MODULES=y MODULE_SIG_FORCE=y
says 0 'signed modules are none' '0 missing, 0 warnings'

change DM_INIT=m KEXEC=y
"$ASSAY" check kernel "$T/changed" --format json --tee snp >"$T/json"
same 'JSON: the same, for machines' "$? $(jq -c '[.schema, .boot_flow, .snp, .tdx, .missing, .warnings, (.findings[] | [.level, .option, .value])]' \
	"$T/json" 2>/dev/null || python3 -c '
import json, sys
d = json.load(open(sys.argv[1]))
print(json.dumps([d["schema"], d["boot_flow"], d["snp"], d["tdx"], d["missing"], d["warnings"]] +
	[[f["level"], f["option"], f["value"]] for f in d["findings"]], separators=(",", ":")))' "$T/json")" \
	'1 ["assay-check-kernel/1","verity-dm-init",true,false,1,1,["missing","DM_INIT","m"],["warning","KEXEC","y"]]'

# What the kernel's own build makes around a vmlinux, with the programs that it uses.
{
	printf '\177ELF and then IKCFG_ST'
	gzip -n -9 <"$T/config"
	printf 'IKCFG_ED'
	head -c 300000 /dev/zero
} >"$T/vmlinux"
"$ASSAY" check kernel "$T/config" --print-config >"$T/want"
same 'every option is printed, sorted' "$(cat "$T/want")" "$(LC_ALL=C sort "$T/config")"
"$ASSAY" check kernel "$T/vmlinux" --print-config >"$T/got"
ok 'the configuration out of a vmlinux' cmp "$T/want" "$T/got"
# The payload stands at once behind one setup sector; its size is the last thing in it.
bzimage() { # PAYLOAD
	python3 - "$1" "$T/vmlinux" "$T/bzImage" "$2" <<'EOF'
import os, struct, sys
payload = open(sys.argv[1], "rb").read()
if sys.argv[4] != "gzip":
	payload += struct.pack("<I", os.path.getsize(sys.argv[2]))
head = bytearray(1024)
head[0x1f1] = 1
head[0x1fe:0x200] = b"\x55\xaa"
head[0x202:0x208] = b"HdrS\x0f\x02"
head[0x248:0x250] = struct.pack("<II", 0, len(payload))
open(sys.argv[3], "wb").write(head + payload)
EOF
}
for codec in 'gzip -n -9' 'xz --check=crc32 --x86 --lzma2=dict=32MiB' 'lzma -9' 'zstd -q -22 --ultra' 'lz4 -l -12'; do
	name=${codec%% *}
	if ! command -v "$name" >/dev/null; then
		skip "a kernel compressed with $name" "no $name here"
		continue
	fi
	# shellcheck disable=SC2086 # a command and its options
	$codec -c <"$T/vmlinux" >"$T/payload"
	bzimage "$T/payload" "$name"
	"$ASSAY" check kernel "$T/bzImage" --print-config >"$T/got"
	ok "a kernel compressed with $name" cmp "$T/want" "$T/got"
done

fails 3 'No such file' 'no file' "$ASSAY" check kernel "$T/none"
fails 2 'neither a comment nor' 'no kernel' "$ASSAY" check kernel "$0"
fails 2 'carries no configuration' 'a kernel without one' "$ASSAY" check kernel /bin/true
fails 2 '"grub" is none of verity-dm-init' 'an unknown flow' "$ASSAY" check kernel "$T/config" --boot-flow grub
fails 2 '"sgx" is none of snp' 'an unknown TEE' "$ASSAY" check kernel "$T/config" --tee sgx
fails 2 'none stands alone' 'a TEE and none' "$ASSAY" check kernel "$T/config" --tee none --tee snp
fails 2 '"btrfs" is none of' 'an unknown file system' "$ASSAY" check kernel "$T/config" --rootfs-type btrfs
fails 2 '"lz5" is none of' 'an unknown compression of it' "$ASSAY" check kernel "$T/config" --rootfs-compression lz5
fails 2 'is for erofs' 'a compression of another' "$ASSAY" check kernel "$T/config" --rootfs-type ext4 --rootfs-compression lz4
fails 2 '"rar" is none of' 'an unknown compression of the initrd' "$ASSAY" check kernel "$T/config" --initrd-compression rar
fails 2 '"sun" is none of mbr' 'an unknown label' "$ASSAY" check kernel "$T/config" --label sun
fails 2 '"xml" is none of text' 'an unknown format' "$ASSAY" check kernel "$T/config" --format xml
fails 2 'only verity-initrd loads' 'modules without an initrd' "$ASSAY" check kernel "$T/config" --module erofs
fails 2 'kernel, not "disk"' 'another check' "$ASSAY" check disk
fails 2 'missing|FILE' 'no argument' "$ASSAY" check kernel
done_testing

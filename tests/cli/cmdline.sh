#!/bin/sh
# assay cmdline: options against configuration files, exit statuses, the release list.
. "$(dirname "$0")/../tap.sh"

hash=4ee3b801e8e5de67e8c15ce8f8938455fc3b19d4990131acc1819f808e2d021d
salt=c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8
line=root_hash=$hash,salt=$salt,data_blocks=96512,data_block_size=4096,hash_block_size=4096

kata() {
	"$ASSAY" cmdline kata --kata-version "$@"
}

# Captured from a live SNP node, kata 3.30.0 (public C8s test data).
captured() {
	printf '%s' 'tsc=reliable no_timer_check rcupdate.rcu_expedited=1 i8042.direct=1 i8042.dumbkbd=1 i8042.nopnp=1 ' \
		'i8042.noaux=1 noreplace-smp reboot=k cryptomgr.notests net.ifnames=0 pci=lastbus=0 ' \
		"dm-mod.create=\"dm-verity,,,ro,0 772096 verity 1 /dev/vda1 /dev/vda2 4096 4096 96512 0 sha256 $hash $salt\" " \
		'root=/dev/dm-0 rootflags=data=ordered,errors=remount-ro ro rootfstype=ext4 console=hvc0 console=hvc1 quiet ' \
		"systemd.show_status=false panic=1 nr_cpus=$1 selinux=0 systemd.unit=kata-containers.target " \
		'systemd.mask=systemd-networkd.service systemd.mask=systemd-networkd.socket scsi_mod.scan=none ' \
		'agent.debug_console agent.debug_console_vport=1026 agent.launch_process_timeout=6 cgroup_no_v1=all ' \
		'systemd.unified_cgroup_hierarchy=1'
}

same "the captured line, 1 vCPU" \
	"$(kata 3.30.0 --runtime go --tee snp --verity-params "$line" --rootfs-type ext4 --vcpus 1 --debug-console)" "$(captured 1)"
same "the captured line, a pod with 500m" \
	"$(kata 3.30.0 --runtime go --tee snp --verity-params "$line" --pod-cpu-limit 300m --pod-cpu-limit 200m --debug-console)" \
	"$(captured 2)"

cat >"$T/kata.toml" <<END
[hypervisor.qemu]
path = "/opt/kata/bin/qemu-system-x86_64"
image = "/opt/kata/share/kata-containers/kata-containers-confidential.img"
confidential_guest = true
sev_snp_guest = true
rootfs_type = "ext4"
kernel_params = "cgroup_no_v1=all systemd.unified_cgroup_hierarchy=1"
kernel_verity_params = "$line"
default_vcpus = 1
default_maxvcpus = 0
block_device_driver = "virtio-scsi"
disable_image_nvdimm = true
disable_guest_selinux = true
[agent.kata]
kernel_modules = []
[runtime]
internetworking_model = "tcfilter"
static_sandbox_resource_mgmt = true
END
cat >"$T/drop-in.toml" <<END
[agent.kata]
debug_console_enabled = true
launch_process_timeout = 6
END
same "a configuration and its drop-in" \
	"$(kata 3.30.0 --runtime go --tee snp -c "$T/kata.toml" -c "$T/drop-in.toml" --vcpus 2)" "$(captured 2)"
same "options go over the configuration" \
	"$(kata 3.30.0 --runtime go --tee snp -c "$T/kata.toml" --debug-console --launch-process-timeout 6 --vcpus 1)" \
	"$(captured 1)"
same "how many vCPUs" "$("$ASSAY" cmdline vcpus --kata-version 4.1.0 --runtime rust --tee snp --pod-cpu-limit 1.7)" 3
same "with an annotation for the sandbox's own" \
	"$("$ASSAY" cmdline vcpus --kata-version 3.30.0 --runtime go --tee snp --default-vcpus 1.5 --pod-cpu-limit 600m)" 3
fails 2 'not a number' "which is a number" kata 3.30.0 --runtime go --tee snp --default-vcpus 1,5
same "the Rust runtime with its extension" \
	"$(kata 4.0.0 --runtime rust --tee tdx --verity-params "$line" --rootfs-type erofs --extension "coco=$line" |
		grep -c "rootfstype=erofs agent.cdh_api_timeout=50 .* kata.extension.coco.verity_params=$line console=hvc0$")" 1
same "or without it" \
	"$(kata 4.0.0 --runtime rust --tee tdx --verity-params "$line" --no-extensions | grep -c extension)" 0
same "proxies and debug as kata-deploy writes them" \
	"$(kata 3.30.0 --runtime go --tee snp --https-proxy http://p --no-proxy a,b --deploy-debug |
		grep -c ' debug .* agent.log=debug .*agent.https_proxy=http://p agent.no_proxy=a,b agent.log=debug initcall_debug$')" 1
same "every other option reaches the line" \
	"$(kata 3.32.0 --runtime go --tee none --agent-debug --trace --visible-cdi-devices --cdh-api-timeout 3 --iommu \
		--legacy-serial --guest-selinux --fips --annotation 'x=1' --kernel-params 'y=2' --rootfs-type xfs --vcpus 5 --debug |
		tr ' ' '\n' | grep -cE '^(agent.log=debug|agent.trace=true|agent.visible_cdi_devices=true|agent.cdh_api_timeout=3|intel_iommu=on|console=ttyS0|selinux=1|fips=1|x=1|y=2|rootfstype=xfs|nr_cpus=5|debug)$')" 13
same "an initrd" "$(kata 3.30.0 --runtime go --tee snp --initrd | grep -c systemd.unit)" 0
same "qemu-snp was shipped with an initrd" "$(kata 3.28.0 --runtime rust --tee snp | grep -c dm-mod)$(kata 3.28.0 --runtime go --tee snp | grep -c systemd.unit)" 00
fails 2 'an initrd is configured' "which takes no verity parameters" kata 3.28.0 --runtime go --tee snp --verity-params "$line"
same "unless an image is booted" "$(kata 3.28.0 --runtime go --tee snp --verity-params "$line" --image | grep -c "$hash.*systemd.unit")" 1
same "qemu-tdx was not" "$(kata 3.28.0 --runtime go --tee tdx --verity-params "$line" | grep -c "$hash.*systemd.unit")" 1
fails 2 'not together with --initrd' "an image and an initrd" kata 3.30.0 --runtime go --tee snp --image --initrd
ok "the list names every release" sh -c "\"\$1\" cmdline --list | grep -q '^4.1.0$'" sh "$ASSAY"
ok "help" "$ASSAY" cmdline kata --help
ok "help of the verb" "$ASSAY" cmdline --help

fails 2 'nearest are 3.30.0 and 3.31.0' "an unknown release" kata 3.30.1 --runtime go --tee snp
fails 2 'kata-version: required' "no release" "$ASSAY" cmdline kata --runtime go --tee snp
fails 2 'go or rust' "an unknown runtime" kata 3.30.0 --runtime c --tee snp
fails 2 'snp, tdx or none' "an unknown TEE" kata 3.30.0 --runtime go --tee sgx
fails 2 'confidential_guest is true' "a TEE's configuration for none" kata 3.30.0 --runtime go --tee none -c "$T/kata.toml"
fails 2 'not NAME=LINE' "an extension without a line" kata 4.0.0 --runtime go --tee snp --extension coco
fails 2 'not a CPU quantity' "a bad limit" kata 3.30.0 --runtime go --tee snp --pod-cpu-limit 1.5m
fails 2 'not a memory quantity' "a bad memory limit" kata 3.30.0 --runtime go --tee snp --pod-memory-limit x
fails 2 'not together' "vCPUs and limits" kata 3.30.0 --runtime go --tee snp --vcpus 1 --pod-cpu-limit 1
fails 2 'more than' "too many vCPUs" kata 3.30.0 --runtime go --tee snp --vcpus 5000
fails 2 'too large' "a number out of range" kata 3.30.0 --runtime go --tee snp --cdh-api-timeout 4294967295
fails 3 'missing.toml' "no such file" kata 3.30.0 --runtime go --tee snp -c "$T/missing.toml"
fails 2 'kata, vcpus, lint' "no such sub-verb" "$ASSAY" cmdline clh
fails 2 'the kernel cuts it' "a line that is too long" \
	kata 3.30.0 --runtime go --tee snp --kernel-params "$(head -c 2000 /dev/zero | tr '\0' x)"

captured 1 >"$T/line"
"$ASSAY" cmdline lint -f "$T/line" >"$T/findings"
same "lint says no" $? 1
same "and why" "$(grep -c '^error: agent.debug_console' "$T/findings")" 2
"$ASSAY" cmdline lint -f "$T/line" --debug-image >"$T/findings"
same "a debug image may have a console" $? 0
"$ASSAY" cmdline lint -f "$T/line" --debug-image --strict >"$T/findings"
same "--strict: a warning fails" $? 1
"$ASSAY" cmdline lint 'quiet' --initrd >"$T/findings"
same "an initrd needs no root hash" "$?$(cat "$T/findings")" 0
fails 2 'one of them' "lint of nothing" "$ASSAY" cmdline lint
printf 'a\0b' >"$T/nul"
fails 2 'NUL byte' "lint of a NUL" "$ASSAY" cmdline lint -f "$T/nul"
done_testing

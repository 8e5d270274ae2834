#!/bin/sh
# Kata's command line boots the disk that serves systemd too, and the one behind an NVDIMM header, as it boots Kata's plain one.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/boot.sh"

boot_build
boot_disk "$STAND_IN"
for layout in one-disk kata-dax; do
	same "$layout has Kata's plain disk's parameters" "$("$IMAGE" disk "$STAND_IN" "$T/policy" "$T/$layout" $layout)" "$boot_root"
	boot $layout "$T/$layout" "console=hvc0 quiet panic=1 $boot_root"
	same "$layout boots to the report" "$boot_end" report
	same "$layout: the root is verified" "$(boot_value root_device) $(boot_value root_dm_target) $(boot_value root_dm_status)" 'dm-0 verity V'
	same "$layout: the policy is the one put in" "$(boot_value policy_sha256)" "$(sha256sum <"$T/policy" | cut -d ' ' -f 1)"
done
flip "$T/one-disk" $((1048576 + 1024))
boot changed "$T/one-disk" "console=hvc0 quiet panic=1 $boot_root"
[ "$boot_end" != report ]
tap_result $? 'a changed one does not'
done_testing

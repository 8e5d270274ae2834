#!/bin/sh
# ACPI tables from a QEMU that does as it should, and from ones that do not: tests/data/fake-qemu.py.
. "$(dirname "$0")/../tap.sh"
READ=$BUILD/tests/oracle/acpi-qemu
fake=$TOP/tests/data/fake-qemu.py

command -v python3 >/dev/null || {
	skip "a QEMU" "no python3 here"
	done_testing
}
[ -x "$READ" ] || {
	skip "a QEMU" "no $READ"
	done_testing
}

# read_with FAKE FIRMWARE
read_with() {
	FAKE=$1 "$READ" "$fake" "$2" 1024 1 -
}

digest() { # CHARACTER COUNT
	head -c "$2" /dev/zero | tr '\0' "$1" | sha384sum | cut -d ' ' -f 1
}
want="etc/table-loader $(digest L 256)
etc/acpi/rsdp $(digest R 20)
etc/acpi/tables $(digest T 4096)"
same "over qtest" "$(read_with '' - 2>&1)" "$want"
same "after the firmware has asked" "$(read_with '' firmware.fd 2>&1)" "$want"

fails 2 'cannot be run: fake-qemu: no such device$' "a QEMU that ends at once" read_with ends -
fails 2 'cannot be run: fake-qemu: killed by its own words$' "one that ends between commands" read_with dies -
fails 3 'QEMU answers "FAIL no memory"$' "a command that fails" read_with fails -
fails 3 'answers a read with other bytes' "fewer bytes than asked for" read_with short -
fails 3 'QEMU has 0 fw_cfg files' "an empty directory" read_with no-count -
fails 3 'QEMU has 1000 fw_cfg files' "a huge directory" read_with huge-count -
fails 3 'QEMU has no fw_cfg file etc/table-loader, or a huge one' "no tables" read_with no-files -
fails 3 'QEMU has no fw_cfg file etc/table-loader, or a huge one' "huge tables" read_with huge -
fails 3 'QEMU answers "\{"error"' "a guest that does not start" read_with qmp firmware.fd
fails 2 'cannot be run: fake-qemu: guest crashed$' "a QEMU that ends while the firmware runs" read_with crash firmware.fd
fails 3 'the firmware does not come to its ACPI tables, or QEMU does not trace it' "firmware that goes elsewhere" \
	read_with lost firmware.fd
done_testing

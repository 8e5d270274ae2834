#!/bin/sh
# Intel TDX registers: MRTD against hashing as many bytes with libcrypto alone, and fleets of shapes. Prints a table; judges nothing.
# Medians of $RUNS (9) with warm caches.
. "$(dirname "$0")/../tap.sh"
RUNS=${RUNS:-9}
firmware=$SHARED/vectors/sev-snp/debian/OVMF_2025.02-8+deb13u1.fd
[ -f "$firmware" ] || {
	echo "no TDX firmware with RTMRs here: nothing to measure"
	exit 0
}

# A kernel and an initrd of usual sizes: the synthetic one of the tests with a tail.
{ cat "$TOP/tests/data/tdx/kernel.bin" && head -c 15728640 /dev/urandom; } >"$T/kernel"
head -c 31457280 /dev/urandom >"$T/initrd"

row() { # NAME COMMAND...
	row_name=$1
	shift
	row_values=$(python3 "$TOP/tests/bench/median.py" "$RUNS" "$@") || return
	printf '%-58s %9s ms %7s KiB\n' "$row_name" "${row_values% *}" "${row_values#* }"
}

speed=$("$BUILD/tests/oracle/mrtd-speed" "$firmware" "$RUNS") || exit
printf '%-58s %9s ms\n' "MRTD of a 4 MiB firmware" "${speed% *}" "libcrypto: SHA-384 of as many bytes" "${speed#* }"
awk -v over="${speed% *}" -v under="${speed#* }" 'BEGIN { printf "%-58s %9.2f\n", "MRTD / libcrypto", over / under }'

memory=512M,1G,1536M,2G,3G,4G,6G,8G,12G,16G,32G,64G,128G,256G,384G,512G
tdx="$ASSAY measure tdx --firmware $firmware --kernel $T/kernel --initrd $T/initrd --cmdline quiet"
# shellcheck disable=SC2086 # words
{
	row "one shape, 4 + 15 + 30 MiB" $tdx --vmm qemu-10.1 --memory 2G --vcpus 1 --acpi builtin
	row "1-64 vCPUs x 16 memory sizes" $tdx --vmm qemu-10.1 --memory $memory --vcpus 1-64 --acpi builtin
	row "the same without ACPI, a kernel patched by size" $tdx --vmm qemu-9.2 --memory $memory --vcpus 1-64
	row "1-64 vCPUs x 16 memory sizes, MRTD alone" "$ASSAY" measure tdx --firmware "$firmware" --vmm qemu-10.1 --memory $memory --vcpus 1-64
}

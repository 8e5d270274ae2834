#!/bin/sh
# AMD launch digests: speed and memory against sev-snp-measure and against hashing the same bytes with openssl, in one run. Prints a
# table; judges nothing. Medians of $RUNS (9) with warm caches.
# shellcheck disable=SC2154 # what oracle.sh sets
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/../oracle/oracle.sh"
RUNS=${RUNS:-9}

firmware=$(find "$SHARED/vectors/sev-snp/debian" "$TOP/build/demo/image/firmware" -name '*amdsev*' -o -name snp.fd 2>/dev/null | head -n 1)
if [ -z "$firmware" ]; then
	echo "no AmdSev firmware here: a random one of 4 MiB will do for speed"
	python3 "$TOP/tests/cli/fake-firmware.py" "$T/small.fd"
	{ head -c $((4194304 - 65536)) /dev/urandom && cat "$T/small.fd"; } >"$T/firmware.fd"
	firmware=$T/firmware.fd
fi
head -c 15728640 /dev/urandom >"$T/kernel"
head -c 31457280 /dev/urandom >"$T/initrd"

row() { # NAME COMMAND...: prints a row; leaves the milliseconds in $ms
	row_name=$1
	shift
	row_values=$(python3 "$TOP/tests/bench/median.py" "$RUNS" "$@") || return
	ms=${row_values% *}
	printf '%-58s %9s ms %7s KiB\n' "$row_name" "$ms" "${row_values#* }"
}
ratio() { # TEXT OVER UNDER
	awk -v over="$2" -v under="$3" -v text="$1" 'BEGIN { printf "%-58s %9.2f\n", text, over / under }'
}

snp="$ASSAY measure snp --firmware $firmware --kernel $T/kernel --initrd $T/initrd"
# shellcheck disable=SC2086 # words
row "assay: one digest of 4 + 15 + 30 MiB" $snp --cmdline quiet --vcpus 4 --cpu EPYC-Milan
one=$ms
row "openssl dgst: the same bytes (sha256, sha384)" sh -c "openssl dgst -sha256 '$T/kernel' '$T/initrd' && openssl dgst -sha384 '$firmware'"
openssl=$ms
if oracle_python sev-snp-measure; then
	row "sev-snp-measure: one digest" "$oracle_dir/bin/sev-snp-measure" --mode snp --vcpus 4 --vcpu-type EPYC-Milan --ovmf "$firmware" \
		--kernel "$T/kernel" --initrd "$T/initrd" --append quiet
	peer=$ms
fi
# shellcheck disable=SC2086
row "assay: 1-128 vCPUs x all CPUs x 4 words" $snp --cmdline 'nr_cpus={vcpus}' --vcpus 1-128 --cpu all --sev-features 1,2,3,4
fleet=$ms
# shellcheck disable=SC2086
row "assay: 1-512 vCPUs x all CPUs x 8 words" $snp --cmdline 'nr_cpus={vcpus}' --vcpus 1-512 --cpu all --sev-features 1,2,3,4,5,6,7,8
large=$ms
ratio "assay / openssl dgst" "$one" "$openssl"
[ -z "${peer:-}" ] || ratio "sev-snp-measure / assay" "$peer" "$one"
ratio "seconds for 12800 digests beyond one" "$(awk -v a="$fleet" -v b="$one" 'BEGIN { print a - b }')" 1000
ratio "seconds for 102400 digests beyond one" "$(awk -v a="$large" -v b="$one" 'BEGIN { print a - b }')" 1000

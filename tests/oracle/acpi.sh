#!/bin/sh
# The built-in ACPI tables are those of stock QEMUs, byte for byte, over a matrix of shapes: of the QEMU installed here, of those
# of other Debian releases (unpacked beside their libraries, nothing is installed), and of any that ASSAY_TEST_QEMUS names.
# Every fourth vCPU count is of a machine with a serial port.
. "$(dirname "$0")/../tap.sh"
# shellcheck source=tests/oracle/oracle.sh disable=SC2154
. "$(dirname "$0")/oracle.sh"
COMPARE=$BUILD/tests/oracle/acpi-builtin

[ -x "$COMPARE" ] || {
	skip "built-in ACPI tables" "no $COMPARE"
	done_testing
}

# matrix NAME QEMU: around the sizes at which memory is split, and every number of vCPUs.
matrix() {
	same "$1: 512 MiB and 512 GiB, 1 to 64 vCPUs" "$("$COMPARE" "$2" 512,524288 1 64 2>&1)" 128
	same "$1: 10 more sizes, 1 to 9 vCPUs" \
		"$("$COMPARE" "$2" 513,1024,2048,2815,2816,2817,3072,4096,6145,131072 1 9 2>&1)" 90
}

# Where this machine gets Debian from.
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null | grep '/debian/*$' | head -n 1)

# unpack SUITE...: QEMU of the last suite with the libraries it needs, as $oracle_dir/qemu.
unpack() {
	mkdir -p "$oracle_dir/lists/partial" "$oracle_dir/cache/archives/partial" "$oracle_dir/root" && : >"$oracle_dir/status" &&
		for suite in "$@"; do
			echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main"
		done >"$oracle_dir/sources.list" &&
		apt update && apt -y --no-install-recommends --download-only -t "$suite" install qemu-system-x86 &&
		for deb in "$oracle_dir"/cache/archives/*.deb; do
			dpkg-deb -x "$deb" "$oracle_dir/root" || return 1
		done && rm -rf "$oracle_dir/cache" "$oracle_dir/lists" &&
		cat >"$oracle_dir/qemu" <<END && chmod +x "$oracle_dir/qemu" && "$oracle_dir/qemu" --version
#!/bin/sh
r='$oracle_dir/root'
exec "\$r/usr/lib64/ld-linux-x86-64.so.2" --library-path "\$r/usr/lib/x86_64-linux-gnu" "\$r/usr/bin/qemu-system-x86_64" \\
	-L "\$r/usr/share/qemu" -L "\$r/usr/share/seabios" "\$@"
END
}

apt() {
	apt-get -q -o Dir::Etc::sourcelist="$oracle_dir/sources.list" -o Dir::Etc::sourceparts=/dev/null \
		-o Dir::State::lists="$oracle_dir/lists" -o Dir::State::status="$oracle_dir/status" -o Dir::Cache="$oracle_dir/cache" \
		-o APT::Sandbox::User=root -o Acquire::Languages=none "$@"
}

# release NAME SUITE...
release() {
	release_name=$1
	shift
	command -v apt-get >/dev/null || {
		skip "$release_name" "no apt-get here"
		return
	}
	oracle_dir=$ORACLES/qemu-$(printf '%s-' "$@" | sed 's/-$//')
	if oracle_once unpack "$@"; then
		matrix "$release_name" "$oracle_dir/qemu"
	else
		skip "$release_name" "$oracle_why"
	fi
}

if command -v qemu-system-x86_64 >/dev/null; then
	matrix "$(qemu-system-x86_64 --version | head -n 1 | cut -d ' ' -f 2-4)" qemu-system-x86_64
else
	skip "the QEMU installed here" "no qemu-system-x86_64"
fi
release "Debian 13" trixie
release "Debian 13 with backports" trixie trixie-backports
for qemu in ${ASSAY_TEST_QEMUS-}; do
	matrix "$qemu" "$qemu"
done
done_testing

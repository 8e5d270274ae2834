# Judges from package registries: sourced after tap.sh. Each is pinned by version and hash, and installed once below
# $ASSAY_ORACLES (build/oracles unless set). A function returns 1 with its reason in $oracle_why when the judge cannot be had;
# the test then says so:
#   oracle_python sev-snp-measure || { skip "sev-snp-measure agrees" "$oracle_why"; done_testing; }
#   "$oracle_dir/bin/sev-snp-measure" ...
# shellcheck shell=sh disable=SC2034
ORACLES=${ASSAY_ORACLES:-$TOP/build/oracles}
oracle_why=
oracle_dir=

# Runs a command that fills the directory $oracle_dir, unless an earlier run did; its output explains a failure. Tests run
# in parallel, so one installs while the others wait.
oracle_once() {
	oracle_log=$oracle_dir.log
	mkdir -p "$ORACLES"
	(
		flock 9
		[ -e "$oracle_dir/.complete" ] && exit 0
		rm -rf "$oracle_dir"
		"$@" >"$oracle_log" 2>&1 </dev/null && touch "$oracle_dir/.complete"
	) 9>"$oracle_dir.lock" && return 0
	oracle_why="$(basename "$oracle_dir") cannot be installed: $(grep -v '^$' "$oracle_log" | tail -n 1 | sed 's,^[[:space:]]*,,' | cut -c 1-200)"
	return 1
}

oracle_venv() {
	python3 -m venv "$oracle_dir" &&
		"$oracle_dir/bin/pip" install --disable-pip-version-check --no-deps --only-binary :all: --require-hashes -r "$1"
}

# The Python package(s) of pins/NAME.txt in a virtual environment: programs in $oracle_dir/bin.
oracle_python() {
	command -v python3 >/dev/null || { oracle_why='no python3 here'; return 1; }
	oracle_pins=$TOP/tests/oracle/pins/$1.txt
	oracle_dir=$ORACLES/$1-$(sha256sum <"$oracle_pins" | cut -c 1-16)
	oracle_once oracle_venv "$oracle_pins"
}

oracle_module() {
	oracle_json=$(cd "$ORACLES" && GO111MODULE=on GOTOOLCHAIN=local GONOSUMDB='*' go mod download -json "$1@$2")
	case $oracle_json in
	*"\"Sum\": \"$3\""*) ;;
	*)
		echo "$1@$2: not the pinned bytes"
		printf '%s\n' "$oracle_json" | grep '"Error"\|"Sum"'
		return 1
		;;
	esac
	cp -R "$(printf '%s\n' "$oracle_json" | sed -n 's/^\t"Dir": "\(.*\)",*$/\1/p')" "$oracle_dir" && chmod -R u+w "$oracle_dir"
}

# The source of the Go module MODULE at VERSION, whose hash in go.sum's form is SUM: $oracle_dir.
oracle_go_source() {
	command -v go >/dev/null || { oracle_why='no go here'; return 1; }
	oracle_dir=$ORACLES/$(printf '%s@%s' "$1" "$2" | tr / _)
	oracle_once oracle_module "$1" "$2" "$3"
}

# apt-get with lists and packages of its own in $oracle_dir.
oracle_apt() {
	apt-get -q -o Dir::Etc::sourcelist="$oracle_dir/sources.list" -o Dir::Etc::sourceparts=/dev/null \
		-o Dir::State::lists="$oracle_dir/lists" -o Dir::State::status="$oracle_dir/status" -o Dir::Cache="$oracle_dir/cache" \
		-o APT::Sandbox::User=root -o Acquire::Languages=none "$@"
}

# Where this machine gets Debian from.
oracle_mirror() {
	apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null | grep '/debian/*$' | head -n 1
}

oracle_install_debian() {
	oracle_package=$1
	shift
	mkdir -p "$oracle_dir/lists/partial" "$oracle_dir/cache/archives/partial" "$oracle_dir/root" "$oracle_dir/bin" &&
		: >"$oracle_dir/status" &&
		for oracle_suite in "$@"; do
			echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(oracle_mirror) $oracle_suite main"
		done >"$oracle_dir/sources.list" &&
		oracle_apt update && oracle_apt -y --no-install-recommends --download-only -t "$oracle_suite" install "$oracle_package" &&
		for oracle_deb in "$oracle_dir"/cache/archives/*.deb; do
			dpkg-deb -x "$oracle_deb" "$oracle_dir/root" || return 1
		done && rm -rf "$oracle_dir/cache" "$oracle_dir/lists" &&
		for oracle_program in "$oracle_dir"/root/usr/bin/* "$oracle_dir"/root/usr/sbin/*; do
			oracle_wrapper=$oracle_dir/bin/$(basename "$oracle_program")
			cat >"$oracle_wrapper" <<END && chmod +x "$oracle_wrapper" || return 1
#!/bin/sh
r='$oracle_dir/root'
exec "\$r/usr/lib64/ld-linux-x86-64.so.2" --library-path "\$r/usr/lib/x86_64-linux-gnu" '$oracle_program' "\$@"
END
		done
}

# PACKAGE of the last of the Debian SUITEs, unpacked in $oracle_dir/root beside the libraries it needs (nothing is installed):
# its programs run as $oracle_dir/bin/PROGRAM.
oracle_debian() {
	command -v apt-get >/dev/null || { oracle_why='no apt-get here'; return 1; }
	oracle_dir=$ORACLES/$(printf '%s-' "$@" | sed 's/-$//')
	oracle_once oracle_install_debian "$@"
}

# oracle_suites SUITE...: asks the mirror that this machine gets Debian from what is in them.
oracle_suites() {
	oracle_mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null | grep '/debian/*$' | head -n 1)
	mkdir -p "$oracle_dir/lists/partial" "$oracle_dir/cache/archives/partial" "$oracle_dir/root" && : >"$oracle_dir/status" &&
		for oracle_suite in "$@"; do
			echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $oracle_mirror $oracle_suite main"
		done >"$oracle_dir/sources.list" && oracle_apt update
}

oracle_unpack() {
	for oracle_deb in "$@"; do
		dpkg-deb -x "$oracle_deb" "$oracle_dir/root" || return 1
	done
}

oracle_install_qemu() {
	oracle_suites "$@" &&
		oracle_apt -y --no-install-recommends --download-only -t "$oracle_suite" install qemu-system-x86 ovmf &&
		oracle_unpack "$oracle_dir"/cache/archives/*.deb && rm -rf "$oracle_dir/cache" "$oracle_dir/lists" &&
		cat >"$oracle_dir/qemu" <<END && chmod +x "$oracle_dir/qemu" && "$oracle_dir/qemu" --version
#!/bin/sh
r='$oracle_dir/root'
exec "\$r/usr/lib64/ld-linux-x86-64.so.2" --library-path "\$r/usr/lib/x86_64-linux-gnu" "\$r/usr/bin/qemu-system-x86_64" \\
	-L "\$r/usr/share/qemu" -L "\$r/usr/share/seabios" "\$@"
END
}

# oracle_qemu SUITE...: QEMU of the last suite with the libraries it needs, as $oracle_dir/qemu, and OVMF in $oracle_dir/root.
oracle_qemu() {
	command -v apt-get >/dev/null || { oracle_why='no apt-get here'; return 1; }
	oracle_dir=$ORACLES/qemu-ovmf-$(printf '%s-' "$@" | sed 's/-$//')
	oracle_once oracle_install_qemu "$@"
}

oracle_install_debs() {
	oracle_suites "$1" && shift && (cd "$oracle_dir/cache" && oracle_apt download "$@") &&
		oracle_unpack "$oracle_dir"/cache/*.deb && rm -rf "$oracle_dir/cache" "$oracle_dir/lists"
}

# oracle_debs SUITE PACKAGE...: the packages alone, unpacked as $oracle_dir/root.
oracle_debs() {
	command -v apt-get >/dev/null || { oracle_why='no apt-get here'; return 1; }
	oracle_dir=$ORACLES/debs-$(printf '%s-' "$@" | sed 's/-$//')
	oracle_once oracle_install_debs "$@"
}

# Packages of a Debian release, unpacked and not installed: sourced after oracle.sh.
#   oracle_debian NAME SUITE PACKAGE... || skip "..." "$oracle_why"
#   "$oracle_dir/root/usr/..."
# shellcheck shell=sh disable=SC2154

debian_apt() {
	apt-get -q -o Dir::Etc::sourcelist="$oracle_dir/sources.list" -o Dir::Etc::sourceparts=/dev/null \
		-o Dir::State::lists="$oracle_dir/lists" -o Dir::State::status="$oracle_dir/status" -o Dir::Cache="$oracle_dir/cache" \
		-o APT::Sandbox::User=root -o Acquire::Languages=none "$@"
}

# From where this machine gets Debian.
debian_unpack() { # SUITE PACKAGE...
	debian_suite=$1
	shift
	debian_mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null | grep '/debian/*$' | head -n 1)
	mkdir -p "$oracle_dir/lists/partial" "$oracle_dir/cache/archives/partial" "$oracle_dir/root" && : >"$oracle_dir/status" &&
		echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $debian_mirror $debian_suite main" >"$oracle_dir/sources.list" &&
		debian_apt update && (cd "$oracle_dir" && debian_apt download "$@") &&
		for deb in "$oracle_dir"/*.deb; do
			dpkg-deb -x "$deb" "$oracle_dir/root" || return 1
		done && rm -rf "$oracle_dir/cache" "$oracle_dir/lists" "$oracle_dir"/*.deb
}

oracle_debian() { # NAME SUITE PACKAGE...
	command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || { oracle_why='no apt-get here'; return 1; }
	oracle_dir=$ORACLES/$1
	shift
	oracle_once debian_unpack "$@"
}

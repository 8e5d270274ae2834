# A small Debian-style archive, signed with a key made here: sourced after tap.sh by tests of lock and fetch. archive_make gives
# $archive (its directory, at the end of a path as a mirror has it), $archive_url and $keyring; archive_recipe writes a recipe.
#   archive_make || { skip "assay lock" "$archive_why"; done_testing; }
# shellcheck shell=sh disable=SC2034,SC2154
archive=$T/mirror/debian
archive_url=file://$archive
keyring=$T/keys.gpg
archive_why=
archive_filter=
export GNUPGHOME="$T/gpg"

# A package in the pool: NAME VERSION FIELD...
archive_package() {
	package_name=$1 package_version=$2
	shift 2
	package_arch=amd64
	package_dir=$T/deb
	rm -rf "$package_dir"
	mkdir -p "$package_dir/DEBIAN" "$package_dir/usr/share/$package_name" "$archive/pool"
	echo "$package_name $package_version" >"$package_dir/usr/share/$package_name/text"
	{
		printf 'Package: %s\nVersion: %s\nArchitecture: %s\n' "$package_name" "$package_version" "$package_arch"
		printf 'Maintainer: Nobody <nobody@example.org>\nDescription: a test\n'
		[ $# -eq 0 ] || printf '%s\n' "$@"
	} >"$package_dir/DEBIAN/control"
	dpkg-deb --root-owner-group -b "$package_dir" "$archive/pool/${package_name}_$(echo "$package_version" | sed 's/^[0-9]*://')_$package_arch.deb" >/dev/null
}

# The Packages file of all that is in the pool.
archive_index() {
	for deb in "$archive"/pool/*.deb; do
		dpkg-deb -f "$deb"
		printf 'Filename: %s\nSize: %s\nSHA256: %s\n\n' "${deb#"$archive/"}" "$(wc -c <"$deb")" \
			"$(sha256sum "$deb" | cut -d ' ' -f 1)"
	done
}

# Publishes the pool as SUITE with the given extra fields in its Release file; the sed script $archive_filter changes the index.
archive_suite() {
	suite_dir=$archive/dists/$1
	mkdir -p "$suite_dir/main/binary-amd64"
	archive_index | sed "$archive_filter" >"$suite_dir/main/binary-amd64/Packages"
	{
		printf 'Origin: Test\nSuite: %s\nCodename: %s\nArchitectures: amd64\nComponents: main\n' "$1" "$1"
		printf 'Date: %s\n' "$(LC_ALL=C date -u -R | sed 's/+0000/UTC/')"
		shift
		[ $# -eq 0 ] || printf '%s\n' "$@"
		printf 'SHA256:\n %s %s main/binary-amd64/Packages\n' \
			"$(sha256sum "$suite_dir/main/binary-amd64/Packages" | cut -d ' ' -f 1)" \
			"$(wc -c <"$suite_dir/main/binary-amd64/Packages")"
	} >"$suite_dir/Release"
	gpg --batch --yes --quiet -u archive@example.org --clearsign -o "$suite_dir/InRelease" "$suite_dir/Release" 2>/dev/null
	rm "$suite_dir/Release"
}

archive_key() { # NAME FILE
	gpg --batch --quiet --passphrase '' --quick-generate-key "$1@example.org" ed25519 sign never 2>/dev/null &&
		gpg --batch --yes --export "$1@example.org" >"$2"
}

archive_make() {
	for tool in apt-get apt-cache dpkg-deb gpg gpgv; do
		command -v $tool >/dev/null || { archive_why="no $tool here"; return 1; }
	done
	mkdir -m 700 "$GNUPGHOME"
	archive_key archive "$keyring" || { archive_why="gpg cannot make a key here"; return 1; }
	archive_package base 0.9
	archive_package base 1.0 'Depends: libbase (>= 1)' 'Recommends: extra'
	archive_package libbase 2:1.2~rc1+b2
	archive_package extra 1
	archive_package orphan 1 'Depends: nowhere'
	archive_package linux-image-test 6.1 'Depends: linux-image-6.1-test (= 6.1-1)'
	archive_package linux-image-6.1-test 6.1-1 'Depends: kmod-test'
	archive_package kmod-test 1
	archive_package firmware-test 1 'Depends: base'
	archive_suite stable
}

# A recipe in the directory $1; the sed script $2 changes it.
archive_recipe() {
	mkdir -p "$1"
	sed "${2:-}" >"$1/recipe.toml" <<-EOT
		schema = "assay-recipe/1"
		name = "test"
		architecture = "amd64"
		timestamp = 1
		[suite.stable]
		archive = "debian"
		distribution = "stable"
		components = ["main"]
		[packages]
		suite = "stable"
		install = ["base"]
		[kernel]
		suite = "stable"
		package = "linux-image-test"
		[firmware.snp]
		suite = "stable"
		package = "firmware-test"
		member = "usr/share/firmware-test/text"
	EOT
}

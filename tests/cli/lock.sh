#!/bin/sh
# assay lock: apt resolves in a configuration of its own, judges the archive, and nothing of this machine reaches the lock.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/archive.sh"

# A machine whose apt knows nothing, unless a test says otherwise.
mkdir -p "$T/etc/sources.list.d" "$T/etc/trusted.gpg.d"
machine() { # what /etc/apt/sources.list holds
	printf '%s\n' "$@" >"$T/etc/sources.list"
}
printf 'Dir::Etc "%s";\nDir::Etc::parts "/dev/null";\nDir::Etc::main "/dev/null";\n' "$T/etc" >"$T/apt.conf"
export APT_CONFIG="$T/apt.conf"
machine

archive_make || {
	skip "assay lock" "$archive_why"
	done_testing
}
archive_recipe "$T/recipe"
lock() {
	"$ASSAY" lock "$@" --cache "$T/cache"
}
lock_here() { # RECIPE [options]
	lock "$@" --mirror "$archive_url" --keyring "$keyring"
}
# "set name" of every package of a lock.
names() {
	sed -n 's/^set = "\(.*\)"$/\1/p; s/^name = "\(.*\)"$/\1/p' "$1" | paste -d ' ' - - | paste -sd ,
}

ok "locks" lock_here "$T/recipe"
same "says what it locked" "$(sed 's/  *[0-9]* bytes$//' "$T/.out")" "$T/recipe/recipe.lock
  firmware.snp               1 packages
  kernel                     2 packages
  rootfs                     2 packages"
same "each set: firmware alone, the kernel's images, the rootfs with its dependencies" "$(names "$T/recipe/recipe.lock")" \
	"firmware.snp firmware-test,kernel linux-image-6.1-test,kernel linux-image-test,rootfs base,rootfs libbase"
same "a package as the archive has it" "$(grep -A 8 '^name = "libbase"' "$T/recipe/recipe.lock")" 'name = "libbase"
version = "2:1.2~rc1+b2"
architecture = "amd64"
suite = "stable"
archive = "debian"
path = "pool/libbase_1.2~rc1+b2_amd64.deb"
size = '"$(wc -c <"$archive/pool/libbase_1.2~rc1+b2_amd64.deb")"'
sha256 = "'"$(sha256sum "$archive/pool/libbase_1.2~rc1+b2_amd64.deb" | cut -d ' ' -f 1)"'"'
same "no place of this machine is in it" "$(grep -c "$T" "$T/recipe/recipe.lock")" 0

ok "locks again, elsewhere" lock_here "$T/recipe" -o "$T/again.lock"
ok "the same bytes" cmp "$T/again.lock" "$T/recipe/recipe.lock"
mkdir -p "$T/other"
cp -R "$T/recipe" "$T/other/r"
ok "with another cache, locale, time zone and umask" env TZ=Asia/Tokyo LC_ALL=C.UTF-8 HOME="$T/other" sh -c \
	'umask 077; exec "$@"' sh "$ASSAY" lock "$T/other/r/recipe.toml" --cache "$T/other/cache" --mirror "debian=$archive_url/" --keyring "$keyring"
ok "the same bytes again" cmp "$T/other/r/recipe.lock" "$T/recipe/recipe.lock"

# The machine's own apt may have anything in it: it does not matter.
mkdir -p "$T/etc/preferences.d"
printf 'Package: libbase\nPin: version *\nPin-Priority: -1\n' >"$T/etc/preferences.d/pin"
echo 'APT::Install-Recommends "true"; Dir::State "/nonexistent"; APT::Architectures { "i386"; };' >>"$T/apt.conf"
ok "with a machine full of pins and options" lock_here "$T/recipe" -o "$T/again.lock"
ok "still the same bytes" cmp "$T/again.lock" "$T/recipe/recipe.lock"

archive_recipe "$T/more" 's/install = .*/&\nrecommends = true/'
ok "recommends" lock_here "$T/more"
same "brings what is recommended" "$(names "$T/more/recipe.lock" | grep -c 'rootfs extra')" 1
# A variant that changes what packages are resolved by has a lock of its own; another has the recipe's.
archive_recipe "$T/variants" ''
cat >>"$T/variants/recipe.toml" <<'EOT'

[variant.more.packages]
recommends = true
[variant.quiet.command-line]
append = "quiet"
EOT
ok "a recipe with variants" lock_here "$T/variants"
ok "locks one of them" lock_here "$T/variants" --variant more
same "beside the recipe's lock" "$(cd "$T/variants" && echo ./*.lock)" "./recipe.lock ./recipe.more.lock"
same "which brings what it changes" "$(names "$T/variants/recipe.more.lock" | grep -c 'rootfs extra') $(names "$T/variants/recipe.lock" | grep -c 'rootfs extra')" "1 0"
cp "$T/variants/recipe.lock" "$T/plain.lock"
ok "locks the other" lock_here "$T/variants" --variant quiet
ok "into the recipe's" cmp "$T/plain.lock" "$T/variants/recipe.lock"
same "no third lock" "$(cd "$T/variants" && echo ./*.lock)" "./recipe.lock ./recipe.more.lock"
fails 2 'recipe.lock: made for other packages .*; run: assay lock .* --variant more$' "the recipe's lock is not that variant's" \
	"$ASSAY" fetch "$T/variants" --variant more --lock "$T/variants/recipe.lock" --cache "$T/cache"
archive_recipe "$T/less" 's/install = .*/&\nexclude = ["libbase"]/'
ok "exclude" lock_here "$T/less"
same "leaves a dependency out" "$(names "$T/less/recipe.lock" | grep -c 'rootfs libbase')" 0

# Sources and keys as the machine has them.
machine "deb [signed-by=$keyring] $archive_url stable main"
ok "one-line source with a key" lock "$T/recipe" -o "$T/again.lock"
ok "the same bytes from there" cmp "$T/again.lock" "$T/recipe/recipe.lock"
machine
printf 'Types: deb\nURIs: %s/\nSuites: whatever\nComponents: none\nSigned-By: %s\n' "file:$archive" "$keyring" >"$T/etc/sources.list.d/x.sources"
ok "deb822 source with a key" lock "$T/recipe" -o "$T/again.lock"
{
	printf 'Types: deb\nURIs: %s\nSuites: whatever\nSigned-By:\n' "$archive_url"
	gpg --batch --armor --export archive@example.org | sed 's/^$/./; s/^/ /'
} >"$T/etc/sources.list.d/x.sources"
ok "deb822 source with the key in it" lock "$T/recipe" -o "$T/again.lock"
printf 'Types: deb\nURIs: %s\nSuites: whatever\n' "$archive_url" >"$T/etc/sources.list.d/x.sources"
cp "$keyring" "$T/etc/trusted.gpg.d/x.gpg"
ok "a source without a key, trusted by the machine" lock "$T/recipe" -o "$T/again.lock"
ok "the same bytes from all of them" cmp "$T/again.lock" "$T/recipe/recipe.lock"
rm "$T/etc/trusted.gpg.d/x.gpg"
fails 1 'suite stable: .*NO_PUBKEY' "a source that nobody trusts" lock "$T/recipe" -o "$T/no.lock"
printf 'Types: deb\nURIs: %s\nSuites: whatever\nTrusted: yes\n' "$archive_url" >"$T/etc/sources.list.d/x.sources"
fails 1 'suite stable: ' "even when the machine does not want it checked" lock "$T/recipe" -o "$T/no.lock"
rm "$T/etc/sources.list.d/x.sources"
fails 3 'no apt source of this machine serves the archive debian; name one: --mirror debian=URL' "no source at all" \
	lock "$T/recipe" -o "$T/no.lock"

# Archives that are not to be trusted.
archive_key other "$T/other.gpg"
fails 1 'suite stable: .*NO_PUBKEY' "another key" lock "$T/recipe" --mirror "$archive_url" --keyring "$T/other.gpg"
fails 3 'absent.gpg: No such file' "an absent keyring" lock "$T/recipe" --mirror "$archive_url" --keyring "$T/absent.gpg"
ok "a failure leaves the old lock" cmp "$T/again.lock" "$T/recipe/recipe.lock"
archive_suite old 'Valid-Until: Sat, 01 Jan 2000 00:00:00 UTC'
archive_recipe "$T/old" 's/distribution = .*/distribution = "old"/'
fails 1 'suite stable: .*expired.*allow-expired' "an expired suite" lock_here "$T/old"
ok "and no lock of it" test ! -e "$T/old/recipe.lock"
archive_recipe "$T/old" 's/distribution = .*/distribution = "old"\nallow-expired = true/'
ok "an expired suite that the recipe allows" lock_here "$T/old"
archive_recipe "$T/old" 's/distribution = .*/distribution = "old"/'
fails 1 'suite stable: .*expired' "is refused again when the recipe no longer does" lock_here "$T/old"
archive_suite tampered
sed -i 's/^Size: .*/Size: 7/' "$archive/dists/tampered/main/binary-amd64/Packages"
archive_recipe "$T/tampered" 's/distribution = .*/distribution = "tampered"/'
fails 3 'suite stable: ' "an index that the signed Release file does not have" lock_here "$T/tampered"
mkdir -p "$archive/dists/unsigned/main/binary-amd64"
cp "$archive/dists/stable/main/binary-amd64/Packages" "$archive/dists/unsigned/main/binary-amd64/"
sed '1,/^$/d; /^-----BEGIN PGP SIGNATURE/,$d; s/stable/unsigned/' "$archive/dists/stable/InRelease" >"$archive/dists/unsigned/Release"
archive_recipe "$T/unsigned" 's/distribution = .*/distribution = "unsigned"/'
fails 1 'suite stable: .*not signed' "an unsigned suite" lock_here "$T/unsigned"

archive_filter='/^SHA256:/d'
archive_suite weak
archive_recipe "$T/weak" 's/distribution = .*/distribution = "weak"/'
fails 2 'suite stable: .* has no size or no SHA-256' "a suite without digests" lock_here "$T/weak"
archive_filter='s,^Filename: ,&../,'
archive_suite leaving
archive_recipe "$T/leaving" 's/distribution = .*/distribution = "leaving"/'
fails 2 'suite stable: path "\.\./pool.*leaves the archive' "a suite whose files leave it" lock_here "$T/leaving"
archive_filter='s,^Filename: ,&./,'
archive_suite dotted
archive_recipe "$T/dotted" 's/distribution = .*/distribution = "dotted"/'
ok "a suite whose files start with a dot" lock_here "$T/dotted"
same "is locked without it" "$(grep '^path' "$T/dotted/recipe.lock")" "$(grep '^path' "$T/recipe/recipe.lock")"
archive_filter=

# What cannot be resolved.
archive_recipe "$T/bad" 's/"base"/"base", "no-such-package"/'
fails 2 'bad/recipe.toml: no-such-package: the suite stable has no package of that name' "a missing package" lock_here "$T/bad"
archive_recipe "$T/bad" 's/"firmware-test"/"no-such-firmware"/'
fails 2 'no-such-firmware: the suite stable has no package' "a missing firmware package" lock_here "$T/bad"
archive_recipe "$T/bad" 's/"base"/"orphan"/'
fails 2 'bad/recipe.toml: set rootfs: orphan : Depends: nowhere' "a dependency that nobody has" lock_here "$T/bad"
archive_recipe "$T/bad" 's/install = .*/&\nexclude = ["extra"]/'
fails 2 'extra is excluded but nothing in the set rootfs needs it' "an exclusion of nothing" lock_here "$T/bad"
archive_recipe "$T/bad" 's/distribution = .*/distribution = "no-such-suite"/'
fails 3 'suite stable: ' "a suite that is not there" lock_here "$T/bad"
fails 3 'suite stable: ' "a mirror that does not answer" lock "$T/recipe" --mirror http://127.0.0.1:9/debian --keyring "$keyring"
fails 2 'recipe.toml:1: expected' "a recipe that is none" sh -c "mkdir '$T/none' && echo x >'$T/none/recipe.toml' && exec '$ASSAY' lock '$T/none'"
fails 3 'absent/recipe.toml|absent: No such file' "no recipe" lock "$T/absent"
fails 2 'mirror nonsense: not a URL nor ARCHIVE=URL' "a mirror that is none" lock "$T/recipe" --mirror nonsense
fails 2 'neither --cache nor XDG_CACHE_HOME nor HOME' "no place for the cache" env -u HOME -u XDG_CACHE_HOME "$ASSAY" lock "$T/recipe"
fails 3 'standard output' "a full stdout" sh -c "exec '$ASSAY' lock '$T/recipe' --cache '$T/cache' --mirror '$archive_url' --keyring '$keyring' >/dev/full"
fails 3 'no-dir/x.lock' "a lock that cannot be written" lock_here "$T/recipe" -o "$T/no-dir/x.lock"
mkdir "$T/a\"b"
fails 2 'apt cannot work in a directory of that name' "a cache whose name apt cannot read" \
	"$ASSAY" lock "$T/recipe" --cache "$T/a\"b" --mirror "$archive_url"
mkdir "$T/bin"
printf '#!/bin/sh\necho broken >&2\nexit 100\n' >"$T/bin/apt-config"
chmod +x "$T/bin/apt-config"
fails 3 'apt-config failed: broken' "a machine whose apt is broken" env PATH="$T/bin:$PATH" "$ASSAY" lock "$T/recipe" --cache "$T/cache"
same "no staged files are left" "$(find "$T/recipe" "$T/bad" -name '*stage*')" ""

# An ordinary user.
if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
	cp "$ASSAY" "$T/assay" # the source tree may be where only root may look
	chmod -R a+rX "$T"
	install -d -o nobody "$T/nobody"
	ok "as an ordinary user" setpriv --reuid nobody --clear-groups env HOME="$T/nobody" \
		"$T/assay" lock "$T/recipe" -o "$T/nobody/x.lock" --mirror "$archive_url" --keyring "$keyring"
	ok "the same bytes as any other" cmp "$T/nobody/x.lock" "$T/recipe/recipe.lock"
else
	skip "as an ordinary user" "this is one"
fi
done_testing

#!/bin/sh
# assay fetch: from mirrors of every manner into the cache; and that build reads no byte from there unchecked.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/archive.sh"

printf 'Dir::Etc "%s";\nDir::Etc::parts "/dev/null";\nDir::Etc::main "/dev/null";\n' "$T/etc" >"$T/apt.conf"
export APT_CONFIG="$T/apt.conf"
export no_proxy='*'
archive_make || {
	skip "assay fetch" "$archive_why"
	done_testing
}
command -v python3 >/dev/null || {
	skip "assay fetch" "no python3 here for an HTTP server"
	done_testing
}

# One package of some size, whose name needs escaping in a URL.
head -c 20000 /dev/urandom >"$T/noise"
mkdir -p "$T/deb/usr/share/libbase"
archive_package base+data 1+1
cp "$T/noise" "$package_dir/usr/share/base+data/noise"
dpkg-deb --root-owner-group -b "$package_dir" "$archive/pool/base+data_1+1_amd64.deb" >/dev/null
archive_suite stable
archive_recipe "$T/recipe" 's/"base"/"base+data"/'
"$ASSAY" lock "$T/recipe" --cache "$T/lock-cache" --mirror "$archive_url" --keyring "$keyring" >"$T/log" 2>&1 || cat "$T/log"
deb=$archive/pool/base+data_1+1_amd64.deb
sum=$(sha256sum "$deb" | cut -d ' ' -f 1)
cached=$T/cache/sha256/$(echo "$sum" | cut -c 1-2)/$(echo "$sum" | cut -c 3-)

python3 "$TOP/tests/cli/http-server.py" "$T/mirror" "$T/port" "$T/requests" &
server=$!
trap 'kill $server; rm -rf "$T"' EXIT
for _ in $(seq 100); do
	[ -e "$T/port" ] && break
	sleep 0.1
done
url=http://127.0.0.1:$(cat "$T/port")

fetch() { # MANNER... as mirrors
	: >"$T/requests"
	set_mirrors=
	for manner; do
		set_mirrors="$set_mirrors --mirror $url/$manner/debian"
	done
	# shellcheck disable=SC2086
	"$ASSAY" fetch "$T/recipe" --cache "$T/cache" $set_mirrors
}
# The ranges that were asked of a manner for the package, on one line.
ranges() {
	sed -n "s,^$1 \(.*\) .*base%2Bdata.*,\1,p" "$T/requests" | paste -sd ' '
}
# Everything but the package is in the cache.
without() {
	rm -f "$cached" "$cached.part"
}

ok "fetches over HTTP" fetch plain
same "says where it stands" "$(cat "$T/.out")" "$T/recipe/recipe.lock: 4 packages are in the cache"
ok "the package is there, byte for byte" cmp "$cached" "$deb"
same "each file was asked for once" "$(wc -l <"$T/requests")" 4
ok "once more" fetch plain
same "asks for nothing" "$(wc -l <"$T/requests")" 0

without
head -c 5000 "$deb" >"$cached.part"
ok "resumes" fetch range
same "from where it stopped" "$(ranges range)" "bytes=5000-"
ok "to the same bytes" cmp "$cached" "$deb"
ok "and no part is left" test ! -e "$cached.part"
without
head -c 5000 "$deb" >"$cached.part"
ok "starts over where the server knows no ranges" fetch plain
same "after asking for one" "$(ranges plain)" "bytes=5000- -"
ok "to the same bytes too" cmp "$cached" "$deb"
without
head -c 5000 "$T/noise" >"$cached.part"
ok "starts over where the part was wrong" fetch range
same "after resuming it" "$(ranges range)" "bytes=5000- -"
ok "to the same bytes once more" cmp "$cached" "$deb"

without
fails 3 'base%2Bdata_1%2B1_amd64.deb: ' "a server that cuts every answer" fetch cut
ok "its bytes are kept" test -s "$cached.part"
got=$(wc -c <"$cached.part")
ok "and the next run goes on" fetch range
same "from there" "$(ranges range)" "bytes=$got-"
ok "to the whole" cmp "$cached" "$deb"

without
ok "follows a redirect" fetch moved
without
fails 3 'base%2Bdata' "but not to a file" fetch escape
without
fails 3 '^assay: base\+data 1\+1 has gone from the archive debian; lock again: assay lock .*/recipe$' "a file that has gone" fetch gone
fails 3 ': The requested URL returned error: 500' "a server in trouble" fetch broken
fails 3 'error: 500' "which weighs more than one without the file" fetch broken gone
fails 1 'not the bytes that the lock has for base\+data 1\+1' "a longer answer" fetch long
ok "leaves nothing" test ! -e "$cached" -a ! -e "$cached.part"
ok "the next mirror is asked" fetch broken gone long range
ok "and its bytes are right" cmp "$cached" "$deb"
without
fails 3 '127.0.0.1' "a port where nobody listens" "$ASSAY" fetch "$T/recipe" --cache "$T/cache" --mirror http://127.0.0.1:9/debian
fails 3 'no apt source of this machine serves the archive debian' "no mirror" "$ASSAY" fetch "$T/recipe" --cache "$T/cache"
mkdir -p "$T/etc"
echo "deb $url/plain/debian any main" >"$T/etc/sources.list"
ok "the machine's own source" "$ASSAY" fetch "$T/recipe" --cache "$T/cache"
ok "gives the same" cmp "$cached" "$deb"

# Wrong bytes, in the archive and in the cache.
cp "$deb" "$T/kept"
printf x | dd of="$deb" bs=1 seek=300 conv=notrunc status=none
ok "what is cached needs no archive" fetch plain
printf x | dd of="$cached" bs=1 seek=300 conv=notrunc status=none
fails 1 'not the bytes that the lock has' "a damaged copy, and an archive that changed" fetch plain
cp "$T/kept" "$deb"
printf x >"$cached"
ok "a damaged copy is replaced" fetch plain
ok "by the right one" cmp "$cached" "$deb"

without
fails 3 'File too large' "no room for the file" sh -c \
	"trap '' XFSZ; ulimit -f 36; exec '$ASSAY' fetch '$T/recipe' --cache '$T/cache' --mirror '$url/plain/debian'"
ok "what had room stays for the next run" test -s "$cached.part" -a ! -e "$cached"
ok "which goes on" fetch range
ok "to the right bytes" cmp "$cached" "$deb"

# Two at once do not step on each other.
without
: >"$T/requests"
"$ASSAY" fetch "$T/recipe" --cache "$T/cache" --mirror "$url/plain/debian" >/dev/null 2>"$T/first.err" &
first=$!
"$ASSAY" fetch "$T/recipe" --cache "$T/cache" --mirror "$url/plain/debian" >/dev/null 2>"$T/second.err"
second_status=$?
wait $first
same "two at once both succeed" "$? $second_status $(cat "$T/first.err" "$T/second.err")" "0 0 "
ok "with the right bytes" cmp "$cached" "$deb"

# Locks.
fails 3 'there is no lock; assay lock RECIPE writes it' "no lock" "$ASSAY" fetch "$T/recipe" --lock "$T/absent.lock" --cache "$T/cache"
archive_recipe "$T/recipe" 's/"base"/"base+data", "extra"/'
fails 2 'made for other packages than .* names now; run: assay lock' "a stale lock" fetch plain
archive_recipe "$T/recipe" 's/"base"/"base+data"/'
sed 's/^name = "base+data"/name = "base+dat"/' "$T/recipe/recipe.lock" >"$T/renamed.lock"
fails 2 'base\+data is missing from the set rootfs' "a lock that was changed by hand" "$ASSAY" fetch "$T/recipe" --lock "$T/renamed.lock" --cache "$T/cache"
sed 's,pool/base,../base,' "$T/recipe/recipe.lock" >"$T/escaping.lock"
fails 2 'escaping.lock: line' "a lock that leaves the archive" "$ASSAY" fetch "$T/recipe" --lock "$T/escaping.lock" --cache "$T/cache"
same "no host in the lock" "$(grep -c 127.0.0.1 "$T/recipe/recipe.lock")" 0
done_testing

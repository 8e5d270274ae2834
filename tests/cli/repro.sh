#!/bin/sh
# Release flavour only.
# Builds under different circumstances give the same bytes: user, directory, time, time zone, umask, locale, threads, and the
# order in which the cache was filled.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/../demo.sh"

demo_get || {
	skip "builds are the same byte for byte" "$demo_why"
	done_testing
}

# A tree of its own with what a build reads: the program, the recipe at $1/tree, the cache filled in the order of `sort $2`.
world() { # DIRECTORY SORT-OPTION
	mkdir -p "$1/tree/rootfs-recipes" "$1/tree/build/guest" "$1/cache" "$1/home"
	cp -R "$demo_recipe" "$1/tree/rootfs-recipes/"
	cp "$TOP"/build/guest/* "$1/tree/build/guest/"
	cp "$demo_lock" "$1/tree/rootfs-recipes/kata-debian/recipe.lock"
	cp "$ASSAY" "$1/assay"
	demo_cached | sort "$2" | while IFS= read -r file; do
		mkdir -p "$1/cache/$(dirname "$file")"
		cp "$demo_cache/$file" "$1/cache/$file"
	done
}

# Names, modes and digests of all below a directory.
listing() {
	(cd "$1" && find . -printf '%y %m %p\n' | sort && find . -type f | sort | xargs sha256sum)
}

same_as_demo() { # TEXT DIRECTORY
	ok "$1: the same bytes" diff -r "$demo" "$2"
	same "$1: the same names and modes" "$(listing "$2")" "$(listing "$demo")"
}

# Without the wrapper program, which wants a shared memory.
faketime=$(find /usr/lib -name libfaketime.so.1 2>/dev/null | head -n 1)
ok "libfaketime is here" test -n "$faketime"

umask 077
world "$T/one" -s
ok "at another time, in another zone, with another umask and locale, on one thread" \
	env -i PATH="$PATH" HOME="$T/one/home" TZ=Pacific/Kiritimati LANG=de_DE.UTF-8 LC_ALL=tr_TR.UTF-8 TMPDIR="$T/one/home" \
	LD_PRELOAD="$faketime" FAKETIME='2001-02-03 04:05:06' \
	sh -c 'cd "$1" && umask 027 && exec ./assay build tree/rootfs-recipes/kata-debian -o deep/er/guest --cache cache --threads 1' - "$T/one"
same_as_demo "another time" "$T/one/deep/er/guest"
rm -rf "$T/one"

umask 022
world "$T/another directory" -r
if [ "$(id -u)" -eq 0 ]; then
	chown -R 65534:65534 "$T/another directory"
	chmod 755 "$T"
	as="setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs"
else
	as=
	skip "as another user" "not root here"
fi
# shellcheck disable=SC2086 # words
ok "as another user, from another directory, by a cache filled in another order, on three threads" \
	env -i PATH="$PATH" HOME="$T/another directory/home" TZ=UTC \
	$as sh -c 'cd "$1/tree/rootfs-recipes" && umask 077 && exec ../../assay build ./kata-debian/ -o "$1/guest/" --cache "$1/cache" --threads 3' - "$T/another directory"
same_as_demo "another user" "$T/another directory/guest"
done_testing

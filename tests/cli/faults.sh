#!/bin/sh
# What goes wrong with a build: one clear line, the right exit status, no output directory; and what a killed build leaves is
# swept by the next.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/../demo.sh"

demo_get || {
	skip "faults of a build" "$demo_why"
	done_testing
}
flavour=${BUILD##*/}
mkdir "$T/out"

# The recipe where its relative paths still lead to the guest programs, and the cache by links.
mkdir -p "$T/tree/rootfs-recipes" "$T/tree/build"
cp -R "$demo_recipe" "$T/tree/rootfs-recipes/"
ln -s "$TOP/build/guest" "$T/tree/build/guest"
recipe=$T/tree/rootfs-recipes/kata-debian
cp "$demo_lock" "$recipe/recipe.lock"
cp "$recipe/recipe.toml" "$T/good.toml"
cp -Rs "$demo_cache" "$T/cache"

build() {
	"$ASSAY" build "$recipe" --cache "$T/cache" -o "$T/out/guest" "$@"
}
refused() { # STATUS PATTERN TEXT [build's options]
	text=$3
	refused_status=$1 refused_pattern=$2
	shift 3
	fails "$refused_status" "$refused_pattern" "$text" build "$@"
	nothing_left "$text"
}
# And nothing stands in the way of the next.
nothing_left() {
	same "$1: nothing is left" "$(ls -A "$T/out")" ""
	rm -rf "$T/out/guest"
}
# The recipe with lines appended.
recipe_with() {
	cat "$T/good.toml" - >"$recipe/recipe.toml"
}
recipe_good() {
	cp "$T/good.toml" "$recipe/recipe.toml"
}

echo 'x = [1' | recipe_with
refused 2 'recipe\.toml' "a recipe that is no TOML"
printf '[no-such-section]\na = 1\n' | recipe_with
refused 2 'recipe\.toml.*no-such-section' "a recipe with an unknown section"
printf '[[file]]\npath = "/etc/x"\ntext = "x"\nsha256 = "%064d"\n' 0 | recipe_with
refused 1 'sha256' "a file of the recipe whose sha256 is another"
printf '[[file]]\npath = "/etc/x"\nsource = "no-such-file"\n' | recipe_with
refused 3 'no-such-file' "a file of the recipe that is not there"
recipe_good
fails 3 'no-such-recipe' "a recipe that is not there" "$ASSAY" build "$T/no-such-recipe" --cache "$T/cache" -o "$T/out/guest"
rm "$recipe/recipe.lock"
refused 3 'recipe\.lock' "no lock"
printf 'not a lock\n' >"$recipe/recipe.lock"
refused 2 'recipe\.lock' "a lock that is none"
cp "$demo_lock" "$recipe/recipe.lock"
printf '[packages]\n' | cat "$T/good.toml" - >"$recipe/recipe.toml"
refused 2 'recipe\.toml' "a section twice"
recipe_good

# The lock's largest package; the cache may hold more than this lock names.
package=$(demo_cached | tail -n 1)
cached=$T/cache/$package
rm "$cached"
refused 3 'assay fetch' "a package that is not in the cache"
cp "$demo_cache/$package" "$cached"
printf 'X' | dd of="$cached" bs=1 seek=100000 conv=notrunc status=none
refused 1 'sha256' "a package with one wrong byte"
truncate -s -1 "$cached"
refused 1 'bytes' "a package cut short"
rm "$cached"
mkdir "$cached"
refused 2 'not a regular file' "a directory for a package"
rmdir "$cached"
ln -s "$demo_cache/$package" "$cached"

mkdir "$T/out/guest"
fails 3 'guest: already exists' "an output that exists" build
fails 3 'is no build' "--force replaces builds only" build --force
same "it stays empty" "$(ls -A "$T/out/guest")" ""
rmdir "$T/out/guest"
touch "$T/out/guest"
fails 3 'is no build' "an output that is a file, even with --force" build --force
rm "$T/out/guest"
fails 3 'File exists|Not a directory' "an output below a file" "$ASSAY" build "$recipe" --cache "$T/cache" -o "$T/good.toml/guest"
for option in --threads=x --threads=65 --no-such-option --output=; do
	fails 2 'assay|--' "option $option" build "$option"
done

# A disk that is full: at once, and at the last moment. A limit of the file size fails like it and needs no privilege.
full() { # KIBIBYTES
	(
		trap '' XFSZ
		ulimit -f "$(($1 * 2))"
		build
	)
}
size=$(($(stat -c %s "$demo/rootfs.img") / 1024))
for kib in 4 64 $((size / 2)) $((size - 4)); do
	fails 3 'File too large' "no file may be larger than $kib KiB" full $kib
	nothing_left "no file may be larger than $kib KiB"
done
if [ "$(id -u)" -eq 0 ] && mkdir "$T/small" && mount -t tmpfs -o size=$((size / 2))k tmpfs "$T/small" 2>/dev/null; then
	fails 3 'No space left on device' "a disk that fills up" "$ASSAY" build "$recipe" --cache "$T/cache" -o "$T/small/guest"
	same "a disk that fills up: nothing is left" "$(ls -A "$T/small")" ""
	umount "$T/small"
else
	skip "a disk that fills up" "no right to mount here"
fi

# Memory: whatever the limit (that still loads the program), a build either works or says so.
if [ "$flavour" != asan ]; then
	for mib in 64 80 96 128 192 256; do
		(
			ulimit -v $((mib * 1024))
			build
		) >"$T/stdout" 2>"$T/stderr"
		status=$?
		case $status in
		0) rm -rf "$T/out/guest" ;;
		3) same "with $mib MiB of memory: one line" "$(wc -l <"$T/stderr")" 1 ;;
		*) same "with $mib MiB of memory: an exit status ($(tail -n 1 "$T/stderr"))" $status 3 ;;
		esac
		nothing_left "with $mib MiB of memory"
	done
fi

# System calls that fail, and calls at which the build is killed, early and late. A leak check and strace exclude each other.
at_call() { # CALL N INJECTION
	ASAN_OPTIONS=detect_leaks=0 strace -f -qq -o "$T/trace" -e "trace=$1" -e "inject=$1:$3:when=$2" \
		"$ASSAY" build "$recipe" --cache "$T/cache" -o "$T/out/guest"
}
if strace -o "$T/trace" -f true 2>/dev/null; then
	while read -r call n error words; do
		fails 3 "$words" "$call number $n fails with $error" at_call "$call" "$n" "error=$error"
		nothing_left "$call number $n fails with $error"
	done <<-EOF
		pread64 200 EIO Input/output error
		pwrite64 1 ENOSPC No space left on device
		pwrite64 20 ENOSPC No space left on device
		openat 60 EMFILE Too many open files
		fsync 1 EIO Input/output error
		fsync 20 EIO Input/output error
		renameat2 1 ENOSPC No space left on device
	EOF
	for moment in pread64:1 pread64:200 pwrite64:1 pwrite64:20 fsync:1 fsync:5 renameat2:1; do
		at_call "${moment%:*}" "${moment#*:}" signal=KILL >"$T/stdout" 2>&1
		same "killed at $moment" $? 137
		same "killed at $moment: no output directory" "$(ls "$T/out")" ""
	done
	same "a killed build leaves its stage, and nothing else" "$(ls -A "$T/out" | sed 's/stage-.*/stage/')" .guest.assay-stage
else
	skip "system calls that fail, builds that are killed" "strace cannot be used here"
fi
ok "the next build works" build
same "and sweeps what the killed ones left" "$(ls -A "$T/out")" guest
ok "its bytes are those of the demo" diff -r "$demo" "$T/out/guest"
done_testing

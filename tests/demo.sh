# The demo guest, for tests that need one: sourced after tap.sh. demo_get makes it once for all tests of this machine:
#   demo_get || { skip "it boots" "$demo_why"; done_testing; }
# then $demo_recipe is the recipe's directory, $demo_lock the lock that was used, $demo_cache the cache that holds all it names,
# and $demo the directory that `assay build` made of them.
# shellcheck shell=sh disable=SC2034,SC2154
demo_recipe=$TOP/rootfs-recipes/kata-debian
demo_cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/assay
demo_lock=$demo_recipe/recipe.lock
demo=$TOP/build/demo/image
demo_why=

# Fills the cache, with today's packages where those of the recipe's lock have gone (as scripts/demo does).
demo_fetch() {
	"$demo_assay" fetch "$demo_recipe" --cache "$demo_cache" && return
	demo_lock=$TOP/build/demo/kata-debian.lock
	"$demo_assay" lock "$demo_recipe" -o "$demo_lock" &&
		"$demo_assay" fetch "$demo_recipe" --lock "$demo_lock" --cache "$demo_cache"
}

# The cached files that the lock names, relative to $demo_cache, the smallest first.
demo_cached() {
	awk '$1 == "size" { size = $3 } $1 == "sha256" { gsub("\"", "", $3); print size, $3 }' "$demo_lock" | sort -nu |
		sed 's,.* \(..\)\(.*\),sha256/\1/\2,'
}

# Whether the image is younger than all that it depends on.
demo_fresh() {
	[ -e "$demo/manifest.json" ] &&
		[ -z "$(find "$demo_assay" "$demo_lock" "$demo_recipe" "$TOP/build/guest" -newer "$demo/manifest.json" -print -quit)" ]
}

demo_build() {
	demo_fresh || "$demo_assay" build "$demo_recipe" --lock "$demo_lock" --cache "$demo_cache" --force -o "$demo"
}

# Only a machine without its packages is a reason to skip; a build that fails is a failure.
demo_get() {
	# The image is the release build's, whatever is under test.
	demo_assay=$TOP/build/release/assay
	[ -x "$demo_assay" ] || demo_assay=$ASSAY
	mkdir -p "$TOP/build/demo"
	exec 8>"$TOP/build/demo/.lock"
	flock 8
	demo_fetch >"$T/demo.log" 2>&1 </dev/null
	demo_status=$?
	if [ $demo_status -eq 3 ]; then
		demo_why="the demo's packages cannot be had: $(tail -n 1 "$T/demo.log")"
		exec 8>&-
		return 1
	fi
	[ $demo_status -ne 0 ] || demo_build >"$T/demo.log" 2>&1 </dev/null || demo_status=$?
	exec 8>&-
	[ $demo_status -eq 0 ] && return
	tap_result 1 "the demo guest builds: status $demo_status, $(tail -n 1 "$T/demo.log")"
	done_testing
}

# The demo guest, for tests that need one: sourced after tap.sh. demo_get makes it once for all tests of this machine:
#   demo_get || { skip "it boots" "$demo_why"; done_testing; }
# then $demo_recipe is the recipe's directory, $demo_lock the lock that was used, $demo_cache the cache that holds all it names,
# and $demo the directory that `assay build` made of them.
# shellcheck shell=sh disable=SC2034
demo_recipe=$TOP/rootfs-recipes/kata-debian
demo_cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/assay
demo_lock=$demo_recipe/recipe.lock
demo=$TOP/build/demo/image
demo_why=

# Fills the cache, with today's packages where those of the recipe's lock have gone (as scripts/demo does).
demo_fetch() {
	mkdir -p "$TOP/build/demo"
	"$demo_assay" fetch "$demo_recipe" --cache "$demo_cache" && return
	demo_lock=$TOP/build/demo/kata-debian.lock
	"$demo_assay" lock "$demo_recipe" -o "$demo_lock" &&
		"$demo_assay" fetch "$demo_recipe" --lock "$demo_lock" --cache "$demo_cache"
}

# Whether the image is younger than all that it depends on.
demo_fresh() {
	[ -e "$demo/manifest.json" ] &&
		[ -z "$(find "$demo_assay" "$demo_lock" "$demo_recipe" "$TOP/build/guest" -newer "$demo/manifest.json" -print -quit)" ]
}

demo_get() {
	# The image is the release build's, whatever is under test.
	demo_assay=$TOP/build/release/assay
	[ -x "$demo_assay" ] || demo_assay=$ASSAY
	mkdir -p "$TOP/build/demo"
	exec 8>"$TOP/build/demo/lock"
	flock 8
	demo_fetch >"$TOP/build/demo/log" 2>&1 </dev/null && {
		demo_fresh || "$demo_assay" build "$demo_recipe" --lock "$demo_lock" --cache "$demo_cache" --force -o "$demo" \
			>"$TOP/build/demo/log" 2>&1 </dev/null
	}
	demo_status=$?
	exec 8>&-
	[ $demo_status -eq 0 ] || demo_why="no demo guest: $(tail -n 1 "$TOP/build/demo/log")"
	return $demo_status
}

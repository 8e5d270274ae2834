# The recipe c8s-guest with stand-ins for what it takes from elsewhere, for tests that need its images: sourced after tap.sh and
# demo.sh.
#   stand_ins || { skip ...; done_testing; }   $stand_in: a static program (tests/stand-ins/service.c), or $c8s_why
#   c8s_recipes      $T/recipes: kata-debian, and c8s-guest with its inputs pinned
#   c8s_lock || ...  $c8s_lock: a lock whose packages are in $demo_cache, or $c8s_why
#   c8s_build DIR [OPTION...]
# shellcheck shell=sh disable=SC2034,SC2154
c8s_why=

stand_ins() {
	stand_in=$T/stand-in
	command -v musl-gcc >/dev/null || {
		c8s_why='no musl-gcc here'
		return 1
	}
	musl-gcc -std=c17 -O2 -Wall -Wextra -Werror -D_GNU_SOURCE -static -s -o "$stand_in" "$TOP/tests/stand-ins/service.c"
}

# An image as Kata publishes it, of what is below a directory.
image_of() { # DIRECTORY FILE
	image_dir=$T/image-of
	rm -rf "$image_dir"
	mkdir "$image_dir"
	cp -a "$1" "$image_dir/tree"
	# a guest has /sbin/init, and an image of parts has none: it is no guest
	mkdir -p "$image_dir/tree/etc/kata-extensions"
	echo 'schema_version = 1' >"$image_dir/tree/etc/kata-extensions/components.toml"
	cat >"$image_dir/recipe.toml" <<EOT
schema = "assay-recipe/1"
name = "parts"
architecture = "amd64"
timestamp = 1
[extension]
name = "parts"
[[source]]
kind = "dir"
path = "tree"
sha256 = "$("$BUILD/tests/oracle/source-tree" --digest "$image_dir/tree")"
EOT
	"$ASSAY" build "$image_dir" -q -o "$image_dir/out" || return
	mv "$image_dir/out/rootfs.img" "$2"
}

c8s_recipes() {
	mkdir -p "$T/recipes"
	cp -R "$TOP/rootfs-recipes/kata-debian" "$TOP/rootfs-recipes/c8s-guest" "$T/recipes"
	sed -i "s,\.\./\.\./build/guest,../build-guest," "$T/recipes/kata-debian/recipe.toml"
	mkdir -p "$T/recipes/build-guest"
	cp "$TOP/build/guest/kata-agent-stand-in" "$T/recipes/build-guest"
	inputs=$T/recipes/c8s-guest/inputs
	mkdir "$inputs"
	for program in ratls-mesh policy-monitor attestation-service volumed; do
		cp "$stand_in" "$inputs/$program"
		echo "$program" >>"$inputs/$program"
	done
	parts=$T/parts
	mkdir -p "$parts/usr/local/bin" "$parts/etc" "$parts/pause_bundle/rootfs" "$parts/usr/share"
	for program in attestation-agent confidential-data-hub api-server-rest; do
		install -m 755 "$stand_in" "$parts/usr/local/bin/$program"
	done
	echo '{}' >"$parts/etc/ocicrypt_config.json"
	echo '{"ociVersion": "1.0.2", "process": {"args": ["/pause"], "cwd": "/"}}' >"$parts/pause_bundle/config.json"
	install -m 755 "$stand_in" "$parts/pause_bundle/rootfs/pause"
	echo unwanted >"$parts/usr/share/unwanted"
	image_of "$parts" "$inputs/kata-containers-confidential.img" || return
	python3 "$TOP/tests/stand-ins/pin.py" "$T/recipes/c8s-guest/inputs.toml"
}

c8s_lock() {
	c8s_lock=$T/recipes/c8s-guest/recipe.lock
	"$ASSAY" fetch "$T/recipes/c8s-guest" --cache "$demo_cache" >"$T/.out" 2>"$T/.err" && return
	"$ASSAY" lock "$T/recipes/c8s-guest" --cache "$demo_cache" >"$T/.out" 2>"$T/.err" &&
		"$ASSAY" fetch "$T/recipes/c8s-guest" --cache "$demo_cache" >"$T/.out" 2>"$T/.err" && return
	c8s_why="c8s-guest's packages cannot be had: $(tail -n 1 "$T/.err")"
	return 1
}

c8s_build() { # DIR OPTION...
	c8s_dir=$1
	shift
	"$ASSAY" build "$T/recipes/c8s-guest" --lock "$c8s_lock" --cache "$demo_cache" -q -o "$c8s_dir" "$@"
}

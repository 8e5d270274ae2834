#!/bin/sh
# Recipes at the command line: ours are read and their locks answer to them; a broken one is one line with file and line number.
. "$(dirname "$0")/../tap.sh"

printf 'Dir::Etc "%s";\nDir::Etc::parts "/dev/null";\nDir::Etc::main "/dev/null";\n' "$T/etc" >"$T/apt.conf"
export APT_CONFIG="$T/apt.conf"
mkdir "$T/empty"

# With an empty mirror a fetch gets as far as its first package, past the recipe, the lock and how they fit.
for recipe in "$TOP"/rootfs-recipes/*/; do
	name=$(basename "$recipe")
	if [ -e "$recipe/recipe.lock" ]; then
		fails 3 'has gone from the archive .*; lock again: assay lock ' "$name: its lock answers to it" \
			"$ASSAY" fetch "$recipe" --cache "$T/cache" --mirror "file://$T/empty"
	else
		same "$name: it needs no lock" "$("$ASSAY" fetch "$recipe" --cache "$T/cache" 2>&1)" "${recipe}recipe.toml: names no packages"
	fi
	same "$name: no host in recipe or lock" "$(cat "$recipe"/*.toml "$recipe"/*.lock 2>/dev/null | grep -E '[a-z]+://')" ""
	for variant in $(sed -n 's/^\[\[*variant\.\([a-z]*\).*/\1/p' "$recipe/recipe.toml" | sort -u); do
		fails 3 'has gone from the archive' "$name: the same lock answers to its variant $variant" \
			"$ASSAY" fetch "$recipe" --variant "$variant" --cache "$T/cache" --mirror "file://$T/empty"
	done
done
fails 2 'there is no \[variant.x\]' 'a variant that is not there' "$ASSAY" fetch "$TOP/rootfs-recipes/c8s-guest" --variant x --cache "$T/cache"

# docs/recipes.md names every key, and its examples are a recipe.
keys=$(sed -n 's/^\t*{"\([a-z0-9-]*\)", .*\(read\|recipe_read\)_[a-z_0-9]*, \(true\|false\)},*$/\1/p' "$TOP"/mkimage/recipe/recipe*.c | sort -u)
missing=
for key in $keys; do
	grep -q "\`$key\`\|\[$key\]\|\.$key\]\|\[$key\." "$TOP/docs/recipes.md" || missing="$missing $key"
done
ok 'dozens of keys' test "$(echo "$keys" | wc -w)" -ge 60
same 'docs/recipes.md names every key' "$missing" ''
mkdir -p "$T/docs/recipes/kata-debian" "$T/docs/recipes/all" "$T/docs/recipes/c8s-guest"
cp -R "$TOP/rootfs-recipes/kata-debian" "$TOP/rootfs-recipes/c8s-guest" "$T/docs/recipes"
awk '/^```toml$/ { in_block = 1; next } /^```/ { in_block = 0 } in_block' "$TOP/docs/recipes.md" >"$T/docs/recipes/all/recipe.toml"
fails 3 'all/recipe.lock: there is no lock' 'its examples are one recipe' "$ASSAY" fetch "$T/docs/recipes/all" --cache "$T/cache"
awk -v dir="$T/docs/recipes" '/^```toml alone$/ { n++; file = dir "/alone" n "/recipe.toml"; system("mkdir " dir "/alone" n); next } /^```/ { file = "" } file { print >file }' \
	"$TOP/docs/recipes.md"
for alone in "$T"/docs/recipes/alone*; do
	"$ASSAY" fetch "$alone" --cache "$T/cache" >"$T/said" 2>&1
	same "so is $(basename "$alone")" "$(grep -c -e 'names no packages$' -e 'there is no lock; assay lock RECIPE' "$T/said")" 1
	grep -q '^\[variant' "$alone/recipe.toml" || continue
	"$ASSAY" fetch "$alone" --variant debug --cache "$T/cache" >"$T/said" 2>&1
	same 'and its variant' "$(grep -c 'there is no lock; assay lock RECIPE' "$T/said")" 1
done

fetch() { # the recipe's text, as for printf
	mkdir -p "$T/r"
	# shellcheck disable=SC2059
	printf "$@" >"$T/r/recipe.toml"
	set -- "$ASSAY" fetch "$T/r" --cache "$T/cache"
	"$@"
}
fails 2 '/r/recipe.toml:2: not UTF-8$' "broken UTF-8" fetch '\n# \377'
fails 2 '/r/recipe.toml:1: expected "=" after a key$' "no TOML" fetch 'recipe'
fails 2 '/r/recipe.toml:3: unknown key nmae$' "a misspelt key" fetch 'schema = "assay-recipe/1"\n\nnmae = "x"\n'
fails 2 '/r/recipe.toml:1: unknown key a\\x0ab\\x1b\[31m$' "a key of control characters is escaped" fetch '"a\\nb\\u001b[31m" = 1\n'
fails 2 '/r/recipe.toml:1: unknown key 0{60}$' "a long key is cut" fetch "%0200d = 1" 0
fails 2 '/r/recipe.toml:1: schema "assay-recipe/9" is not "assay-recipe/1"$' "another schema" fetch \
	'schema = "assay-recipe/9"\nname = "x"\narchitecture = "amd64"\ntimestamp = 0\n'
mkdir -p "$T/r2"
printf 'schema = "assay-recipe/1"\nname = "x"\ninclude = ["../r/recipe.toml"]\n' >"$T/r2/recipe.toml"
fails 2 '/r2/recipe.toml:3: include: .*/recipe.toml includes itself$' 'a cycle of includes' fetch \
	'schema = "assay-recipe/1"\nname = "x"\ninclude = ["../r2/recipe.toml"]\n'
fails 3 '/r/recipe.toml:3: include: .*none.toml: No such file' 'an include that is not there' fetch \
	'schema = "assay-recipe/1"\nname = "x"\ninclude = ["none.toml"]\n'
fails 2 '/r/recipe.toml:3: include: .* is outside the directory' 'an include outside' fetch \
	'schema = "assay-recipe/1"\nname = "x"\ninclude = ["../../../../../etc/hostname"]\n'
head -c 1100000 /dev/zero | tr '\0' '\n' >"$T/r/recipe.toml"
fails 3 'recipe.toml: 1100000 bytes, more than the limit of 1048576' "a recipe over 1 MiB" "$ASSAY" fetch "$T/r" --cache "$T/cache"
rm "$T/r/recipe.toml"
fails 3 'r/recipe.toml: No such file' "a directory without a recipe" "$ASSAY" fetch "$T/r" --cache "$T/cache"
mkfifo "$T/pipe"
fails 2 'pipe: not a regular file' "a pipe is no recipe, and nobody waits for it" "$ASSAY" fetch "$T/pipe" --cache "$T/cache"
done_testing

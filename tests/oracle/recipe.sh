#!/bin/sh
# Release flavour only.
# systemctl judges which links a preset makes, systemd-analyze which programs of a unit are missing, debugfs and getcap what a recipe's
# attributes, permissions and capabilities became.
. "$(dirname "$0")/../tap.sh"
CHECK=$BUILD/tests/oracle/source-tree
export TMPDIR="$T"
recipe=$T/recipe
mkdir -p "$recipe"
printf '#!/bin/sh\n' >"$recipe/init"
head='schema = "assay-recipe/1"
name = "judged"
architecture = "amd64"
timestamp = 1
[[file]]
path = "/sbin/init"
source = "init"
mode = "0755"'

# --- presets ---

root=$T/root
mkdir -p "$root/usr/lib/systemd/system" "$root/etc/systemd/system" "$root/usr/lib/systemd/system-preset" "$root/etc/systemd/system-preset"
unit() { # NAME INSTALL
	printf '[Unit]\nDescription=x\n[Service]\nExecStart=/sbin/init\n[Install]\n%b' "$2" >"$root/usr/lib/systemd/system/$1"
}
unit plain.service 'WantedBy=multi-user.target\n'
unit two.service 'WantedBy=a.target b.target\nRequiredBy=c.target\n'
unit alias.service 'Alias=other.service third.service\nWantedBy=a.target\n'
unit also.service 'Also=plain.service led.service\nWantedBy=a.target\n'
unit led.service 'WantedBy=led.target\n'
unit socket.socket 'WantedBy=sockets.target\n'
unit continued.service 'WantedBy=a.target \\\n  b.target\n# c\nWantedBy=d.target\n'
unit none.service ''
unit off.service 'WantedBy=a.target\n'
unit early.service 'WantedBy=a.target\n'
unit hidden.service 'WantedBy=a.target\n'
unit named.target 'WantedBy=a.target\n'
printf 'disable off.*\nenable off.service\ndisable ear[a-m]y.service\n' >"$root/usr/lib/systemd/system-preset/10-a.preset"
printf 'disable hidden.service\n' >"$root/usr/lib/systemd/system-preset/20-b.preset"
printf '# enable\n;x\n\nenable hidden.service\n' >"$root/etc/systemd/system-preset/20-b.preset"
printf 'enable early.service\ndisable named.*\n' >"$root/usr/lib/systemd/system-preset/90-z.preset"
if command -v systemctl >/dev/null; then
	{
		echo "$head"
		for file in "$root"/usr/lib/systemd/system-preset/* "$root"/etc/systemd/system-preset/* "$root"/usr/lib/systemd/system/*; do
			cp "$file" "$recipe/$(echo "${file#"$root/"}" | tr / _)"
			printf '[[file]]\npath = "%s"\nsource = "%s"\n' "${file#"$root"}" "$(echo "${file#"$root/"}" | tr / _)"
		done
		for file in "$root"/usr/lib/systemd/system/*; do
			printf '[[unit]]\nname = "%s"\npreset = true\n' "${file##*/}"
		done
	} >"$recipe/recipe.toml"
	ok 'presets of 13 units' "$ASSAY" build "$recipe" -q -o "$T/presets"
	for file in "$root"/usr/lib/systemd/system/*; do
		systemctl --root="$root" --quiet preset "${file##*/}" >>"$T/systemctl" 2>&1
	done
	(cd "$root" && find etc/systemd/system -type l -printf '/%p %l\n') | sort >"$T/theirs"
	python3 -c 'import json, sys
for f in json.load(open(sys.argv[1]))["files"]:
    if f["type"] == "symlink" and f["path"].startswith("/etc/systemd/system/"):
        print(f["path"], f["target"])' "$T/presets/files.json" | sort >"$T/ours"
	ok "systemctl makes links: $(wc -l <"$T/theirs")" test -s "$T/theirs"
	ok 'and we make the same' cmp "$T/theirs" "$T/ours"
	diff "$T/theirs" "$T/ours" | sed 's/^/# /'
else
	skip 'presets' 'no systemctl here'
fi

# --- programs of units ---

if command -v systemd-analyze >/dev/null; then
	guest=$T/guest
	mkdir -p "$guest/etc/systemd/system" "$guest/usr/bin" "$guest/usr/sbin"
	cp "$TOP/build/guest/init" "$guest/usr/bin/there"
	cp "$guest/usr/bin/there" "$guest/usr/bin/plain"
	chmod 644 "$guest/usr/bin/plain"
	for line in /usr/bin/there '/usr/bin/there a b' -/usr/bin/none @/usr/bin/there\ x '+/usr/bin/there' '!/usr/bin/there' '"/usr/bin/there" x' \
		/usr/bin/none '+/usr/bin/none' '@/usr/bin/none x' /usr/bin/plain ':/usr/bin/none' '!!/usr/bin/none'; do
		printf '[Service]\nExecStart=%s\n' "$line" >"$guest/etc/systemd/system/x.service"
		if systemd-analyze --root="$guest" --man=no verify "$guest/etc/systemd/system/x.service" 2>&1 | grep -q 'not executable'; then
			judged=1
		else
			judged=0
		fi
		"$CHECK" --check "$guest" >/dev/null 2>&1
		same "systemd-analyze agrees on $line" $? $judged
	done
else
	skip 'programs of units' 'no systemd-analyze here'
fi

# --- capabilities and attributes ---

cat >"$recipe/recipe.toml" <<EOT
$head
[[file]]
path = "/usr/bin/a"
text = "a"
mode = "0755"
capabilities = "cap_net_admin,cap_net_raw=ep"
xattrs = { "user.text" = "a text", "user.bytes" = "0x00ff0a", "trusted.t" = "t" }
[[file]]
path = "/usr/bin/b"
text = "b"
mode = "0755"
[[permission]]
path = "/usr/bin/b"
mode = "02711"
uid = 5
gid = 6
capabilities = "cap_checkpoint_restore,cap_chown=eip"
EOT
printf '[rootfs]\ntype = "ext4"\n' >>"$recipe/recipe.toml"
# The value of an attribute in the image, in hexadecimal, as e2fsprogs reads it.
value() { # PATH NAME
	rm -f "$T/value"
	debugfs -R "ea_get -f $T/value $1 $2" "$T/root.ext4" 2>/dev/null
	od -An -v -tx1 "$T/value" | tr -d ' \n'
}
if command -v debugfs >/dev/null; then
	ok 'capabilities and attributes' "$ASSAY" build "$recipe" -q -o "$T/attributes"
	blocks=$(sed 's/.*data_blocks=\([0-9]*\).*/\1/' "$T/attributes/kernel_verity_params")
	dd if="$T/attributes/rootfs.img" of="$T/root.ext4" bs=1M skip=1 count=$((blocks / 256)) status=none
	same 'debugfs reads the attributes' \
		"$(value /usr/bin/a user.text) $(value /usr/bin/a user.bytes) $(value /usr/bin/a trusted.t)" '612074657874 00ff0a 74'
	same 'and the permission' "$(debugfs -R 'stat /usr/bin/b' "$T/root.ext4" 2>/dev/null | tr -s ' ' | grep -o -e 'Mode: [0-9]*' -e 'User: [0-9]*' -e 'Group: [0-9]*' | tr '\n' ' ')" \
		'Mode: 02711 User: 5 Group: 6 '
	if command -v getcap >/dev/null && [ "$(id -u)" -eq 0 ]; then
		for program in a b; do
			: >"$T/$program"
			python3 -c 'import os, sys; os.setxattr(sys.argv[1], "security.capability", bytes.fromhex(sys.argv[2]))' \
				"$T/$program" "$(value /usr/bin/$program security.capability)"
		done
		same 'getcap reads the capabilities' "$(getcap "$T/a" "$T/b" | sed "s,$T/,," | tr '\n' ';')" \
			'a cap_net_admin,cap_net_raw=ep;b cap_chown,cap_checkpoint_restore=eip;'
	else
		skip 'getcap' 'no root or no getcap here'
	fi
else
	skip 'capabilities and attributes' 'no debugfs here'
fi
done_testing

#!/bin/sh
# Release flavour only.
# readelf judges the ELF reader: what both say of some hundred programs and libraries of this machine.
. "$(dirname "$0")/../tap.sh"

command -v readelf >/dev/null || {
	skip 'readelf' 'no readelf here'
	done_testing
}
# All sorts: programs, libraries, plugins, static and dynamic ones; scripts among them are for both to pass over.
find -L /usr/bin /usr/sbin /usr/lib/x86_64-linux-gnu /usr/lib/systemd /usr/libexec /usr/lib/gcc /lib64 "$TOP/build/guest" \
	-maxdepth 4 -type f -size -20000k 2>/dev/null | sort -u | awk 'NR % 5 == 1' | head -n 600 >"$T/files"
# shellcheck disable=SC2046
"$BUILD/tests/oracle/elf-list" $(cat "$T/files") | sort -u >"$T/ours"
cat >"$T/judge.py" <<'PY'
import re, subprocess, sys
for path in open(sys.argv[1]).read().split():
    with open(path, "rb") as file:
        head = file.read(20)
    if head[:6] != b"\x7fELF\x02\x01" or head[18:20] != b"\x3e\x00" or head[16] not in (2, 3):
        continue
    text = subprocess.run(["readelf", "-ldVW", path], capture_output=True, text=True, errors="replace").stdout
    print(path, "program")
    for interp in re.findall(r"\[Requesting program interpreter: (.*)\]", text):
        print(path, "interp", interp)
    for tag, value in re.findall(r"\((NEEDED|SONAME|RPATH|RUNPATH)\).*\[(.*)\]", text):
        print(path, tag, value)
    needs = re.search(r"Version needs section(.*?)(?:Version \w+ section|\Z)", text, re.S)
    library = None
    for file, name in re.findall(r"File: (\S+)|Name: (\S+)", needs.group(1) if needs else ""):
        library = file or library
        if name:
            print(path, "need", library, name)
    definitions = re.search(r"Version definition section(.*?)(?:Version \w+ section|\Z)", text, re.S)
    for line in (definitions.group(1) if definitions else "").splitlines():
        match = re.search(r"Rev: .*Name: (\S+)", line)
        # the first names the file itself
        if match and "Flags: BASE" not in line:
            print(path, "def", match.group(1))
PY
python3 "$T/judge.py" "$T/files" | sort -u >"$T/theirs"
n=$(grep -c ' program$' "$T/theirs")
echo "# $n programs and libraries, $(wc -l <"$T/theirs") facts"
ok 'a few hundred' test "$n" -ge 100
for kind in interp NEEDED SONAME RUNPATH need def; do
	ok "some have: $kind" grep -q " $kind " "$T/theirs"
done
ok 'readelf reads the same of all' cmp "$T/ours" "$T/theirs"
diff "$T/ours" "$T/theirs" | head -n 20 | sed 's/^/# /'
done_testing

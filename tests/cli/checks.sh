#!/bin/sh
# The checks before sealing: programs whose interpreter, libraries or versions are missing, and secrets. One line for each.
. "$(dirname "$0")/../tap.sh"
CHECK="$BUILD/tests/oracle/source-tree"

export TMPDIR="$T"
CC=${CC:-cc}
command -v "$CC" >/dev/null || { skip 'checks' 'no C compiler here'; done_testing; }
guest() { # a fresh $G
	G=$T/guest.$((guest_n = ${guest_n:-0} + 1))
	mkdir -p "$G/usr/lib" "$G/usr/bin" "$G/lib64"
}
library() { # FILE VERSION... : a library that defines f in each version
	library_file=$1
	shift
	: >"$T/map"
	: >"$T/lib.c"
	for version in "$@"; do
		echo "$version { global: f_$version; };" >>"$T/map"
		echo "void f_$version(void) {}" >>"$T/lib.c"
	done
	"$CC" -shared -fPIC -nostdlib -Wl,--version-script,"$T/map" -Wl,-soname,libx.so -o "$library_file" "$T/lib.c"
}
program() { # FILE FUNCTION FLAGS...
	program_file=$1
	echo "void $2(void); void _start(void) { $2(); }" >"$T/prog.c"
	shift 2
	"$CC" -nostdlib -o "$program_file" "$T/prog.c" "$T/build/libx.so" -Wl,--dynamic-linker,/lib64/ld.so "$@"
}
mkdir "$T/build"
library "$T/build/libx.so" V1 V2 || { skip 'checks' 'this compiler links no libraries'; done_testing; }

# A sound guest: what the others are changed from.
sound() {
	guest
	cp "$T/build/libx.so" "$G/usr/lib/libx.so"
	cp "$T/build/libx.so" "$G/lib64/ld.so"
	program "$G/usr/bin/prog" f_V2
}
refuses() { # PATTERN TEXT
	fails 1 "$1 \\(from dir:src\\)$" "$2" "$CHECK" --check "$G"
}

sound
ok 'a program with its library and interpreter' "$CHECK" --check "$G"
rm "$G/usr/lib/libx.so"
refuses '/usr/bin/prog: the library libx.so that it needs is not there' 'a library that is missing'
echo text >"$G/usr/lib/libx.so"
mkdir "$G/usr/share"
cp "$T/prog.c" "$G/usr/share/libx.so"
refuses '/usr/bin/prog: the library libx.so that it needs is not there' 'a library that is none'
sound
rm "$G/lib64/ld.so"
refuses '/usr/bin/prog: its ELF interpreter /lib64/ld.so is not there' 'an interpreter that is missing'
sound
chmod -x "$G/lib64/ld.so"
refuses '/usr/bin/prog: its ELF interpreter /lib64/ld.so is not there' 'an interpreter that cannot run'
sound
library "$G/usr/lib/libx.so" V1
refuses '/usr/bin/prog: needs V2, which /usr/lib/libx.so of this guest does not have' 'a library that is too old'
sound
mkdir "$G/opt"
mv "$G/usr/lib/libx.so" "$G/opt/libx.so"
program "$G/usr/bin/prog" f_V1 -Wl,-rpath,/opt
ok 'a library by its run path' "$CHECK" --check "$G"
# shellcheck disable=SC2016 # the linker's own
program "$G/usr/bin/prog" f_V1 -Wl,-rpath,'/nowhere:$ORIGIN/../../opt'
ok 'a library beside the program' "$CHECK" --check "$G"
program "$G/usr/bin/prog" f_V1
ok 'a library that only a plugin can have loaded' "$CHECK" --check "$G"
mkdir "$G/srv"
cp "$G/opt/libx.so" "$G/srv"
refuses '/usr/bin/prog: the library libx.so that it needs is not there' 'two of them: which one is not known'
sound
head -c 3000 "$G/usr/bin/prog" >"$T/cut"
cp "$T/cut" "$G/usr/bin/prog"
fails 2 '/usr/bin/prog: bad ELF' 'a program that is cut off' "$CHECK" --check "$G"

# Units: those of /etc/systemd/system and all that they lead to.
units() { # a fresh guest with a unit file: NAME TEXT
	guest
	U=$G/etc/systemd/system
	P=$G/usr/lib/systemd/system
	mkdir -p "$U" "$P" "$G/usr/local/sbin"
	unit "$1" "$2"
}
unit() { # NAME TEXT
	mkdir -p "$(dirname "$U/$1")"
	printf "$2" >"$U/$1"
}
says() { # TEXT OUTPUT
	same "$1" "$("$CHECK" --check "$G" 2>&1)" "$2"
}
units x.service '[Service]\nExecStart=/usr/bin/none --flag\n'
refuses '/etc/systemd/system/x.service: ExecStart=/usr/bin/none is no executable file' 'a program that is not there'
: >"$G/usr/bin/none"
refuses '/etc/systemd/system/x.service: ExecStart=/usr/bin/none is no executable file' 'one that cannot run'
chmod +x "$G/usr/bin/none"
says 'one that can' ''
mv "$G/usr/bin/none" "$G/usr/local/sbin/none"
unit x.service '[Service]\nExecStart=@none self\nExecStop=+"none" x\n'
says 'one that is looked for' ''
unit x.service '[Service]\nExecStartPre=+!/usr/bin/no\n'
refuses '/x.service: ExecStartPre=/usr/bin/no is no executable file' 'signs before a program'
unit x.service '[Service]\nExecStart=-/usr/bin/no\nExecStartPre=@-/usr/bin/no x\nExecStop=/run/x/y\nExecReload=/bin/%%i\nExecStart=\n'
says 'what may fail, lies where something is mounted, or is not known yet' ''
unit x.service '[Unit]\nConditionPathExists=|/usr/bin/no\n[Service]\nExecStart=/usr/bin/no\n'
says 'what a condition excuses' ''
unit x.service '[Unit]\nConditionPathExists=!/usr/bin/no\n[Service]\nExecStart=/usr/bin/no\n'
refuses 'ExecStart=/usr/bin/no is no executable file' 'a condition on its absence excuses nothing'
unit x.service '[Unit]\nRequires=none.service\n'
refuses '/x.service: requires none.service, which is not there' 'a unit that is required'
unit x.service '[Unit]\nRequires=dev-x.device a.slice %%i.service -.mount\nBindsTo=x.service\n'
says 'units that need no file' ''
unit x.service '[Unit]\nWants=w.service\nAfter=a.target\n'
says 'what is only named is a warning' '/etc/systemd/system/x.service: names w.service, which is not there
/etc/systemd/system/x.service: names a.target, which is not there'
unit x.service '[Unit]\nWants=p.service\n'
printf '[Unit]\nRequires=q.socket\nAfter=none.target\n' >"$P/p.service"
: >"$P/q.socket"
printf '[Service]\nExecStart=/no\n' >"$P/q.service"
printf '[Service]\nExecStart=/no\n' >"$P/unused.service"
refuses "/usr/lib/systemd/system/q.service: ExecStart=/no is no executable file" 'a package unit that is led to, by a socket'
ln -s /dev/null "$U/q.service"
says 'a masked one, and one that nothing leads to' ''
units x.service ''
unit x.service.d/a.conf '[Service]\nExecStart=/no\n'
refuses '/etc/systemd/system/x.service.d/a.conf: ExecStart=/no is no executable file' 'a drop-in'
mkdir "$P/x.service.wants"
unit x.service.d/a.conf ''
printf '[Service]\nExecStart=/no\n' >"$P/y.service"
ln -s ../y.service "$P/x.service.wants/y.service"
refuses '/usr/lib/systemd/system/y.service: ExecStart=/no is no executable file' 'a unit that a link wants'
units a@.service '[Service]\nExecStart=/usr/bin/%%i\n'
mkdir "$U/x.target.wants"
: >"$U/x.target"
ln -s /usr/lib/systemd/system/gone.service "$U/x.target.wants/gone.service"
refuses '/x.target.wants/gone.service: leads to /usr/lib/systemd/system/gone.service, which is not there' 'a link that dangles'
rm "$U/x.target.wants/gone.service"
ln -s /nowhere/a@.service "$U/x.target.wants/a@b.service"
says 'an instance goes by its name' ''
rm -r "$U/x.target.wants"
mkdir "$U/y.target.wants"
says 'links of a unit that is not there' '/etc/systemd/system/y.target.wants: names y.target, which is not there'
ln -s b.service "$U/alias.service"
refuses '/etc/systemd/system/alias.service: leads to b.service, which is not there' 'an alias of nothing'
units x.service 'ExecStart=/no\n'
fails 2 '/etc/systemd/system/x.service: line 1: no assignment in a section$' 'no section' "$CHECK" --check "$G"
unit x.service '[Unit]\nx\n'
fails 2 '/x.service: line 2: no assignment' 'no assignment' "$CHECK" --check "$G"
unit x.service '[Unit]\n\000'
fails 2 '/x.service: has a NUL' 'a NUL' "$CHECK" --check "$G"

# Kernel modules.
module() { # DIRECTORY FILE NAME VERMAGIC
	mkdir -p "$G/usr/lib/modules/$1/kernel"
	printf '__attribute__((section(".modinfo"), used)) static const char m[] = "name=%s\\0vermagic=%s SMP\\0depends=";\n' "$3" "$4" >"$T/module.c"
	"$CC" -c -o "$G/usr/lib/modules/$1/kernel/$2.ko" "$T/module.c"
}
guest
module 6.1 good good 6.1
says 'a module of the directory'\''s kernel' ''
xz -k "$G/usr/lib/modules/6.1/kernel/good.ko" 2>/dev/null && rm "$G/usr/lib/modules/6.1/kernel/good.ko"
says 'a compressed one' ''
module 6.1 old old 6.0
refuses '/usr/lib/modules/6.1/kernel/old.ko: old.ko: it was built for kernel "6.0 SMP", not 6.1' 'a module of another kernel'
guest
module 6.1 a b 6.1
refuses '/usr/lib/modules/6.1/kernel/a.ko: a.ko: it calls itself "b"' 'a module of another name'
echo text >"$G/usr/lib/modules/6.1/kernel/a.ko"
refuses '/usr/lib/modules/6.1/kernel/a.ko: a.ko: not an ELF object' 'no module'

# Secrets, put together here so that no scanner takes this file for one.
secret() { # TEXT PATTERN CONTENT
	guest
	mkdir "$G/etc"
	printf '%s\n' "$3" >"$G/etc/file"
	refuses "/etc/file: $2 at byte [0-9]+" "$1"
}
clean() { # TEXT CONTENT
	guest
	mkdir "$G/etc"
	printf '%s\n' "$2" >"$G/etc/file"
	ok "$1" "$CHECK" --check "$G"
}
body=$(printf 'A%.0s' 1 2 3 4 5 6 7 8 9 10)$(printf 'b%.0s' 1 2 3 4 5 6 7 8 9 10)
body=$body$body$body
for kind in '' 'RSA ' 'EC ' 'OPENSSH ' 'ENCRYPTED '; do
	secret "a key: ${kind:-PKCS#8 }" 'a private key' "x
-----BEGIN ${kind}PRIVATE KEY-----
$body"
done
secret 'an encrypted key with headers' 'a private key' '-----BEGIN RSA PRIVATE KEY-----
Proc-Type: 4,ENCRYPTED'
clean 'a public key' "-----BEGIN PUBLIC KEY-----
$body"
clean 'the words alone' 'it begins with -----BEGIN PRIVATE KEY----- and ends'
secret 'an AWS key' 'an AWS access key' "id = AKIA$(printf 'A%.0s' 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16)"
clean 'a word that begins like one' 'xAKIAAAAAAAAAAAAAAAAAAAA AKIAshort'
secret 'a GitHub token' 'a GitHub token' "ghp_$(echo "$body" | cut -c 1-36)"
secret 'a GitLab token' 'a GitLab token' "glpat-$(echo "$body" | cut -c 1-20)"
secret 'a Slack token' 'a Slack token' "xoxb-$(echo "$body" | cut -c 1-30)"
secret 'an age key' 'an age key' "AGE-SECRET-KEY-1$(echo "$body" | tr a-z A-Z)"
secret 'what docker login leaves' 'registry credentials' '{ "auths": { "registry": { "auth" : "dXNlcjpwYXNzd29yZDEyMw==" } } }'
secret 'a token of a registry' 'registry credentials' '{"identitytoken":"abcdefghijklmnopqrst"}'
clean 'a word for it' '{ "auth": "none", "identitytoken": "" }'
secret 'the end of a long file' 'a GitHub token' "$(head -c 262120 /dev/zero | tr '\0' x) ghp_$(echo "$body" | cut -c 1-36)"
guest
mkdir "$G/etc"
echo "built in $G/src" >"$G/etc/file"
refuses '/etc/file: the path of the build at byte 9' 'the path of the build'
echo "built in ${G}9" >"$G/etc/file"
ok 'a longer name is another' "$CHECK" --check "$G"
for field in '*' '!' '!*' x; do
	printf 'root:%s:1::::::\n' "$field" >"$G/etc/shadow"
	ok "a locked password: $field" "$CHECK" --check "$G"
done
for field in '' '$6$salt$hash'; do
	printf 'daemon:*:1::::::\nroot:%s:1::::::\n' "$field" >"$G/etc/shadow"
	fails 1 '/etc/shadow: root has a password$' "a password: ${field:-empty}" "$CHECK" --check "$G"
done
done_testing

#!/bin/sh
# Release flavour only.
# The rooms of docs/architecture.md: includes run downward only; the lower rooms neither print nor exit nor look at the
# environment, the clock or the user; measure/ links with few libraries. What is compiled is judged, not what is written.
. "$(dirname "$0")/../tap.sh"

# Includes of the room's sources of any other room, one a line.
foreign() { # ROOM ALLOWED-ROOM...
	pattern=$(printf '%s\n' "$@" | paste -sd '|')
	(cd "$TOP" && grep -Hn '^#include "' "$1"/*.[ch]) | grep -Ev "#include \"($pattern)/"
}

downward() {
	same "$1/ includes of our own only: $*" "$(foreign "$@")" ""
}

# Undefined symbols of objects that are in a list, as OBJECT SYMBOL. The checked variants of a fortified libc count as the plain ones.
uses() { # SYMBOLS OBJECT...
	symbols=$1
	shift
	nm -A --undefined-only "$@" | sed -nE 's,^.*/([a-z]+/[^/:]*): *[UwW] (__)?([A-Za-z0-9_]+)$,\1 \3,p' |
		sed -E 's/_chk(@.*)?$//; s/@.*$//' | grep -wE "[^ ]+ ($(echo "$symbols" | tr ' ' '|'))$"
}

prints='printf fprintf vprintf vfprintf dprintf vdprintf puts fputs putchar fputc putc fwrite perror stdout stderr syslog'
exits='exit _exit _Exit abort quick_exit'
surroundings='getenv secure_getenv setlocale time clock_gettime gettimeofday localtime localtime_r gethostname uname getuid
getlogin getpwuid random rand rand_r srand srandom'
surroundings=$(echo "$surroundings" | tr '\n' ' ' | sed 's/ $//')
files='open openat creat fopen fdopen read pread readv write pwrite mmap stat fstat lstat opendir unlink rename mkdir socket connect'

# The room's objects but for its verbs.
objects() { # ROOM
	find "$BUILD/$1" -maxdepth 1 -name '*.o' ! -name 'cmd-*' ! -name 'cmd.o' | sort
}

downward lib
downward formats lib
downward initrd formats lib
downward mkimage initrd formats lib
downward measure formats lib

for room in lib formats initrd mkimage measure; do
	# shellcheck disable=SC2046 # no object has a space in its name
	set -- $(objects $room)
	ok "$room/ has objects to judge" test $# -gt 0
	same "$room/ never prints" "$(uses "$prints" "$@")" ""
	same "$room/ never looks at the environment, the clock, the user or chance" "$(uses "$surroundings" "$@")" ""
	same "$room/ never exits" "$(uses "$exits" "$@" | grep -vx 'mkimage/run.o _exit')" "" # the child of its fork()
done
# shellcheck disable=SC2046
ok "the verbs print, and are seen to" test -n "$(uses "$prints" $(find "$BUILD/measure" "$BUILD/mkimage" -name 'cmd*.o'))"
# shellcheck disable=SC2046
same "formats/ does no I/O" "$(uses "$files" $(objects formats))" ""

printf 'int main(void)\n{\n\treturn 0;\n}\n' >"$T/main.c"
libs=$(sed -n 's/^LIBS_MEASURE *:= *//p' "$TOP/Makefile")
# shellcheck disable=SC2046,SC2086
ok "measure/ links with$(printf ' %s' $libs) alone" gcc -o "$T/measure" "$T/main.c" \
	$(find "$BUILD/measure" -name '*.o') "$BUILD/libcore.a" $libs -lm -pthread
done_testing

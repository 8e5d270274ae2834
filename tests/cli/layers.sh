#!/bin/sh
# Release flavour only.
# The rooms of docs/architecture.md: includes run downward only; the lower rooms neither print nor exit nor look at the
# environment, the clock or the user; measure/ links with few libraries. What is compiled is judged, not what is written.
. "$(dirname "$0")/../tap.sh"

# Includes of the room's sources of any other room, one a line.
foreign() { # ROOM ALLOWED-ROOM...
	pattern=$(printf '%s\n' "$@" | paste -sd '|')
	(cd "$TOP" && grep -Hn '^#include "' "$1"/*.[ch] $(find "$1" -mindepth 2 -name "*.[ch]" ! -path "*/guest/*")) | grep -Ev "#include \"($pattern)/"
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
exits='exit abort quick_exit' # the child of a fork() ends by _exit()
surroundings='getenv secure_getenv setlocale time clock_gettime gettimeofday localtime localtime_r gethostname uname getuid
getlogin getpwuid random rand rand_r srand srandom'
surroundings=$(echo "$surroundings" | tr '\n' ' ' | sed 's/ $//')
files='open openat creat fopen fdopen read pread readv write pwrite mmap stat fstat lstat opendir unlink rename mkdir socket connect'

# The room's objects but for its verbs.
objects() { # ROOM
	find "$BUILD/$1" -name '*.o' ! -name 'cmd-*' ! -name 'cmd.o' | sort
}

downward lib
downward cli lib
downward formats lib
downward initrd formats lib
downward mkimage initrd formats cli lib
downward measure formats cli lib
same "only verbs use cli/" "$(cd "$TOP" && grep -l '^#include "cli/' */*.[ch] */*/*.[ch] | grep -Ev '^(cli/|[a-z]*/cmd[-.])')" ""

# The corners of measure/: each may include those before it.
corner() { # CORNER FORBIDDEN-CORNER...
	name=$1
	shift
	same "measure/$name does not include $*" \
		"$(cd "$TOP" && grep -En "^#include \"measure/($(printf '%s\n' "$@" | paste -sd '|'))/" "measure/$name"/*.[ch])" ""
}
corner amd kata tdx golden evidence
corner kata amd tdx golden evidence
corner tdx amd golden evidence
corner golden evidence

for room in lib formats initrd mkimage measure; do
	# shellcheck disable=SC2046 # no object has a space in its name
	set -- $(objects $room)
	ok "$room/ has objects to judge" test $# -gt 0
	same "$room/ never prints" "$(uses "$prints" "$@")" ""
	same "$room/ never looks at the environment, the clock, the user or chance" "$(uses "$surroundings" "$@")" ""
	same "$room/ never exits" "$(uses "$exits" "$@")" ""
done
# shellcheck disable=SC2046
ok "the verbs print, and are seen to" test -n "$(uses "$prints" $(find "$BUILD/cli" "$BUILD/measure" "$BUILD/mkimage" -name 'c*.o'))"
# shellcheck disable=SC2046
same "formats/ does no I/O" "$(uses "$files" $(objects formats))" ""

ok "make assay-measure" make -s -C "$TOP" B="$BUILD" assay-measure
same "measure/ needs these libraries alone" \
	"$(readelf -d "$BUILD/assay-measure" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | sed 's/\.so.*//' | sort | tr '\n' ' ')" \
	"libc libcrypto libjansson liblzma "
ok "assay-measure runs" "$BUILD/assay-measure" measure --help
done_testing

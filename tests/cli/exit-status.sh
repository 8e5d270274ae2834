#!/bin/sh
# Every verb: help on stdout with status 0; one line on stderr, nothing on stdout and status 2 for bad usage; status 3 when the
# result cannot be written.
. "$(dirname "$0")/../tap.sh"

fails 2 'no verb' "no verb" "$ASSAY"
fails 2 'no such verb' "an unknown verb" "$ASSAY" no-such-verb
fails 2 'no such verb' "a verb of control characters is escaped" "$ASSAY" "$(printf 'a\033[31m\nb')"
same "and so stays one line" "$(grep -c '\\x1b\[31m\\x0ab' "$T/.err")" 1
fails 2 '000\.\.\.$' "a long verb is cut" "$ASSAY" "$(printf '%02000d' 0)"
ok "--version" "$ASSAY" --version
same "--version says it" "$("$ASSAY" --version)" "assay $(sed -n 's/^VERSION := //p' "$TOP/Makefile")"
ok "--help" "$ASSAY" --help

verbs=$("$ASSAY" --help | sed -n 's/^  \([a-z][a-z0-9-]*\)  *[a-z].*/\1/p')
ok "--help lists the verbs" test -n "$verbs"
tr -d "\\\\" <"$TOP/docs/man/assay.1" >"$T/man"
for verb in $verbs; do
	ok "$verb --help" "$ASSAY" "$verb" --help
	same "$verb --help is silent on stderr" "$("$ASSAY" "$verb" --help 2>&1 >"$T/help")" ""
	same "$verb --help says how" "$(grep -c "^usage: assay $verb" "$T/help")" 1
	fails 2 "no-such-option|assay $verb --help" "$verb with an unknown option" "$ASSAY" "$verb" --no-such-option
	fails 2 "written in full|assay $verb --help" "$verb takes no shortened option" "$ASSAY" "$verb" --hel
	ok "$verb is in the manual page" grep -qw -- "$verb" "$T/man"
	sed -n 's/^ *\(-[a-zA-Z], \)\{0,1\}\(--[a-z0-9-]*\).*/\2/p' "$T/help" >"$T/options"
	while IFS= read -r option; do
		ok "$verb $option is in the manual page" grep -qF -- "$option" "$T/man"
	done <"$T/options"
done

# Results go out whole or not at all.
for verb in '' $verbs; do
	# shellcheck disable=SC2086 # no verb is no word
	"$ASSAY" $verb --help >/dev/full 2>"$T/err"
	same "${verb:-no verb}: --help to a full device" "$? $(wc -l <"$T/err")" "3 1"
done
"$TOP/scripts/man" "$ASSAY" >"$T/made"
ok 'the manual page is what the verbs say (make man)' cmp "$T/made" "$TOP/docs/man/assay.1"
done_testing

#!/bin/sh
# assay policy: the answers of a policy, locked or not, and the overlay that bakes it.
. "$(dirname "$0")/../tap.sh"
p() { "$ASSAY" policy "$@"; }

requests=$(printf 'package agent_policy\n' >"$T/none.rego"; p check "$T/none.rego" | sed -n 's/^missing  *\([A-Za-z]*\).*/\1/p')
same "39 requests" "$(printf '%s\n' "$requests" | wc -l)" 39
{
	echo 'package agent_policy'
	for r in $requests; do echo "default $r := true"; done
} >"$T/all.rego"
sed -E '/(SetPolicy|ExecProcess|ReadStream|WriteStream|GetDiagnosticData|ReseedRandomDev)Request/s/true/false/' "$T/all.rego" >"$T/locked.rego"

same "allow-all" "$(p check "$T/all.rego" | tail -n 3 | tr '\n' ' ')" "allows everything missing: 0 locked: no "
same "locked" "$(p check "$T/locked.rego" | tail -n 2 | tr '\n' ' ')" "missing: 0 locked: yes "
ok "--locked says yes" p check "$T/locked.rego" --locked
p check "$T/all.rego" --locked >"$T/out"
same "--locked says no" $? 1
same "and which" "$(grep -c 'a locked policy denies it' "$T/out")" 6
p check "$T/none.rego" --complete >"$T/out"
same "--complete says no" $? 1
ok "--complete says yes" p check "$T/locked.rego" --complete
same "an older agent has fewer requests" "$(p check "$T/none.rego" --kata-version 3.25.0 | tail -n 2 | head -n 1)" "missing: 36"
same "as JSON" "$(p check "$T/locked.rego" --json | grep -c '"denied"')" 6
ok "help" p --help
ok "help of check" p check --help

ok "bake" p bake "$T/locked.rego" -o "$T/overlay"
same "the file" "$(sha256sum <"$T/overlay/etc/kata-opa/default-policy.rego")" "$(sha256sum <"$T/locked.rego")"
fails 1 'not locked' "a policy that is not locked" p bake "$T/all.rego" -o "$T/open"
ok "unless it is for a debug image" p bake "$T/all.rego" -o "$T/open" --debug
fails 3 'overlay' "an overlay that is there already" p bake "$T/locked.rego" -o "$T/overlay"
fails 2 'output: required' "nowhere to bake" p bake "$T/locked.rego"
fails 2 'not agent_policy' "another package" sh -c 'echo "package x" >"$1/x.rego"; exec "$2" policy check "$1/x.rego"' sh "$T" "$ASSAY"
fails 2 'check or bake' "no such sub-verb" p allow
fails 2 'not known' "an unknown release" p check "$T/all.rego" --kata-version 3.24.0
fails 3 'missing' "no such file" p check "$T/missing"
done_testing

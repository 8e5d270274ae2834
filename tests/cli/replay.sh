#!/bin/sh
# assay replay: output, evidence, exit statuses.
. "$(dirname "$0")/../tap.sh"

# A CCEL with one SHA-384 bank and a separator in RTMR0.
header='\0\0\0\0\03\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\041\0\0\0'
spec='Spec ID Event03\0\0\0\0\0\0\02\0\02\01\0\0\0\014\0\060\0\0'
digest='\071\103\101\267\030\054\322\047\305\306\260\176\370\000\014\337\330\141\066\304\051\053\216\127\145\163\255\176\331\256\101\001\237\130\030\264\271\161\311\357\374\140\341\255\237\022\211\360'
event="\\01\\0\\0\\0\\04\\0\\0\\0\\01\\0\\0\\0\\014\\0$digest\\04\\0\\0\\0\\0\\0\\0\\0"
# shellcheck disable=SC2059 # they are formats
printf "$header$spec$event" >"$T/log"

"$ASSAY" replay "$T/log" >"$T/out"
same "one line for each event" "$(head -n 1 "$T/out" | tr -s ' ')" "rtmr0 bound EV_SEPARATOR separator"
same "and one for each register" "$(tail -n 1 "$T/out")" \
	"rtmr0=518923b0f955d08da077c96aaba522b9decede61c599cea6c41889cfbea4ae4d50529d96fe4d1afdafb65e7f95bf23c4"
same "a TPM's log has PCRs" "$("$ASSAY" replay "$T/log" --kind tpm | tail -n 1 | cut -c 1-10)" pcr1=51892
"$ASSAY" replay "$T/log" --format json >"$T/json"
ok "JSON parses" python3 -c 'import json, sys; json.load(open(sys.argv[1]))' "$T/json"
ok "with the register" grep -q '"rtmr0": "518923b0' "$T/json"
ok "and what the event says" grep -q '"what": "separator"' "$T/json"

fails 2 'replay' "no log" "$ASSAY" replay
fails 3 'no-such' "a missing log" "$ASSAY" replay "$T/no-such"
echo nonsense >"$T/bad"
fails 2 'bad: event log: ' "no log at all" "$ASSAY" replay "$T/bad"
head -c 100 "$T/log" >"$T/cut"
fails 2 'cut: event log: event at byte 65' "a cut log" "$ASSAY" replay "$T/cut"
fails 2 'no sha256 bank' "a bank that is not there" "$ASSAY" replay "$T/log" --bank sha256
fails 2 '^assay: --kind: ' "a bad kind" "$ASSAY" replay "$T/log" --kind ccell
fails 2 '^assay: --format: ' "a bad format" "$ASSAY" replay "$T/log" --format xml
fails 2 'log: neither a quote nor a TD report' "bad evidence" "$ASSAY" replay "$T/log" --evidence "$T/log"
fails 2 'TPM' "evidence with a TPM's log" "$ASSAY" replay "$T/log" --kind tpm --evidence "$T/log"

if [ -z "$SHARED" ]; then
	skip "evidence of real TDs" "no reference data"
	done_testing
fi
tdx=$SHARED/vectors/tdx
live=$tdx/attestation-rs
"$ASSAY" replay "$live/tdx_ccel_live.bin" --evidence "$live/tdx_tdreport_live.bin" >"$T/out"
same "a log and its own report: status" $? 0
same "all four RTMRs explained" "$(grep -c '^explained' "$T/out")" 4
"$ASSAY" replay "$live/tdx_ccel_live.bin" --evidence "$tdx/trustee-verifier/tdx_quote_4.dat" >"$T/out"
same "a log and another's quote: status" $? 1
same "three RTMRs unexplained, one empty in both" "$(grep -c '^UNEXPLAINED' "$T/out")" 3
"$ASSAY" replay "$tdx/trustee-eventlog/CCEL_data" --evidence "$tdx/trustee-verifier/tdx_quote_4.dat" >/dev/null
same "the pair that upstream takes for one: status" $? 1
"$ASSAY" replay "$tdx/dstack/tdx-lite-getquote.json" >"$T/out"
same "dstack's JSON with its quote: status" $? 0
same "all explained" "$(grep -c '^explained' "$T/out")" 4
same "in JSON too" "$("$ASSAY" replay "$tdx/dstack/tdx-lite-getquote.json" --format json | grep -c '"rtmr[0-3]": true')" 4
done_testing

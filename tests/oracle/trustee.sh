#!/bin/sh
# The Open Policy Agent appraises synthetic claims: with the policy that we generate, and with a policy of the shape of
# Trustee's default one over the values that we register. The right tuple affirms, a mixed one does not.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/oracle.sh"
. "$(dirname "$0")/go-judge.sh"
go_judge opa-judge || { skip "OPA appraises with our values" "$oracle_why"; done_testing; }
G=$TOP/tests/data/golden.json

"$ASSAY" refs trustee-policy "$G" -o "$T/policy.rego"
"$ASSAY" refs trustee "$G" -o "$T/trustee"
cat >"$T/judge.py" <<'END'
import base64, copy, json, subprocess, sys

judge, top, golden = sys.argv[1:4]
policy = open(f"{top}/policy.rego").read()
message = json.load(open(f"{top}/trustee/rvps.json"))
values = json.loads(base64.b64decode(message["payload"], validate=True))
uris = json.loads(base64.b64decode(json.load(open(f"{top}/trustee/rvps-uri.json"))["payload"]))
assert uris == {f"rvps:///guest/{key}": value for key, value in values.items()}
golden = json.load(open(golden))

# Comparisons as Trustee's default policy makes them (August 2026): membership in lists, equality with the rest.
default = """package policy
import rego.v1
v(name) := data.reference[name]
default executables := 33
default hardware := 97
default configuration := 36
executables := 3 if input.snp.measurement in v("snp_launch_measurement")
hardware := 2 if {
	input.snp.reported_tcb_bootloader in v("snp_bootloader")
	input.snp.reported_tcb_microcode in v("snp_microcode")
	input.snp.reported_tcb_snp in v("snp_snp_svn")
	input.snp.reported_tcb_tee in v("snp_tee_svn")
}
configuration := 2 if {
	input.snp.policy_debug_allowed == false
	input.snp.policy_migrate_ma == false
	input.snp.platform_smt_enabled == v("snp_smt_enabled")
	input.snp.platform_tsme_enabled == v("snp_tsme_enabled")
	input.snp.policy_abi_major == v("snp_guest_abi_major")
	input.snp.policy_abi_minor == v("snp_guest_abi_minor")
	input.snp.policy_single_socket == v("snp_single_socket")
	input.snp.policy_smt_allowed == v("snp_smt_allowed")
} else := 3 if {
	input.snp.policy_debug_allowed == false
	input.snp.policy_migrate_ma == false
}
kernel if {
	some event in input.tdx.uefi_event_logs
	event.type_name == "EV_EFI_BOOT_SERVICES_APPLICATION"
	"File(kernel)" in event.details.device_paths
	some digest in event.digests
	digest.digest == v("tdvfkernel")
}
params if {
	some event in input.tdx.uefi_event_logs
	event.type_name == "EV_EVENT_TAG"
	event.details.string == "LOADED_IMAGE::LoadOptions"
	some digest in event.digests
	digest.digest == v("tdvfkernelparams")
}
executables := 3 if {
	input.tdx.quote.body.rtmr_1 in v("rtmr_1")
	input.tdx.quote.body.rtmr_2 in v("rtmr_2")
	kernel
	params
} else := 4 if {
	input.tdx.quote.body.rtmr_1 in v("rtmr_1")
	input.tdx.quote.body.rtmr_2 in v("rtmr_2")
}
hardware := 2 if {
	input.tdx.quote.header.tee_type == "81000000"
	input.tdx.quote.header.vendor_id == "939a7233f79c4ca9940a0db3957f0607"
	input.tdx.quote.body.mr_td in v("mr_td")
	input.tdx.tcb_status == "UpToDate"
	input.tdx.collateral_expiration_status == "0"
}
configuration := 2 if {
	input.tdx.td_attributes.debug == false
	input.tdx.quote.body.xfam in v("xfam")
}
trust_claims := {"executables": executables, "hardware": hardware, "configuration": configuration}
"""

def snp(digest):
    return {"snp": {"measurement": digest, "init_data": "00" * 32, "policy_debug_allowed": False, "policy_migrate_ma": False,
                    "policy_smt_allowed": True, "policy_single_socket": False, "policy_abi_major": 0, "policy_abi_minor": 0,
                    "platform_smt_enabled": True, "platform_tsme_enabled": False, "reported_tcb_bootloader": 7,
                    "reported_tcb_tee": 0, "reported_tcb_snp": 14, "reported_tcb_microcode": 72}}

def tdx(values, events):
    return {"tdx": {"quote": {"header": {"tee_type": "81000000", "vendor_id": "939a7233f79c4ca9940a0db3957f0607"},
                              "body": {"mr_td": values["mrtd"], "rtmr_0": "0" * 96, "rtmr_1": values["rtmr1"],
                                       "rtmr_2": values["rtmr2"], "rtmr_3": "0" * 96, "mr_config_id": "0" * 96,
                                       "xfam": "e702060000000000", "mr_seam": "7" * 96}},
                    "td_attributes": {"debug": False}, "tcb_status": "UpToDate", "collateral_expiration_status": "0",
                    "uefi_event_logs": [
                        {"type_name": "EV_EFI_BOOT_SERVICES_APPLICATION", "details": {"device_paths": ["File(kernel)"]},
                         "digests": [{"digest": events["kernel"]}]},
                        {"type_name": "EV_EVENT_TAG", "details": {"string": "LOADED_IMAGE::LoadOptions"}, "digests": [{"digest": events["load_options"]}]}]}}

def changed(claims, path, value):
    claims = copy.deepcopy(claims)
    at = claims
    for part in path[:-1]:
        at = at[part]
    at[path[-1]] = value
    return claims

good = [snp(t["values"]["launch_digest"]) if t["tee"] == "sev-snp" else tdx(t["values"], t["events"]) for t in golden["tuples"]]
cases, wants = [], []

def expect(claims, ours, theirs=None):
    for text, want in ((policy, ours), (default, theirs)):
        if want is not None:
            cases.append({"policy": text, "v1": True, "query": "data.policy.trust_claims", "input": claims,
                          "data": {"reference": values}})
            wants.append(want)

for claims in good:
    expect(claims, (3, 2, 2), (3, 2, 2))
s, t = good[0], good[2]
body = ["tdx", "quote", "body"]
expect(changed(s, ["snp", "measurement"], "c" * 96), (33, 97, 36), (33, 2, 2))
expect(changed(s, ["snp", "measurement"], "c" * 96), (33, 97, 36))
expect(changed(s, ["snp", "policy_debug_allowed"], True), (3, 2, 36), (3, 2, 36))
expect(changed(s, ["snp", "policy_migrate_ma"], True), (3, 2, 36), (3, 2, 36))
expect(changed(s, ["snp", "platform_tsme_enabled"], True), (3, 2, 36), (3, 2, 3))
expect(changed(s, ["snp", "policy_smt_allowed"], False), (3, 2, 36), (3, 2, 3))
expect(changed(s, ["snp", "reported_tcb_snp"], 13), (3, 97, 2), (3, 97, 2))
expect(changed(s, ["snp", "reported_tcb_snp"], 15), (3, 2, 2), (3, 97, 2))
expect(changed(t, body + ["mr_td"], "9" * 96), (33, 97, 36), (3, 97, 2))
for register in ("rtmr_1", "rtmr_2"):
    expect(changed(t, body + [register], "9" * 96), (33, 97, 36), (33, 2, 2))
expect(changed(t, body + ["rtmr_0"], "9" * 96), (3, 2, 2), (3, 2, 2))
expect(changed(t, body + ["xfam"], "e71a060000000000"), (3, 2, 36), (3, 2, 36))
expect(changed(t, body + ["mr_seam"], "0" * 96), (3, 97, 2), (3, 2, 2))
expect(changed(t, ["tdx", "td_attributes", "debug"], True), (3, 2, 36), (3, 2, 36))
expect(changed(t, ["tdx", "tcb_status"], "OutOfDate"), (3, 97, 2), (3, 97, 2))
expect(changed(t, ["tdx", "uefi_event_logs"], []), (3, 2, 2), (4, 2, 2))
expect({}, (33, 97, 36), (33, 97, 36))
expect({"snp": {}}, (33, 97, 36), (33, 97, 36))
expect({"tdx": {}}, (33, 97, 36), (33, 97, 36))

run = subprocess.run([judge], input=json.dumps(cases).encode(), stdout=subprocess.PIPE, check=True)
for case, want, got in zip(cases, wants, json.loads(run.stdout)):
    assert got is not None and "error" not in got, got
    assert (got["executables"], got["hardware"], got["configuration"]) == want, (case["input"], want, got)

# Two images in one document: one's MRTD with the other's RTMR1 passes Trustee's comparisons, and not our tuples.
other = copy.deepcopy(golden)
second = copy.deepcopy(golden["tuples"][2])
second.update(name="second")
second["values"].update(mrtd="d" * 96, rtmr1="e" * 96)
other["tuples"].append(second)
json.dump(other, open(f"{top}/two.json", "w"))
END
ok "right tuples affirm, wrong ones do not" python3 "$T/judge.py" "$oracle_dir/judge" "$T" "$G"
"$ASSAY" refs trustee-policy "$T/two.json" --tee tdx -o "$T/two.rego"
cat >"$T/mixed.py" <<'END'
import json, subprocess, sys
judge, top = sys.argv[1:3]
policy = open(f"{top}/two.rego").read()
def body(mrtd, rtmr1):
    return {"tdx": {"quote": {"body": {"mr_td": mrtd * 96, "rtmr_1": rtmr1 * 96, "rtmr_2": "2" * 96}}}}
cases = [{"policy": policy, "v1": True, "query": "data.policy.executables", "input": body(*pair)}
         for pair in ("c1", "de", "ce", "d1")]
got = json.loads(subprocess.run([judge], input=json.dumps(cases).encode(), stdout=subprocess.PIPE, check=True).stdout)
assert got == [3, 3, 33, 33], got
END
ok "one image's MRTD with another's RTMR1 does not pass" python3 "$T/mixed.py" "$oracle_dir/judge" "$T"
done_testing

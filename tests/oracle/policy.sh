#!/bin/sh
# The Open Policy Agent judges `assay policy check`: on random policies and inputs, what we call denied is always false,
# allowed always true, missing never defined.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/oracle.sh"
. "$(dirname "$0")/go-judge.sh"
go_judge opa-judge || { skip "OPA agrees on random policies" "$oracle_why"; done_testing; }

cat >"$T/random.py" <<'END'
import json, random, subprocess, sys

assay, judge, top = sys.argv[1:4]
rng = random.Random(20)
names = ["SetPolicyRequest", "ExecProcessRequest", "ReadStreamRequest", "CreateContainerRequest", "CopyFileRequest"]
values = ["true", "false", '{"allowed": true}', '{"allowed": false}', "{true}", "0", '"false"', '{"allowed": false, "ops": []}']
bodies = ["{ input.x }", "{\n\tinput.y == 1\n\tinput.x\n}", "{ true }", "if input.x", "if true", "if { not input.x }",
          "if {\n\tsome i in [1, 2]\n\ti == input.y\n}", "{ helper(input.y) }"]
noise = ["# SetPolicyRequest := true", "", "x := `\nSetPolicyRequest := true\n`", 'y := "ExecProcessRequest := true"',
         "helper(v) { v == 1 }", "z := {\n\t\"a\": [1, 2],\n}", "w = v {\n\tv := input.y\n} else = 2 {\n\ttrue\n}",
         "u { SetPolicyRequest }", "t contains ExecProcessRequest if true"]

def rules(name):
    out = []
    if rng.random() < 0.7:
        out.append(f"default {name} {rng.choice([':=', '='])} {rng.choice(values[:2] * 4 + values)}")
    for _ in range(rng.choice([0, 0, 1, 1, 2])):
        head = name if rng.random() < 0.4 else f"{name} := {rng.choice(values[:4])}"
        body = rng.choice(bodies + [""] * 3)
        tail = f" else := {rng.choice(values[:4])} {{ input.y == 2 }}" if body.startswith("{") and rng.random() < 0.3 else ""
        gap = "\n" if body.startswith("{") and rng.random() < 0.2 else " "
        if head != name or body:
            out.append(f"{head}{gap}{body}{tail}".rstrip(" "))
    return out

cases, said = [], []
inputs = [{}, {"x": True}, {"x": False, "y": 1}, {"x": True, "y": 1}, {"y": 2}]
for n in range(300):
    text = ["helper2 := 1"] + [rule for name in names for rule in rules(name)]
    text += [rng.choice(noise) for _ in range(3)]
    if "helper(v) { v == 1 }" not in text:
        text.append("helper(v) { v == 1 }")
    # A name without a rule is an error of its own.
    defined = {line.removeprefix("default ").split(" ")[0].split("\n")[0] for line in text}
    text = [line for line in dict.fromkeys(text) if not (line.startswith("u ") and "SetPolicyRequest" not in defined) and
            not (line.startswith("t ") and "ExecProcessRequest" not in defined)]
    rng.shuffle(text)
    policy = "package agent_policy\nimport future.keywords\n" + "\n".join(text) + "\n"
    path = f"{top}/p.rego"
    open(path, "w").write(policy)
    got = json.loads(subprocess.run([assay, "policy", "check", "--json", path], stdout=subprocess.PIPE, check=True).stdout)
    for name in names:
        said.append((policy, name, got["requests"][name]))
        cases += [{"policy": policy, "query": f"data.agent_policy.{name}", "input": i} for i in inputs]

run = subprocess.run([judge], input=json.dumps(cases).encode(), stdout=subprocess.PIPE, check=True)
answers = json.loads(run.stdout)
# Two values at once are an error; anything else would be a policy that this test gets wrong.
for answer in answers:
    assert not (isinstance(answer, dict) and "error" in answer) or "multiple outputs" in answer["error"], answer
counts = {}
for n, (policy, name, answer) in enumerate(said):
    seen = answers[n * len(inputs):(n + 1) * len(inputs)]
    counts[answer] = counts.get(answer, 0) + 1
    consent = [value is True or isinstance(value, dict) and value.get("allowed") is True for value in seen]
    good = {"denied": not any(consent) and None not in seen,
            "allowed": all(consent),
            "missing": seen == [None] * len(inputs),
            "conditional": True}[answer]
    assert good, f"{name} is said to be {answer}, OPA: {seen}\n{policy}"
assert all(counts.get(answer, 0) > 50 for answer in ("denied", "allowed", "missing", "conditional")), counts
END
ok "OPA agrees on 300 random policies" python3 "$T/random.py" "$ASSAY" "$oracle_dir/judge" "$T"
done_testing

#!/usr/bin/env python3
"""A second reader of C8s image policies, written from the documented rules of its loader (Go's encoding/json and all).

c8s.py mutate POLICY DIR   writes every change of POLICY as a file; those whose name starts with "fold-" are taken by Go's rules
                           of spelling and refused by assay's
c8s.py judge FILE...       prints "take FILE" or "refuse FILE: why"
"""
import copy
import json
import os
import re
import sys

FAMILIES = {"sev-snp": "sev-snp", "snp": "sev-snp", "az-snp": "sev-snp", "gcp-snp": "sev-snp", "tdx": "tdx", "az-tdx": "tdx", "gcp-tdx": "tdx"}
FIELDS = ["name", "measurement", "mrtd", "rtmr"]


class Refused(Exception):
    pass


class Pairs:
    """An object in the order of its keys."""

    def __init__(self, pairs):
        self.pairs = unique(pairs)


def unique(pairs):
    keys = [key for key, _ in pairs]
    if len(set(keys)) != len(keys):
        raise Refused("duplicate key")
    return pairs


def folded(pairs, known):
    """Go matches keys whatever their case; the last one wins."""
    out = {}
    for key, value in pairs.pairs:
        match = [name for name in known if name == key.lower()]
        if not match:
            raise Refused(f"unknown field {key}")
        out[match[0]] = value
    return out


def text(value, what):
    if value is not None and not isinstance(value, str):
        raise Refused(f"{what} is not a string")
    return value


def register(value):
    if not re.fullmatch(r"[0-9a-f]{96}", value):
        raise Refused("not 96 lowercase hex digits")
    return value


def registers(value):
    if value is None:
        return {}
    if not isinstance(value, list) or len(value) > 4:
        raise Refused("rtmr")
    out = {}
    for i, item in enumerate(value):
        if text(item, "rtmr") is None:
            continue
        if i == 0:
            raise Refused("rtmr[0]")
        out[i] = register(item) if item else "0" * 96
    return out


def image(pairs, family):
    if not isinstance(pairs, Pairs):
        raise Refused("an image is not an object")
    entry = folded(pairs, FIELDS)
    name = text(entry.get("name"), "name") or ""
    first, other = ("measurement", "mrtd") if family == "sev-snp" else ("mrtd", "measurement")
    if not name.strip():
        raise Refused("name")
    if entry.get(other) is not None or (family == "sev-snp" and entry.get("rtmr") is not None):
        raise Refused("a field of the other family")
    if text(entry.get(first), first) is None:
        raise Refused(f"{first} is missing")
    text(entry.get(other), other)
    return name, (register(entry[first]), tuple(sorted(registers(entry.get("rtmr")).items())))


def judge(data):
    try:
        doc = json.loads(data, object_pairs_hook=Pairs, parse_constant=lambda _: 1 / 0)
    except (ValueError, ZeroDivisionError) as why:
        raise Refused(str(why)) from None
    if not isinstance(doc, Pairs):
        raise Refused("not an object")
    doc = folded(doc, ["schema_version", "tee", "measurements"])
    if text(doc.get("schema_version"), "schema_version") != "1":
        raise Refused("schema_version")
    family = FAMILIES.get((text(doc.get("tee"), "tee") or "").strip().lower())
    if family is None:
        raise Refused("tee")
    images = doc.get("measurements")
    if not isinstance(images, list) or not images:
        raise Refused("measurements")
    found = [image(pairs, family) for pairs in images]
    if len({name for name, _ in found}) != len(found) or len({values for _, values in found}) != len(found):
        raise Refused("repetition")


def changes(policy):
    """Documents by name; text, because not all of them are JSON."""
    good = json.loads(policy)
    first = "measurement" if good["tee"] == "sev-snp" else "mrtd"
    tdx = first == "mrtd"

    def edited(edit):
        doc = copy.deepcopy(good)
        edit(doc, doc["measurements"][0])
        return json.dumps(doc)

    def put(**fields):
        return edited(lambda _, entry: entry.update(fields))

    def top(**fields):
        return edited(lambda doc, _: doc.update(fields))

    yield "good", policy
    yield "good-compact", json.dumps(good)
    yield "good-spaces-after", policy + " \n\t"
    yield "good-name-unicode", put(name="\u65e5\u672c")
    yield "good-name-long", put(name="n" * 1000)
    yield "extra-field", put(note="x")
    yield "extra-top-field", top(note="x")
    yield "operator-key-null", put(approver="x")
    yield "empty", ""
    yield "not-json", policy[:-3]
    yield "an-array", "[" + policy + "]"
    yield "two-documents", policy + policy
    yield "garbage-after", policy + "x"
    yield "brace-after", policy + "}"
    yield "null", "null"
    yield "duplicate-tee", policy.replace('"tee":', '"tee": "tdx", "tee":', 1)
    yield "duplicate-name", policy.replace('"name":', '"name": "x", "name":', 1)
    yield "duplicate-measurements", policy.rstrip()[:-1] + ', "measurements": []}'
    yield "duplicate-escaped", policy.replace('"name":', '"n\\u0061me": "x", "name":', 1)
    for version in ["2", "", "1.0", "01", 1, None, True]:
        yield f"version-{version!r}", top(schema_version=version)
    yield "no-version", edited(lambda doc, _: doc.pop("schema_version"))
    for tee in ["", "sev", "sgx", "dstack", "nitro", 1, None, ["tdx"], "sev-snp" if tdx else "tdx"]:
        yield f"tee-{tee!r}", top(tee=tee)
    yield "no-tee", edited(lambda doc, _: doc.pop("tee"))
    for some in [[], None, {}, "x", [None], ["x"], [[]], [{}]]:
        yield f"measurements-{some!r}", top(measurements=some)
    yield "no-measurements", edited(lambda doc, _: doc.pop("measurements"))
    for name in ["", " ", "\t\n", "\u00a0", "\u2003\u3000", "\u1680\u2028\u205f", "\u0085", None, 1]:
        yield f"name-{name!r}", put(name=name)
    yield "good-name-zero-width", put(name="\u200b")
    yield "no-name", edited(lambda _, entry: entry.pop("name"))
    good_value = good["measurements"][0][first]
    odd = ["", good_value[:-1], good_value + "0", good_value[:-2], good_value.upper().replace("0", "A"), "g" + good_value[1:], "0x" + good_value[2:], " " + good_value[1:], None, 1, [good_value]]
    for i, value in enumerate(odd):
        yield f"{first}-odd-{i}", put(**{first: value})
    yield f"no-{first}", edited(lambda _, entry: entry.pop(first))
    yield "good-zeros", put(**{first: "0" * 96})
    other = "mrtd" if first == "measurement" else "measurement"
    yield "both-families", put(**{other: good_value})
    yield "same-twice", edited(lambda doc, entry: doc["measurements"].append(dict(entry)))
    yield "same-values", edited(lambda doc, entry: doc["measurements"].append(dict(entry, name="other")))
    yield "same-name", edited(lambda doc, entry: doc["measurements"].append(dict(entry, **{first: "1" * 96})))
    yield "good-other-image", edited(lambda doc, entry: doc["measurements"].append(dict(entry, name="other", **{first: "1" * 96})))
    yield "fold-Tee", policy.replace('"tee"', '"Tee"', 1)
    yield "fold-NAME", policy.replace('"name"', '"NAME"', 1)
    yield "fold-family-short", top(tee="az-tdx" if tdx else "snp")
    yield "fold-family-case", top(tee=" " + good["tee"].upper())
    yield "fold-other-null", put(**{other: None})
    if not tdx:
        for i, rtmr in enumerate([[], [None], [None, good_value]]):
            yield f"rtmr-in-snp-{i}", put(rtmr=rtmr)
        return
    a, b, zeros = "a" * 96, "b" * 96, "0" * 96
    bad = [[a], [""], [None, a, b, "", None], "x", {}, [None, 1], [None, a[:-1]], [None, a.upper()], [None, [a]], [None, True], 1]
    for i, rtmr in enumerate(bad):
        yield f"rtmr-bad-{i}", put(rtmr=rtmr)
    for i, rtmr in enumerate([[], [None], [None] * 4, [None, a], [None, a, b], [None, "", "", ""], [None, None, None, zeros]]):
        yield f"good-rtmr-{i}", put(rtmr=rtmr)
    yield "fold-rtmr-null", put(rtmr=None)
    yield "good-no-rtmr", edited(lambda _, entry: entry.pop("rtmr"))
    pairs = [([None, a], [None, a, None]), ([None, "", b], [None, zeros, b, None]), ([], [None])]
    for i, (one, two) in enumerate(pairs):
        yield f"same-rtmr-{i}", edited(lambda doc, e, one=one, two=two: doc["measurements"].extend([dict(e, name="x", rtmr=one, mrtd=a), dict(e, name="y", rtmr=two, mrtd=a)]))
    yield "good-rtmr-apart", edited(lambda doc, e: doc["measurements"].extend([dict(e, name="x", rtmr=[None, a], mrtd=a), dict(e, name="y", rtmr=[None, None, a], mrtd=a)]))


def main():
    if sys.argv[1] == "mutate":
        policy = open(sys.argv[2], encoding="utf-8").read()
        for i, (name, doc) in enumerate(changes(policy)):
            name = re.sub(r"[^A-Za-z0-9-]", "_", name)
            with open(os.path.join(sys.argv[3], f"{name}.{i}.json"), "w", encoding="utf-8") as out:
                out.write(doc)
        return
    for path in sys.argv[2:]:
        try:
            judge(open(path, encoding="utf-8").read())
            print("take", os.path.basename(path))
        except Refused as why:
            print("refuse", os.path.basename(path), file=sys.stdout)
            print(f"{path}: {why}", file=sys.stderr)


main()

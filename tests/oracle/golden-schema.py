#!/usr/bin/env python3
"""golden-schema.py SCHEMA GOLDEN ASSAY: the schema and assay's reader judge every change of one place in a golden document.

Prints the number of changes, and a line for each that they judge differently. A document without tuples of one family, which
assay refuses for want of anything to write, is not asked about.
"""
import copy
import json
import subprocess
import sys
import tempfile

import fastjsonschema

schema = fastjsonschema.compile(json.load(open(sys.argv[1])))
golden = json.load(open(sys.argv[2]))
OTHERS = [None, True, 0, -1, 256, 1.5, "", "x", "AB", "0x", "0x0", "0xG", "00" * 32, "00" * 48, "AA" * 48, "2026-01-01T00:00:00Z", [], {}, {"path": "x", "sha256": "00" * 32}]


def places(value, path=()):
    yield path
    if isinstance(value, dict):
        for key in value:
            yield from places(value[key], path + (key,))
    if isinstance(value, list):
        for i, item in enumerate(value):
            yield from places(item, path + (i,))


def changes():
    for path in places(golden):
        for other in OTHERS:
            if path:
                doc = copy.deepcopy(golden)
                at = doc
                for step in path[:-1]:
                    at = at[step]
                at[path[-1]] = other
                yield path, repr(other)[:20], doc
        doc = copy.deepcopy(golden)
        at = doc
        for step in path[:-1]:
            at = at[step]
        if path:
            del at[path[-1]]
            yield path, "removed", doc
        doc = copy.deepcopy(golden)
        at = doc
        for step in path:
            at = at[step]
        if isinstance(at, dict):
            at["unknown"] = 1
            yield path, "an unknown key", doc


def valid(doc):
    try:
        schema(doc)
        return True
    except fastjsonschema.JsonSchemaException:
        return False


def main():
    assert valid(golden)
    count = 0
    with tempfile.TemporaryDirectory() as scratch:
        for path, what, doc in changes():
            file = scratch + "/golden.json"
            with open(file, "w") as out:
                json.dump(doc, out)
            run = subprocess.run([sys.argv[3], "refs", "csv", file], capture_output=True, text=True)
            count += 1
            if (run.returncode == 0) != valid(doc):
                print("/".join(map(str, path)), what, run.returncode, run.stderr.strip()[:150])
    print(count)


main()

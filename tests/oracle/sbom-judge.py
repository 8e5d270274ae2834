# What independent validators say of a build's documents, and whether they speak of the same build.
#   sbom-judge.py spdx|cyclonedx FILE    by their libraries
#   sbom-judge.py bound DIR              root hash, time and packages against the manifest
#   sbom-judge.py files FILE TREE        files.json against an extracted image
#   sbom-judge.py blocks FILE IMAGE      the blocks of its files in the image of the file system: their contents are there,
#                                        and no block has two owners
import hashlib
import json
import os
import sys
import time


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def spdx(path):
    from spdx_tools.spdx.parser.parse_anything import parse_file
    from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

    document = parse_file(path)
    messages = [m.validation_message for m in validate_full_spdx_document(document, "SPDX-2.3")]
    return messages + ([] if document.packages else ["no packages"])


def cyclonedx(path):
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    with open(path, encoding="utf-8") as file:
        problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(file.read())
    doc = load(path)
    refs = [c["bom-ref"] for c in doc["components"]]
    wrong = [] if sorted(refs) == sorted(doc["dependencies"][0]["dependsOn"]) else ["dependencies"]
    return wrong + ([str(problem)] if problem else [])


def bound(path):
    manifest = load(path + "/manifest.json")
    root, disk = manifest["verity"]["root_hash"], manifest["outputs"]["rootfs.img"]["sha256"]
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(manifest["timestamp"]))
    one, two, files = (load(path + "/" + n) for n in ("sbom.spdx.json", "sbom.cdx.json", "files.json"))
    image = next(p for p in one["packages"] if p["SPDXID"] == "SPDXRef-Image")
    component = two["metadata"]["component"]
    want = sorted((i["name"], i.get("version"), i.get("sha256")) for i in manifest["inputs"] if i["kind"] == "package")
    first = sorted((p["name"], p["versionInfo"], p["checksums"][0]["checksumValue"]) for p in one["packages"]
                   if p.get("comment") == "input: package")
    second = sorted((c["name"], c["version"], c["hashes"][0]["content"]) for c in two["components"] if c["type"] == "library")
    facts = {
        "spdx root hash": image["versionInfo"] == root and root in one["documentNamespace"],
        "spdx image": image["checksums"][0]["checksumValue"] == disk,
        "spdx time": one["creationInfo"]["created"] == when,
        "spdx packages": first == want and len(want) > 0,
        "cyclonedx root hash": component["version"] == root,
        "cyclonedx image": component["hashes"][0]["content"] == disk,
        "cyclonedx time": two["metadata"]["timestamp"] == when,
        "cyclonedx packages": second == want,
        "files root hash": files["root_hash"] == root,
        "purls": all(c.get("purl", "").startswith("pkg:deb/debian/") for c in two["components"] if c["type"] == "library"),
    }
    return [name for name, good in facts.items() if not good]


def describe(path):
    if os.path.islink(path):
        return ("symlink", os.readlink(path))
    if os.path.isdir(path):
        return ("directory", None)
    with open(path, "rb") as file:
        return ("file", hashlib.sha256(file.read()).hexdigest())


def files(path, tree):
    listed = {f["path"]: f for f in load(path)["files"]}
    wrong = []
    found = {"/"}
    for at, dirs, names in os.walk(tree):
        for name in dirs + names:
            full = os.path.join(at, name)
            guest = full[len(tree):]
            found.add(guest)
            entry = listed.get(guest, {})
            if describe(full) != (entry.get("type"), entry.get("sha256") or entry.get("target")):
                wrong.append(guest)
    return wrong + sorted(found ^ set(listed)) + ([] if len(found) > 5 else ["nothing was extracted"])


def blocks(path, image):
    wrong, owners, checked = [], {}, 0
    with open(image, "rb") as file:
        for entry in load(path)["files"]:
            data = b""
            for first, count in entry.get("blocks", []):
                file.seek(first * 4096)
                data += file.read(count * 4096)
                for block in range(first, first + count):
                    if owners.setdefault(block, entry.get("sha256")) != entry.get("sha256"):
                        wrong.append(f"block {block}: two owners")
            if entry["type"] == "file":
                checked += 1
                size = entry["size_bytes"]
                if hashlib.sha256(data[:size]).hexdigest() != entry["sha256"] or len(data) - size not in range(4096):
                    wrong.append(entry["path"])
    return wrong + ([] if checked > 5 else ["no files"])


problems = {"blocks": blocks, "spdx": spdx, "cyclonedx": cyclonedx, "bound": bound, "files": files}[sys.argv[1]](*sys.argv[2:])
for line in problems[:10]:
    print(line)
sys.exit(1 if problems else 0)

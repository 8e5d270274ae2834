"""Images for dstack made of the demo, and what dstack's verifier computes, once more. See dstack.sh."""
import hashlib
import json
import os
import sys


def extend(events):
    register = bytes(48)
    for event in events:
        register = hashlib.sha384(register + event).digest()
    return register


def sha384(data):
    return hashlib.sha384(data).digest()


def read(path):
    with open(path, "rb") as file:
        return file.read()


def authenticode(image):
    """All but the checksum, the entry of the certificate table, and that table at the end."""
    header = int.from_bytes(image[0x3C:0x40], "little") + 24
    assert image[header:header + 2] == b"\x0b\x02"
    table, size = (int.from_bytes(image[header + at:header + at + 4], "little") for at in (144, 148))
    assert table == size == 0 or table + size == len(image)
    body = image[:table] if table else image
    padding = bytes(-len(body) % 8)
    return hashlib.sha256(body[:header + 64] + body[header + 68:header + 144] + body[header + 152:] + padding).digest()


def uki(directory):
    """A kernel with an EFI stub stands for a unified kernel image."""
    manifest = json.loads(read(f"{directory}/manifest.json"))
    image = read(f"{directory}/vmlinuz")
    with open(f"{directory}/{manifest['name']}.efi", "wb") as file:
        file.write(image)
    manifest["outputs"][f"{manifest['name']}.efi"] = manifest["outputs"]["vmlinuz"]
    with open(f"{directory}/manifest.json", "w") as file:
        file.write(json.dumps(manifest, indent=2, sort_keys=True) + "\n")


def gcp(directory, build):
    import cbor2
    raw = read(f"{directory}/measurement.gcp.cbor")
    document = cbor2.loads(raw)
    assert cbor2.dumps(document) == raw and list(document) == ["version", "uki_auth"]
    assert document == {"version": 1, "uki_auth": authenticode(read(f"{build}/vmlinuz"))}


def image(source, to, words):
    os.makedirs(f"{to}/firmware")
    manifest = json.loads(read(f"{source}/manifest.json"))
    for name in ("vmlinuz", "initrd.img", "firmware/snp.fd", "firmware/tdx.fd"):
        with open(f"{to}/{name}", "wb") as file:
            file.write(read(f"{source}/{name}"))
    line = read(f"{source}/cmdline") + words.encode()
    with open(f"{to}/cmdline", "wb") as file:
        file.write(line)
    manifest["outputs"]["cmdline"].update(sha256=hashlib.sha256(line).hexdigest(), size_bytes=len(line))
    with open(f"{to}/manifest.json", "w") as file:
        file.write(json.dumps(manifest, indent=2, sort_keys=True) + "\n")


def leb128(data):
    numbers, shift, value = [], 0, 0
    for byte in data:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            numbers.append(value)
            shift = value = 0
    assert shift == 0
    return numbers


def tdx(directory, golden):
    import cbor2
    raw = read(f"{directory}/measurement.tdx.cbor")
    document = cbor2.loads(raw)
    assert cbor2.dumps(document) == raw, "shortest forms, definite lengths"
    assert list(document) == ["version", "image", "tdvf"] and document["version"] == 3
    image, tdvf = document["image"], document["tdvf"]
    assert list(image) == ["cmdline_sha384", "kernel_authenticode", "initrd_sha384"]
    assert list(tdvf) == ["ovmf", "mrtd", "td_hob"] and list(tdvf["mrtd"]) == ["single_pass", "two_pass"]
    meta = json.loads(read(f"{directory}/metadata.json"))
    assert meta["version"] == "0.6.0" and not meta["is_dev"] and meta["shared_ro"] and meta["ovmf_variant"] == tdvf["ovmf"] == "pre202505"
    assert image["initrd_sha384"] == sha384(read(f"{directory}/{meta['initrd']}"))
    assert image["cmdline_sha384"] == sha384((meta["cmdline"] + " initrd=initrd\0").encode("utf-16-le"))
    (tuple_,) = [t for t in json.loads(read(golden))["tuples"] if t["tee"] == "tdx"]
    values = {name: bytes.fromhex(value) for name, value in tuple_["values"].items()}
    assert values["mrtd"] == tdvf["mrtd"]["two_pass"] != tdvf["mrtd"]["single_pass"]
    assert values["rtmr1"] == extend([image["kernel_authenticode"], sha384(b"Calling EFI Application from Boot Option"),
                                      sha384(bytes(4)), sha384(b"Exit Boot Services Invocation"),
                                      sha384(b"Exit Boot Services Returned with Success")])
    assert values["rtmr2"] == extend([image["cmdline_sha384"], image["initrd_sha384"]])
    # The sections of the firmware, found by their signature.
    firmware = read(f"{directory}/{meta['bios']}")
    at = firmware.index(b"TDVF", len(firmware) - 65536)
    word = lambda offset, size: int.from_bytes(firmware[at + offset:at + offset + size], "little")
    sections = [(word(16 + 32 * i + 8, 8) >> 12, word(16 + 32 * i + 16, 8) >> 12, word(16 + 32 * i + 24, 4)) for i in range(word(12, 4))]
    ranges = sorted((page, count) for page, count, kind in sections if kind in (2, 3))
    hob = next(page for page, _, kind in sections if kind == 2)
    base = ranges[0][0]
    assert leb128(tdvf["td_hob"]) == [base, hob - base, len(ranges)] + [n for page, count in ranges for n in (page - base, count)]


def snp(directory, golden):
    import cbor2
    raw = read(f"{directory}/measurement.snp.cbor")
    document = cbor2.loads(raw)
    assert cbor2.dumps(document) == raw
    assert list(document) == ["version", "cmdline", "ovmf_hash", "kernel_hash", "initrd_hash", "hashes_table_gpa", "reset_eip", "ovmf_sections"]
    meta = json.loads(read(f"{directory}/metadata.json"))
    assert document["version"] == 3 and document["cmdline"] == meta["cmdline"] and meta["bios-sev"] == "ovmf-sev.fd"
    assert document["kernel_hash"] == hashlib.sha256(read(f"{directory}/{meta['kernel']}")).digest()
    assert document["initrd_hash"] == hashlib.sha256(read(f"{directory}/{meta['initrd']}")).digest()
    assert all(list(section) == ["gpa", "size", "type"] for section in document["ovmf_sections"])
    kinds = [section["type"] for section in document["ovmf_sections"]]
    hashes = next(s for s in document["ovmf_sections"] if s["type"] == 0x10)
    assert {1, 2, 3, 0x10} <= set(kinds) and hashes["gpa"] <= document["hashes_table_gpa"] < hashes["gpa"] + hashes["size"]
    assert document["reset_eip"]
    for t in json.loads(read(golden))["tuples"]:
        if t["tee"] == "sev-snp":
            print(t["shape"]["vcpus"], t["values"]["launch_digest"], document["ovmf_hash"].hex(), document["cmdline"], sep="|")


def edit(golden, to, change):
    document = json.loads(read(golden))
    for t in document["tuples"]:
        change(t)
    with open(to, "w") as file:
        json.dump(document, file)


def kata(golden, to):
    edit(golden, to, lambda t: t["inputs"].update(cmdline={"text": "a", "sha256": hashlib.sha256(b"a").hexdigest()}))


def other(golden, to, register):
    name = "mrtd" if register == "mrtd" else f"rtmr{register}"
    edit(golden, to, lambda t: t["values"].update({name if t["tee"] == "tdx" else "launch_digest": "1" * 96}))


def kms(golden, to):
    def change(t):
        t["role"] = "kms"
        if t["tee"] == "tdx":
            t["values"].update(rtmr0="3" * 96, rtmr3="4" * 96)
            t["anchors"] = {"mrconfigid": "5" * 96}
        else:
            t["anchors"] = {"host_data": "6" * 64}
    edit(golden, to, change)


def aggregated(t):
    values = t["values"]
    if t["tee"] == "sev-snp":
        text = values["launch_digest"] + t["anchors"]["host_data"]
    else:
        text = "".join(values[name] for name in ("mrtd", "rtmr0", "rtmr1", "rtmr2", "rtmr3")) + t["anchors"]["mrconfigid"] + "0" * 192
    return hashlib.sha256(bytes.fromhex(text)).hexdigest()


def auth(path, golden, digest, app, compose):
    tuples = json.loads(read(golden))["tuples"]
    assert json.loads(read(path)) == {
        "osImages": ["0x" + read(digest).decode().strip()],
        "kms": {"mrAggregated": ["0x" + aggregated(t) for t in tuples], "allowAnyDevice": True},
        "apps": {"0x" + app: {"composeHashes": ["0x" + compose], "allowAnyDevice": True}}}


def mr(path, golden, provider):
    got = {t["tuple"]: t for t in json.loads(read(path))["tuples"]}
    for t in json.loads(read(golden))["tuples"]:
        values = t["values"]
        text = values["launch_digest"] if t["tee"] == "sev-snp" else "".join(values[n] for n in ("mrtd", "rtmr0", "rtmr1", "rtmr2")) + provider
        assert got[t["name"]] == {"tuple": t["name"], "mr_aggregated": aggregated(t), "mr_system": hashlib.sha256(bytes.fromhex(text)).hexdigest()}


globals()[sys.argv[1]](*sys.argv[2:])

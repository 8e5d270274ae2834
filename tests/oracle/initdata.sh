#!/bin/sh
# Python's TOML reader and gzip judge initdata: what we write they read to the same values, and the reverse.
. "$(dirname "$0")/../tap.sh"
python3 -c 'import tomllib' 2>/dev/null || { skip "Python reads what we write" "no python3 with tomllib"; done_testing; }

cat >"$T/judge.py" <<'END'
import base64, gzip, hashlib, os, random, struct, subprocess, sys, tomllib

assay, top = sys.argv[1], sys.argv[2]
pieces = ["a", "line\n", "\n", "'", "'''", '"', '"""', "\\", "\t", "\r", "\x00"[:0], "\x1b", "\x7f", "ä€😀", "# x\n", "[t]\n", "x" * 300]
rng = random.Random(7)

def run(*args):
    return subprocess.run([assay, "initdata", *args], stdout=subprocess.PIPE, check=True).stdout

def write(name, data):
    path = os.path.join(top, name)
    with open(path, "wb") as file:
        file.write(data)
    return path

def text():
    return "".join(rng.choice(pieces) for _ in range(rng.randrange(40)))

for n in range(25):
    values = {f"key {k}.{rng.choice(['a', 'ä', chr(34)])}": text() for k in range(rng.randrange(5))}
    args = []
    for k, (key, value) in enumerate(values.items()):
        args += ["-d", f"{key}={write(f'value{k}', value.encode())}"]
    alg = rng.choice(["sha256", "sha384", "sha512"])
    raw = run("create", "-a", alg, *args)
    path = write("doc", raw)
    assert tomllib.loads(raw.decode()) == {"version": "0.1.0", "algorithm": alg, "data": values}, raw
    assert gzip.decompress(base64.b64decode(run("annotate", path).strip(), validate=True)) == raw
    image = os.path.join(top, "image")
    run("image", path, "-o", image)
    device = open(image, "rb").read()
    assert len(device) % 512 == 0 and device[:8] == b"initdata"
    size = struct.unpack_from("<Q", device, 8)[0]
    assert gzip.decompress(device[16:16 + size]) == raw and not any(device[16 + size:])
    for level in (0, 1, 6, 9):
        packed = base64.b64encode(gzip.compress(raw, level))
        assert run("show", "--raw", write("annotation", packed)) == raw
    digest = hashlib.new(alg, raw).digest()
    for tee, length in (("snp", 32), ("tdx", 48), ("cca", 64), ("se", 256)):
        assert run("digest", "--tee", tee, path).decode().strip() == digest[:length].ljust(length, b"\0").hex()
END
ok "25 documents, both ways, in every form" python3 "$T/judge.py" "$ASSAY" "$T"
done_testing

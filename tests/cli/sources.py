# Fixtures for sources.sh: a directory for each case with a recipe, its sources, and what must come of it: `want` (the
# listing), or `status` and `pattern` (a refusal).
#   sources.py DIR
import gzip
import hashlib
import io
import json
import os
import socket
import sys
import tarfile

TOP = sys.argv[1]
HEAD = 'schema = "assay-recipe/1"\nname = "t"\narchitecture = "amd64"\ntimestamp = 1\n'
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"


def sha(data):
    return hashlib.sha256(data).hexdigest()


def write(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)


# Members: (name, content) files, (name, None) directories, (name, "-> x") symbolic links, (name, "=> x") hard links.
def tar(*members, **attributes):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content, *more in members:
            info = tarfile.TarInfo(name)
            info.mode = 0o755 if content is None else 0o644
            info.pax_headers = {}
            data = None
            if content is None:
                info.type = tarfile.DIRTYPE
            elif content == "device":
                info.type = tarfile.CHRTYPE
            elif content.startswith("-> "):
                info.type, info.linkname = tarfile.SYMTYPE, content[3:]
            elif content.startswith("=> "):
                info.type, info.linkname = tarfile.LNKTYPE, content[3:]
            else:
                data = io.BytesIO(content.encode())
                info.size = len(content.encode())
            for key, value in (more[0] if more else {}).items():
                if key == "pax":
                    info.pax_headers = value
                else:
                    setattr(info, key, value)
            archive.addfile(info, data)
    return out.getvalue()


def case(name, sources, want=None, status=2, pattern=None):
    path = os.path.join(TOP, name)
    os.makedirs(path, exist_ok=True)
    text = HEAD
    for source in sources:
        text += "[[source]]\n" + "".join("%s = %s\n" % (k, json.dumps(v) if not isinstance(v, bool) else str(v).lower())
                                         for k, v in source.items())
    write(path + "/recipe.toml", text.encode())
    if pattern is None:
        write(path + "/want", "".join(line + "\n" for line in want).encode())
    else:
        write(path + "/status", str(status).encode())
        write(path + "/pattern", pattern.encode())
    return path


def d(path, mode="0755", owner="0 0"):
    return "d %s %s 0 - %s" % (mode, owner, path)


def f(path, text, mode="0644", owner="0 0"):
    return "f %s %s %d %s %s" % (mode, owner, len(text.encode()), sha(text.encode()), path)


def link(path, target):
    return "l 0777 0 0 0 - %s -> %s" % (path, target)


# --- tar ---
def tar_case(name, members, options=None, pack=lambda data: data, file="a.tar", **result):
    data = pack(tar(*members))
    digest = (options or {}).pop("sha256", sha(data)) if options else sha(data)
    path = case(name, [dict({"kind": "tar", "path": file, "sha256": digest}, **(options or {}))], **result)
    write(path + "/" + file, data)


plain = [("./", None, {"mode": 0o700}), ("./usr", None), ("./usr/bin", None), ("./usr/bin/a", "text", {"mode": 0o755}),
         ("./usr/bin/b", "=> ./usr/bin/a"), ("./etc", None, {"mode": 0o750, "uid": 3, "gid": 4}), ("./etc/l", "-> ../usr")]
plain_want = [d("/etc", "0750", "3 4"), link("/etc/l", "../usr"), d("/usr"), d("/usr/bin"), f("/usr/bin/a", "text", "0755"),
              f("/usr/bin/b", "text", "0755")]
tar_case("tar", plain, want=plain_want)
tar_case("tar-gzip", plain, pack=lambda data: gzip.compress(data, mtime=0), want=plain_want)
tar_case("tar-parents", [("opt/x/y", "1")], want=[d("/opt"), d("/opt/x"), f("/opt/x/y", "1")])
tar_case("tar-to", [("x", "1")], {"to": "/srv/data"}, want=[d("/srv"), d("/srv/data"), f("/srv/data/x", "1")])
tar_case("tar-strip", [("pkg-1", None), ("pkg-1/x", "1"), ("pkg-1/d", None, {"mode": 0o711}), ("README", "r")], {"strip": 1},
         want=[d("/d", "0711"), f("/x", "1")])
tar_case("tar-only", plain, {"only": ["/usr/bin/b", "/etc/l"]},
         want=[d("/etc", "0750", "3 4"), link("/etc/l", "../usr"), d("/usr"), d("/usr/bin"), f("/usr/bin/b", "text", "0755")])
tar_case("tar-only-dir", plain, {"only": ["/usr"], "strip": 1, "to": "/opt"},
         want=[d("/opt"), d("/opt/bin"), f("/opt/bin/a", "text", "0755"), f("/opt/bin/b", "text", "0755")])
tar_case("tar-setuid", [("s", "1", {"mode": 0o4755})], {"allow": ["setuid"]}, want=[f("/s", "1", "4755")])
tar_case("tar-device", [("c", "device", {"devmajor": 1, "devminor": 3})], {"allow": ["devices"]},
         want=["c 0644 0 0 1:3 - /c"])
tar_case("tar-xattr", [("x", "1", {"pax": {"SCHILY.xattr.user.k": "v"}})], {"allow": ["xattrs"]},
         want=[f("/x", "1"), " user.k=76"])
tar_case("tar-odd-names", [("a b\\\n\xe9", "1")], want=[f("/a b\\x5c\\x0a\\xc3\\xa9", "1")])
tar_case("bad-tar-digest", plain, {"sha256": "00" * 32}, status=1,
         pattern=r"bad-tar-digest/a.tar: sha256 is [0-9a-f]{64}, the recipe says 0{64}")
tar_case("bad-tar-setuid", [("s", "1", {"mode": 0o4755})], pattern=r"a.tar: entry at byte 0, /s: setuid")
tar_case("bad-tar-device", [("c", "device")], pattern=r"/c: device nodes are not allowed here")
tar_case("bad-tar-xattr", [("x", "1", {"pax": {"SCHILY.xattr.user.k": "v"}})], pattern=r"extended attribute .user.k. is not")
tar_case("bad-tar-only", plain, {"only": ["/usr/bin/c"]}, pattern=r"a.tar: only: there is no /usr/bin/c in it")
tar_case("bad-tar-escape", [("../x", "1")], pattern=r"a path")
tar_case("bad-tar-nothing", [("x", "1")], {"strip": 1}, pattern=r"a.tar: adds nothing to the guest")
tar_case("bad-tar-strip-twice", [("a/x", "1"), ("b/x", "2")], {"strip": 1}, pattern=r"x: already there, from tar:a.tar")
tar_case("bad-tar-long", [("a" * 200 + "/" + "b" * 200, "1")], {"to": "/" + "/".join(["c" * 250] * 15)},
         pattern=r"a path over 4095 bytes")
case("bad-tar-absent", [{"kind": "tar", "path": "none.tar", "sha256": "00" * 32}], status=3, pattern=r"none.tar")


# Two archives, one over the other.
def over(name, first, second, options=None, **result):
    a, b = tar(*first), tar(*second)
    path = case(name, [{"kind": "tar", "path": "a.tar", "sha256": sha(a)},
                       dict({"kind": "tar", "path": "b.tar", "sha256": sha(b)}, **(options or {}))], **result)
    write(path + "/a.tar", a)
    write(path + "/b.tar", b)


over("over-dirs", [("usr", None), ("usr/lib", None, {"mode": 0o700}), ("lib", "-> usr/lib")],
     [("lib", None), ("lib/x", "1"), ("usr", None, {"mode": 0o711})],
     want=[link("/lib", "usr/lib"), d("/usr"), d("/usr/lib", "0700"), f("/usr/lib/x", "1")])
over("over-same-link", [("l", "-> x")], [("l", "-> x"), ("y", "1")], want=[link("/l", "x"), f("/y", "1")])
over("over-replace", [("x", "1"), ("d", None)], [("x", "2"), ("y", "=> x")], {"replace": True},
     want=[d("/d"), f("/x", "2"), f("/y", "2")])
over("bad-over", [("x", "1")], [("x", "2")], pattern=r"b.tar: x: already there, from tar:a.tar")
over("bad-over-link", [("l", "-> x")], [("l", "-> y")], pattern=r"l: already there, from tar:a.tar")
over("bad-over-dir", [("x", None)], [("x", "2")], {"replace": True}, pattern=r"x: a directory is already there")
over("bad-over-parent", [("x", "1")], [("x/y", "2")], pattern=r"its parent is not a directory|already there")


# --- recipes ---
def recipe_case(name, pattern, **fields):
    case(name, [dict({"kind": "tar", "path": "a", "sha256": "00" * 32}, **fields)], pattern=pattern)


recipe_case("bad-kind", r'recipe.toml:6: "zip" is not a supported kind', kind="zip")
recipe_case("bad-path", r"path must name a file relative", path="/abs")
recipe_case("bad-sha256", r"sha256 must be 64 lowercase", sha256="sha512:" + "00" * 32)
recipe_case("bad-to", r'"srv" is not an absolute path', to="srv")
recipe_case("bad-to-dots", r"recipe.toml:9", to="/a/../b")
recipe_case("bad-strip", r"strip must be 0 to 64", strip=65)
recipe_case("bad-allow", r'"root" is not a supported', allow=["root"])
recipe_case("bad-allow-twice", r'"setuid" is listed twice', allow=["setuid", "setuid"])
recipe_case("bad-only", r"is not an absolute path", only=["usr"])
recipe_case("bad-keep-owner", r"keep-owner belongs to a directory", **{"keep-owner": True})
recipe_case("bad-key", r"unknown", url="x")
case("bad-no-sha256", [{"kind": "tar", "path": "a"}], pattern=r"recipe.toml:5: .*sha256")
case("bad-twice", [{"kind": "tar", "path": "a", "sha256": "00" * 32}, {"kind": "tar", "path": "a", "sha256": "11" * 32}],
     pattern=r"a is there twice, with another sha256 or allow")
case("bad-many", [{"kind": "tar", "path": "a%d" % i, "sha256": "00" * 32} for i in range(257)], pattern=r"more than 256 sources")


# --- directories: the digest is of the listing ---
def dir_case(name, fill, lines, options=None, **result):
    text = "".join(line + "\n" for line in lines)
    path = case(name, [dict({"kind": "dir", "path": "src", "sha256": sha(text.encode())}, **(options or {}))],
                **(result or {"want": lines}))
    os.makedirs(path + "/src")
    os.umask(0o022)
    fill(path + "/src")


def fill(at):
    write(at + "/b/run", b"#!")
    os.chmod(at + "/b/run", 0o755)
    write(at + "/a", b"")
    os.symlink("/etc/x", at + "/b/l")
    os.chmod(at + "/b", 0o710)


filled = [f("/a", ""), d("/b", "0710"), link("/b/l", "/etc/x"), f("/b/run", "#!", "0755")]
dir_case("dir", fill, filled)
dir_case("bad-dir-digest", fill, filled[1:], status=1, pattern=r"bad-dir-digest/src: sha256 is [0-9a-f]{64}, the recipe says")


def fill_setuid(at):
    write(at + "/s", b"1")
    os.chmod(at + "/s", 0o4755)


dir_case("dir-setuid", fill_setuid, [f("/s", "1", "4755")], {"allow": ["setuid"]})
dir_case("bad-dir-setuid", fill_setuid, [], pattern=r"src/s: setuid or setgid .* is not allowed here")
dir_case("dir-fifo", lambda at: os.mkfifo(at + "/p", 0o600), ["p 0600 0 0 0 - /p"], {"allow": ["devices"]})
dir_case("bad-dir-fifo", lambda at: os.mkfifo(at + "/p"), [], pattern=r"src/p: special files are not allowed here")


def fill_socket(at):
    here = os.getcwd()
    os.chdir(at)
    socket.socket(socket.AF_UNIX).bind("s")
    os.chdir(here)


dir_case("bad-dir-socket", fill_socket, [], {"allow": ["devices"]}, pattern=r"src/s: a socket")


def fill_hard(at):
    write(at + "/x", b"1")
    os.link(at + "/x", at + "/y")


dir_case("dir-hard-links", fill_hard, [f("/x", "1"), f("/y", "1")])
dir_case("dir-keep-owner", fill_hard,
         [f("/x", "1", owner="%d %d" % (os.getuid(), os.getgid())), f("/y", "1", owner="%d %d" % (os.getuid(), os.getgid()))],
         {"keep-owner": True})


def fill_deep(at):
    for _ in range(257):
        at += "/d"
        os.mkdir(at)


dir_case("bad-dir-deep", fill_deep, [], status=3, pattern=r"more than 256 directories inside each other")
case("bad-dir-absent", [{"kind": "dir", "path": "src", "sha256": "00" * 32}], status=3, pattern=r"src: No such file")


# --- images ---
class Layout:
    def __init__(self):
        self.files = {"oci-layout": b'{"imageLayoutVersion": "1.0.0"}'}

    def blob(self, data, media_type, **more):
        self.files["blobs/sha256/" + sha(data)] = data
        return dict({"mediaType": media_type, "digest": "sha256:" + sha(data), "size": len(data)}, **more)

    def json(self, value, media_type, **more):
        return self.blob(json.dumps(value).encode(), media_type, **more)

    # @change edits the documents before they are pinned.
    def image(self, layers, pack=lambda data: data, media=LAYER, change=None, platform=None):
        config = {"architecture": "amd64", "os": "linux",
                  "rootfs": {"type": "layers", "diff_ids": ["sha256:" + sha(layer) for layer in layers]}}
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST,
                    "layers": [self.blob(pack(layer), media) for layer in layers]}
        if change:
            change(manifest, config, self)
        manifest.setdefault("config", self.json(config, CONFIG))
        return self.json(manifest, MANIFEST, **({"platform": platform} if platform else {}))

    def index(self, *descriptors):
        return {"schemaVersion": 2, "mediaType": INDEX, "manifests": list(descriptors)}

    def top(self, *descriptors):
        self.files["index.json"] = json.dumps(self.index(*descriptors)).encode()

    def as_tar(self, pack=lambda data: data):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as archive:
            for name, data in self.files.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
        return pack(out.getvalue())


def oci_case(name, layout, digest, options=None, form="dir", pack=lambda data: data, **result):
    path = case(name, [dict({"kind": "oci", "path": "image", "sha256": digest}, **(options or {}))], **result)
    if form == "tar":
        write(path + "/image", layout.as_tar(pack))
        return
    for file, data in layout.files.items():
        write(path + "/image/" + file, data)


def layers_case(name, layers, options=None, form="dir", pack=lambda data: data, tamper=None, prefix=True, **more):
    layout = Layout()
    build = {key: more.pop(key) for key in ("media", "change") if key in more}
    descriptor = layout.image(layers, pack, **build)
    layout.top(descriptor)
    if tamper:
        tamper(layout, descriptor)
    oci_case(name, layout, descriptor["digest"] if prefix else descriptor["digest"][7:], options, form, **more)


base = tar(("etc", None), ("etc/a", "1"), ("etc/b", "2"), ("opt", None), ("opt/x", None), ("opt/x/y", "3"), ("opt/z", "4"),
           ("l", "-> etc"))
top = tar(("etc/.wh.a", ""), ("etc/c", "5"), ("opt/.wh..wh..opq", ""), ("opt/new", "6"), ("l", None), ("l/in", "7"),
          (".wh.never", ""))
layered = [d("/etc"), f("/etc/b", "2"), f("/etc/c", "5"), d("/l"), f("/l/in", "7"), d("/opt"), f("/opt/new", "6")]
layers_case("oci", [base, top], want=layered)
layers_case("oci-bare-digest", [base, top], prefix=False, want=layered)
layers_case("oci-gzip", [base, top], pack=lambda data: gzip.compress(data, mtime=0), media=LAYER + "+gzip", want=layered)
layers_case("oci-tar", [base, top], form="tar", want=layered)
layout = Layout()
image = layout.image([base, top])
layout.top(image)
oci_case("oci-tar-gzip", layout, image["digest"], form="tar", pack=lambda data: gzip.compress(data, mtime=0), want=layered)
layers_case("oci-only", [base, top], {"only": ["/etc/c"], "strip": 1, "to": "/srv"}, want=[d("/srv"), f("/srv/c", "5")])
layers_case("oci-dir-by-file", [base, tar(("opt", "now a file"))],
            want=[d("/etc"), f("/etc/a", "1"), f("/etc/b", "2"), link("/l", "etc"), f("/opt", "now a file")])
layers_case("oci-whiteout-dir", [base, tar((".wh.opt", ""), ("opt", None, {"mode": 0o700}))],
            want=[d("/etc"), f("/etc/a", "1"), f("/etc/b", "2"), link("/l", "etc"), d("/opt", "0700")])
layers_case("oci-own-whiteout", [tar(("a", "1")), tar(("a", "2"), (".wh.a", ""))], want=[f("/a", "2")])
layers_case("oci-through-link", [base, tar(("l/x", "8"), ("l/.wh.a", ""))],
            want=[d("/etc"), f("/etc/b", "2"), f("/etc/x", "8"), link("/l", "etc"), d("/opt"), d("/opt/x"), f("/opt/x/y", "3"),
                  f("/opt/z", "4")])
layers_case("oci-no-whiteout-below-file", [tar(("a", "1")), tar(("a", None), ("a/.wh..wh..opq", ""))], want=[d("/a")])

for name, member, pattern in (
        ("content", ("a/.wh.x", "1"), r"layer 1: entry at byte 0, /a/.wh.x: a whiteout is an empty file"),
        ("dir", (".wh.x", None), r"a whiteout is an empty file"),
        ("empty", (".wh.", ""), r"a whiteout of nothing"),
        ("dots", (".wh...", ""), r"a whiteout of nothing"),
        ("reserved", (".wh..wh.plnk", ""), r"a reserved whiteout name"),
        ("parent", ("a/.wh.b/c", "1"), r"below the name of a whiteout")):
    layers_case("bad-whiteout-" + name, [base, tar(member)], pattern=pattern)


def flip_blob(which):
    def tamper(layout, descriptor):
        manifest = json.loads(layout.files["blobs/sha256/" + descriptor["digest"][7:]])
        target = {"manifest": descriptor, "config": manifest["config"], "layer": manifest["layers"][0]}[which]
        name = "blobs/sha256/" + target["digest"][7:]
        data = bytearray(layout.files[name])
        data[-1] ^= 1
        layout.files[name] = bytes(data)
    return tamper


for which in ("manifest", "config", "layer"):
    layers_case("bad-oci-" + which, [base], tamper=flip_blob(which), status=1, pattern=r"image: blobs/sha256/\S+ has another digest")


def drop_layer(layout, descriptor):
    manifest = json.loads(layout.files["blobs/sha256/" + descriptor["digest"][7:]])
    del layout.files["blobs/sha256/" + manifest["layers"][0]["digest"][7:]]


layers_case("bad-oci-absent", [base], tamper=drop_layer, pattern=r"image: there is no file blobs/sha256/")


def grow_layer(layout, descriptor):
    manifest = json.loads(layout.files["blobs/sha256/" + descriptor["digest"][7:]])
    layout.files["blobs/sha256/" + manifest["layers"][0]["digest"][7:]] += b"\0"


layers_case("bad-oci-size", [base], tamper=grow_layer, status=1, pattern=r"has [0-9]+ bytes, not [0-9]+")


def doc_case(name, pattern, change, **more):
    layers_case("bad-doc-" + name, [base], change=change, pattern=pattern, **more)


doc_case("diff-id", r"image: layer 0 has another digest than config", status=1,
         change=lambda m, c, l: c["rootfs"].update(diff_ids=["sha256:" + "00" * 32]))
doc_case("diff-ids", r"1 layers, but the configuration has 2",
         change=lambda m, c, l: c["rootfs"]["diff_ids"].append("sha256:" + "00" * 32))
doc_case("diff-id-type", r"diff_ids\[0\] is not a string", change=lambda m, c, l: c["rootfs"].update(diff_ids=[1]))
doc_case("diff-id-text", r"is no SHA-256 digest", change=lambda m, c, l: c["rootfs"].update(diff_ids=["md5:00"]))
doc_case("architecture", r"the image is for linux/arm64, not linux/amd64", change=lambda m, c, l: c.update(architecture="arm64"))
doc_case("os", r"the image is for windows/amd64", change=lambda m, c, l: c.update(os="windows"))
doc_case("no-os", r"config.os: missing", change=lambda m, c, l: c.pop("os"))
doc_case("rootfs-type", r'config.rootfs.type "tar" is not', change=lambda m, c, l: c["rootfs"].update(type="tar"))
doc_case("version", r"manifest has schemaVersion 1, not 2", change=lambda m, c, l: m.update(schemaVersion=1))
doc_case("media", r"manifest.layers\[0\]: the media type application/x is not supported",
         change=lambda m, c, l: m["layers"][0].update(mediaType="application/x"))
doc_case("foreign", r"nondistributable", change=lambda m, c, l: m["layers"][0].update(
    mediaType="application/vnd.oci.image.layer.nondistributable.v1.tar"))
doc_case("config-media", r"manifest.config: the media type", change=lambda m, c, l: m.update(config=l.json(c, MANIFEST)))
doc_case("no-config", r"manifest.config: not an object", change=lambda m, c, l: m.update(config=1))
doc_case("layers", r"manifest.layers: missing, or not a list", change=lambda m, c, l: m.update(layers=1))
doc_case("digest", r'manifest.layers\[0\]: "sha512:00" is no SHA-256', change=lambda m, c, l: m["layers"][0].update(digest="sha512:00"))
doc_case("traversal", r"is no SHA-256 digest",
         change=lambda m, c, l: m["layers"][0].update(digest="sha256:../../../etc/passwd"))
doc_case("many", r"129 layers, more than 128", status=3, change=lambda m, c, l: m.update(layers=m["layers"] * 129))
doc_case("negative", r"size: missing, or not a whole number", change=lambda m, c, l: m["layers"][0].update(size=-1))


def no_index(layout, descriptor):
    layout.top()


layers_case("bad-oci-index", [base], tamper=no_index, status=1, pattern=r"image: index.json has no sha256:[0-9a-f]{64}")


def duplicate_keys(layout, descriptor):
    layout.files["index.json"] = layout.files["index.json"].replace(b'{"schemaVersion"', b'{"schemaVersion": 2, "schemaVersion"', 1)


layers_case("bad-oci-duplicate-key", [base], tamper=duplicate_keys, pattern=r"index.json:1:[0-9]+: duplicate")
layers_case("bad-oci-version", [base], tamper=lambda l, x: l.files.update({"oci-layout": b'{"imageLayoutVersion": "2.0.0"}'}),
            pattern=r'image layout version "2.0.0" is not 1.0.0')
layers_case("bad-oci-huge", [base], tamper=lambda l, x: l.files.update({"index.json": b" " * (5 << 20)}), status=3,
            pattern=r"index.json: more than 4194304 bytes")
layers_case("bad-oci-none", [base], tamper=lambda l, x: l.files.pop("oci-layout"), pattern=r"no image layout and no docker archive")
layers_case("bad-oci-setuid", [tar(("s", "1", {"mode": 0o4755}))], pattern=r"image: layer 0: entry at byte 0, /s: setuid")

amd64, arm64 = {"os": "linux", "architecture": "amd64"}, {"os": "linux", "architecture": "arm64"}
layout = Layout()
mine = layout.image([base, top], platform=amd64)
other = layout.image([base], platform=arm64)
index = layout.json(layout.index(other, mine), INDEX)
layout.top(index)
oci_case("oci-index", layout, index["digest"], want=layered)
oci_case("oci-in-index", layout, mine["digest"], want=layered)
oci_case("oci-index-tar", layout, index["digest"], form="tar", want=layered)
oci_case("bad-oci-other", layout, "33" * 32, status=1, pattern=r"index.json has no sha256:3333")
layout = Layout()
index = layout.json(layout.index(layout.image([base], platform=arm64)), INDEX)
layout.top(index)
oci_case("bad-oci-platform", layout, index["digest"], pattern=r"the index has 0 images for linux/amd64, not one")
layout = Layout()
index = layout.json(layout.index(layout.image([base], platform=amd64), layout.image([top], platform=amd64)), INDEX)
layout.top(index)
oci_case("bad-oci-ambiguous", layout, index["digest"], pattern=r"the index has 2 images for linux/amd64, not one")


# --- docker archives ---
def docker_case(name, layers, change=None, digest=None, **result):
    layout = Layout()
    config = {"architecture": "amd64", "os": "linux",
              "rootfs": {"type": "layers", "diff_ids": ["sha256:" + sha(layer) for layer in layers]}}
    text = json.dumps(config).encode()
    names = ["%d/layer.tar" % i for i in range(len(layers))]
    layout.files = dict(zip(names, layers))
    layout.files[sha(text) + ".json"] = text
    images = [{"Config": sha(text) + ".json", "RepoTags": ["x:y"], "Layers": names}]
    if change:
        change(images, layout.files)
    layout.files["manifest.json"] = json.dumps(images).encode()
    oci_case(name, layout, digest or "sha256:" + sha(text), form="tar", **result)


docker_case("docker", [base, top], want=layered)
docker_case("bad-docker-id", [base], digest="44" * 32, status=1, pattern=r"manifest.json has no sha256:4444")
docker_case("bad-docker-layer", [base], change=lambda i, x: x.update({"0/layer.tar": top}), status=1,
            pattern=r"layer 0 has another digest")
docker_case("bad-docker-path", [base], change=lambda i, x: i[0].update(Layers=["../../x"]), pattern=r"manifest.json: .*in a path")
docker_case("bad-docker-name", [base], change=lambda i, x: i[0].update(Config=1), pattern=r"a name that is no string")
docker_case("bad-docker-list", [base], change=lambda i, x: i.__setitem__(0, 1), pattern=r"manifest.json is malformed")

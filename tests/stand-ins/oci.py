# An OCI image layout of what is below a directory: oci.py DIRECTORY LAYOUT [CONFIG]; prints the manifest's digest. CONFIG is the JSON of
# the image configuration's "config".
import hashlib
import io
import json
import os
import sys
import tarfile

tree, layout = sys.argv[1:3]
os.makedirs(os.path.join(layout, "blobs/sha256"))


def blob(data, media):
    digest = hashlib.sha256(data).hexdigest()
    with open(os.path.join(layout, "blobs/sha256", digest), "wb") as file:
        file.write(data)
    return {"mediaType": media, "digest": "sha256:" + digest, "size": len(data)}


def root(info):
    info.uid = info.gid = 0
    return info


out = io.BytesIO()
with tarfile.open(fileobj=out, mode="w") as archive:
    for name in sorted(os.listdir(tree)):
        archive.add(os.path.join(tree, name), name, filter=root)
layer = blob(out.getvalue(), "application/vnd.oci.image.layer.v1.tar")
config = {
    "architecture": "amd64",
    "os": "linux",
    "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
    "config": json.loads(sys.argv[3]) if len(sys.argv) > 3 else {},
}
config = blob(json.dumps(config).encode(), "application/vnd.oci.image.config.v1+json")
manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config, "layers": [layer]}
manifest = blob(json.dumps(manifest).encode(), manifest["mediaType"])
with open(os.path.join(layout, "index.json"), "w") as file:
    json.dump({"schemaVersion": 2, "manifests": [manifest]}, file)
with open(os.path.join(layout, "oci-layout"), "w") as file:
    json.dump({"imageLayoutVersion": "1.0.0"}, file)
print(manifest["digest"][7:])

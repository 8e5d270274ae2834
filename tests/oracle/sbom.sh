#!/bin/sh
# A build's SPDX and CycloneDX documents before the validators of their own libraries, and files.json against the image as
# fsck.erofs extracts it.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/oracle.sh"
judge=$(dirname "$0")/sbom-judge.py

dir=${ASSAY_BUILD_DIR-}
if [ -z "$dir" ]; then
	dir=$T/build
	"$ASSAY" build --fetch "$TOP/rootfs-recipes/agent-init" -o "$dir" >"$T/.out" 2>"$T/.err"
	status=$?
	[ $status -ne 3 ] || { skip 'bills of materials' "no build: $(tail -n 1 "$T/.err")"; done_testing; }
	ok 'agent-init builds' test $status -eq 0
fi
ok 'the documents are bound to the build' python3 "$judge" bound "$dir"
if oracle_python sbom; then
	ok 'SPDX 2.3: valid' "$oracle_dir/bin/python3" "$judge" spdx "$dir/sbom.spdx.json"
	ok 'CycloneDX 1.6: valid' "$oracle_dir/bin/python3" "$judge" cyclonedx "$dir/sbom.cdx.json"
	sed 's/"SPDXRef-Input-/"Input-/' "$dir/sbom.spdx.json" >"$T/bad.spdx.json"
	ok 'SPDX: the validator refuses bad identifiers' sh -c '! "$@"' - \
		"$oracle_dir/bin/python3" "$judge" spdx "$T/bad.spdx.json"
	sed 's/"SHA-256"/"SHA-257"/' "$dir/sbom.cdx.json" >"$T/bad.cdx.json"
	ok 'CycloneDX: the validator refuses an unknown algorithm' sh -c '! "$@"' - \
		"$oracle_dir/bin/python3" "$judge" cyclonedx "$T/bad.cdx.json"
else
	skip 'SPDX and CycloneDX validators' "$oracle_why"
fi
if command -v fsck.erofs >/dev/null; then
	blocks=$(sed 's/.*data_blocks=\([0-9]*\).*/\1/' "$dir/kernel_verity_params")
	dd if="$dir/rootfs.img" of="$T/root" bs=4096 skip=256 count="$blocks" status=none
	ok 'fsck.erofs extracts the image' fsck.erofs --extract="$T/tree" "$T/root"
	ok 'files.json names every file and its content' python3 "$judge" files "$dir/files.json" "$T/tree"
	ok 'files.json names the blocks of every content' python3 "$judge" blocks "$dir/files.json" "$T/root"
	sed 's/"blocks"/"other"/' "$dir/files.json" >"$T/moved.json"
	ok 'and files without them are told' sh -c '! "$@"' - python3 "$judge" blocks "$T/moved.json" "$T/root"
	echo x >"$T/tree/etc/added"
	ok 'and one more is told' sh -c '! "$@"' - python3 "$judge" files "$dir/files.json" "$T/tree"
else
	skip 'files.json against the image' 'no fsck.erofs here'
fi
done_testing

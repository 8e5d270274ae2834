// Verifies Sigstore bundles with @sigstore/verify: judge.js BUNDLE PUBLIC-KEY. No transparency log, no timestamps: the
// key is trusted by itself. Exit status 0 accepted, 1 refused.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const { bundleFromJSON } = require('@sigstore/bundle');
const { Verifier, toSignedEntity } = require('@sigstore/verify');

const [, , path, keyPath] = process.argv;
try {
	const bundle = bundleFromJSON(JSON.parse(fs.readFileSync(path, 'utf8')));
	const publicKey = crypto.createPublicKey(fs.readFileSync(keyPath));
	const trust = {
		certificateAuthorities: [],
		timestampAuthorities: [],
		tlogs: [],
		ctlogs: [],
		publicKey: () => ({ publicKey, validFor: () => true }),
	};
	const verifier = new Verifier(trust, { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: 0 });
	verifier.verify(toSignedEntity(bundle));
} catch (error) {
	console.error(String(error));
	process.exit(1);
}

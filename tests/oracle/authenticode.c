/* Prints the Authenticode digest of each image with the algorithm that is named first, one a line:
 *   authenticode sha256|sha384 FILE... */
#include <stdio.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/hex.h"
#include "lib/io.h"
#include "measure/tdx/authenticode.h"

static int print(enum digest_alg alg, const char *path, struct err *err)
{
	unsigned char digest[DIGEST_MAX];
	char hex[DIGEST_HEX_MAX];
	BUF_AUTO image = {0};
	int rc = io_read_file(path, 1u << 30, &image, err);

	if (rc == 0)
		rc = authenticode_digest(alg, image.data, image.len, digest, err);
	if (rc != 0)
		return err_wrap(err, "%s", path);
	hex_encode(digest, digest_size(alg), hex);
	printf("%s\n", hex);
	return 0;
}

int main(int argc, char **argv)
{
	enum digest_alg alg = DIGEST_SHA256;
	struct err err = {0};

	if (argc > 1 && strcmp(argv[1], "sha384") == 0)
		alg = DIGEST_SHA384;
	for (int i = 2; i < argc; i++)
		if (print(alg, argv[i], &err) != 0) {
			fprintf(stderr, "%s\n", err.msg);
			return err_status(err.code);
		}
	return 0;
}

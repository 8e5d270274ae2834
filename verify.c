/* assay verify: a directory's signature, or with the word "image" a guest image's blocks. */
#include "verify.h"

#include <stdio.h>
#include <string.h>

#include "measure/cmd.h"
#include "mkimage/cmd.h"

int cmd_verify_any(int argc, char **argv)
{
	int status;

	if (argc > 1 && strcmp(argv[1], "image") == 0)
		return cmd_verify_image(argc - 1, argv + 1);
	status = cmd_verify(argc, argv);
	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		printf("\n  image       every block of a guest image (assay verify image "
		       "--help)\n");
	return status;
}

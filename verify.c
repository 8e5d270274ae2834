/* assay verify: a directory's signature, or with the word "image" a guest image's blocks. */
#include "verify.h"

#include <string.h>

#include "measure/cmd.h"
#include "mkimage/cmd.h"

int cmd_verify_any(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "image") == 0)
		return cmd_verify_image(argc - 1, argv + 1);
	return cmd_verify(argc, argv);
}

/* assay verify: the table of what can be verified. */
#include "verify.h"

#include <stdio.h>
#include <string.h>

#include "mkimage/cmd.h"

static const struct sub_verb {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
} sub_verbs[] = {
	{"image", cmd_verify_image, "a guest image against its dm-verity parameters"},
};

#define SUB_VERB_COUNT (sizeof(sub_verbs) / sizeof(sub_verbs[0]))

static int help(void)
{
	printf("usage: assay verify WHAT [options]\n\n");
	for (size_t i = 0; i < SUB_VERB_COUNT; i++)
		printf("  %-10s %s\n", sub_verbs[i].name, sub_verbs[i].summary);
	printf("\nassay verify WHAT --help explains its options.\n");
	return ERR_EXIT_OK;
}

int cmd_verify(int argc, char **argv)
{
	struct err err = {0};

	if (argc < 2)
		return cmd_fail(
			err_fail(&err, -EINVAL, "verify what? (see assay verify --help)"), &err);
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		return help();
	for (size_t i = 0; i < SUB_VERB_COUNT; i++)
		if (strcmp(sub_verbs[i].name, argv[1]) == 0)
			return sub_verbs[i].run(argc - 1, argv + 1);
	return cmd_fail(err_fail(&err, -EINVAL,
				"verify %s: no such thing (see assay verify --help)", argv[1]),
		&err);
}

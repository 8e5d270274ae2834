/* What formats/elf.h reads of programs and libraries, a line for each fact, for elf.sh: elf-list FILE... */
#define _GNU_SOURCE
#include <stdio.h>

#include "formats/elf.h"
#include "lib/io.h"

#define FILE_BYTES_MAX (512u << 20)

static int print_version(
	void *arg, const char *file, const char *version, bool weak, struct err *err)
{
	(void)err;
	printf("%s %s %s%s%s\n", (const char *)arg, file != NULL ? "need" : "def",
		file != NULL ? file : version, file != NULL ? " " : "",
		file != NULL ? version : "");
	(void)weak;
	return 0;
}

static int print_file(const char *path, struct err *err)
{
	static const struct {
		const char *name;
		uint64_t tag;
	} tags[] = {{"NEEDED", ELF_DT_NEEDED}, {"SONAME", ELF_DT_SONAME}, {"RPATH", ELF_DT_RPATH},
		{"RUNPATH", ELF_DT_RUNPATH}};
	BUF_AUTO bytes = {0};
	struct elf elf;
	const char *text;
	int rc = io_read_file(path, FILE_BYTES_MAX, &bytes, err);

	if (rc != 0 || !elf_is_program(bytes.data, bytes.len))
		return rc;
	rc = elf_open(bytes.data, bytes.len, &elf, err);
	if (rc != 0)
		return err_wrap(err, "%s", path);
	printf("%s program\n", path);
	if (elf.interp != NULL)
		printf("%s interp %s\n", path, elf.interp);
	for (size_t i = 0; i < sizeof(tags) / sizeof(*tags); i++) {
		for (size_t k = 0; (text = elf_string(&elf, tags[i].tag, k)) != NULL; k++)
			printf("%s %s %s\n", path, tags[i].name, text);
	}
	rc = elf_needs(&elf, print_version, (void *)path, err);
	return rc != 0 ? rc : elf_definitions(&elf, print_version, (void *)path, err);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		struct err err = {0};

		if (print_file(argv[i], &err) != 0)
			printf("%s error %s\n", argv[i], err.msg);
	}
	return 0;
}

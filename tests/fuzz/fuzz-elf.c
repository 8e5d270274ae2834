/* ELF files as the checks read them: what is accepted has strings inside of the file, and its versions end. */
#include <stdlib.h>
#include <string.h>

#include "formats/elf.h"
#include "tests/fuzz/fuzz.h"

static size_t seen;

static int see(void *arg, const char *file, const char *version, bool weak, struct err *err)
{
	(void)arg;
	(void)weak;
	(void)err;
	seen += strlen(version) + (file != NULL ? strlen(file) : 0);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint64_t tags[] = {ELF_DT_NEEDED, ELF_DT_SONAME, ELF_DT_RPATH, ELF_DT_RUNPATH};
	struct err err = {0};
	const char *name;
	struct elf elf;

	if (elf_open(data, size, &elf, &err) != 0) {
		if (err.code == 0)
			abort();
		return 0;
	}
	if (elf.interp != NULL)
		seen += strlen(elf.interp);
	for (size_t t = 0; t < sizeof(tags) / sizeof(*tags); t++) {
		for (size_t i = 0; (name = elf_string(&elf, tags[t], i)) != NULL; i++)
			seen += strlen(name);
	}
	if (elf_needs(&elf, see, NULL, &err) != 0 && err.code == 0)
		abort();
	if (elf_definitions(&elf, see, NULL, &err) != 0 && err.code == 0)
		abort();
	return 0;
}

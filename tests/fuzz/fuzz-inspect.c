/* assay inspect of any file: its kind, its object, its text. */
#define _GNU_SOURCE
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "lib/io.h"
#include "lib/json.h"
#include "measure/evidence/inspect.h"

#define FILE_MAX (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_CLOSE int fd = memfd_create("file", MFD_CLOEXEC);
	size_t count;
	const struct inspect_kind *kinds = inspect_kinds(&count);
	struct err err = {0};
	char path[64];

	if (size > FILE_MAX)
		return 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (fd < 0 || io_pwrite(fd, "file", data, size, 0, &err) != 0)
		abort();
	for (int list = 0; list < 2; list++) {
		JSON_AUTO *doc = NULL;
		BUF_AUTO text = {0};
		BUF_AUTO json = {0};

		err = (struct err){0};
		if (inspect_path(path, list != 0, kinds, count, &doc, &err) != 0) {
			if (err.code >= 0 || err.msg[0] == '\0')
				abort();
			continue;
		}
		inspect_text(doc, &text);
		if (text.bad || json_doc_write(doc, &json, &err) != 0)
			abort();
	}
	return 0;
}

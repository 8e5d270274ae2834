/* A list of warnings (warn.h). */
#define _GNU_SOURCE
#include "measure/warn.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void warn_add(struct warn *warn, const char *fmt, ...)
{
	char **lines, *line;
	va_list args;
	int rc;

	if (warn == NULL)
		return;
	va_start(args, fmt);
	rc = vasprintf(&line, fmt, args);
	va_end(args);
	if (rc < 0)
		return;
	lines = realloc(warn->lines, (warn->count + 1) * sizeof(*lines));
	if (lines == NULL) {
		free(line);
		return;
	}
	warn->lines = lines;
	warn->lines[warn->count++] = line;
}

void warn_done(struct warn *warn)
{
	for (size_t i = 0; i < warn->count; i++)
		free(warn->lines[i]);
	free(warn->lines);
	*warn = (struct warn){.count = 0};
}

/* What the verbs of mkimage/ share (cmd.h). */
#include "mkimage/cmd.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int cmd_fail(int code, const struct err *err)
{
	fprintf(stderr, "assay: %s\n", err->msg);
	return err_status(code);
}

int cmd_print(const struct buf *text, struct err *err)
{
	int rc = buf_check(text, err);

	if (rc != 0)
		return rc;
	if (fwrite(buf_cstr(text), 1, text->len, stdout) != text->len || fflush(stdout) != 0)
		return err_sys(err, "standard output");
	return 0;
}

int cmd_cache(struct fetch_cache *cache, const char *dir, struct err *err)
{
	const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	BUF_AUTO path = {0};
	int rc;

	if (dir != NULL)
		buf_str(&path, dir);
	else if (xdg != NULL && xdg[0] == '/')
		buf_fmt(&path, "%s/assay", xdg);
	else if (home != NULL && home[0] == '/')
		buf_fmt(&path, "%s/.cache/assay", home);
	else
		return err_fail(err, -EINVAL,
			"no place for the cache: neither --cache nor XDG_CACHE_HOME nor HOME");
	rc = buf_check(&path, err);
	return rc != 0 ? rc : fetch_cache_init(cache, buf_cstr(&path), err);
}

static void report(void *arg, const char *what, uint64_t done, uint64_t total)
{
	(void)arg;
	fputs("\r\033[K", stderr);
	if (total > 0)
		fprintf(stderr, "%3llu%% ", (unsigned long long)(done * 100 / total));
	fputs(what, stderr);
}

const struct progress *cmd_progress(void)
{
	static const struct progress line = {.report = report};

	return isatty(STDERR_FILENO) ? &line : NULL;
}

void cmd_progress_end(void)
{
	if (isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
}

/* What the verbs of mkimage/ share (cmd.h). */
#include "mkimage/cmd.h"

#include <stdlib.h>

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

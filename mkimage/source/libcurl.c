/* Loading libcurl (libcurl.h). */
#define _GNU_SOURCE
#include "mkimage/source/libcurl.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <string.h>

/* The name of the ABI that curl.h declares, unchanged since 2006. */
#define LIBRARY "libcurl.so.4"

/* Puts the function into a pointer of its own type: ISO C has no conversion from an object pointer. */
static bool find(void *library, const char *name, void *slot, size_t slot_size)
{
	void *function = dlsym(library, name);

	if (function == NULL || slot_size != sizeof(function))
		return false;
	memcpy(slot, &function, sizeof(function));
	return true;
}

#define FIND(function) find(library, "curl_" #function, &curl.function, sizeof(curl.function))

int libcurl_load(const struct libcurl **ret, struct err *err)
{
	static struct libcurl curl;
	void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

	if (library == NULL)
		return err_fail(err, -ENOSYS, "libcurl is needed for this: %s", dlerror());
	if (!FIND(global_init) || !FIND(global_cleanup) || !FIND(easy_init) ||
		!FIND(easy_cleanup) || !FIND(easy_reset) || !FIND(easy_setopt) ||
		!FIND(easy_getinfo) || !FIND(easy_perform) || !FIND(easy_strerror))
		return err_fail(err, -ENOSYS, LIBRARY " lacks functions that are needed");
	*ret = &curl;
	return 0;
}

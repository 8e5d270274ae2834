/*
 * apt, as a resolver and as the keeper of a machine's archives.
 *
 * Resolving happens in an isolated configuration (own state, lists and package cache, an empty dpkg status, none of the
 * machine's apt.conf.d or preferences), so that the result depends on the recipe and the archive alone; apt checks the
 * archive's signature. From the machine come only the mirrors, their keyrings and how its network is reached.
 */
#ifndef MKIMAGE_SOURCE_APT_H
#define MKIMAGE_SOURCE_APT_H

#include <stddef.h>

#include "lib/err.h"
#include "lib/progress.h"
#include "mkimage/recipe/lock.h"
#include "mkimage/recipe/recipe.h"

/* One "deb" source: sources.list(5), of either format. */
struct apt_source {
	char *uri;	 /* without a trailing slash */
	char *signed_by; /* the option's value, a key block in it as it stands; NULL when it has none */
};

struct apt_sources {
	struct apt_source *items; /* owned */
	size_t count;
};

/* What this machine's apt is configured with; empty where there is no apt. */
struct apt_machine {
	struct apt_sources sources;
	char *trusted, *trusted_parts; /* keyrings of sources without Signed-By */
	char *transport; /* its Acquire::http and Acquire::https settings, in apt.conf(5) syntax */
	char *http_proxy, *https_proxy, *ca_info; /* of these settings; NULL where unset */
};

int apt_machine_read(struct apt_machine *ret, struct err *err) MUST_CHECK;
void apt_machine_done(struct apt_machine *machine);
#define APT_MACHINE_AUTO __attribute__((cleanup(apt_machine_done))) struct apt_machine

/* Adds the "deb" sources of one file; @deb822 tells the format. */
int apt_sources_parse(const char *text, const char *what, bool deb822, struct apt_sources *sources,
	struct err *err) MUST_CHECK;
void apt_sources_done(struct apt_sources *sources);

/*
 * Appends the places that serve @archive, best first: those of @mirrors ("ARCHIVE=URL", or "URL" for any archive), then
 * the machine's sources whose last path component is @archive; mirrors get the signed_by of such a source. -ENOENT when there
 * is none, -EINVAL for a mirror that is no URL.
 */
int apt_mirrors(const struct apt_machine *machine, const char *const *mirrors, size_t mirror_count,
	const char *archive, struct apt_sources *ret, struct err *err) MUST_CHECK;

struct apt_options {
	const char *const *mirrors; /* as for apt_mirrors */
	size_t mirror_count;
	const char *keyring; /* NULL: what the machine's source names */
	const char *dir;     /* a directory of our own, kept for the next run */
	const struct progress *progress;
};

/* Resolves every set of @recipe. @ret gets @path as its name. -EBADMSG for a package that cannot be had, -EKEYREJECTED for an
 * archive whose signature or date apt refuses. */
int apt_lock(const struct recipe *recipe, const struct apt_options *options, const char *path,
	struct lock *ret, struct err *err) MUST_CHECK;

#endif

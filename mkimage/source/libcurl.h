/*
 * libcurl, loaded when it is first needed: it and the thirty libraries behind it take 6 MiB and some milliseconds of every
 * program that is linked with them, and only lock and fetch ask for anything.
 */
#ifndef MKIMAGE_SOURCE_LIBCURL_H
#define MKIMAGE_SOURCE_LIBCURL_H

#include <curl/curl.h>

#include "lib/err.h"

/* libcurl's functions by their own names and types. */
struct libcurl {
	CURLcode (*global_init)(long flags);
	void (*global_cleanup)(void);
	CURL *(*easy_init)(void);
	void (*easy_cleanup)(CURL *curl);
	void (*easy_reset)(CURL *curl);
	CURLcode (*easy_setopt)(CURL *curl, CURLoption option, ...);
	CURLcode (*easy_getinfo)(CURL *curl, CURLINFO info, ...);
	CURLcode (*easy_perform)(CURL *curl);
	const char *(*easy_strerror)(CURLcode code);
};

/* Loads the library; it stays for the life of the program. -ENOSYS without it. */
int libcurl_load(const struct libcurl **ret, struct err *err) MUST_CHECK;

#endif

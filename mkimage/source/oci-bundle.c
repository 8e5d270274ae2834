/* Bundles of container images (oci-bundle.h): Config of the OCI Image Format Specification 1.1, config.md. */
#include "mkimage/source/oci-bundle.h"

#include <stdlib.h>
#include <string.h>

#include "lib/json.h"

#define VERSION	     "1.0.2"
#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* Appends the strings of @config's list @key to @to. */
static int add_strings(json_t *to, const json_t *config, const char *key, struct err *err)
{
	json_t *list = json_object_get(config, key), *item;
	size_t i;

	if (list == NULL || json_is_null(list))
		return 0;
	if (!json_is_array(list))
		return err_fail(err, -EBADMSG, "config.config.%s is not a list", key);
	json_array_foreach(list, i, item)
	{
		if (!json_is_string(item))
			return err_fail(
				err, -EBADMSG, "config.config.%s[%zu] is not a string", key, i);
		if (json_array_append(to, item) != 0)
			return err_fail(err, -ENOMEM, "out of memory");
	}
	return 0;
}

/* "", "UID" or "UID:GID". */
static int read_user(const json_t *config, uint32_t *ret_uid, uint32_t *ret_gid, struct err *err)
{
	const char *text = json_string_value(json_object_get(config, "User"));
	uint32_t *slots[] = {ret_uid, ret_gid};
	const char *at = text;

	for (size_t i = 0; i < 2 && at != NULL && *at != '\0'; i++) {
		size_t n = strspn(at, "0123456789");

		if (n == 0 || n > 9 || (at[n] != '\0' && (at[n] != ':' || i == 1)))
			return err_fail(err, -ENOTSUP,
				"config.config.User \"%.40s\": only numbers are known", text);
		*slots[i] = (uint32_t)strtoul(at, NULL, 10);
		at += n + (at[n] == ':');
	}
	return 0;
}

int oci_bundle_config(const json_t *image, struct buf *ret, struct err *err)
{
	const json_t *config = json_object_get(image, "config");
	const char *cwd = json_string_value(json_object_get(config, "WorkingDir"));
	JSON_AUTO *args = json_array();
	JSON_AUTO *env = json_array();
	JSON_AUTO *doc = NULL;
	uint32_t uid = 0, gid = 0;
	int rc = args != NULL && env != NULL ? add_strings(args, config, "Entrypoint", err)
					     : err_fail(err, -ENOMEM, "out of memory");

	if (rc == 0)
		rc = add_strings(args, config, "Cmd", err);
	if (rc == 0)
		rc = add_strings(env, config, "Env", err);
	if (rc == 0)
		rc = read_user(config, &uid, &gid, err);
	if (rc == 0 && json_array_size(args) == 0)
		rc = err_fail(err, -EBADMSG, "the image has neither Entrypoint nor Cmd");
	if (rc != 0)
		return rc;
	if (json_array_size(env) == 0 && json_array_append_new(env, json_string(DEFAULT_PATH)) != 0)
		return err_fail(err, -ENOMEM, "out of memory");
	doc = json_pack("{s:s, s:{s:b, s:{s:I, s:I}, s:O, s:O, s:s}, s:{s:s, s:b}}", "ociVersion",
		VERSION, "process", "terminal", 0, "user", "uid", (json_int_t)uid, "gid",
		(json_int_t)gid, "args", args, "env", env, "cwd",
		cwd != NULL && *cwd != '\0' ? cwd : "/", "root", "path", "rootfs", "readonly", 1);
	return json_doc_write(doc, ret, err);
}

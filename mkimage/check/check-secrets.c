/* Secrets (check-secrets.h). Each is told by a prefix and by how many characters of which kind follow, so that programs which merely
 * know the prefix pass. */
#define _GNU_SOURCE
#include "mkimage/check/check-secrets.h"

#include <stdlib.h>
#include <string.h>

#include "formats/elf.h"
#include "lib/buf.h"

#define CHUNK_BYTES    (256u << 10)
#define OVERLAP_BYTES  4608 /* longer than any secret's telling part and any path */
#define BUILD_DIR_MIN  6
#define SHADOW_PATH    "etc/shadow"
#define SHADOW_MAX     (1u << 20)
#define ALNUM	       "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define BASE64	       ALNUM "+/="
#define KEY_BLOCK      "PRIVATE KEY-----"
#define KEY_LABEL_MAX  32 /* "ENCRYPTED ", "OPENSSH ", ... */
#define KEY_BASE64_MIN 40
#define LOGIN_MIN      16

static const struct token {
	const char *what;
	const char *prefix;
	const char *alphabet;
	size_t min; /* characters of the alphabet that follow */
} tokens[] = {
	{"an AWS access key", "AKIA", "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16},
	{"a GitHub token", "ghp_", ALNUM, 36},
	{"a GitHub token", "gho_", ALNUM, 36},
	{"a GitHub token", "ghs_", ALNUM, 36},
	{"a GitHub token", "github_pat_", ALNUM "_", 60},
	{"a GitLab token", "glpat-", ALNUM "_-", 20},
	{"a Slack token", "xoxb-", ALNUM "-", 24},
	{"a Slack token", "xoxp-", ALNUM "-", 24},
	{"an age key", "AGE-SECRET-KEY-1", "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 50},
};

/* A window on a file's content. */
struct window {
	const char *at;
	size_t len;
};

static bool follows(const char *at, size_t len, const char *alphabet, size_t min)
{
	for (size_t i = 0; i < min; i++) {
		if (i >= len || at[i] == '\0' || strchr(alphabet, at[i]) == NULL)
			return false;
	}
	return true;
}

static const char *find_token(const struct window *window, const struct token *token)
{
	size_t n = strlen(token->prefix);
	const char *end = window->at + window->len;

	for (const char *at = window->at;
		(at = memmem(at, (size_t)(end - at), token->prefix, n)) != NULL; at++) {
		bool starts = at == window->at || strchr(ALNUM, at[-1]) == NULL || at[-1] == '\0';

		if (starts && follows(at + n, (size_t)(end - at) - n, token->alphabet, token->min))
			return at;
	}
	return NULL;
}

/* "-----BEGIN ... PRIVATE KEY-----", a line end, and base64 or RFC 1421 headers. */
static const char *find_key(const struct window *window)
{
	static const char begin[] = "-----BEGIN ";
	const char *end = window->at + window->len;

	for (const char *at = window->at;
		(at = memmem(at, (size_t)(end - at), begin, sizeof(begin) - 1)) != NULL; at++) {
		const char *label = at + sizeof(begin) - 1;
		size_t left = (size_t)(end - label);
		size_t span = KEY_LABEL_MAX + strlen(KEY_BLOCK);
		const char *block = memmem(
			label, left < span ? left : span, KEY_BLOCK, strlen(KEY_BLOCK));
		const char *body = block != NULL ? block + strlen(KEY_BLOCK) : end;

		while (body < end && (*body == '\r' || *body == '\n'))
			body++;
		if (block == NULL || body == block + strlen(KEY_BLOCK))
			continue;
		if (follows(body, (size_t)(end - body), BASE64, KEY_BASE64_MIN) ||
			((size_t)(end - body) > 10 && memcmp(body, "Proc-Type:", 10) == 0))
			return at;
	}
	return NULL;
}

/* "auth": "USER:PASSWORD in base64", "identitytoken": "...": what docker login and its like leave in config.json. */
static const char *find_login(const struct window *window)
{
	static const char *const keys[] = {"\"auth\"", "\"identitytoken\"", "\"registrytoken\""};
	const char *end = window->at + window->len;

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		size_t n = strlen(keys[i]);

		for (const char *at = window->at;
			(at = memmem(at, (size_t)(end - at), keys[i], n)) != NULL; at++) {
			const char *value = at + n;

			while (value < end && value[0] != '\0' &&
				strchr(" \t\r\n:", *value) != NULL)
				value++;
			if (value < end && *value == '"' &&
				follows(value + 1, (size_t)(end - value) - 1, BASE64 "-_.",
					LOGIN_MIN))
				return at;
		}
	}
	return NULL;
}

/* The path as a whole: not the beginning of a longer name. */
static const char *find_path(const struct window *window, const char *dir)
{
	const char *end = window->at + window->len;
	size_t n = strlen(dir);

	for (const char *at = window->at; (at = memmem(at, (size_t)(end - at), dir, n)) != NULL;
		at++) {
		char next = at + n < end ? at[n] : '\0';

		if (next == '/' || strchr(ALNUM "._-", next) == NULL || next == '\0')
			return at;
	}
	return NULL;
}

struct search {
	const struct tree_node *node;
	const char *path;
	const char *build_dir; /* NULL: not searched for */
	uint64_t off;	       /* of the window */
	bool is_program;       /* crypto libraries hold the keys of their self-tests */
};

static int found(const struct search *search, const char *what, const char *at,
	const struct window *window, struct err *err)
{
	const char *origin = search->node->inode->origin;

	return err_fail(err, -EKEYREJECTED, "/%s: %s at byte %llu (from %s)", search->path, what,
		(unsigned long long)(search->off + (uint64_t)(at - window->at)),
		origin[0] != '\0' ? origin : "no named source");
}

static int search_window(const struct search *search, const struct window *window, struct err *err)
{
	const char *at = search->is_program ? NULL : find_key(window);

	if (at != NULL)
		return found(search, "a private key", at, window, err);
	for (size_t i = 0; i < sizeof(tokens) / sizeof(*tokens); i++) {
		at = find_token(window, &tokens[i]);
		if (at != NULL)
			return found(search, tokens[i].what, at, window, err);
	}
	at = search->is_program ? NULL : find_login(window);
	if (at != NULL)
		return found(search, "registry credentials", at, window, err);
	at = search->build_dir != NULL ? find_path(window, search->build_dir) : NULL;
	return at != NULL ? found(search, "the path of the build", at, window, err) : 0;
}

/* Windows overlap, so that nothing is cut in two. */
static int search_file(struct search *search, char *chunk, struct err *err)
{
	const struct tree_content *content = &search->node->inode->content;
	int rc = 0;

	for (search->off = 0; rc == 0 && search->off < content->size_bytes;
		search->off += CHUNK_BYTES) {
		uint64_t left = content->size_bytes - search->off;
		size_t n = left < CHUNK_BYTES + OVERLAP_BYTES ? (size_t)left
							      : CHUNK_BYTES + OVERLAP_BYTES;
		struct window window = {.at = chunk, .len = n};

		rc = tree_read(content, search->path, chunk, n, search->off, err);
		if (rc == 0 && search->off == 0)
			search->is_program = elf_is_program(chunk, n);
		if (rc == 0)
			rc = search_window(search, &window, err);
	}
	return rc;
}

static int bad_shadow(const char *line, size_t n, struct err *err)
{
	return err_fail(err, -EKEYREJECTED, "/%s: %.*s has a password", SHADOW_PATH,
		(int)(n < 64 ? n : 64), line);
}

/* Every password is locked: "*" or "!" begins the field, or it is "x". */
static int check_shadow(const struct tree *tree, struct err *err)
{
	const struct tree_node *node = tree_resolve(tree, SHADOW_PATH);
	BUF_AUTO text = {0};
	char *dst;
	int rc;

	if (node == NULL || node->inode->type != TREE_FILE ||
		node->inode->content.size_bytes > SHADOW_MAX)
		return 0;
	dst = buf_grow(&text, (size_t)node->inode->content.size_bytes);
	rc = buf_check(&text, err);
	if (rc == 0)
		rc = tree_read(&node->inode->content, SHADOW_PATH, dst, text.len, 0, err);
	if (rc != 0)
		return rc;
	for (const char *line = buf_cstr(&text); *line != '\0'; line += *line == '\n') {
		size_t name = strcspn(line, ":\n");

		if (line[name] == ':' && strchr("*!x", line[name + 1]) == NULL)
			return bad_shadow(line, name, err);
		line += strcspn(line, "\n");
	}
	return 0;
}

int check_secrets(const struct tree *tree, const char *build_dir, struct err *err)
{
	AUTO_FREE char *chunk = malloc(CHUNK_BYTES + OVERLAP_BYTES);
	char path[TREE_PATH_MAX + 1];
	struct search search = {.path = path};
	int rc = chunk != NULL ? check_shadow(tree, err) : err_fail(err, -ENOMEM, "out of memory");

	if (build_dir != NULL && strlen(build_dir) >= BUILD_DIR_MIN &&
		strlen(build_dir) < OVERLAP_BYTES)
		search.build_dir = build_dir;
	tree_for_each (tree, node) {
		search.node = node;
		tree_path(node, path);
		if (rc == 0 && node->inode->type == TREE_FILE)
			rc = search_file(&search, chunk, err);
	}
	return rc;
}

/*
 * The kernel command lines that Kata's runtimes hand to QEMU, byte for byte: built from a version's parts
 * (profile-kata.h) and a configuration, and checked for what a measured guest should not have on them.
 */
#ifndef MEASURE_KATA_CMDLINE_H
#define MEASURE_KATA_CMDLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "measure/kata/profile-kata.h"

/* COMMAND_LINE_SIZE of x86 is 2048, the NUL included. */
#define CMDLINE_MAX 2047

/* The largest runtime configuration that is read. */
#define CMDLINE_CONFIG_MAX (1u << 20)

#define CMDLINE_VCPUS_MAX 4096

struct cmdline_request {
	const char *version; /* "3.30.0" */
	enum kata_runtime runtime;
	const struct kata_config *config;
	uint32_t vcpus;		/* that the guest boots with, cmdline_vcpus() */
	const char *annotation; /* the pod's kernel_params annotation; NULL: none */
	bool fips;		/* the host runs in FIPS mode */
};

/* Appends the command line, without NUL or newline. -EINVAL for knobs that contradict one another, -ENOTSUP for what
 * this version cannot do or does not do the same way twice, -EBADMSG for a line that the kernel would cut. */
int cmdline_kata(
	const struct cmdline_request *request, struct buf *ret, struct err *err) MUST_CHECK;

/* Sets the knobs that a runtime's TOML file has; the others keep their values. @what names the file in errors. A knob
 * that @version does not know yet is refused: file and version do not belong together. */
int cmdline_config_read(const void *text, size_t len, const char *what, enum kata_runtime runtime,
	size_t version, struct kata_config *config, struct err *err) MUST_CHECK;

/* Sets the verity parameters of the extension @name, which is added when it is not there. */
int cmdline_config_extension(struct kata_config *config, const char *name, size_t name_len,
	const char *verity_params, struct err *err) MUST_CHECK;

/* Changes the knobs as kata-deploy does: proxies (NULL: none), and its debug mode. */
int cmdline_config_deploy(struct kata_config *config, const char *https_proxy, const char *no_proxy,
	bool debug, struct err *err) MUST_CHECK;

/* What a pod asks for: the sums over its containers; a container without a limit adds nothing. */
struct cmdline_limits {
	uint64_t milli_cpus;
	uint64_t memory_bytes;
};

/* Reads a CPU quantity as Kubernetes writes it, "500m" or "1.5", into thousandths; false for anything else. */
bool cmdline_cpu_parse(const char *text, uint64_t *ret_milli);

/* Reads a memory quantity, "512Mi" or "1G", into bytes; false for anything else. */
bool cmdline_memory_parse(const char *text, uint64_t *ret_bytes);

/* The vCPUs that a pod with these limits boots with. */
int cmdline_vcpus(enum kata_runtime runtime, size_t version, const struct kata_config *config,
	const struct cmdline_limits *limits, uint32_t *ret, struct err *err) MUST_CHECK;

/* What cmdline_lint found. */
struct cmdline_finding {
	bool error; /* else a warning */
	char text[160];
};

#define CMDLINE_FINDINGS_MAX 64

struct cmdline_findings {
	struct cmdline_finding items[CMDLINE_FINDINGS_MAX];
	size_t count;
};

#define CMDLINE_LINT_LOCKED (1u << 0) /* of a release image: no debug console, no developer mode */
#define CMDLINE_LINT_INITRD (1u << 1) /* the root is an initrd, which is measured as a whole */

/* Lists what a measured guest should not have on its command line @line (any guest's, not only Kata's). */
void cmdline_lint(const char *line, unsigned flags, struct cmdline_findings *ret);

#endif

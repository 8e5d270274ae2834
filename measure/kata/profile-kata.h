/*
 * What Kata Containers' two runtimes put on a guest's kernel command line, version by version, as data: the parts of
 * the line in their order, the configuration knobs that reach them, the configurations that Kata ships for
 * confidential guests, and how many vCPUs a pod boots with.
 *
 * Read from kata-containers at its release tags (the file is beside each table in profile-kata.c): src/runtime for the
 * Go runtime, src/runtime-rs and src/libs/kata-types for the Rust one. x86-64, QEMU.
 */
#ifndef MEASURE_KATA_PROFILE_KATA_H
#define MEASURE_KATA_PROFILE_KATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

enum kata_runtime {
	KATA_GO,
	KATA_RUST,
	KATA_RUNTIMES,
};

/* The runtime classes whose shipped configuration is known. */
enum kata_class {
	KATA_SNP,
	KATA_TDX,
	KATA_COCO_DEV, /* no TEE */
	KATA_CLASSES,
};

/* Releases in order; a version is an index into them. */
extern const char *const kata_versions[];
extern const size_t kata_version_count;

/* The index of the release @text, "3.30.0"; -ENOTSUP, naming the nearest known ones, when it is not known. */
int kata_version_find(const char *text, size_t *ret, struct err *err) MUST_CHECK;

const char *kata_runtime_name(enum kata_runtime runtime); /* "go", "rust" */
const char *kata_class_name(enum kata_class class);	  /* "qemu-snp", ... */

struct kata_extension {
	char *name;
	char *verity_params; /* "" for an unmeasured one; NULL: still to be given */
};

/* An entry of the Rust runtime's [agent.kata.mem_agent]: the parameter's name after "agent.mem_agent_", its value. */
struct kata_mem_agent {
	const char *name; /* static */
	char value[24];
};

#define KATA_EXTENSIONS_MAX 16
#define KATA_MEM_AGENT_MAX  16

/* The knobs of a runtime configuration that reach the command line or the number of vCPUs. Strings are owned. */
struct kata_config {
	char *image, *initrd; /* paths, "" or NULL when not booted from */
	char *rootfs_type;    /* NULL: ext4 */
	char *kernel_params;
	char *verity_params;
	char *vm_rootfs_driver;	   /* Rust */
	char *block_device_driver; /* Go */
	bool confidential;
	bool debug;
	bool iommu;
	bool legacy_serial;	   /* Go */
	bool disable_image_nvdimm; /* Go */
	bool disable_guest_selinux;
	bool agent_debug;
	bool agent_trace;
	bool debug_console;
	bool visible_cdi_devices;
	bool static_sizing;
	bool mem_agent_enable;	      /* Rust */
	uint32_t container_pipe_size; /* Rust */
	uint32_t cdh_api_timeout;     /* seconds; Go */
	uint32_t cdh_api_timeout_ms;  /* Rust */
	uint32_t launch_process_timeout;
	uint32_t default_maxvcpus;
	float default_vcpus; /* the runtimes compute in single precision, and so must we */
	float overhead_vcpus;
	struct kata_extension extensions[KATA_EXTENSIONS_MAX];
	size_t extension_count;
	struct kata_mem_agent mem_agent[KATA_MEM_AGENT_MAX]; /* sorted by name */
	size_t mem_agent_count;
};

/* Conditions of a part; each is a bit. */
enum kata_when {
	KATA_WHEN_IMAGE = 1 << 0,
	KATA_WHEN_DEBUG = 1 << 1,
	KATA_WHEN_LEGACY_SERIAL = 1 << 2,
	KATA_WHEN_IOMMU = 1 << 3,
	KATA_WHEN_NO_SELINUX = 1 << 4,
	KATA_WHEN_SCSI = 1 << 5,
	KATA_WHEN_AGENT_DEBUG = 1 << 6,
	KATA_WHEN_AGENT_TRACE = 1 << 7,
	KATA_WHEN_DEBUG_CONSOLE = 1 << 8,
	KATA_WHEN_CDI = 1 << 9,
	KATA_WHEN_CONFIDENTIAL = 1 << 10,
	KATA_WHEN_MEM_AGENT = 1 << 11,
	KATA_WHEN_FIPS = 1 << 12,
};

/* What a part puts on the line. */
enum kata_value {
	KATA_TEXT,	   /* the text itself */
	KATA_ROOT,	   /* the root device: dm-mod.create, root, rootflags, rootfstype */
	KATA_NR_CPUS,	   /* text=<maximum vCPUs> */
	KATA_NUMBER,	   /* text=<the uint32_t at @at>, unless it is 0 */
	KATA_MILLISECONDS, /* the same, in seconds */
	KATA_MEM_AGENT,	   /* the entries of mem_agent */
	KATA_USER,	   /* the configuration's kernel_params */
	KATA_USER_REPLACED, /* kernel_params after the annotation replaced in it what has the same key */
	KATA_EXTENSIONS,
	KATA_ANNOTATED,	 /* from here on, the kernel_params annotation replaces parameters ... */
	KATA_ANNOTATION, /* ... and here it is put */
};

struct kata_part {
	enum kata_value value;
	const char *text;
	size_t at;		   /* in struct kata_config */
	unsigned when, unless;	   /* all of, none of */
	const char *since, *until; /* releases: from, before; NULL: no bound */
};

/* The parts of a runtime's line; ends with a part whose text is NULL and whose value is KATA_TEXT. */
const struct kata_part *kata_parts(enum kata_runtime runtime);

/* Whether @version lies in [@since, @until). */
bool kata_in_range(size_t version, const char *since, const char *until);

enum kata_feature {
	KATA_HAS_VERITY_PARAMS,
	KATA_HAS_QUOTES,       /* kernel_params may hold quoted spaces */
	KATA_HAS_STABLE_ORDER, /* agent parameters come out in the same order every time */
	KATA_HAS_EXTENSIONS,
};

bool kata_has(enum kata_runtime runtime, size_t version, enum kata_feature feature);

/* Where a knob stands in the runtime's TOML file. */
enum kata_section {
	KATA_HYPERVISOR, /* [hypervisor.qemu] */
	KATA_AGENT,	 /* [agent.kata] */
	KATA_RUNTIME,	 /* [runtime] */
	KATA_MEMORY,	 /* [agent.kata.mem_agent]; @key is also the parameter's name */
};

enum kata_type {
	KATA_BOOL,
	KATA_STRING,
	KATA_U32,
	KATA_REAL,
	KATA_EXTENSION_LIST,
	KATA_ITEM, /* of mem_agent: a whole number or a boolean */
};

struct kata_knob {
	enum kata_section section;
	const char *key;
	enum kata_type type;
	size_t at;
	unsigned runtimes;    /* 1 << KATA_GO | 1 << KATA_RUST */
	const char *since[2]; /* per runtime; NULL: always known */
};

extern const struct kata_knob kata_knobs[]; /* ends with a NULL key */

/* What a runtime assumes for a knob that its TOML file does not have. */
int kata_config_missing(enum kata_runtime runtime, size_t version, struct kata_config *ret,
	struct err *err) MUST_CHECK;

/* The configuration that Kata ships for @class. The measured parameters are the caller's to add: verity_params and, for
 * the Rust runtime from 4.0.0 on, those of the extension "coco", which is there without them. */
int kata_config_shipped(enum kata_runtime runtime, size_t version, enum kata_class class,
	struct kata_config *ret, struct err *err) MUST_CHECK;

void kata_config_done(struct kata_config *config);
#define KATA_CONFIG_AUTO __attribute__((cleanup(kata_config_done))) struct kata_config

/* How the boot vCPUs of a statically sized pod follow from its limits. */
enum kata_sizing {
	KATA_SIZE_ADD,	   /* ceil(default_vcpus + limits) */
	KATA_SIZE_DEFAULT, /* ceil(default_vcpus), whatever the limits */
	KATA_SIZE_OVERHEAD, /* with a CPU or memory limit ceil(max(1, overhead_vcpus + limits)), else ceil(default_vcpus) */
};

enum kata_sizing kata_sizing(enum kata_runtime runtime, size_t version);

/* What a release changed on the line, for `assay cmdline --list`; ends with a NULL version. */
struct kata_change {
	const char *version;
	unsigned runtimes;
	const char *text;
};

extern const struct kata_change kata_changes[];

#endif

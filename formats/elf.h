/*
 * What a dynamic linker reads of an ELF program or shared library (System V ABI, "Object Files" and "Program Loading and
 * Dynamic Linking"; symbol versions as in the Linux Standard Base 5.0, "Symbol Versioning"): ELF64, little-endian, x86-64. Works
 * from program headers alone: sections may be stripped.
 */
#ifndef FORMATS_ELF_H
#define FORMATS_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/rd.h"

#define ELF_PHDRS_MAX	 256
#define ELF_DYNAMIC_MAX	 4096 /* entries */
#define ELF_VERSIONS_MAX 65536

/* Tags of dynamic entries. */
#define ELF_DT_NEEDED  1
#define ELF_DT_SONAME  14
#define ELF_DT_RPATH   15
#define ELF_DT_RUNPATH 29

struct elf {
	struct rd rd;	    /* the file, borrowed */
	const char *interp; /* borrowed; NULL when it has none */
	bool is_dynamic;
	struct rd dynamic; /* its entries, 16 bytes each */
	struct rd strings; /* the dynamic string table */
	uint64_t need_off, def_off;
	uint64_t need_count, def_count; /* of version needs and definitions */
};

/* True for an ELF64 x86-64 executable or shared object. */
bool elf_is_program(const void *bytes, size_t len);

/* Reads the headers of such a file. -EBADMSG without the file's name for malformed ones. */
int elf_open(const void *bytes, size_t len, struct elf *ret, struct err *err) MUST_CHECK;

/* The string of the @i-th entry with @tag, borrowed; NULL when there are no more. */
const char *elf_string(const struct elf *elf, uint64_t tag, size_t i);

/* Sees a version that is needed of the library @file (weak: may be missing), or one that is defined (@file NULL). A positive
 * return ends the walk and is its result. */
typedef int elf_version_fn(
	void *arg, const char *file, const char *version, bool weak, struct err *err);

int elf_needs(const struct elf *elf, elf_version_fn *fn, void *arg, struct err *err) MUST_CHECK;
int elf_definitions(
	const struct elf *elf, elf_version_fn *fn, void *arg, struct err *err) MUST_CHECK;

#endif

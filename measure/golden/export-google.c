/*
 * Validation policies of Google's attestation libraries as textproto: check.Config of go-sev-guest (proto/check.proto) and
 * checkconfig.Config of go-tdx-guest (proto/checkconfig.proto). One measurement is one file.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measure/golden/export.h"

/* Bytes as the text format takes them in every implementation: octal escapes. */
static void put_bytes(struct buf *out, const char *indent, const char *name,
	const unsigned char *bytes, size_t size)
{
	buf_fmt(out, "%s%s: \"", indent, name);
	for (size_t i = 0; i < size; i++)
		buf_fmt(out, "\\%03o", bytes[i]);
	buf_str(out, "\"\n");
}

static struct buf *open_file(
	struct golden_outputs *ret, const struct golden_entry *entry, struct err *err)
{
	char *name = NULL;
	struct buf *out;

	if (asprintf(&name, "%s.textproto", entry->name) < 0) {
		(void)!err_fail(err, -ENOMEM, "out of memory");
		return NULL;
	}
	out = export_file(ret, name, err);
	free(name);
	return out;
}

static int put_snp(const struct export_request *request, const struct golden_entry *entry,
	struct golden_outputs *ret, struct err *err)
{
	const struct golden_platform *platform = &request->doc->platform;
	struct buf *out = open_file(ret, entry, err);

	if (out == NULL)
		return -ENOMEM;
	buf_fmt(out, "# proto-file: proto/check.proto\n# proto-message: check.Config\n");
	if (platform->product != NULL)
		buf_fmt(out, "root_of_trust {\n  product_line: \"%s\"\n}\n", platform->product);
	buf_fmt(out, "policy {\n  policy: %llu\n  vmpl {\n    value: %llu\n  }\n",
		(unsigned long long)entry->guest_policy, (unsigned long long)entry->vmpl);
	if (platform->has_tcb)
		buf_fmt(out, "  minimum_tcb: %llu\n",
			(unsigned long long)((uint64_t)platform->microcode << 56 |
					     (uint64_t)platform->snp << 48 |
					     (uint64_t)platform->tee << 8 | platform->bootloader));
	else
		buf_str(out, "  # GAP: minimum_tcb\n");
	put_bytes(out, "  ", "measurement", entry->launch_digest, SHA384_SIZE);
	if (entry->anchor.has)
		put_bytes(out, "  ", "host_data", entry->anchor.bytes, SHA256_SIZE);
	buf_str(out, "}\n");
	return buf_check(out, err);
}

int export_go_sev_guest(
	const struct export_request *request, struct golden_outputs *ret, struct err *err)
{
	int rc = 0;

	if (request->doc->platform.product == NULL)
		warn_add(request->gaps,
			"platform.snp.product: not given, so the library assumes Milan");
	if (!request->doc->platform.has_tcb)
		warn_add(request->gaps, "platform.snp.min_tcb: not given, so any TCB passes");
	for (size_t i = 0; rc == 0 && i < request->doc->count; i++) {
		const struct golden_entry *entry = &request->doc->entries[i];

		if (entry->tee == GOLDEN_SNP && export_wants(request, entry))
			rc = put_snp(request, entry, ret, err);
	}
	return rc;
}

/* TD attributes: DEBUG is bit 0, SEPT_VE_DISABLE bit 28, MIGRATABLE bit 29 (TDX module ABI, TD attributes). */
static void put_attributes(struct buf *out, const struct golden_entry *entry)
{
	uint64_t value = (uint64_t)entry->debug | (uint64_t)entry->sept_ve_disable << 28 |
			 (uint64_t)entry->migratable << 29;
	unsigned char bytes[8];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(value >> (8 * i));
	put_bytes(out, "    ", "td_attributes", bytes, sizeof(bytes));
}

/* The library wants all four RTMRs or none: an empty one is not checked. */
static void put_rtmrs(struct buf *out, const struct golden_entry *entry)
{
	for (int i = 0; i < GOLDEN_RTMRS; i++)
		put_bytes(out, "    ", "rtmrs", entry->rtmr[i].bytes,
			entry->rtmr[i].has ? SHA384_SIZE : 0);
}

static int put_tdx(const struct export_request *request, const struct golden_entry *entry,
	struct golden_outputs *ret, struct err *err)
{
	const struct golden_platform *platform = &request->doc->platform;
	struct buf *out = open_file(ret, entry, err);

	if (out == NULL)
		return -ENOMEM;
	buf_str(out, "# proto-file: proto/checkconfig.proto\n# proto-message: checkconfig.Config\n"
		     "policy {\n  td_quote_body_policy {\n");
	if (platform->mrseam.has)
		put_bytes(out, "    ", "mr_seam", platform->mrseam.bytes, SHA384_SIZE);
	else
		buf_str(out, "    # GAP: mr_seam\n");
	put_attributes(out, entry);
	if (platform->has_xfam)
		put_bytes(out, "    ", "xfam", platform->xfam, sizeof(platform->xfam));
	else
		buf_str(out, "    # GAP: xfam\n");
	put_bytes(out, "    ", "mr_td", entry->mrtd, SHA384_SIZE);
	if (entry->anchor.has)
		put_bytes(out, "    ", "mr_config_id", entry->anchor.bytes, SHA384_SIZE);
	put_rtmrs(out, entry);
	buf_str(out, "  }\n}\n");
	return buf_check(out, err);
}

int export_go_tdx_guest(
	const struct export_request *request, struct golden_outputs *ret, struct err *err)
{
	int rc = 0;

	if (!request->doc->platform.mrseam.has)
		warn_add(request->gaps, "platform.tdx.mrseam: not given, so any TDX module passes");
	if (!request->doc->platform.has_xfam)
		warn_add(request->gaps, "platform.tdx.xfam: not given, so it is not checked");
	for (size_t i = 0; rc == 0 && i < request->doc->count; i++) {
		const struct golden_entry *entry = &request->doc->entries[i];

		if (entry->tee == GOLDEN_TDX && export_wants(request, entry))
			rc = put_tdx(request, entry, ret, err);
	}
	return rc;
}

/* assay inspect: what a firmware image says about itself, as text or as the metadata document of `measure snp`. */
#include <string.h>

#include "cli/cli.h"
#include "lib/hex.h"
#include "lib/json.h"
#include "lib/opt.h"
#include "measure/cmd.h"
#include "measure/profile-firmware.h"
#include "measure/snp-meta.h"

static void add_facts(struct buf *to, const struct snp_image *image)
{
	const struct snp_facts *facts = &image->facts;

	buf_fmt(to, "reset_eip 0x%x\n", facts->reset_eip);
	if (facts->hash_table_gpa != 0)
		buf_fmt(to, "hash_table_gpa 0x%x size 0x%x\n", facts->hash_table_gpa,
			facts->hash_table_size);
	for (size_t i = 0; i < facts->meta.count; i++) {
		const struct sevmeta_section *section = &facts->meta.sections[i];

		buf_fmt(to, "section 0x%08x size 0x%x type 0x%x %s\n", section->gpa,
			section->size_bytes, section->type, sevmeta_type_name(section->type));
	}
}

static void make_text(struct buf *to, const struct snp_image *image)
{
	const char *build = firmware_known(image->sha256);
	char hex[2 * SHA384_SIZE + 1];

	hex_encode(image->sha256, SHA256_SIZE, hex);
	buf_fmt(to, "size_bytes %llu\nsha256 %s\n", (unsigned long long)image->size_bytes, hex);
	if (build != NULL)
		buf_fmt(to, "build %s\n", build);
	hex_encode(image->seed, SHA384_SIZE, hex);
	buf_fmt(to, "launch_digest %s\n", hex);
	add_facts(to, image);
}

static int inspect(
	void *options, char **args, size_t count, struct cli_result *ret, struct err *err)
{
	const char *path = args[0];
	bool json;
	SNP_IMAGE_AUTO image = {.from_file = false};
	JSON_AUTO *doc = NULL;
	int rc = cli_format(*(const char **)options, &json, err);

	(void)count;
	if (rc == 0)
		rc = snp_image_read(path, &image, err);
	if (rc != 0)
		return rc;
	rc = snp_meta_json(&image, &doc, err);
	if (rc != 0)
		return err_wrap(err, "%s", path);
	if (json)
		return json_doc_write(doc, &ret->text, err);
	make_text(&ret->text, &image);
	return 0;
}

int cmd_inspect(int argc, char **argv)
{
	const char *format = NULL;
	const struct opt opts[] = {
		{"format", 0, OPT_STR, &format, "text|json", "of the output; text unless given"},
		OPT_END,
	};
	const struct opt_verb verb = {
		.usage = "inspect FIRMWARE [--format json]",
		.summary = "Shows what an SNP launch digest needs to know of a firmware; as JSON, "
			   "what `measure snp --firmware-meta` takes.",
		.opts = opts,
		.args_min = 1,
		.args_max = 1,
	};

	return cli_run(&verb, argc, argv, inspect, &format);
}

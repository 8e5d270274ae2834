/* What one event of a log says (replay-event.h). Layouts: TCG PC Client Platform Firmware Profile
 * 1.06, section 10. */
#include "measure/evidence/replay-event.h"

#include <inttypes.h>
#include <string.h>

#include "formats/devpath.h"
#include "lib/guid.h"
#include "lib/rd.h"

#define TAG_LINUX_INITRD  0x8f3b22ecu /* Linux drivers/firmware/efi/libstub/efistub.h */
#define TAG_LINUX_OPTIONS 0x8f3b22edu
#define TAG_AAEL	  0x4141454cu
#define TEXT_MAX	  200
#define GPT_HEADER	  92
#define GPT_ENTRY	  128

/* A range of the event's data and what it means when the digest is that of this range. */
struct claim {
	size_t offset, size_bytes;
	enum replay_bound bound;
};

#define CLAIMS_MAX 4

struct reading {
	const struct tcglog_event *event;
	struct buf *what;
	struct claim claims[CLAIMS_MAX];
	size_t claim_count;
};

static void add_claim(
	struct reading *reading, size_t offset, size_t size_bytes, enum replay_bound bound)
{
	reading->claims[reading->claim_count++] = (struct claim){offset, size_bytes, bound};
}

/* Printable ASCII up to a NUL, others as '?'. */
static void put_text(struct buf *what, const unsigned char *text, size_t n)
{
	for (size_t i = 0; i < n && text[i] != '\0'; i++) {
		if (i == TEXT_MAX) {
			buf_str(what, "...");
			return;
		}
		buf_fmt(what, "%c", text[i] >= 0x20 && text[i] < 0x7f ? text[i] : '?');
	}
}

static void put_guid(struct buf *what, struct rd *rd)
{
	struct guid guid;
	char text[GUID_TEXT_MAX];

	rd_copy(rd, guid.bytes, GUID_SIZE);
	guid_format(&guid, text);
	buf_str(what, text);
}

static void put_utf16(struct buf *what, struct rd *rd, uint64_t characters)
{
	for (uint64_t i = 0; i < characters && i < TEXT_MAX && rd_left(rd) >= 2; i++) {
		uint16_t c = rd_le16(rd);

		buf_fmt(what, "%c", c >= 0x20 && c < 0x7f ? (char)c : '?');
	}
}

static void read_separator(struct reading *reading, struct rd *rd)
{
	uint32_t value = rd_le32(rd);

	if (rd->bad || reading->event->size_bytes != 4)
		buf_str(reading->what, "separator of an unknown form");
	else
		buf_fmt(reading->what, value == 0 ? "separator" : "separator, error 0x%" PRIx32,
			value);
}

static void read_text(struct reading *reading, struct rd *rd)
{
	put_text(reading->what, rd->base, rd->len);
}

/* UEFI_VARIABLE_DATA. The digest covers all of it, or (boot variables of edk2) its data alone. */
static void read_variable(struct reading *reading, struct rd *rd)
{
	uint64_t characters, size;
	BUF_AUTO vendor = {0};

	put_guid(&vendor, rd);
	characters = rd_le64(rd);
	size = rd_le64(rd);
	if (rd->bad || characters > rd_left(rd) / 2 || size != rd_left(rd) - 2 * characters) {
		buf_str(reading->what, "variable of an unknown form");
	} else {
		buf_str(reading->what, "variable ");
		put_utf16(reading->what, rd, characters);
		buf_fmt(reading->what, ", %" PRIu64 " bytes, vendor %s", size, buf_cstr(&vendor));
		add_claim(reading, reading->event->size_bytes - (size_t)size, (size_t)size,
			REPLAY_PART);
	}
}

/* UEFI_IMAGE_LOAD_EVENT: the digest is the image's Authenticode, which is not in the log. */
static void read_image(struct reading *reading, struct rd *rd)
{
	uint64_t size, path_size;

	rd_skip(rd, 8);
	size = rd_le64(rd);
	rd_skip(rd, 8);
	path_size = rd_le64(rd);
	buf_fmt(reading->what, "image of %" PRIu64 " bytes from ", size);
	if (rd->bad || path_size != rd_left(rd))
		buf_str(reading->what, "an unknown place");
	else if (path_size == 0)
		buf_str(reading->what, "memory");
	else
		devpath_text(rd->base + rd->pos, rd_left(rd), reading->what);
}

/* UEFI_GPT_DATA: header, number of entries, the used entries. */
static void read_gpt(struct reading *reading, struct rd *rd)
{
	uint64_t count;

	rd_skip(rd, 56);
	buf_str(reading->what, "GPT of disk ");
	put_guid(reading->what, rd);
	rd_seek(rd, GPT_HEADER);
	count = rd_le64(rd);
	if (rd->bad || count != rd_left(rd) / GPT_ENTRY || rd_left(rd) % GPT_ENTRY != 0) {
		buf_str(reading->what, " (damaged)");
		return;
	}
	for (uint64_t i = 0; i < count; i++) {
		struct rd entry = rd_at(rd, rd->pos + i * GPT_ENTRY, GPT_ENTRY);
		uint64_t first, last;

		rd_skip(&entry, 2 * GUID_SIZE);
		first = rd_le64(&entry);
		last = rd_le64(&entry);
		buf_fmt(reading->what, "%s %" PRIu64 "-%" PRIu64, i == 0 ? ", partitions" : ",",
			first, last);
	}
}

/* UEFI_PLATFORM_FIRMWARE_BLOB2, UEFI_HANDOFF_TABLE_POINTERS2: u8 length and text, then pointers. */
static void read_named(struct reading *reading, struct rd *rd)
{
	size_t n = rd_u8(rd);
	const unsigned char *text = rd_bytes(rd, n);

	if (text != NULL)
		put_text(reading->what, text, n);
	else
		buf_str(reading->what, "blob of an unknown form");
}

static void read_firmware_blob(struct reading *reading, struct rd *rd)
{
	uint64_t base = rd_le64(rd);
	uint64_t size = rd_le64(rd);

	buf_fmt(reading->what, "firmware at 0x%" PRIx64 ", %" PRIu64 " bytes", base, size);
}

/* PCClientTaggedEvent: u32 tag, u32 size, data. */
static void read_tagged(struct reading *reading, struct rd *rd)
{
	uint32_t tag = rd_le32(rd);
	uint32_t size = rd_le32(rd);

	if (rd->bad || size != rd_left(rd)) {
		buf_str(reading->what, "tagged event of an unknown form");
		return;
	}
	if (tag == TAG_LINUX_INITRD || tag == TAG_LINUX_OPTIONS)
		buf_str(reading->what, "Linux EFI stub: ");
	else if (tag == TAG_AAEL)
		buf_str(reading->what, "AAEL: ");
	else
		buf_fmt(reading->what, "tag 0x%" PRIx32 ": ", tag);
	put_text(reading->what, rd->base + rd->pos, size);
}

/* td-shim: 16 bytes of name, u32 size, data. */
static void read_config(struct reading *reading, struct rd *rd)
{
	read_text(reading, rd);
	if (rd->len <= 20)
		return;
	rd_skip(rd, 16);
	if (rd_le32(rd) != rd_left(rd))
		return;
	if (rd->base[20] >= 0x20 && rd->base[20] < 0x7f) {
		buf_str(reading->what, ": ");
		put_text(reading->what, rd->base + 20, rd->len - 20);
	}
	add_claim(reading, 20, rd->len - 20, REPLAY_PART);
}

/* GRUB, systemd-boot and shim. GRUB hashes what follows its prefix, without the NUL that the log
 * has. */
static void read_ipl(struct reading *reading, struct rd *rd)
{
	static const char *const prefixes[] = {"grub_cmd: ", "grub_cmd ",
		"kernel_cmdline: ", "grub_kernel_cmdline ", "module_cmdline: "};
	const unsigned char *nul = memchr(rd->base, '\0', rd->len);
	size_t length = nul != NULL ? (size_t)(nul - rd->base) : rd->len;

	/* systemd-stub writes UTF-16. */
	if (length == 1 && rd->len > 3 && rd->len % 2 == 0)
		put_utf16(reading->what, rd, rd->len / 2 - 1);
	else
		put_text(reading->what, rd->base, rd->len);
	if (length > 0)
		add_claim(reading, 0, length, length + 1 >= rd->len ? REPLAY_BOUND : REPLAY_PART);
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		size_t n = strlen(prefixes[i]);

		if (length < n || memcmp(rd->base, prefixes[i], n) != 0)
			continue;
		add_claim(reading, n, length - n, REPLAY_PART);
		if (length < rd->len) /* Anolis GRUB hashes the NUL too */
			add_claim(reading, n, length - n + 1, REPLAY_PART);
		return;
	}
}

static void read_no_action(struct reading *reading, struct rd *rd)
{
	size_t n = rd->len < 16 ? rd->len : 16;

	put_text(reading->what, rd->base, n);
}

static const struct {
	uint32_t type;
	void (*read)(struct reading *reading, struct rd *rd);
} readers[] = {
	{TCGLOG_EV_NO_ACTION, read_no_action},
	{TCGLOG_EV_SEPARATOR, read_separator},
	{TCGLOG_EV_EVENT_TAG, read_tagged},
	{TCGLOG_EV_PLATFORM_CONFIG, read_config},
	{TCGLOG_EV_IPL, read_ipl},
	{TCGLOG_EV_POST_CODE, read_text},
	{TCGLOG_EV_VARIABLE_CONFIG, read_variable},
	{TCGLOG_EV_VARIABLE_BOOT, read_variable},
	{TCGLOG_EV_VARIABLE_BOOT2, read_variable},
	{TCGLOG_EV_VARIABLE_AUTHORITY, read_variable},
	{TCGLOG_EV_BOOT_APPLICATION, read_image},
	{TCGLOG_EV_BOOT_DRIVER, read_image},
	{TCGLOG_EV_RUNTIME_DRIVER, read_image},
	{TCGLOG_EV_GPT, read_gpt},
	{TCGLOG_EV_ACTION, read_text},
	{TCGLOG_EV_FIRMWARE_BLOB, read_firmware_blob},
	{TCGLOG_EV_FIRMWARE_BLOB2, read_named},
	{TCGLOG_EV_HANDOFF_TABLES2, read_named},
};

/* The strongest claim that the digest bears out. */
static int check_claims(const struct reading *reading, enum digest_alg alg,
	const unsigned char *digest, enum replay_bound *ret, struct err *err)
{
	enum replay_bound bound = REPLAY_UNBOUND;

	for (size_t i = 0; i < reading->claim_count && bound == REPLAY_UNBOUND; i++) {
		const struct claim *claim = &reading->claims[i];
		unsigned char got[DIGEST_MAX];
		int rc = digest_bytes(
			alg, reading->event->data + claim->offset, claim->size_bytes, got, err);

		if (rc != 0)
			return rc;
		if (memcmp(got, digest, digest_size(alg)) == 0)
			bound = claim->bound;
	}
	*ret = bound;
	return 0;
}

int replay_describe(const struct tcglog_event *event, enum digest_alg alg,
	const unsigned char *digest, struct buf *what, enum replay_bound *ret_bound,
	struct err *err)
{
	static const unsigned char nothing[1];
	struct reading reading = {.event = event, .what = what};
	struct tcglog_event copy = *event;
	struct rd rd;

	if (copy.data == NULL)
		copy.data = nothing;
	reading.event = &copy;
	rd = rd_init(copy.data, copy.size_bytes);
	if (copy.size_bytes > 0)
		add_claim(&reading, 0, copy.size_bytes, REPLAY_BOUND);
	for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++)
		if (readers[i].type == event->type) {
			readers[i].read(&reading, &rd);
			break;
		}
	if (event->type == TCGLOG_EV_NO_ACTION) {
		*ret_bound = REPLAY_LOGGED;
		return buf_check(what, err);
	}
	if (buf_check(what, err) != 0)
		return err->code;
	return check_claims(&reading, alg, digest, ret_bound, err);
}

/* Event logs and their replay: synthetic logs, every refusal, and published logs whose registers
 * are known. */
#include "formats/tcglog.h"

#include "lib/hex.h"
#include "lib/io.h"
#include "measure/evidence/replay.h"
#include "tests/tap.h"
#include "tests/unit/tcglog-image.h"

static int replay_of(const struct buf *log, enum replay_kind kind, const char *bank,
	struct replay *ret, struct err *err)
{
	return replay_log(log->data, log->len, kind, bank, "log", ret, err);
}

static void test_good(void)
{
	BUF_AUTO log = {0};
	REPLAY_AUTO_FREE replay = {.events = NULL};
	struct err err = {0};
	unsigned char want[SHA384_SIZE] = {0}, digest[SHA384_SIZE];

	tcglog_image_begin(&log, false);
	tcglog_image_event(&log, 2, TCGLOG_EV_ACTION, "go", 2, "go", 2);
	tcglog_image_event(&log, 2, TCGLOG_EV_BOOT_APPLICATION, "kernel", 6, "", 0);
	tcglog_image_event(&log, 9, TCGLOG_EV_NO_ACTION, "", 0, "note", 4);
	for (int i = 0; i < 100; i++)
		buf_add(&log, "\xff", 1);
	is_int(replay_of(&log, REPLAY_AUTO, NULL, &replay, &err), 0, "a CCEL replays");
	ok(!replay.tpm && replay.count == 3, "as a CCEL of three events");
	if (digest_bytes(DIGEST_SHA384, "go", 2, digest, &err) != 0 ||
		digest_extend(DIGEST_SHA384, want, digest, &err) != 0 ||
		digest_bytes(DIGEST_SHA384, "kernel", 6, digest, &err) != 0 ||
		digest_extend(DIGEST_SHA384, want, digest, &err) != 0)
		abort();
	ok(memcmp(replay.value[2], want, sizeof(want)) == 0, "RTMR1 is the fold of its two events");
	ok(replay.used[2] && !replay.used[1] && !replay.used[9], "only RTMR1 was extended");
	is_str(replay_register_name(&replay, 2), "rtmr1", "which is its name");
	ok(replay.events[0].bound == REPLAY_BOUND, "an action is bound");
	ok(replay.events[1].bound == REPLAY_UNBOUND, "an image is not in its log");
	ok(replay.events[2].bound == REPLAY_LOGGED, "EV_NO_ACTION is only logged");
	is_str(replay.events[0].what, "go", "the action's text");
}

static void test_kinds(void)
{
	BUF_AUTO one = {0};
	BUF_AUTO two = {0};
	struct err err = {0};

	tcglog_image_begin(&one, false);
	tcglog_image_event(&one, 7, TCGLOG_EV_SEPARATOR, "\0\0\0\0", 4, "\0\0\0\0", 4);
	{
		REPLAY_AUTO_FREE replay = {.events = NULL};

		ok(replay_of(&one, REPLAY_AUTO, NULL, &replay, &err) == -EBADMSG &&
				strstr(err.msg, "register 7") != NULL,
			"a CCEL has no register 7");
		ok(replay_of(&one, REPLAY_TPM, NULL, &replay, &err) == 0 && replay.tpm &&
				replay.used[7],
			"a TPM has");
		is_str(replay_register_name(&replay, 7), "pcr7", "PCR 7");
	}
	tcglog_image_begin(&two, true);
	{
		REPLAY_AUTO_FREE replay = {.events = NULL};

		ok(replay_of(&two, REPLAY_AUTO, NULL, &replay, &err) == 0 && replay.tpm &&
				replay.alg == DIGEST_SHA256,
			"two banks make a TPM's log, SHA-256 first");
	}
	{
		REPLAY_AUTO_FREE replay = {.events = NULL};

		ok(replay_of(&two, REPLAY_AUTO, "sha384", &replay, &err) == 0 &&
				replay.alg == DIGEST_SHA384,
			"or the bank that is named");
		ok(replay_of(&two, REPLAY_AUTO, "sha512", &replay, &err) == -EINVAL,
			"if it is there");
	}
	{
		REPLAY_AUTO_FREE replay = {.events = NULL};

		tcglog_image_event(&two, 0, TCGLOG_EV_ACTION, "x", 1, "x", 1);
		ok(replay_of(&two, REPLAY_AUTO, NULL, &replay, &err) == -EBADMSG &&
				strstr(err.msg, "no sha256 digest") != NULL,
			"an event without a digest of the bank is refused");
	}
}

/* How the text of one event is bound. */
static enum replay_bound bound_of(uint32_t type, const void *hashed, size_t n, const void *data,
	size_t size, const char *what)
{
	BUF_AUTO log = {0};
	REPLAY_AUTO_FREE replay = {.events = NULL};
	struct err err = {0};

	tcglog_image_begin(&log, false);
	tcglog_image_event(&log, 3, type, hashed, n, data, size);
	if (replay_of(&log, REPLAY_CCEL, NULL, &replay, &err) != 0) {
		printf("# %s\n", err.msg);
		return REPLAY_LOGGED;
	}
	is_str(replay.events[0].what, what, what);
	return replay.events[0].bound;
}

#define VENDOR "\x61\xdf\xe4\x8b\xca\x93\xd2\x11\xaa\x0d\x00\xe0\x98\x03\x2b\x8c"
#define SIZES  "\2\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0"

static void test_bound(void)
{
	static const char variable[] = VENDOR SIZES "P\0K\0key";
	static const char *const text =
		"variable PK, 3 bytes, vendor 8be4df61-93ca-11d2-aa0d-00e098032b8c";

	ok(bound_of(TCGLOG_EV_VARIABLE_CONFIG, variable, 39, variable, 39, text) == REPLAY_BOUND,
		"a variable whose digest covers all");
	ok(bound_of(TCGLOG_EV_VARIABLE_BOOT, "key", 3, variable, 39, text) == REPLAY_PART,
		"a variable whose digest covers its data");
	ok(bound_of(TCGLOG_EV_VARIABLE_BOOT, "kex", 3, variable, 39, text) == REPLAY_UNBOUND,
		"a variable whose digest is another one's");
	ok(bound_of(TCGLOG_EV_VARIABLE_BOOT, "key", 3, variable, 38,
		   "variable of an unknown form") == REPLAY_UNBOUND,
		"a cut variable");
	ok(bound_of(TCGLOG_EV_IPL, "set x", 5, "grub_cmd: set x", 16, "grub_cmd: set x") ==
			REPLAY_PART,
		"GRUB hashes what follows its prefix");
	ok(bound_of(TCGLOG_EV_IPL, "grub_cmd: set x", 15, "grub_cmd: set x", 16,
		   "grub_cmd: set x") == REPLAY_BOUND,
		"or a text without its NUL");
	ok(bound_of(TCGLOG_EV_EVENT_TAG, "cmdline", 7, "\xed\x22\x3b\x8f\2\0\0\0xy", 10,
		   "Linux EFI stub: xy") == REPLAY_UNBOUND,
		"the EFI stub's tags");
	ok(bound_of(TCGLOG_EV_EVENT_TAG, "", 0, "\xed\x22\x3b\x8f\3\0\0\0xy", 10,
		   "tagged event of an unknown form") == REPLAY_UNBOUND,
		"a cut tag");
	ok(bound_of(TCGLOG_EV_PLATFORM_CONFIG, "command", 7, "td_payload_info\0\7\0\0\0command", 27,
		   "td_payload_info: command") == REPLAY_PART,
		"td-shim's own form");
	ok(bound_of(TCGLOG_EV_SEPARATOR, "\0\0\0\0", 4, "\0\0\0\0", 4, "separator") == REPLAY_BOUND,
		"a separator");
	ok(bound_of(TCGLOG_EV_SEPARATOR, "\1\0\0\0", 4, "\1\0\0\0", 4, "separator, error 0x1") ==
			REPLAY_BOUND,
		"an error separator");
	ok(bound_of(TCGLOG_EV_HANDOFF_TABLES2, "hob", 3, "\11TdxTable", 10, "TdxTable") ==
			REPLAY_UNBOUND,
		"handoff tables");
	ok(bound_of(0x12345678, "x", 1, "x", 1, "-") == REPLAY_BOUND, "an unknown type");
}

/* Changes a byte of a good log and wants an error. */
static void refuses(size_t at, unsigned char value, const char *want)
{
	BUF_AUTO log = {0};
	REPLAY_AUTO_FREE replay = {.events = NULL};
	struct err err = {0};
	int rc;

	tcglog_image_begin(&log, false);
	tcglog_image_event(&log, 2, TCGLOG_EV_ACTION, "go", 2, "go", 2);
	log.data[at] = value;
	rc = replay_of(&log, REPLAY_AUTO, NULL, &replay, &err);
	ok(rc == -EBADMSG && strstr(err.msg, want) != NULL, "refused: %s", want);
	if (rc != -EBADMSG)
		printf("# %d %s\n", rc, err.msg);
}

static void test_bad(void)
{
	refuses(4, 4, "specification event");
	refuses(31, 0xff, "specification event");
	refuses(32, 'x', "is no \"Spec ID Event03\"");
	refuses(56, 0, "0 digest algorithms");
	refuses(56, 9, "9 digest algorithms");
	refuses(62, 32, "digests of 32 bytes");
	refuses(TCGLOG_IMAGE_FIRST, 0, "extends register 0");
	refuses(TCGLOG_IMAGE_FIRST, 5, "extends register 5");
	refuses(TCGLOG_IMAGE_FIRST + 8, 9, "starts no event");
	refuses(TCGLOG_IMAGE_FIRST + 8, 0, "claims");
	refuses(TCGLOG_IMAGE_FIRST + 8, 2, "algorithm");
	refuses(TCGLOG_IMAGE_FIRST + 12, 4, "unannounced algorithm 0x0004");
	refuses(TCGLOG_IMAGE_FIRST + 62, 3, "cut short");
	refuses(TCGLOG_IMAGE_FIRST + 65, 0xff, "bytes of data");
}

static void test_json(void)
{
	static const struct {
		const char *text, *want;
	} bad[] = {
		{"{}", "no list"},
		{"[1]", "$[0]"},
		{"[{\"imr\":4,\"event_type\":4,\"digest\":\"\",\"event\":\"\",\"event_payload\":"
		 "\"\"}]",
			"imr 4"},
		{"[{\"imr\":0,\"event_type\":4,\"digest\":\"00\",\"event\":\"\",\"event_payload\":"
		 "\"\"}]",
			"96 digits"},
		{"[{\"imr\":3,\"event_type\":134217729,\"digest\":\"00\",\"event\":\"x\",\"event_"
		 "payload\":\"\"}]",
			"not that of"},
		{"[{\"imr\":3,\"event_type\":134217729,\"digest\":\"\",\"event\":\"x\",\"event_"
		 "payload\":\"0\"}]",
			"no lowercase hex"},
		{"{\"event_log\":\"[\"}", "event_log"},
		{"{\"event_log\":[],\"quote\":\"00\"}", "$.quote"},
	};
	static const char good[] = "[{\"imr\":3,\"event_type\":134217729,\"digest\":\"\",\"event\":"
				   "\"app-id\",\"event_payload\":\"86b0\"}]";
	REPLAY_AUTO_FREE replay = {.events = NULL};
	struct err err = {0};
	unsigned char want[SHA384_SIZE] = {0}, digest[SHA384_SIZE];

	ok(replay_log(good, strlen(good), REPLAY_AUTO, NULL, "log", &replay, &err) == 0,
		"dstack's list");
	if (digest_bytes(DIGEST_SHA384, "\1\0\0\10:app-id:\x86\xb0", 14, digest, &err) != 0 ||
		digest_extend(DIGEST_SHA384, want, digest, &err) != 0)
		abort();
	ok(memcmp(replay.value[4], want, sizeof(want)) == 0, "with the digest of name and payload");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		REPLAY_AUTO_FREE none = {.events = NULL};
		int rc = replay_log(
			bad[i].text, strlen(bad[i].text), REPLAY_AUTO, NULL, "log", &none, &err);

		ok(rc == -EBADMSG && strstr(err.msg, bad[i].want) != NULL, "refused: %s",
			bad[i].want);
		if (rc != -EBADMSG)
			printf("# %d %s\n", rc, err.msg);
	}
}

static const struct {
	const char *path, *rtmr[4];
} published[] = {
	{"attestation-rs/tdx_ccel_live.bin",
		{"5aca07b1e885e17d1aeaf9d94edb2674767a61547cf8a49f26b73b4a43baeb04d147ba1953310852b"
		 "bdcb13f0cfcac17",
			"7fc19ed7b5726f078d331c4125a5d4664bcf811bcce0eaa78caa9e3bf4f721091171b51b9a"
			"f1c497d1c4ac19a4c9af16",
			"4070333e094dec303a5034cc332c969780f9e65e48251331da55f08f8f7d19053444a43d3f"
			"f44bd2c97b672527b95e2d",
			NULL}},
	{"trustee-eventlog/CCEL_data", {"2dc712306a963eadb894ad47dbaa17df44814151555aee11cbb843becc"
					"a88950ffd079664902e6f22c66f7c8213543f4",
					       "0fa3be56af61208bbd179dc7b124988eb929319154663c539d6"
					       "f46445ecac2fec287075047ff7bd1922829fec28cd3cf",
					       NULL, NULL}},
	{"trustee-eventlog/CCEL_data_ovmf",
		{"8566f998798db09443b244c62de9a3041fb02e2e6936c4396d784bba2e90177329ec5aba3bb484404"
		 "f2ab9cc90abe193",
			"775b9f6bfe99f8a31396f0d0218e67ffa796d3b96ccf961cbb0deba48c79c00f082cda1a55"
			"67c1c16305f1fc210c13c6",
			"94eaf7a7bf398ed8d888c91057ae0261802e4f3df084213a76ca7f0b5055ac9d2241de43cd"
			"58d9e8b49c503bbf25f34a",
			NULL}},
	{"trustee-eventlog/CCEL_data_grub",
		{"cec0a104f691f60da2387fea3c2de00c4ac035e2bb479ff02edcce69039d9e9907f0b3e55031da3dc"
		 "7038f423adebd79",
			"6c289e0c62182d41ebe97bdbc9872d10998a08eaa86adcdc684001a363207ee72942c7522c"
			"df00a4bbc3d784bed7b670",
			"08919d017ba0e52cd6d966351c7de16fe76c1d3d3d3da4554239e4c7d16cb8b82a94e7eaea"
			"3a0e6e18eb690b999fd31e",
			NULL}},
	{"trustee-eventlog/CCEL_data_gcp",
		{"3300980705adf09d28b707b79699d9874892164280832be2c386a715b6e204e0897fb564a064f8106"
		 "59207ba862b304f",
			"204d49f78d29918fe7b2f694e76653861a0c2a018987d2c3a54266eff737232524cf0af68c"
			"4d180e2f8c2c0937f21967",
			NULL, NULL}},
	{"trustee-eventlog/CCEL_AAEL_alibabacloud",
		{"b796e1c11396c198ae88794def4cb8e24fa9b35468287c298087f00d4de7433e4e31a297a4e5a03d4"
		 "300fa6f3a96d47c",
			"3b0b906140fcea689c8774ac1eafcf0fef8e22ba81a047fd750ebd7df3235c2704df6106a7"
			"58e31e5645e9838ff37406",
			"35f2801338c1b5fce96518f058c37e0fe9ed247a12dcd5f50d9c18fe4b6c71311bb63fca26"
			"40c7915817b6aa412a8480",
			"5e4ecd49d3c7983d6f9ca36755b5cee0b423d7fa8c5a88aeb0681bd4698772bc37b4463dc5"
			"f722efe352a66417257dad"}},
	{"dstack/ccel.bin", {"274c2344116db7c663470693b5ba62b8621eac28cb41d2f816ddf188f9f423f900a1c"
			     "44d32386fd3c993dc814e62af9d",
				    "bdcf4ee0f7fdfe7c73fbb19ded73193aee23a6726b86d3b282ea097cf4c9ed"
				    "7a0db21b5c1ccd513e410d90e310836b26",
				    NULL, NULL}},
	{"dstack/tdx-lite-getquote.json",
		{"f8438db36b96f85d8752ff7f24a89ec05c79ec9eda2ba732c897fb970ca429365b7471b1c054cb84f"
		 "17b1c2b23ba6640",
			"2023546e7f3b9d1228e274f70c44d481162540f8452544520a796a52f06879709b81a824a2"
			"6792a7822327504b0d2aee",
			"4c1b739ed451a637b0f82642e48a5ea83925d23633c72e7385c8e9aca4175e133ed1625b7d"
			"92eb39edf509c27ff392dc",
			"6f24c170d0fd63fc2b1b53202eea47b013978437fa6982cf5e0438ff95c208994aaa0f4eba"
			"b2e3a66824b5b56869137e"}},
};

static void test_published(void)
{
	const char *shared = getenv("ASSAY_SHARED");

	for (size_t i = 0; i < sizeof(published) / sizeof(published[0]); i++) {
		BUF_AUTO log = {0};
		REPLAY_AUTO_FREE replay = {.events = NULL};
		struct err err = {0};
		char path[512], hex[2 * SHA384_SIZE + 1];

		snprintf(path, sizeof(path), "%s/vectors/tdx/%s",
			shared != NULL ? shared : "../shared", published[i].path);
		if (io_read_file(path, 64u << 20, &log, &err) != 0) {
			tap_skip(published[i].path, "no reference data");
			continue;
		}
		ok(replay_of(&log, REPLAY_AUTO, NULL, &replay, &err) == 0, "%s replays",
			published[i].path);
		for (size_t reg = 0; reg < 4; reg++) {
			ok(replay.used[reg + 1] == (published[i].rtmr[reg] != NULL),
				"RTMR%zu used or not", reg);
			if (published[i].rtmr[reg] == NULL)
				continue;
			hex_encode(replay.value[reg + 1], SHA384_SIZE, hex);
			is_str(hex, published[i].rtmr[reg], "its value");
		}
	}
}

int main(void)
{
	test_good();
	test_kinds();
	test_bound();
	test_bad();
	test_json();
	test_published();
	return tap_done();
}

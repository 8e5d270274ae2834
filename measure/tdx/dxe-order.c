/* The order in which DXE drivers start (dxe-order.h). */
#include "measure/tdx/dxe-order.h"

#include <string.h>

#include "lib/guid.h"
#include "lib/rd.h"

#define GUID_A_PRIORI "fc510ee7-ffdc-11d4-bd41-0080c73c8881"
#define STACK_MAX     32 /* of an expression */
#define ROUND_UNKNOWN 255u

enum opcode {
	OP_PUSH = 2,
	OP_AND,
	OP_OR,
	OP_NOT,
	OP_TRUE,
	OP_FALSE,
	OP_END,
};

/* Which driver installs a protocol in its entry point. In a TD and in a plain guest alike one of the
 * two that IoMmuDxe has is installed. */
static const struct {
	const char *protocol, *driver;
} producers[] = {
	{"13a3f0f6-264a-3ef0-f2e0-dec512342f34", "80cf7257-87ab-47f9-a3fe-d50b76d89541"}, /* PCD */
	/* device path utilities */
	{"0379be4e-d706-437d-b037-edb82fb772a4", "9b680fce-ad6b-4f3a-b60b-f59899003443"},
	/* IOMMU, IOMMU absent */
	{"4e939de9-d948-4b0f-88ed-e6e1ce517c1e", "8657015b-ea43-440d-949a-af3be365c0fc"},
	{"f8775d50-8abd-4adf-92ac-853e51f6c8dc", "8657015b-ea43-440d-949a-af3be365c0fc"},
	/* variables, reading */
	{"1e5668e2-8481-11d4-bcf1-0080c73c8881", "cbd2e4d5-7068-4ff5-b462-9822b4ad8d60"},
	/* ACPI table, SMBIOS */
	{"ffe06bdd-6107-46a6-7bb2-5a9c7ec5275c", "9622e42c-8e38-4a08-9e8f-54f784652f6b"},
	{"03583ff6-cb36-4940-947e-b9b39f4afaf7", "f9d88642-0737-49bc-81b5-6889cd57d9ea"},
	/* HII strings, database, configuration routing */
	{"0fd96974-23aa-4cdc-b9cb-98d17750322a", "348c4d62-bfbd-4882-9ece-c80bb1c4783b"},
	{"ef9fc172-a1b2-4693-b327-6d32fc416042", "348c4d62-bfbd-4882-9ece-c80bb1c4783b"},
	{"587e72d7-cc50-4f79-8209-ca291fc1a10f", "348c4d62-bfbd-4882-9ece-c80bb1c4783b"},
};

#define PRODUCERS (sizeof(producers) / sizeof(producers[0]))

struct order {
	const struct ffs *ffs;
	/* Rounds after which each producer's protocol is there, once computed; those being computed
	 * are unknown, which ends a circle. */
	unsigned after[PRODUCERS];
	bool computed[PRODUCERS];
};

static unsigned later(unsigned a, unsigned b)
{
	return a > b ? a : b;
}

static unsigned earlier(unsigned a, unsigned b)
{
	if (a == ROUND_UNKNOWN || b == ROUND_UNKNOWN)
		return ROUND_UNKNOWN;
	return a < b ? a : b;
}

/* Whether the a priori file of @file's volume lists it. */
static bool is_a_priori(const struct ffs *ffs, const struct ffs_file *file)
{
	for (size_t i = 0; i < ffs->count; i++) {
		struct rd list;

		if (!guid_is(ffs->files[i].guid.bytes, GUID_A_PRIORI) ||
			memcmp(ffs->files[i].volume.bytes, file->volume.bytes, GUID_SIZE) != 0 ||
			!ffs_file_section(&ffs->files[i], FFS_SECTION_RAW, &list))
			continue;
		while (rd_left(&list) >= GUID_SIZE)
			if (memcmp(rd_bytes(&list, GUID_SIZE), file->guid.bytes, GUID_SIZE) == 0)
				return true;
	}
	return false;
}

static unsigned round_of(struct order *order, const struct ffs_file *file);

/* The round in which a driver that waits for the protocol can start. */
static unsigned round_after(struct order *order, const unsigned char *protocol)
{
	const struct ffs_file *driver;
	unsigned round;
	size_t i = 0;

	while (i < PRODUCERS && !guid_is(protocol, producers[i].protocol))
		i++;
	if (i == PRODUCERS)
		return ROUND_UNKNOWN;
	if (order->computed[i])
		return order->after[i];
	order->computed[i] = true;
	order->after[i] = ROUND_UNKNOWN;
	driver = ffs_find(order->ffs, producers[i].driver);
	round = driver != NULL ? round_of(order, driver) : ROUND_UNKNOWN;
	order->after[i] = round == ROUND_UNKNOWN ? ROUND_UNKNOWN : round + 1;
	return order->after[i];
}

/* Evaluates a dependency expression, in postfix, with rounds in place of truth values. */
static unsigned evaluate(struct order *order, struct rd expression)
{
	unsigned stack[STACK_MAX];
	size_t n = 0;

	while (rd_left(&expression) > 0) {
		uint8_t opcode = rd_u8(&expression);
		const unsigned char *guid;

		if (opcode == OP_END)
			return n == 1 ? stack[0] : ROUND_UNKNOWN;
		if (opcode == OP_PUSH) {
			guid = rd_bytes(&expression, GUID_SIZE);
			if (guid == NULL || n == STACK_MAX)
				return ROUND_UNKNOWN;
			stack[n++] = round_after(order, guid);
		} else if (opcode == OP_TRUE && n < STACK_MAX) {
			stack[n++] = 1;
		} else if ((opcode == OP_AND || opcode == OP_OR) && n >= 2) {
			n--;
			stack[n - 1] = opcode == OP_AND ? later(stack[n - 1], stack[n])
							: earlier(stack[n - 1], stack[n]);
		} else {
			return ROUND_UNKNOWN;
		}
	}
	return ROUND_UNKNOWN;
}

/* 0 for a priori drivers; ROUND_UNKNOWN also for those without an expression, which wait for all of
 * the architecture's protocols. */
static unsigned round_of(struct order *order, const struct ffs_file *file)
{
	struct rd expression;

	if (is_a_priori(order->ffs, file))
		return 0;
	if (!ffs_file_section(file, FFS_SECTION_DEPEX, &expression))
		return ROUND_UNKNOWN;
	return evaluate(order, expression);
}

int dxe_order(const struct ffs *ffs, const struct ffs_file *a, const struct ffs_file *b,
	bool *ret_a_first, struct err *err)
{
	struct order order = {.ffs = ffs};
	unsigned round_a = round_of(&order, a);
	unsigned round_b = round_of(&order, b);

	if (memcmp(a->volume.bytes, b->volume.bytes, GUID_SIZE) != 0 || round_a == ROUND_UNKNOWN ||
		round_b == ROUND_UNKNOWN || (round_a == 0 && round_b == 0))
		return err_fail(err, -ENOTSUP,
			"the firmware does not tell whether %s or %s starts first", a->name,
			b->name);
	*ret_a_first = round_a != round_b ? round_a < round_b : a < b;
	return 0;
}

/*
 * Machines by name (acpi-layout.h). Kata: src/runtime/virtcontainers/qemu.go, qemu_amd64.go and
 * qemu_arch_base.go for the Go runtime, src/runtime-rs/crates/hypervisor/src/qemu/
 * cmdline_generator.rs for the Rust one, with the configuration qemu-tdx that each release ships;
 * tools/packaging/static-build/qemu/build-qemu.sh for its QEMU.
 *
 * All virtio devices look alike in the tables, so that a device which needs something of the host
 * has a stand-in of the same bus, BARs and slot.
 */
#define _GNU_SOURCE
#include "measure/tdx/acpi-layout.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/opt.h"
#include "measure/kata/profile-kata.h"

#define BRIDGE_SLOT  2
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define RESERVED     "io-reserve=4k,mem-reserve=1m,pref64-reserve=1m"
#define NO_HPET	     "4.1.0" /* the release from which on Kata's QEMU is built without one */

enum how_many {
	ONE,
	EACH_NET, /* "net=N" */
	INITDATA, /* "initdata=yes" */
};

static const struct device {
	enum kata_runtime runtime;
	const char *name;
	enum how_many how_many;
	const char *since, *until; /* releases; NULL: from the first, to the last */
	enum acpi_bridge bridge;
} devices[] = {
	{KATA_GO, "pci-bridge in slot 2", ONE, NULL, "4.0.0", ACPI_PCI_BRIDGE},
	{KATA_GO, "pcie-root-port in slot 2 with pcie-pci-bridge", ONE, "4.0.0", NULL,
		ACPI_PCIE_BRIDGE},
	{KATA_GO, "virtio-serial", ONE, NULL, NULL, ACPI_NO_BRIDGE},
	{KATA_GO, "virtio-blk (image)", ONE, NULL, NULL, ACPI_NO_BRIDGE},
	{KATA_GO, "virtio-scsi", ONE, NULL, NULL, ACPI_NO_BRIDGE},
	{KATA_GO, "virtio-blk (initdata)", INITDATA, NULL, NULL, ACPI_NO_BRIDGE},
	{KATA_GO, "vhost-vsock", ONE, NULL, NULL, ACPI_NO_BRIDGE},
	{KATA_GO, "virtio-net", EACH_NET, NULL, NULL, ACPI_NO_BRIDGE},
	{KATA_RUST, "virtio-rng", ONE, "4.0.0", NULL, ACPI_NO_BRIDGE},
	{KATA_RUST, "pci-bridge in slot 2", ONE, "4.0.0", NULL, ACPI_PCI_BRIDGE},
	{KATA_RUST, "virtio-scsi", ONE, "4.0.0", NULL, ACPI_NO_BRIDGE},
	{KATA_RUST, "vhost-vsock", ONE, "4.0.0", NULL, ACPI_NO_BRIDGE},
	{KATA_RUST, "virtio-net", EACH_NET, "4.0.0", NULL, ACPI_NO_BRIDGE},
	{KATA_RUST, "virtio-blk (image)", ONE, "4.0.0", NULL, ACPI_NO_BRIDGE},
	{KATA_RUST, "virtio-blk (extension coco)", ONE, "4.0.0", NULL, ACPI_NO_BRIDGE},
	{KATA_RUST, "virtio-blk (initdata)", INITDATA, "4.0.0", NULL, ACPI_NO_BRIDGE},
	{KATA_RUST, "virtio-serial", ONE, "4.0.0", NULL, ACPI_NO_BRIDGE},
};

/* Puts a virtio device into the first slot that is free, as QEMU does. */
static void add_endpoint(struct acpi_layout *layout)
{
	unsigned slot = 1;

	while ((layout->endpoints >> slot & 1) != 0 ||
		(slot == BRIDGE_SLOT && layout->bridge != ACPI_NO_BRIDGE))
		slot++;
	layout->endpoints |= 1u << slot;
}

unsigned acpi_layout_endpoints(const struct acpi_layout *layout)
{
	return (unsigned)__builtin_popcount(layout->endpoints);
}

int acpi_layout_check(const struct generation *generation, struct err *err)
{
	/* Before that, where it ends its address space followed the host's CPU. */
	if (generation->acpi && generation->separators != GENERATION_SEPARATORS_BOTH)
		return err_fail(err, -ENOTSUP,
			"where firmware older than edk2-stable202411 (%s) puts PCI devices in a TD "
			"is not known: its ACPI tables can only be given as a directory",
			generation->name);
	return 0;
}

/* --- arguments for a stock QEMU, as Kata gives them where the tables depend on them --- */

struct args {
	const char **at;
	size_t count;
};

static void add_arg(struct args *args, const char *option, const char *value)
{
	args->at[args->count++] = option;
	args->at[args->count++] = value;
}

size_t acpi_layout_args(const struct acpi_layout *layout, const char *ret[ACPI_LAYOUT_ARGS_MAX])
{
	struct args args = {.at = ret};

	if (layout->serial)
		add_arg(&args, "-serial", "null");
	if (layout->no_hpet)
		add_arg(&args, "-machine", "hpet=off");
	if (layout->hole_bytes != 0)
		add_arg(&args, "-global", layout->hole_arg);
	if (layout->bridge == ACPI_PCI_BRIDGE)
		add_arg(&args, "-device",
			"pci-bridge,bus=pcie.0,id=bridge,chassis_nr=1,shpc=off,addr=2," RESERVED);
	if (layout->bridge == ACPI_PCIE_BRIDGE) {
		add_arg(&args, "-device",
			"pcie-root-port,bus=pcie.0,id=parent,chassis=16,slot=0,addr=2,"
			"bus-reserve=0x1," RESERVED);
		add_arg(&args, "-device", "pcie-pci-bridge,bus=parent,id=bridge");
	}
	for (unsigned i = 0; i < acpi_layout_endpoints(layout); i++)
		add_arg(&args, "-device", "virtio-rng-pci,bus=pcie.0");
	return args.count;
}

/* --- words --- */

/* What the words of a description say. */
struct words {
	bool kata;
	enum kata_runtime runtime;
	size_t release;
	uint64_t net, virtio, hole_bytes;
	bool has_net, has_initdata, initdata, serial, no_hpet;
};

static bool number(const char *text, const char *key, uint64_t max, uint64_t *ret)
{
	size_t n = strlen(key);

	return strncmp(text, key, n) == 0 && opt_number(text + n, ret) && *ret <= max;
}

/* A word about a Kata machine. */
static bool kata_word(struct words *words, const char *word)
{
	words->has_net |= strncmp(word, "net=", 4) == 0;
	if (number(word, "net=", ACPI_LAYOUT_NET_MAX, &words->net))
		return true;
	words->initdata = strcmp(word, "initdata=yes") == 0;
	words->has_initdata = words->initdata || strcmp(word, "initdata=no") == 0;
	return words->has_initdata;
}

/* A word about a machine without a name. */
static bool plain_word(struct words *words, const char *word)
{
	if (strcmp(word, "serial") == 0)
		return words->serial = true;
	if (strcmp(word, "hpet=off") == 0)
		return words->no_hpet = true;
	if (number(word, "pci-hole64-size=", 1ull << 43, &words->hole_bytes))
		return true;
	return number(word, "virtio=", ACPI_LAYOUT_VIRTIO_MAX, &words->virtio);
}

/* The name of a machine: whether it is one of Kata's. */
static int read_name(struct words *words, const char *word, bool *ret_is, struct err *err)
{
	static const char *const prefixes[KATA_RUNTIMES] = {"kata-go-", "kata-rust-"};

	*ret_is = false;
	for (int runtime = 0; runtime < KATA_RUNTIMES; runtime++) {
		size_t n = strlen(prefixes[runtime]);

		if (strncmp(word, prefixes[runtime], n) != 0)
			continue;
		words->kata = true;
		words->runtime = (enum kata_runtime)runtime;
		*ret_is = true;
		return kata_version_find(word + n, &words->release, err);
	}
	return 0;
}

static int read_words(char *text, struct words *words, struct err *err)
{
	bool first = true;
	char *word;
	int rc;

	for (; (word = strsep(&text, ",")) != NULL; first = false) {
		bool known = false;

		rc = first ? read_name(words, word, &known, err) : 0;
		if (rc != 0)
			return rc;
		if (!known && !(words->kata ? kata_word(words, word) : plain_word(words, word)))
			return err_fail(err, -EINVAL, "\"%s\" says nothing about %s", word,
				words->kata ? "a Kata machine (net=0 to 8, initdata=yes or =no)"
					    : "a machine (kata-go-VERSION, kata-rust-VERSION, "
					      "serial, hpet=off, virtio=0 to 24, "
					      "pci-hole64-size=SIZE)");
	}
	return 0;
}

static int make_kata(const struct words *words, struct acpi_layout *layout, struct err *err)
{
	bool any = false;

	if (!words->has_net || !words->has_initdata)
		return err_fail(err, -EINVAL,
			"a Kata machine has net=N network devices, and initdata=yes or =no: both "
			"must be given");
	for (size_t i = 0; i < COUNT(devices); i++) {
		const struct device *device = &devices[i];
		uint64_t count = device->how_many == EACH_NET	? words->net
				 : device->how_many == INITDATA ? words->initdata
								: 1;

		if (device->runtime != words->runtime ||
			!kata_in_range(words->release, device->since, device->until))
			continue;
		any = true;
		if (device->bridge != ACPI_NO_BRIDGE)
			layout->bridge = device->bridge;
		for (; device->bridge == ACPI_NO_BRIDGE && count > 0; count--)
			add_endpoint(layout);
	}
	if (!any)
		return err_fail(err, -ENOTSUP,
			"Kata %s, %s runtime: its machine depends on the host's memory and CPUs",
			kata_versions[words->release], kata_runtime_name(words->runtime));
	layout->no_hpet = kata_in_range(words->release, NO_HPET, NULL);
	layout->sockets = words->runtime == KATA_GO; /* qemu_arch_base.go, cpuTopology */
	return 0;
}

static void make_plain(const struct words *words, struct acpi_layout *layout)
{
	layout->serial = words->serial;
	layout->no_hpet = words->no_hpet;
	layout->hole_bytes = words->hole_bytes;
	snprintf(layout->hole_arg, sizeof(layout->hole_arg), "q35-pcihost.pci-hole64-size=%" PRIu64,
		words->hole_bytes);
	for (uint64_t i = 0; i < words->virtio; i++)
		add_endpoint(layout);
}

int acpi_layout_read(const char *text, struct acpi_layout *ret, struct err *err)
{
	struct acpi_layout layout = {.serial = false};
	struct words words = {.kata = false};
	char *copy AUTO_FREE = strdup(text);
	int rc = copy != NULL ? 0 : err_fail(err, -ENOMEM, "out of memory");

	if (rc == 0 && *text != '\0')
		rc = read_words(copy, &words, err);
	if (rc == 0 && words.kata)
		rc = make_kata(&words, &layout, err);
	else if (rc == 0)
		make_plain(&words, &layout);
	if (rc == 0)
		*ret = layout;
	return rc;
}

void acpi_layout_list(struct buf *ret)
{
	for (int runtime = 0; runtime < KATA_RUNTIMES; runtime++) {
		buf_fmt(ret, "  kata-%s-VERSION\n", kata_runtime_name((enum kata_runtime)runtime));
		for (size_t i = 0; i < COUNT(devices); i++) {
			const struct device *device = &devices[i];

			if ((int)device->runtime != runtime)
				continue;
			buf_fmt(ret, "    %s", device->name);
			if (device->how_many != ONE)
				buf_fmt(ret, ", %s",
					device->how_many == INITDATA ? "with initdata=yes"
								     : "N of them with net=N");
			if (device->since != NULL)
				buf_fmt(ret, ", since %s", device->since);
			if (device->until != NULL)
				buf_fmt(ret, ", before %s", device->until);
			buf_str(ret, "\n");
		}
	}
}

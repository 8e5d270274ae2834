/* assay measure tdx: the registers of Intel TDX guests, for one memory size or several. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "lib/hex.h"
#include "lib/io.h"
#include "lib/json.h"
#include "lib/opt.h"
#include "measure/cmd.h"
#include "measure/tdx/profile-tdx.h"
#include "measure/tdx/smbios.h"
#include "measure/tdx/tdx.h"

#define CMDLINE_MAX 65536
#define SHAPES_MAX  256 /* memory sizes, and vCPU counts */
#define VCPUS_MAX   4096

struct options {
	const char *firmware, *kernel, *initrd, *cmdline, *cmdline_file;
	const char *boot, *disk, *grub_commands;
	struct opt_list grub_files;
	const char *variables, *generation, *processor_id;
	const char *vmm, *order, *acpi, *qemu, *memory, *vcpus, *only, *format;
	struct opt_list events, qemu_args;
	bool explain;
};

struct request {
	const struct options *options;
	struct tdx_input input;
	unsigned char processor_id[SMBIOS_PROCESSOR_ID_SIZE];
	struct acpi_layout layout; /* of the machine that built-in tables or a QEMU's are of */
	struct buf cmdline;
	uint64_t memory[SHAPES_MAX]; /* one, 0, when none is given */
	size_t memory_count;
	uint64_t *vcpus; /* owned; the same */
	size_t vcpu_count;
	size_t shapes; /* memory_count * vcpu_count, memory outermost */
	bool json;
	struct tdx_registers *regs; /* owned: one for each shape */
	struct derive derive[TDX_REGISTERS];
};

static void request_done(struct request *request)
{
	buf_done(&request->cmdline);
	free(request->regs);
	free(request->vcpus);
	for (int reg = 0; reg < TDX_REGISTERS; reg++)
		derive_done(&request->derive[reg]);
}

static uint64_t memory_of(const struct request *request, size_t shape)
{
	return request->memory[shape / request->vcpu_count];
}

static uint64_t vcpus_of(const struct request *request, size_t shape)
{
	return request->vcpus[shape % request->vcpu_count];
}

/* A list of sizes, "2G,4G". */
static int read_memory(struct request *request, struct err *err)
{
	char *copy AUTO_FREE = NULL;
	char *rest, *word;

	request->memory_count = 1;
	if (request->options->memory == NULL)
		return 0;
	request->memory_count = 0;
	copy = strdup(request->options->memory);
	if (copy == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	rest = copy;
	while ((word = strsep(&rest, ",")) != NULL) {
		if (request->memory_count == SHAPES_MAX)
			return err_fail(err, -EINVAL, "--memory: more than %d sizes", SHAPES_MAX);
		if (!opt_number(word, &request->memory[request->memory_count]) ||
			request->memory[request->memory_count] == 0)
			return err_fail(
				err, -EINVAL, "--memory: \"%s\" is no size (2G, 512M)", word);
		request->memory_count++;
	}
	return 0;
}

static int read_vcpus(struct request *request, struct err *err)
{
	const char *vcpus = request->options->vcpus;

	if (vcpus == NULL) {
		request->vcpu_count = 1;
		request->vcpus = calloc(1, sizeof(*request->vcpus));
		return request->vcpus != NULL ? 0 : err_fail(err, -ENOMEM, "out of memory");
	}
	if (!opt_ranges(vcpus, SHAPES_MAX, &request->vcpus, &request->vcpu_count))
		return err_fail(
			err, -EINVAL, "--vcpus: \"%s\" is no list of counts (1,2,4-8)", vcpus);
	for (size_t i = 0; i < request->vcpu_count; i++)
		if (request->vcpus[i] == 0 || request->vcpus[i] > VCPUS_MAX)
			return err_fail(err, -EINVAL, "--vcpus: 1 to %d", VCPUS_MAX);
	return 0;
}

/* Further arguments for QEMU: those that change the tables without or with PCI devices. */
static int read_qemu_args(struct request *request, struct err *err)
{
	static const struct {
		const char *option;
		bool pci;
	} known[] = {{"-serial", false}, {"-machine", false}, {"-M", false}, {"-smp", false},
		{"-cpu", false}, {"-L", false}, {"-global", false}, {"-device", true},
		{"-netdev", true}, {"-object", true}, {"-drive", true}, {"-blockdev", true},
		{"-chardev", true}};
	const struct opt_list *args = &request->options->qemu_args;

	for (size_t i = 0; i < args->count; i += 2) {
		size_t k = 0;

		while (k < sizeof(known) / sizeof(known[0]) &&
			strcmp(args->items[i], known[k].option) != 0)
			k++;
		if (k == sizeof(known) / sizeof(known[0]) || i + 1 == args->count)
			return err_fail(err, -EINVAL,
				"--qemu-arg: \"%s\" is not one of -serial, -machine, -M, -smp, "
				"-cpu, -L, -global, -device, -netdev, -object, -drive, -blockdev, "
				"-chardev with a value",
				args->items[i]);
		request->input.acpi_pci |= known[k].pci;
	}
	request->input.acpi_args = args->items;
	request->input.acpi_arg_count = args->count;
	return 0;
}

/* Whether @text is @word, or that and a description of the machine behind a colon. */
static bool names_source(const char *text, const char *word, const char **ret_machine)
{
	size_t n = strlen(word);

	if (text == NULL || strncmp(text, word, n) != 0 || (text[n] != '\0' && text[n] != ':'))
		return false;
	*ret_machine = text[n] == ':' ? text + n + 1 : "";
	return true;
}

/* Where ACPI tables come from: "builtin" or "qemu", with a machine, or a directory. */
static int read_acpi(struct request *request, struct err *err)
{
	const struct options *o = request->options;
	const char *machine = "";
	bool qemu = names_source(o->acpi, "qemu", &machine);
	int rc;

	if (!qemu && (o->qemu != NULL || o->qemu_args.count > 0))
		return err_fail(err, -EINVAL, "--qemu and --qemu-arg go with --acpi qemu");
	request->input.acpi_builtin = names_source(o->acpi, "builtin", &machine);
	if (!qemu && !request->input.acpi_builtin) {
		request->input.acpi_dir = o->acpi;
		return 0;
	}
	rc = acpi_layout_read(machine, &request->layout, err);
	if (rc != 0)
		return err_wrap(err, "--acpi");
	request->input.acpi_layout = &request->layout;
	if (!qemu)
		return 0;
	request->input.acpi_qemu = o->qemu != NULL ? o->qemu : "qemu-system-x86_64";
	return read_qemu_args(request, err);
}

static int read_processor_id(struct request *request, struct err *err)
{
	const char *text = request->options->processor_id;

	if (text == NULL)
		return 0;
	if (!smbios_processor_parse(text, request->processor_id))
		return err_fail(err, -EINVAL,
			"--smbios-processor-id: \"%s\" is not 8 bytes in hexadecimal", text);
	if (request->input.acpi_dir != NULL)
		return err_fail(err, -EINVAL,
			"--smbios-processor-id goes with --acpi builtin or qemu: a directory has "
			"its own SMBIOS tables");
	request->input.processor_id = request->processor_id;
	return 0;
}

static int read_order(struct request *request, struct err *err)
{
	const char *order = request->options->order;

	if (order == NULL)
		return 0;
	if (strcmp(order, "single") != 0 && strcmp(order, "two") != 0)
		return err_fail(err, -EINVAL, "--mrtd-order: single or two, not %s", order);
	request->input.order = strcmp(order, "two") == 0 ? TDX_ORDER_TWO : TDX_ORDER_SINGLE;
	return 0;
}

static int read_register(struct request *request, struct err *err)
{
	const char *only = request->options->only;

	if (only == NULL)
		return 0;
	for (int reg = 0; reg < TDX_REGISTERS; reg++)
		if (strcmp(only, tdx_register_name(reg)) == 0) {
			request->input.want = TDX_WANT(reg);
			return 0;
		}
	return err_fail(err, -EINVAL, "--register: mrtd or rtmr0 to rtmr3, not %s", only);
}

/* The command line from --cmdline or, byte for byte, from --cmdline-file. */
static int read_cmdline(struct request *request, struct err *err)
{
	const struct options *o = request->options;
	int rc;

	request->input.cmdline = o->cmdline;
	if (o->cmdline_file == NULL)
		return 0;
	if (o->cmdline != NULL)
		return err_fail(err, -EINVAL, "--cmdline and --cmdline-file: only one of them");
	rc = io_read_file(o->cmdline_file, CMDLINE_MAX, &request->cmdline, err);
	if (rc != 0)
		return rc;
	if (memchr(request->cmdline.data, '\0', request->cmdline.len) != NULL)
		return err_fail(err, -EINVAL, "%s: a NUL in the command line", o->cmdline_file);
	request->input.cmdline = buf_cstr(&request->cmdline);
	return 0;
}

static int read_format(struct request *request, struct err *err)
{
	const char *format = request->options->format;

	request->json = format != NULL && strcmp(format, "json") == 0;
	if (format != NULL && !request->json && strcmp(format, "text") != 0)
		return err_fail(err, -EINVAL, "--format: text or json, not %s", format);
	if (request->json && request->options->only != NULL)
		return err_fail(err, -EINVAL, "--register prints bare text, not JSON");
	return 0;
}

static int load(struct request *request, struct err *err)
{
	const struct options *o = request->options;
	int rc;

	request->input.firmware = o->firmware;
	request->input.kernel = o->kernel;
	request->input.initrd = o->initrd;
	request->input.vmm = o->vmm;
	request->input.boot = o->boot;
	request->input.disk = o->disk;
	request->input.secure_boot_vars = o->variables;
	request->input.firmware_generation = o->generation;
	request->input.grub_commands = o->grub_commands;
	for (size_t i = 0; i < o->grub_files.count; i++)
		if (strchr(o->grub_files.items[i], '=') == NULL)
			return err_fail(err, -EINVAL, "--grub-file: \"%s\" is not NAME=PATH",
				o->grub_files.items[i]);
	request->input.grub_files = o->grub_files.items;
	request->input.grub_file_count = o->grub_files.count;
	request->input.runtime_events = o->events.items;
	request->input.runtime_event_count = o->events.count;
	rc = read_memory(request, err);
	if (rc == 0)
		rc = read_vcpus(request, err);
	if (rc == 0)
		rc = read_acpi(request, err);
	if (rc == 0)
		rc = read_processor_id(request, err);
	if (rc == 0)
		rc = read_order(request, err);
	if (rc == 0)
		rc = read_register(request, err);
	if (rc == 0)
		rc = read_cmdline(request, err);
	if (rc == 0)
		rc = read_format(request, err);
	if (rc != 0)
		return rc;
	request->shapes = request->memory_count * request->vcpu_count;
	if (request->shapes > 1 && (o->explain || request->input.acpi_dir != NULL))
		return err_fail(err, -EINVAL, "%s: one memory size and vCPU count only",
			o->explain ? "--explain" : "--acpi with a directory");
	return 0;
}

static int measure(struct request *request, struct err *err)
{
	struct tdx_size *shapes AUTO_FREE = calloc(request->shapes, sizeof(*shapes));

	request->regs = calloc(request->shapes, sizeof(*request->regs));
	if (request->regs == NULL || shapes == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	for (int reg = 0; reg < TDX_REGISTERS && request->options->explain; reg++) {
		request->derive[reg].name = tdx_register_name(reg);
		request->derive[reg].alg = DIGEST_SHA384;
		request->input.derive[reg] = &request->derive[reg];
	}
	for (size_t i = 0; i < request->shapes; i++)
		shapes[i] = (struct tdx_size){.memory_bytes = memory_of(request, i),
			.vcpus = (uint32_t)vcpus_of(request, i)};
	return tdx_measure_shapes(&request->input, shapes, request->shapes, request->regs, err);
}

/* --- text --- */

static void add_value(struct buf *to, const struct tdx_registers *regs, enum tdx_register reg)
{
	char hex[2 * SHA384_SIZE + 1];

	hex_encode(regs->value[reg], SHA384_SIZE, hex);
	buf_str(to, hex);
}

/* The one register that --register names, or a line for each that there is. */
static void add_block(struct buf *to, const struct request *request, size_t shape)
{
	const struct tdx_registers *regs = &request->regs[shape];

	for (int reg = 0; reg < TDX_REGISTERS; reg++) {
		if (!regs->has[reg])
			continue;
		if (request->input.want == 0)
			buf_fmt(to, "%s=", tdx_register_name(reg));
		else if ((request->input.want & TDX_WANT(reg)) == 0)
			continue;
		add_value(to, regs, reg);
		buf_str(to, "\n");
	}
}

static int make_text(const struct request *request, struct buf *to, struct err *err)
{
	for (int reg = 0; reg < TDX_REGISTERS && request->options->explain; reg++) {
		int rc;

		if (request->derive[reg].count == 0 ||
			(request->input.want != 0 && (request->input.want & TDX_WANT(reg)) == 0))
			continue;
		buf_fmt(to, "%s\n", tdx_register_name(reg));
		rc = derive_text(&request->derive[reg], to, err);
		if (rc != 0)
			return rc;
		buf_str(to, "\n");
	}
	for (size_t i = 0; i < request->shapes; i++) {
		if (request->shapes > 1 && request->input.want == 0)
			buf_fmt(to, "%s# memory=%llu vcpus=%llu\n", i > 0 ? "\n" : "",
				(unsigned long long)memory_of(request, i),
				(unsigned long long)vcpus_of(request, i));
		add_block(to, request, i);
	}
	return buf_check(to, err);
}

/* Why registers are missing goes beside the result: the same for all shapes. */
static void note_missing(const struct request *request, struct cli_result *ret)
{
	for (int reg = 0; reg < TDX_REGISTERS && request->input.want == 0; reg++)
		if (request->regs[0].why_not[reg][0] != '\0')
			cli_note(ret, "no %s: %s", tdx_register_name(reg),
				request->regs[0].why_not[reg]);
}

/* --- JSON --- */

static bool set(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value) == 0;
}

static bool set_file(
	json_t *inputs, const char *key, const char *path, struct err *err, int *ret_rc)
{
	unsigned char digest[SHA256_SIZE];

	if (path == NULL)
		return true;
	*ret_rc = io_digest_file(path, DIGEST_SHA256, digest, NULL, err);
	return *ret_rc == 0 && set(inputs, key,
				       json_pack("{s:s, s:o}", "path", path, "sha256",
					       json_doc_hex_new(digest, SHA256_SIZE)));
}

/* "NAME=PATH" under the key "grub_file NAME". */
static int set_grub_file(json_t *inputs, const char *item, struct err *err)
{
	size_t n = strcspn(item, "=");
	BUF_AUTO key = {0};
	int rc = 0;

	buf_fmt(&key, "grub_file %.*s", (int)n, item);
	rc = buf_check(&key, err);
	if (rc == 0 && !set_file(inputs, buf_cstr(&key), item + n + 1, err, &rc) && rc == 0)
		return err_fail(err, -EINVAL, "a file name that is not UTF-8");
	return rc;
}

static json_t *shape_json(const struct request *request, size_t i)
{
	const struct tdx_registers *regs = &request->regs[i];
	json_t *values = json_object();
	json_t *missing = json_object();
	json_t *shape = json_pack("{s:o, s:o}", "registers", values, "missing", missing);

	if (shape == NULL)
		return NULL;
	for (int reg = 0; reg < TDX_REGISTERS; reg++) {
		const char *name = tdx_register_name(reg);

		if (regs->has[reg])
			set(values, name, json_doc_hex_new(regs->value[reg], SHA384_SIZE));
		else if (regs->why_not[reg][0] != '\0')
			set(missing, name, json_string(regs->why_not[reg]));
	}
	if (memory_of(request, i) != 0)
		set(shape, "memory_bytes", json_integer((json_int_t)memory_of(request, i)));
	if (vcpus_of(request, i) != 0)
		set(shape, "vcpus", json_integer((json_int_t)vcpus_of(request, i)));
	return shape;
}

static int add_steps(const struct request *request, json_t *doc, struct err *err)
{
	json_t *all = json_object();

	if (!request->options->explain) {
		json_decref(all);
		return 0;
	}
	if (!set(doc, "steps", all))
		return err_fail(err, -ENOMEM, "out of memory");
	for (int reg = 0; reg < TDX_REGISTERS; reg++) {
		json_t *steps;
		int rc;

		if (request->derive[reg].count == 0)
			continue;
		rc = derive_steps_json(&request->derive[reg], &steps, err);
		if (rc != 0)
			return rc;
		if (!set(all, tdx_register_name(reg), steps))
			return err_fail(err, -ENOMEM, "out of memory");
	}
	return 0;
}

static int make_json(const struct request *request, struct buf *to, struct err *err)
{
	const struct options *o = request->options;
	const struct tdx_registers *first = &request->regs[0];
	JSON_AUTO *doc = json_pack("{s:s, s:s, s:s, s:s, s:b, s:{}, s:[]}", "schema",
		"assay-measurement/1", "tee", "tdx", "vmm", o->vmm, "mrtd_order",
		first->order == TDX_ORDER_TWO ? "two" : "single", "acpi_verified",
		first->acpi_verified, "inputs", "measurements");
	json_t *inputs = json_object_get(doc, "inputs");
	int rc = 0;

	if (inputs == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	if (!set_file(inputs, "firmware", o->firmware, err, &rc) ||
		!set_file(inputs, "kernel", o->kernel, err, &rc) ||
		!set_file(inputs, "initrd", o->initrd, err, &rc) ||
		!set_file(inputs, "secure_boot_vars", o->variables, err, &rc) ||
		!set_file(inputs, "disk", o->disk, err, &rc) ||
		!set_file(inputs, "grub_commands", o->grub_commands, err, &rc))
		return rc != 0 ? rc : err_fail(err, -EINVAL, "a file name that is not UTF-8");
	for (size_t i = 0; i < o->grub_files.count; i++) {
		rc = set_grub_file(inputs, o->grub_files.items[i], err);
		if (rc != 0)
			return rc;
	}
	if (request->input.cmdline != NULL &&
		!set(inputs, "cmdline", json_pack("{s:s}", "text", request->input.cmdline)))
		return err_fail(err, -EINVAL, "a command line that is not UTF-8");
	if (o->boot != NULL)
		set(doc, "boot", json_string(o->boot));
	if (request->input.processor_id != NULL &&
		!set(inputs, "smbios_processor_id",
			json_doc_hex_new(request->processor_id, sizeof(request->processor_id))))
		return err_fail(err, -ENOMEM, "out of memory");
	if (first->generation[0] != '\0')
		set(doc, "firmware_generation", json_string(first->generation));
	for (size_t i = 0; i < request->shapes; i++)
		if (json_array_append_new(
			    json_object_get(doc, "measurements"), shape_json(request, i)) != 0)
			return err_fail(err, -ENOMEM, "out of memory");
	rc = add_steps(request, doc, err);
	return rc != 0 ? rc : json_doc_write(doc, to, err);
}

static int run(void *options, char **args, size_t count, struct cli_result *ret, struct err *err)
{
	struct request *request = options;
	int rc = load(request, err);

	(void)args;
	(void)count;
	if (rc == 0)
		rc = measure(request, err);
	if (rc != 0)
		return rc;
	if (request->json)
		return make_json(request, &ret->text, err);
	note_missing(request, ret);
	return make_text(request, &ret->text, err);
}

static void add_profiles(struct buf *text)
{
	buf_str(text, "\nVMM profiles:\n");
	for (const char *name = tdx_vmm_next(NULL); name != NULL; name = tdx_vmm_next(name)) {
		const struct tdx_vmm *vmm;
		struct err err = {0};

		if (tdx_vmm_find(name, &vmm, &err) == 0)
			buf_fmt(text, "  %-18s %s\n", name, vmm->source);
	}
	buf_str(text,
		"\nMachines for --acpi: q35 without PCI devices and what is added by serial,\n"
		"hpet=off, virtio=N (devices) and pci-hole64-size=SIZE, with commas between; or\n");
	acpi_layout_list(text);
}

int cmd_measure_tdx(int argc, char **argv)
{
	struct options o = {.firmware = NULL};
	const struct opt opts[] = {
		{"firmware", 'f', OPT_STR, &o.firmware, "FILE",
			"TDVF image (OVMF with TDX metadata)"},
		{"vmm", 0, OPT_STR, &o.vmm, "NAME", "VMM profile, from the list below"},
		{"kernel", 'k', OPT_STR, &o.kernel, "FILE", "kernel of a direct boot"},
		{"initrd", 'i', OPT_STR, &o.initrd, "FILE", "initrd that goes with it"},
		{"cmdline", 'c', OPT_TEXT, &o.cmdline, "TEXT", "kernel command line"},
		{"cmdline-file", 0, OPT_STR, &o.cmdline_file, "FILE",
			"the same from a file, byte for byte"},
		{"boot", 0, OPT_STR, &o.boot, "direct|uki|grub|shim-grub",
			"what the firmware starts: the kernel, or a loader from a disk; direct "
			"unless given"},
		{"disk", 0, OPT_STR, &o.disk, "IMAGE",
			"disk with a GPT and an EFI system partition, for the latter"},
		{"grub-commands", 0, OPT_STR, &o.grub_commands, "FILE",
			"what GRUB does, one thing a line as its events say; unless given, "
			"grub.cfg "
			"is run, which must be simple"},
		{"grub-file", 0, OPT_LIST, &o.grub_files, "NAME=PATH",
			"a file that GRUB finds under NAME beyond the EFI system partition; "
			"repeatable"},
		{"memory", 'm', OPT_STR, &o.memory, "SIZE[,SIZE...]", "guest memory, 2G or 512M"},
		{"vcpus", 'n', OPT_STR, &o.vcpus, "N[,N-N...]",
			"vCPU counts; RTMR0 alone depends on them"},
		{"acpi", 0, OPT_STR, &o.acpi, "builtin[:MACHINE]|qemu[:MACHINE]|DIR",
			"for RTMR0: built in, a stock QEMU of the VMM's version, or a directory "
			"with etc/table-loader, etc/acpi/rsdp and etc/acpi/tables; machines are "
			"described below"},
		{"qemu", 0, OPT_STR, &o.qemu, "PROGRAM",
			"that QEMU; qemu-system-x86_64 unless given"},
		{"qemu-arg", 0, OPT_LIST, &o.qemu_args, "ARGUMENT",
			"for it: -device, -machine, -cpu, ... and their values; repeatable"},
		{"smbios-processor-id", 0, OPT_TEXT, &o.processor_id, "HEX",
			"for RTMR0 of firmware from edk2-stable202505 on: EAX and EDX of CPUID "
			"leaf 1 as the guest's SMBIOS tables have them (\"ID:\" of dmidecode -t "
			"4)"},
		{"secure-boot-vars", 0, OPT_STR, &o.variables, "FILE",
			"UEFI variables in place of those in the firmware: a variable store "
			"(OVMF_VARS) or JSON as virt-fw-vars writes it"},
		{"firmware-generation", 0, OPT_STR, &o.generation, "RELEASE",
			"edk2 release of a firmware that does not tell its own: 202302 to 202411"},
		{"runtime-event", 0, OPT_LIST, &o.events, "KIND:VALUE",
			"event in RTMR3: dstack:NAME:HEX, aael:D O C, image:sha256:HEX, file:PATH, "
			"text:..., digest:HEX; "
			"repeatable"},
		{"mrtd-order", 0, OPT_STR, &o.order, "single|two",
			"how pages are added; as the VMM does unless given"},
		{"register", 0, OPT_STR, &o.only, "NAME", "print the bare value of one register"},
		{"format", 0, OPT_STR, &o.format, "text|json", "of the output; text unless given"},
		{"explain", 0, OPT_FLAG, &o.explain, NULL, "show every page and event (one shape)"},
		OPT_END,
	};
	const struct opt_verb verb = {
		.usage = "measure tdx --firmware FILE --vmm NAME [options]",
		.summary =
			"Computes MRTD of a TDX guest and, for a direct boot, the RTMRs that can "
			"be predicted.",
		.opts = opts,
		.more = add_profiles,
	};
	struct request request = {.options = &o};
	int status = cli_run(&verb, argc, argv, run, &request);

	request_done(&request);
	opt_list_done(&o.events);
	opt_list_done(&o.qemu_args);
	opt_list_done(&o.grub_files);
	return status;
}

/*
 * Prints the SHA-384 of what a boot from a disk is predicted to measure, for comparison with the
 * log of a real one, one event a line: PCR, digest, what.
 *   boot-disk tpm|cc uki|grub|shim-grub IMAGE
 */
#include <stdio.h>
#include <string.h>

#include "lib/hex.h"
#include "measure/boot-disk.h"

int main(int argc, char **argv)
{
	BOOT_LOG_AUTO log = {.protocol = BOOT_TPM};
	struct boot_input in = {.flow = BOOT_DIRECT};
	struct err err = {0};

	if (argc != 4 || !boot_flow_find(argv[2], &in.flow)) {
		fprintf(stderr, "usage: boot-disk tpm|cc uki|grub|shim-grub IMAGE\n");
		return 2;
	}
	if (strcmp(argv[1], "cc") == 0)
		log.protocol = BOOT_CC;
	in.disk = argv[3];
	if (boot_disk_log(&in, &log, &err) != 0) {
		fprintf(stderr, "%s\n", err.msg);
		return err_status(err.code);
	}
	for (size_t i = 0; i < log.count; i++) {
		char hex[2 * SHA384_SIZE + 1];

		hex_encode(log.events[i].digest, SHA384_SIZE, hex);
		printf("%u %s %s\n", log.events[i].pcr,
			log.events[i].unknown != NULL ? "unknown" : hex, log.events[i].what);
	}
	return 0;
}

/*
 * A fuzz target defines LLVMFuzzerTestOneInput. Built with clang -fsanitize=fuzzer it fuzzes; built with FUZZ_MAIN it is
 * a program that replays the files named as arguments, which `make check` does with the corpora and crashers.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#ifdef FUZZ_MAIN
#include <stdio.h>

#include "lib/buf.h"
#include "lib/io.h"

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		BUF_AUTO input = {0};
		struct err err = {0};

		if (io_read_file(argv[i], 64u << 20, &input, &err) != 0) {
			fprintf(stderr, "%s\n", err.msg);
			return 1;
		}
		LLVMFuzzerTestOneInput(
			input.data != NULL ? input.data : (const uint8_t *)"", input.len);
	}
	return 0;
}
#endif

#endif

/*
 * For tests/bench/tdx.sh: milliseconds that MRTD of a firmware takes, and those that libcrypto
 * alone takes for as many bytes, medians of a number of runs in turn:
 *   mrtd-speed FIRMWARE RUNS
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "lib/io.h"
#include "measure/tdx/mrtd.h"

#define RUNS_MAX     99
#define ADD_BYTES    128
#define EXTEND_BYTES (16 * (128 + 256)) /* of a page */

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static size_t record_bytes(const struct tdvf *tdvf)
{
	size_t n = 0;

	for (size_t i = 0; i < tdvf->count; i++) {
		size_t pages = (size_t)(tdvf->sections[i].mem_size / TDVF_PAGE);
		bool extend = (tdvf->sections[i].attributes & TDVF_MR_EXTEND) != 0;

		n += pages * (ADD_BYTES + (extend ? EXTEND_BYTES : 0));
	}
	return n;
}

static int measure(const char *path, size_t runs, struct err *err)
{
	BUF_AUTO firmware = {0};
	BUF_AUTO records = {0};
	unsigned char digest[SHA384_SIZE];
	double ours[RUNS_MAX], theirs[RUNS_MAX];
	const struct mrtd_build build = {.order = MRTD_SINGLE};
	struct tdvf tdvf;
	int rc = io_read_file(path, 64u << 20, &firmware, err);

	if (rc == 0)
		rc = tdvf_parse(firmware.data, firmware.len, &tdvf, err);
	if (rc != 0)
		return rc;
	while (records.len < record_bytes(&tdvf) && !records.bad)
		buf_add(&records, firmware.data, ADD_BYTES);
	rc = buf_check(&records, err);
	for (size_t i = 0; i < runs && rc == 0; i++) {
		double start = now_ms();

		rc = mrtd_compute(firmware.data, firmware.len, &tdvf, &build, NULL, digest, err);
		ours[i] = now_ms() - start;
		start = now_ms();
		if (rc == 0)
			rc = digest_bytes(DIGEST_SHA384, records.data, records.len, digest, err);
		theirs[i] = now_ms() - start;
	}
	if (rc != 0)
		return rc;
	qsort(ours, runs, sizeof(*ours), by_value);
	qsort(theirs, runs, sizeof(*theirs), by_value);
	printf("%.2f %.2f\n", ours[runs / 2], theirs[runs / 2]);
	return 0;
}

int main(int argc, char **argv)
{
	struct err err = {0};
	size_t runs = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;

	if (runs == 0 || runs > RUNS_MAX)
		return 2;
	if (measure(argv[1], runs, &err) == 0)
		return 0;
	fprintf(stderr, "%s\n", err.msg);
	return err_status(err.code);
}

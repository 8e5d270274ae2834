/* Deployment targets: what is read keeps its own promises. */
#include <stdlib.h>
#include <string.h>

#include "measure/golden/target.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	TARGET_AUTO target = {.name = NULL};
	struct err err = {0};

	if (target_read(data, size, "input", &target, &err) != 0) {
		if (target.name != NULL || err.msg[0] == '\0')
			abort();
		return 0;
	}
	if (target.launch_count == 0 || target.launch_count > TARGET_LAUNCHES_MAX ||
		target.role_count > TARGET_ROLES_MAX)
		abort();
	for (size_t i = 0; i < target.launch_count; i++) {
		const struct target_launch *launch = &target.launches[i];

		if (!launch->tdx &&
			(launch->cpus.count == 0 ||
				(launch->vcpu_count == 0) == (launch->limits.count == 0)))
			abort();
		if (launch->limits.count > 0 && !target.kata.present)
			abort();
	}
	for (size_t i = 0; i < target.role_count; i++)
		if (target.roles[i].pins != NULL &&
			strcmp(target.roles[i].pins_in, "initdata") != 0)
			abort();
	return 0;
}

/* UEFI variables, in JSON or a variable store: boot options, Secure Boot variables, signature
 * databases. */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

#include "measure/tdx/load-options.h"
#include "measure/tdx/secureboot.h"
#include "tests/unit/pe-image.h"

static void use(struct secureboot *state)
{
	static unsigned char image[PE_IMAGE_SIZE];
	static const struct generation generation = {.menu_known = true,
		.menu = {.present = true, .name = "menu"},
		.setup = {.present = true, .name = "setup"}};
	LOAD_OPTIONS_AUTO options = {.count = 0};
	struct secureboot_vouchers vouchers;
	struct rtmr rtmr = {.derive = NULL};
	struct err err = {0};

	if (load_options_read(&state->store, &options, &err) == 0 &&
		load_options_add_builtin(&generation, &options, &err) == 0 &&
		(options.count == 0 || load_options_measure(&options, &rtmr, &err) != 0))
		abort();
	if (secureboot_measure(state, &rtmr, &err) != 0)
		abort();
	pe_image_make(image);
	state->built = state->enabled = true;
	if (secureboot_vouch(state, image, sizeof(image), &vouchers, &err) == 0 &&
		(vouchers.count == 0 || vouchers.count > SECUREBOOT_VOUCHERS_MAX))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct secureboot *state AUTO_FREE = calloc(1, sizeof(*state));
	struct err err = {0};

	if (state == NULL)
		return 0;
	state->volume_bytes = size;
	if (secureboot_replace(state, data, size, &err) == 0)
		use(state);
	state->built = true;
	if (secureboot_replace(state, data, size, &err) == 0)
		use(state);
	secureboot_done(state);
	return 0;
}

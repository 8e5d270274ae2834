/* Mixed-endian GUIDs (guid.h). */
#include "lib/guid.h"

#include <string.h>

#include "lib/hex.h"

/* Where the text's n-th byte pair goes in the stored form. */
static const unsigned char stored_at[GUID_SIZE] = {
	3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};

static bool is_dash(int at)
{
	return at == 8 || at == 13 || at == 18 || at == 23;
}

bool guid_parse(const char *text, struct guid *ret)
{
	char digits[2 * GUID_SIZE + 1];
	unsigned char raw[GUID_SIZE];
	int n = 0;

	if (strlen(text) != GUID_TEXT_MAX - 1)
		return false;
	for (int i = 0; i < GUID_TEXT_MAX - 1; i++) {
		if (is_dash(i) != (text[i] == '-'))
			return false;
		if (text[i] != '-')
			digits[n++] = text[i];
	}
	digits[n] = '\0';
	if (!hex_decode(digits, raw, sizeof(raw)))
		return false;
	for (int i = 0; i < GUID_SIZE; i++)
		ret->bytes[stored_at[i]] = raw[i];
	return true;
}

void guid_format(const struct guid *guid, char text[GUID_TEXT_MAX])
{
	char digits[2 * GUID_SIZE + 1];
	unsigned char raw[GUID_SIZE];
	int n = 0;

	for (int i = 0; i < GUID_SIZE; i++)
		raw[i] = guid->bytes[stored_at[i]];
	hex_encode(raw, sizeof(raw), digits);
	for (int i = 0; i < GUID_TEXT_MAX - 1; i++)
		text[i] = is_dash(i) ? '-' : digits[n++];
	text[GUID_TEXT_MAX - 1] = '\0';
}

bool guid_is(const unsigned char *stored, const char *text)
{
	struct guid wanted;

	return guid_parse(text, &wanted) && memcmp(stored, wanted.bytes, GUID_SIZE) == 0;
}

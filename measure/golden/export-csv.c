/* Golden values as a table: one line for each pinned register, for people and spreadsheets. RFC 4180, with LF. */
#include "lib/hex.h"
#include "measure/golden/export.h"

int export_csv(const struct export_request *request, struct golden_outputs *ret, struct err *err)
{
	struct buf *out = export_file(ret, "golden.csv", err);

	if (out == NULL)
		return -ENOMEM;
	buf_str(out, "tuple,tee,role,register,value\n");
	for (size_t i = 0; i < request->doc->count; i++) {
		const struct golden_entry *entry = &request->doc->entries[i];
		struct export_register registers[EXPORT_REGISTERS_MAX];
		size_t count = export_registers(entry, registers);

		for (size_t k = 0; export_wants(request, entry) && k < count; k++) {
			char hex[2 * SHA384_SIZE + 1];

			hex_encode(registers[k].bytes, registers[k].size, hex);
			buf_fmt(out, "%s,%s,%s,%s,%s\n", entry->name, golden_tee_name(entry->tee),
				entry->role != NULL ? entry->role : "", registers[k].name, hex);
		}
	}
	return buf_check(out, err);
}

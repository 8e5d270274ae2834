/* EFI system partitions (esp.h). */
#include "mkimage/fs/esp.h"

#include "formats/fat-write.h"

#define PATH  "EFI/BOOT/BOOTX64.EFI"
#define LABEL "ESP"

int esp_size(size_t len, uint64_t *ret, struct err *err)
{
	const struct fat_write_file file = {PATH, "", len};
	const struct fat_write fat = {.files = &file, .count = 1, .label = LABEL};

	return fat_write_size(&fat, ret, err);
}

int esp_write(const struct esp *esp, const struct buf *image, struct buf *ret, struct err *err)
{
	const struct fat_write_file file = {PATH, image->data, image->len};
	const struct fat_write fat = {.files = &file,
		.count = 1,
		.volume_id = esp->volume_id,
		.label = LABEL,
		.timestamp = esp->timestamp,
		.size_bytes = esp->size_bytes,
		.hidden_sectors = esp->first_sector};

	return fat_write(&fat, ret, err);
}

/*
 * GRUB images for x86-64 EFI: the modules and settings that grub-mkimage puts behind the core. GNU
 * GRUB include/grub/kernel.h, util/mkimage.c.
 */
#ifndef FORMATS_GRUB_H
#define FORMATS_GRUB_H

#include <stdbool.h>
#include <stddef.h>

#include "formats/pe.h"
#include "lib/err.h"
#include "lib/rd.h"

#define GRUB_PARTS_MAX 1024
#define GRUB_TEXT_MAX  256

struct grub_image {
	struct rd parts;	    /* borrowed from the image: modules and settings */
	char prefix[GRUB_TEXT_MAX]; /* "/EFI/debian"; "" when there is none */
	bool has_config;	    /* commands that run before anything else */
	bool has_memdisk;
};

/* Whether the image has a "mods" section. */
bool grub_image_probe(const struct pe *pe);

/* Reads what stands in the "mods" section of @image, which parsed as @pe. -EBADMSG. */
int grub_image_parse(
	const void *image, const struct pe *pe, struct grub_image *ret, struct err *err) MUST_CHECK;

/* The module of this name, an ELF object; bad when it is not in the image. */
struct rd grub_image_module(const struct grub_image *image, const char *module);

#endif

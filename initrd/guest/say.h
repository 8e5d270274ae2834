/* The guest's last words: one line on the console, then power off. */
#ifndef INITRD_GUEST_SAY_H
#define INITRD_GUEST_SAY_H

#include <stdnoreturn.h>

/* Opens what say_fatal needs, as soon as /dev and /proc are there; before that it writes to standard error. */
void say_prepare(void);

/*
 * Writes "assay-init: " and the text as one line to the console and powers the machine off. With a nonzero
 * @error its meaning follows after ": ". Never returns, whatever fails.
 */
noreturn void say_fatal(int error, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif

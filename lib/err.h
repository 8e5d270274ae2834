/*
 * Errors: a code and one line of text in a buffer that the caller owns.
 *
 * Every function that can fail takes a `struct err *err` last, returns 0 or a negative errno
 * value, and on failure has written one line without a newline. The code tells the exit status
 * (err_status): what the input did wrong and what the machine did wrong are told apart.
 */
#ifndef LIB_ERR_H
#define LIB_ERR_H

#include <errno.h>

#define MUST_CHECK	       __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

/* The longest error line, its NUL included. */
#define ERR_MSG_MAX 480

/* A zeroed struct err is a valid empty one. */
struct err {
	int code;
	char msg[ERR_MSG_MAX];
};

/* Exit statuses of every verb. */
enum err_exit {
	ERR_EXIT_OK = 0,
	ERR_EXIT_NO = 1,    /* the check said no: lint, verify, mismatch */
	ERR_EXIT_INPUT = 2, /* usage or malformed input */
	ERR_EXIT_ENV = 3,   /* I/O, memory, limit */
};

/*
 * Codes with a meaning of their own here; every other negative errno is the environment's (exit 3):
 * -EBADMSG malformed input and -EINVAL usage and -ENOTSUP an unknown version or variant (exit 2);
 * -EKEYREJECTED a check that said no, such as a digest that differs (exit 1).
 */

/* Records a message and returns @code (negative; anything else becomes -EINVAL). Control characters and bytes
 * that are no UTF-8 are escaped and an overlong line is cut, so input may be quoted with %s. */
#define err_fail(err, code, ...) err_negative(err_record_fail(err, code, __VA_ARGS__))

/* Like err_fail with the code -errno and ": strerror(errno)" after the message. */
#define err_sys(err, ...) err_negative(err_record_sys(err, __VA_ARGS__))

/* Puts "message: " before what is recorded and returns the recorded code. */
#define err_wrap(err, ...) err_negative(err_record_wrap(err, __VA_ARGS__))

int err_record_fail(struct err *err, int code, const char *fmt, ...) MUST_CHECK PRINTF_LIKE(3, 4);
int err_record_sys(struct err *err, const char *fmt, ...) MUST_CHECK PRINTF_LIKE(2, 3);
int err_record_wrap(struct err *err, const char *fmt, ...) MUST_CHECK PRINTF_LIKE(2, 3);

/* Lets the compiler see that a failing path never returns 0 (record() makes it so). */
static inline int MUST_CHECK err_negative(int code)
{
	if (code >= 0)
		__builtin_unreachable();
	return code;
}

/* The exit status for a code returned by one of the above, or for 0. */
int err_status(int code);

#endif

/* Running a program of the machine (run.h) with posix_spawn(3). */
#define _GNU_SOURCE
#include "lib/run.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/io.h"

#define CHUNK (64u << 10)

extern char **environ;

void run_done(struct run_result *result)
{
	buf_done(&result->out);
	buf_done(&result->err);
}

/* Whether @entry of the environment is overridden by one of @env. */
static bool is_overridden(const char *entry, const char *const *env)
{
	for (size_t i = 0; env[i] != NULL; i++) {
		size_t n = (size_t)(strchr(env[i], '=') + 1 - env[i]);

		if (strncmp(entry, env[i], n) == 0)
			return true;
	}
	return false;
}

/* @env and then what it does not override: an array of borrowed strings. */
static const char **merge_environment(const char *const *env)
{
	size_t n = 0, count = 0;
	const char **merged;

	while (environ[n] != NULL)
		n++;
	for (size_t i = 0; env[i] != NULL; i++)
		n++;
	merged = calloc(n + 1, sizeof(char *));
	for (; merged != NULL && env[count] != NULL; count++)
		merged[count] = env[count];
	for (size_t i = 0; merged != NULL && environ[i] != NULL; i++) {
		if (!is_overridden(environ[i], env))
			merged[count++] = environ[i];
	}
	return merged;
}

/* Reads what is there of one output; false at its end. */
static bool read_some(struct pollfd *source, struct buf *dst)
{
	void *at;
	ssize_t got;

	if (source->revents == 0)
		return true;
	at = buf_grow(dst, CHUNK);
	if (at == NULL)
		return false;
	got = read(source->fd, at, CHUNK);
	dst->len -= CHUNK - (got > 0 ? (size_t)got : 0);
	dst->data[dst->len] = '\0';
	return got > 0 || (got < 0 && errno == EINTR);
}

/* Reads both outputs until they end, one is bad or exceeds @max_bytes. */
static int collect(const char *name, int out, int err_fd, size_t max_bytes,
	struct run_result *result, struct err *err)
{
	struct pollfd sources[2] = {
		{.fd = out, .events = POLLIN}, {.fd = err_fd, .events = POLLIN}};
	struct buf *bufs[2] = {&result->out, &result->err};

	while (sources[0].fd >= 0 || sources[1].fd >= 0) {
		if (poll(sources, 2, -1) < 0 && errno != EINTR)
			return err_sys(err, "%s: poll", name);
		for (size_t i = 0; i < 2; i++) {
			if (sources[i].fd >= 0 && !read_some(&sources[i], bufs[i]))
				sources[i].fd = -1;
			if (bufs[i]->len > max_bytes)
				return err_fail(err, -EFBIG, "%s: writes more than %zu bytes", name,
					max_bytes);
		}
	}
	return bufs[0]->bad ? buf_check(bufs[0], err) : buf_check(bufs[1], err);
}

static int spawn(const char *const *argv, const char *const *env, const int *fds, pid_t *ret_pid,
	struct err *err)
{
	AUTO_FREE const char **merged = merge_environment(env);
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int rc;

	if (merged == NULL || posix_spawn_file_actions_init(&actions) != 0)
		return err_fail(err, -ENOMEM, "out of memory");
	rc = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (rc == 0)
		rc = posix_spawn_file_actions_adddup2(&actions, fds[0], STDOUT_FILENO);
	if (rc == 0)
		rc = posix_spawn_file_actions_adddup2(&actions, fds[1], STDERR_FILENO);
	if (rc == 0)
		rc = posix_spawnp(&pid, argv[0], &actions, NULL, (char **)argv, (char **)merged);
	posix_spawn_file_actions_destroy(&actions);
	if (rc != 0)
		return err_fail(err, -rc, "%s: cannot be run: %s", argv[0], strerror(rc));
	*ret_pid = pid;
	return 0;
}

static int wait_for(pid_t pid, const char *name, int *ret_status, struct err *err)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return err_sys(err, "%s: waitpid", name);
	}
	*ret_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	return 0;
}

int run_program(const char *const *argv, const char *const *env, size_t max_bytes,
	struct run_result *ret, struct err *err)
{
	int out[2] = {-1, -1}, errs[2] = {-1, -1};
	struct run_result result = {0};
	struct err ignored = {0};
	pid_t pid = -1;
	int rc = 0;

	if (pipe2(out, O_CLOEXEC) != 0 || pipe2(errs, O_CLOEXEC) != 0)
		rc = err_sys(err, "%s: pipe", argv[0]);
	if (rc == 0)
		rc = spawn(argv, env, (int[]){out[1], errs[1]}, &pid, err);
	io_close(&out[1]);
	io_close(&errs[1]);
	if (rc == 0)
		rc = collect(argv[0], out[0], errs[0], max_bytes, &result, err);
	io_close(&out[0]);
	io_close(&errs[0]);
	if (rc != 0 && pid > 0)
		kill(pid, SIGKILL);
	if (pid > 0) {
		int waited = wait_for(pid, argv[0], &result.status, rc == 0 ? err : &ignored);

		rc = rc == 0 ? waited : rc;
	}
	if (rc != 0)
		run_done(&result);
	else
		*ret = result;
	return rc;
}

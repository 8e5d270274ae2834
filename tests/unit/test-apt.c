/* What the machine's apt knows: sources in both formats, mirrors for an archive, settings through apt-config. */
#define _GNU_SOURCE
#include <stdlib.h>

#include "lib/io.h"
#include "lib/run.h"
#include "mkimage/source/apt.h"
#include "tests/tap.h"

struct want {
	const char *uri, *signed_by;
};

static bool is_source(const struct apt_source *got, const char *uri, const char *signed_by)
{
	if (strcmp(got->uri, uri) != 0)
		return false;
	if (got->signed_by == NULL || signed_by == NULL)
		return got->signed_by == NULL && signed_by == NULL;
	return strcmp(got->signed_by, signed_by) == 0;
}

static void check_parse(
	const char *text, bool deb822, const struct want *want, size_t count, const char *what)
{
	struct apt_sources sources = {0};
	struct err err = {0};

	ok(apt_sources_parse(text, "t", deb822, &sources, &err) == 0 && sources.count == count,
		"%s: %zu sources", what, count);
	for (size_t i = 0; i < count && i < sources.count; i++) {
		ok(is_source(&sources.items[i], want[i].uri, want[i].signed_by), "%s: %s", what,
			want[i].uri);
		if (!is_source(&sources.items[i], want[i].uri, want[i].signed_by))
			printf("# got %s %s\n", sources.items[i].uri,
				sources.items[i].signed_by != NULL ? sources.items[i].signed_by
								   : "-");
	}
	apt_sources_done(&sources);
}

static void check_one_line(void)
{
	static const char text[] =
		"# deb http://commented/debian x main\n"
		"deb http://one/debian/ trixie main # a comment\n"
		"deb-src http://two/debian trixie main\n"
		"\tdeb\t[arch=amd64 signed-by=/k/a.gpg,/k/b.gpg]\thttps://three/debian\ttrixie "
		"main\n"
		"deb [ Signed-By=/k/c.gpg trusted=yes ] file:/srv/debian ./\n"
		"deb [ broken http://four/debian trixie\n"
		"debug http://five/debian x\n"
		"deb\n"
		"\n"
		"deb mirror+file:/etc/apt/mirrors/debian.list trixie main";
	static const struct want want[] = {
		{"http://one/debian", NULL},
		{"https://three/debian", "/k/a.gpg,/k/b.gpg"},
		{"file:/srv/debian", "/k/c.gpg"},
		{"mirror+file:/etc/apt/mirrors/debian.list", NULL},
	};

	check_parse(text, false, want, 4, "one-line");
	check_parse("", false, NULL, 0, "an empty list");
}

static void check_deb822(void)
{
	static const char text[] =
		"# a comment\nTypes: deb deb-src\nURIs: http://one/debian/ http://two/debian\n"
		"Suites: a b\n# inside\nComponents: main\nSigned-By: /k/a.gpg\n"
		"\n \t\n"
		"types: deb\nuris:\n http://three/debian\nSuites: a\nenabled: yes\n"
		"\n"
		"Types: deb\nURIs: http://four/debian\nEnabled: no\nSigned-By: /k/a.gpg\n"
		"\n"
		"Types: deb-src\nURIs: http://five/debian\n"
		"\n"
		"URIs: http://six/debian\n"
		"\n"
		"Types: deb\nSuites: a\n"
		"\n"
		"Types: deb\nURIs: http://seven/debian\nSigned-By:\n -----BEGIN-----\n .\n abc\n"
		" -----END-----\nSuites: x\n";
	static const struct want want[] = {
		{"http://one/debian", "/k/a.gpg"},
		{"http://two/debian", "/k/a.gpg"},
		{"http://three/debian", NULL},
		{"http://seven/debian", "\n -----BEGIN-----\n .\n abc\n -----END-----"},
	};

	check_parse(text, true, want, 4, "deb822");
	check_parse("", true, NULL, 0, "an empty file");
}

static void check_too_many(void)
{
	struct apt_sources sources = {0};
	struct err err = {0};
	BUF_AUTO text = {0};

	for (int i = 0; i < 4097; i++)
		buf_fmt(&text, "deb http://h/%d x\n", i);
	is_int(apt_sources_parse(buf_cstr(&text), "t", false, &sources, &err), -E2BIG,
		"4097 sources");
	is_str(err.msg, "t: more than 4096 apt sources", "are too many");
	apt_sources_done(&sources);
}

static void check_mirrors(void)
{
	static const char text[] = "deb [signed-by=/k] http://one/debian x\n"
				   "deb http://one/debian-security x\n"
				   "deb http://two/debian x\n"
				   "deb http://one/debian y\n"
				   "deb mirror+file:/m/debian.list x\n";
	static const char *const given[] = {
		"other=http://no/x", "debian=http://named/d/", "http://any/path"};
	static const char *const bad[] = {"debian", "debian=x", "=", "http://a b/", "9://x"};
	struct apt_machine machine = {0};
	struct apt_sources got = {0};
	struct err err = {0};

	ok(apt_sources_parse(text, "t", false, &machine.sources, &err) == 0, "a machine");
	is_int(apt_mirrors(&machine, given, 3, "debian", &got, &err), 0, "mirrors of an archive");
	ok(got.count == 5 && is_source(&got.items[0], "http://named/d", "/k") &&
			is_source(&got.items[1], "http://any/path", "/k"),
		"first those given, with the key of the machine's");
	ok(got.count == 5 && is_source(&got.items[2], "http://one/debian", "/k") &&
			is_source(&got.items[3], "http://two/debian", NULL) &&
			is_source(&got.items[4], "mirror+file:/m/debian.list", NULL),
		"then the machine's, each once");
	apt_sources_done(&got);
	is_int(apt_mirrors(&machine, NULL, 0, "ubuntu", &got, &err), -ENOENT, "an unknown archive");
	ok(strstr(err.msg, "--mirror ubuntu=URL") != NULL, "says how to name one");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		is_int(apt_mirrors(&machine, &bad[i], 1, "debian", &got, &err), -EINVAL,
			"what is no mirror");
		ok(strstr(err.msg, "not a URL nor ARCHIVE=URL") != NULL, "is refused: %s", bad[i]);
		apt_sources_done(&got);
	}
	apt_machine_done(&machine);
}

static void put(const char *dir, const char *name, const char *text)
{
	BUF_AUTO path = {0};
	struct err err = {0};

	buf_fmt(&path, "%s/%s", dir, name);
	if (io_publish(buf_cstr(&path), text, strlen(text), &err) != 0) {
		printf("Bail out! %s\n", err.msg);
		exit(1);
	}
}

/* A configuration that is apt's own way to be told of another machine. */
static void configure(const char *dir)
{
	BUF_AUTO text = {0};
	BUF_AUTO path = {0};
	struct err err = {0};

	buf_fmt(&path, "%s/sources.list.d", dir);
	if (io_mkdirs(buf_cstr(&path), &err) != 0)
		exit(1);
	put(dir, "sources.list", "deb http://one/debian x\n");
	put(dir, "sources.list.d/b.sources", "Types: deb\nURIs: http://two/debian\n");
	put(dir, "sources.list.d/a.list", "deb http://three/debian x\n");
	put(dir, "sources.list.d/a.list.save", "deb http://four/debian x\n");
	buf_fmt(&text,
		"Dir::Etc \"%s\";\nDir::Etc::parts \"/dev/null\";\nDir::Etc::main \"/dev/null\";\n"
		"Acquire::http::Proxy \"http://it's:1\";\nAcquire::https::CaInfo \"/ca\";\n"
		"APT::Install-Recommends \"true\";\n",
		dir);
	put(dir, "apt.conf", buf_cstr(&text));
	path.len = 0;
	buf_fmt(&path, "%s/apt.conf", dir);
	setenv("APT_CONFIG", buf_cstr(&path), 1);
}

static bool have_apt(void)
{
	RUN_AUTO result = {0};
	struct err err = {0};

	return run_program((const char *const[]){"apt-config", "--version", NULL},
		       (const char *const[]){NULL}, 4096, &result, &err) == 0;
}

static void check_machine(void)
{
	char dir[] = "/tmp/assay-test-XXXXXX";
	APT_MACHINE_AUTO machine = {0};
	struct err err = {0};

	if (!have_apt()) {
		tap_skip("the machine's settings", "no apt here");
		return;
	}
	if (mkdtemp(dir) == NULL)
		exit(1);
	configure(dir);
	is_int(apt_machine_read(&machine, &err), 0, "the machine is read");
	ok(machine.sources.count == 3 &&
			is_source(&machine.sources.items[0], "http://one/debian", NULL) &&
			is_source(&machine.sources.items[1], "http://three/debian", NULL) &&
			is_source(&machine.sources.items[2], "http://two/debian", NULL),
		"its list and then its parts by name, as apt reads them");
	is_str(machine.http_proxy, "http://it's:1", "its proxy");
	is_str(machine.ca_info, "/ca", "its certificates");
	ok(machine.https_proxy == NULL, "what is not set");
	ok(strstr(machine.transport, "Acquire::http::Proxy \"http://it's:1\";\n") != NULL &&
			strstr(machine.transport, "Recommends") == NULL,
		"only how servers are reached goes to our apt");
	ok(io_remove_tree(dir, &err) == 0, "removed");
}

static void check_without_apt(void)
{
	APT_MACHINE_AUTO machine = {0};
	struct err err = {0};

	setenv("PATH", "/nonexistent", 1);
	is_int(apt_machine_read(&machine, &err), 0, "a machine without apt");
	ok(machine.sources.count == 0 && machine.transport == NULL, "knows nothing");
}

int main(void)
{
	check_one_line();
	check_deb822();
	check_too_many();
	check_mirrors();
	check_machine();
	check_without_apt();
	return tap_done();
}

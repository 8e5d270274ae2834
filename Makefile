# assay: one Makefile. `make` builds, `make check` tests, `make help` lists the rest.
VERSION := 0.1.0

CC      ?= gcc
FLAVOR  ?= release
B       := build/$(FLAVOR)

# FLAVOR: release, asan (ASan+UBSan), fuzz (clang libFuzzer). WERROR=1 makes warnings fatal, as `make check` does.
CFLAGS_release := -O2 -g -D_FORTIFY_SOURCE=2 -fstack-protector-strong
CFLAGS_asan    := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
CFLAGS_fuzz    := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
CFLAGS_clang   := $(CFLAGS_release)
WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2 -Wundef -Wpointer-arith
ifeq ($(WERROR),1)
WARN += -Werror
endif
CFLAGS   ?= $(CFLAGS_$(FLAVOR))
CPPFLAGS += -I. -D_FILE_OFFSET_BITS=64 -DASSAY_VERSION='"$(VERSION)"'
ALL_CFLAGS = -std=c17 $(WARN) $(CPPFLAGS) $(CFLAGS) -ffile-prefix-map=$(CURDIR)=. -pthread

# What each room may link. measure/ needs libcrypto, jansson and liblzma alone (make assay-measure shows it).
LIBS_MEASURE := -lcrypto -ljansson -llzma
LIBS_ALL     := $(LIBS_MEASURE) -larchive -lzstd -lelf -lblkid -lext2fs -lcom_err -llz4
LDFLAGS     += -Wl,-z,relro,-z,now -pthread

LIB_SRC     := $(wildcard lib/*.c)
CLI_SRC     := $(wildcard cli/*.c)
FORMATS_SRC := $(wildcard formats/*.c)
MEASURE_SRC := $(wildcard measure/*.c measure/*/*.c)
IMAGE_SRC   := $(wildcard mkimage/*.c mkimage/*/*.c initrd/*.c)
MAIN_SRC    := $(wildcard *.c)
UNIT_SRC    := $(wildcard tests/unit/*.c)
FUZZ_SRC    := $(wildcard tests/fuzz/fuzz-*.c)
ORACLE_SRC  := $(wildcard tests/oracle/*.c)

obj = $(patsubst %.c,$(B)/%.o,$(1))
CORE_OBJ := $(call obj,$(LIB_SRC) $(CLI_SRC) $(FORMATS_SRC))
ROOM_OBJ := $(call obj,$(MEASURE_SRC) $(IMAGE_SRC)) $(B)/initrd/init-blob.o
UNIT_BIN := $(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(UNIT_SRC))
FUZZ_BIN := $(patsubst tests/fuzz/%.c,$(B)/tests/fuzz/%,$(FUZZ_SRC))
ORACLE_BIN := $(patsubst tests/oracle/%.c,$(B)/tests/oracle/%,$(ORACLE_SRC))

# The guest's own programs do not follow CC and CFLAGS: their bytes are measured. musl keeps them small.
GUEST_CC     := musl-gcc
GUEST_CFLAGS := -std=c17 -Os -static -fno-ident -ffunction-sections -fdata-sections \
	$(WARN) -Werror \
	-ffile-prefix-map=$(CURDIR)=. -Wl,--gc-sections,--build-id=none -s
GUEST_BIN := build/guest/init build/guest/kata-agent-stand-in

PREFIX  ?= /usr/local

.PHONY: all help clean check check-kernel unit fuzz bench assay-measure format format-check guest install test-bins
all: $(B)/assay guest

help:
	@echo 'make               build assay and the guest programs'
	@echo 'make check         all tests: two compilers, sanitizers, unit, cli, oracle, boot, fuzz corpora'
	@echo 'make check-acpi    built-in ACPI tables beside stock QEMUs, every shape'
	@echo 'make check-kernel  build a guest kernel from source, twice, and boot it as Kata does'
	@echo 'make unit          the unit tests alone'
	@echo 'make fuzz          a long fuzzing run of every target (FUZZ_SECONDS each)'
	@echo 'make bench         measure speed and memory against the peers'
	@echo 'make assay-measure measure/ alone, linked with libcrypto, jansson and liblzma only'
	@echo 'make install       into $$(DESTDIR)$$(PREFIX)'
	@echo 'make man           docs/man/assay.1 from assay.1.in and the verbs'
	@echo 'make format        clang-format the tree'

$(B)/libcore.a: $(CORE_OBJ)
$(B)/librooms.a: $(ROOM_OBJ)
$(B)/%.a:
	@rm -f $@
	ar rcsD $@ $^

$(B)/assay: $(call obj,$(MAIN_SRC)) $(B)/librooms.a $(B)/libcore.a
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS_ALL)

# What a verifier takes: measure/ alone, without the image builder and its libraries.
assay-measure: $(B)/assay-measure
$(B)/assay-measure: $(B)/assay-measure.o $(call obj,$(MEASURE_SRC)) $(B)/libcore.a
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS_MEASURE)
$(B)/assay-measure.o: assay.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -DMEASURE_ONLY -MMD -MP -c -o $@ $<

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/initrd/init-blob.o: initrd/init-blob.S build/guest/init
	@mkdir -p $(@D)
	$(CC) -DINIT_PATH='"build/guest/init"' -c -o $@ $<

guest: $(GUEST_BIN)
build/guest/init: $(wildcard initrd/guest/*.c initrd/guest/*.h)
	@mkdir -p $(@D)
	$(GUEST_CC) $(GUEST_CFLAGS) -I. -o $@ $(sort $(filter %.c,$^))
build/guest/kata-agent-stand-in: $(wildcard tests/guest/*.c) initrd/guest/dm.c initrd/guest/sha256.c \
		$(wildcard initrd/guest/*.h)
	@mkdir -p $(@D)
	$(GUEST_CC) $(GUEST_CFLAGS) -I. -o $@ $(sort $(filter %.c,$^))

$(B)/tests/unit/%: $(B)/tests/unit/%.o $(B)/librooms.a $(B)/libcore.a
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS_ALL)
$(B)/tests/oracle/%: $(B)/tests/oracle/%.o $(B)/librooms.a $(B)/libcore.a
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS_ALL)

# A fuzz target is a libFuzzer program in FLAVOR=fuzz (CC=clang) and a replaying one elsewhere.
ifeq ($(FLAVOR),fuzz)
$(B)/tests/fuzz/%: tests/fuzz/%.c $(B)/librooms.a $(B)/libcore.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -fsanitize=fuzzer $(LDFLAGS) -o $@ $^ $(LIBS_ALL)
else
$(B)/tests/fuzz/%: tests/fuzz/%.c tests/fuzz/fuzz.h $(B)/librooms.a $(B)/libcore.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -DFUZZ_MAIN $(LDFLAGS) -o $@ $< $(B)/librooms.a $(B)/libcore.a $(LIBS_ALL)
endif

test-bins: $(B)/assay $(UNIT_BIN) $(FUZZ_BIN) $(ORACLE_BIN) guest

unit: $(UNIT_BIN)
	prove $(UNIT_BIN)

check:
	tests/run

# Builds the kernel of rootfs-recipes/kata-kernel twice and boots it as Kata does.
check-kernel: all
	ASSAY_KERNEL=1 prove -v tests/boot/kata-kernel.sh

# Every shape of tests/oracle/acpi.sh: half an hour of QEMUs.
check-acpi: test-bins
	ASSAY_TEST_ACPI=all tests/oracle/acpi.sh
.PHONY: check-acpi

# Fuzzes every target for FUZZ_SECONDS; finds go to build/fuzz/found. What crashes belongs, minimised, in the corpus.
FUZZ_SECONDS ?= 600
fuzz:
	$(MAKE) CC=clang FLAVOR=fuzz test-bins-fuzz
	set -e; for target in $(FUZZ_SRC:tests/fuzz/fuzz-%.c=%); do \
		mkdir -p build/fuzz/found/$$target; \
		build/fuzz/tests/fuzz/fuzz-$$target -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 \
			-artifact_prefix=build/fuzz/found/$$target- \
			build/fuzz/found/$$target tests/fuzz/corpus/$$target; \
	done
test-bins-fuzz: $(FUZZ_BIN)
.PHONY: test-bins-fuzz

bench: all
	tests/bench/run

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 755 $(B)/assay $(DESTDIR)$(PREFIX)/bin/
	install -m 644 $(wildcard docs/man/*.1) $(DESTDIR)$(PREFIX)/share/man/man1/

C_SRC := $(sort $(wildcard *.c *.h */*.c */*.h */*/*.c */*/*.h))
# The manual page: the prose of assay.1.in and what the verbs' own --help says.
.PHONY: man
man: $(B)/assay
	scripts/man $(B)/assay >docs/man/assay.1

format:
	clang-format -i $(C_SRC)
format-check:
	clang-format --dry-run -Werror $(C_SRC)

clean:
	rm -rf build

-include $(shell find $(B) -name '*.d' 2>/dev/null)
.SECONDARY:

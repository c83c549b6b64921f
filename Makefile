# The playbook language: pbc (compiler) and pbrun (runner).
#
#   make            build/pbc and build/pbrun
#   make demo       a simulated account, six findings, what is done and what holds it back
#   make test       everything; make test-fast: the part that takes seconds
#   make crash      pbrun is killed wherever it can be, and looked whether anything is lost or done twice
#   make bench      ratios against jq and boto3, in one run
#   make conformance  every operation of AWS against botocore: operations, inputs, mismatches
#   make fuzz       fuzz drivers, FUZZ_SECONDS each (needs clang)
#   make lint       clang-tidy, cppcheck, formatting
#   make install    programs, manual pages, completions under PREFIX
#   make SAN=1 ...  the same under AddressSanitizer and UBSan, in build/san
#
# Non-recursive; nothing generated is committed; generated files live under $(BUILD).

PY     := /usr/bin/python3
ifdef SAN
BUILD  ?= build/san
OPT    := -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
else
BUILD  ?= build
OPT    := -O2
endif
VERSION := 0.1.0
# Where botocore's service models are; any newer directory of the same format will do.
AWS_MODELS ?= /usr/lib/python3/dist-packages/botocore/data

CC      := gcc
CFLAGS  ?= -g
WARN    := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla $(if $(CI),-Werror)
ALL_CFLAGS = -std=c11 -D_GNU_SOURCE -I. -I$(BUILD) -DPB_VERSION='"$(VERSION)"' $(OPT) $(WARN) \
              -fvisibility=hidden -fstack-protector-strong -D_FORTIFY_SOURCE=2 -MMD -MP $(CFLAGS)
# A process is started for every event, and loading shared libraries would be half of its time: the libraries that only compute are
# linked in (STATIC= for shared ones), libcurl and libmicrohttpd are opened on first use (vm/lazylib.h).
STATIC  ?= $(if $(SAN),,1)
LIBNAMES := json-c crypto expat pcre2-8 sqlite3 z
LDLIBS  := $(if $(STATIC),$(LIBNAMES:%=-l:lib%.a),$(LIBNAMES:%=-l%)) -ldl -lm
LDFLAGS := $(OPT) -Wl,-z,relro -Wl,-z,pack-relative-relocs -Wl,--as-needed

LANG_SRC   := $(filter-out lang/pbc.c,$(wildcard lang/*.c))
# pbrun's commands are pbrun's own; all else in vm is a library that the compiler's tests of playbooks use too.
PBRUN_SRC  := vm/pbrun.c $(wildcard vm/cmd_*.c)
VM_SRC     := $(filter-out $(PBRUN_SRC),$(wildcard vm/*.c))
STDLIB_SRC := $(wildcard stdlib/*.c stdlib/aws/*.c stdlib/sim/*.c)
STDLIB_PB  := $(wildcard stdlib/*.pb stdlib/events/*.pb stdlib/testing/*.pb)
# `pbc test`: with the compiler only, because nothing of it may run where playbooks act.
TESTING_SRC := $(wildcard stdlib/testing/*.c)
UNIT_SRC   := $(wildcard tests/unit/*.c)

GEN_OBJ    := $(BUILD)/lang/lexer.o $(BUILD)/lang/parser.o
LANG_OBJ   := $(LANG_SRC:%.c=$(BUILD)/%.o) $(GEN_OBJ)
VM_OBJ     := $(VM_SRC:%.c=$(BUILD)/%.o) $(BUILD)/web_files.o
STDLIB_OBJ := $(STDLIB_SRC:%.c=$(BUILD)/%.o) $(BUILD)/stdlib_sources.o $(BUILD)/aws_model.o $(BUILD)/aws_permissions.o
TESTING_OBJ := $(TESTING_SRC:%.c=$(BUILD)/%.o)
UNIT_BIN   := $(UNIT_SRC:tests/unit/%.c=$(BUILD)/tests/%)

all: $(BUILD)/pbc $(BUILD)/pbrun

# The libraries: unit tests link the archives, so that each takes only what it uses.
LIBS := $(BUILD)/libstdlib.a $(BUILD)/libvm.a $(BUILD)/liblang.a

$(BUILD)/pbc: $(BUILD)/lang/pbc.o $(BUILD)/aws_docs.o $(TESTING_OBJ) $(STDLIB_OBJ) $(VM_OBJ) $(LANG_OBJ)
	@echo "  LINK  $@"
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
$(BUILD)/pbrun: $(PBRUN_SRC:%.c=$(BUILD)/%.o) $(STDLIB_OBJ) $(VM_OBJ) $(LANG_OBJ)
	@echo "  LINK  $@"
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
$(BUILD)/liblang.a: $(LANG_OBJ)
	rm -f $@ && ar rcs $@ $^
$(BUILD)/libvm.a: $(VM_OBJ)
	rm -f $@ && ar rcs $@ $^
$(BUILD)/libstdlib.a: $(STDLIB_OBJ)
	rm -f $@ && ar rcs $@ $^

$(BUILD)/%.o: %.c
	@echo "  CC    $<"
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c -o $@ $<
$(BUILD)/%.o: $(BUILD)/%.c
	@echo "  CC    $<"
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c -o $@ $<

# flex's and bison's own output is held to the compiler's warnings, minus the ones their skeletons trip over.
$(GEN_OBJ): WARN += -Wno-conversion -Wno-unused-function -Wno-unused-macros -Wno-unused-but-set-variable -Wno-sign-compare -Wno-missing-prototypes
$(BUILD)/lang/parser.c $(BUILD)/lang/parser.h &: lang/parser.y
	@mkdir -p $(@D)
	@echo "  BISON $<"
	bison -Wall -Wcounterexamples -Werror --defines=$(BUILD)/lang/parser.h -o $(BUILD)/lang/parser.c $<
$(BUILD)/lang/lexer.c: lang/lexer.l $(BUILD)/lang/parser.h
	@mkdir -p $(@D)
	@echo "  FLEX  $<"
	flex -o $@ $<
$(LANG_OBJ): | $(BUILD)/lang/parser.h

$(BUILD)/stdlib_sources.c: stdlib/gen_sources.py $(STDLIB_PB)
	@mkdir -p $(@D)
	$(PY) $< $@ $(STDLIB_PB)

# The server's page.
$(BUILD)/web_files.c: vm/web/gen_files.py $(wildcard vm/web/*.html vm/web/*.css vm/web/*.js)
	@mkdir -p $(@D)
	$(PY) $^ $@

$(BUILD)/aws_permissions.c: stdlib/aws/gen_permissions.py stdlib/aws/permissions.tsv
	@mkdir -p $(@D)
	$(PY) $^ $@

# The AWS tables: one for the client, one (documentation) for the compiler; linked in by .incbin, so mapped and never parsed.
# Shared by all build directories: they do not depend on compiler flags.
MODEL_DIR := $(if $(filter build/%,$(BUILD)),build,$(BUILD))/model
# Which models a table is of: another AWS_MODELS makes another one.
$(MODEL_DIR)/source: FORCE
	@mkdir -p $(@D)
	@echo '$(AWS_MODELS)' | cmp -s - $@ || echo '$(AWS_MODELS)' > $@
$(MODEL_DIR)/aws_model.bin $(MODEL_DIR)/aws_docs.bin &: stdlib/aws/gen_model.py stdlib/aws/gen_endpoints.py stdlib/aws/effects.tsv $(MODEL_DIR)/source
	@mkdir -p $(@D)
	@echo "  MODEL every service of $(AWS_MODELS)"
	$(PY) $< --models $(AWS_MODELS) --effects stdlib/aws/effects.tsv --out $(MODEL_DIR)
$(BUILD)/aws_%.o: stdlib/aws/model_data.S $(MODEL_DIR)/aws_%.bin
	@mkdir -p $(@D)
	$(CC) -DNAME=aws_$*_data -DFILE='"$(MODEL_DIR)/aws_$*.bin"' -c -o $@ $<

$(BUILD)/tests/%: tests/unit/%.c $(LIBS) $(BUILD)/aws_docs.o
	@echo "  TEST  $<"
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $< $(BUILD)/aws_docs.o $(LIBS) $(LDLIBS)
# A server that answers all alike, for measuring clients.
$(BUILD)/tests/constant: tests/bench/constant.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $<
unit: $(UNIT_BIN)

# Fuzz drivers (clang): everything again with its coverage counters and sanitizers, in build/fuzz.
FUZZ_SECONDS ?= 60
FUZZ_OPT     := -O1 -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=undefined -fno-omit-frame-pointer
FUZZ_BIN     := $(patsubst tests/fuzz/%.c,build/fuzz/drivers/%,$(wildcard tests/fuzz/*.c))
$(BUILD)/drivers/%: tests/fuzz/%.c $(LIBS)
	@echo "  FUZZ  $<"
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -fsanitize=fuzzer -o $@ $< $(LIBS) $(LDLIBS)
fuzz-build:
	$(MAKE) BUILD=build/fuzz CC=clang WARN= OPT='$(FUZZ_OPT)' $(FUZZ_BIN)

# What a fresh Debian 12 lacks. Asked for only when something is missing, so that a second run needs no network.
deps:
	@.ci/deps

test:
	.ci/deps tests
	$(MAKE) all unit
	$(MAKE) SAN=1 all unit
	$(if $(shell command -v clang),$(MAKE) fuzz-build)
	$(PY) tests/run.py
test-fast: all unit
	$(PY) tests/run.py --fast
demo: deps
	$(MAKE) all
	$(PY) playbooks/demo.py
bench: all $(BUILD)/tests/constant
	$(PY) tests/bench/bench.py
	PB_BUILD=$(BUILD) $(PY) tests/bench/bench_aws.py
	PB_BUILD=$(BUILD) $(PY) tests/bench/bench_load.py
crash: all
	PB_BUILD=$(BUILD) $(PY) tests/crash/crash.py $(CRASH)
conformance: $(BUILD)/tests/codec_driver $(BUILD)/tests/sigv4
	PB_BUILD=$(BUILD) $(PY) -W ignore tests/aws/conformance.py
fuzz: all fuzz-build
	$(PY) tests/fuzz/run.py --seconds $(FUZZ_SECONDS)
lint:
	.ci/lint

# Programs, manual pages, completions. PREFIX says where, DESTDIR is put in front of it (packages).
PREFIX ?= /usr/local
SHARE  := $(DESTDIR)$(PREFIX)/share
install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(SHARE)/man/man1 $(SHARE)/bash-completion/completions $(SHARE)/zsh/site-functions \
	    $(SHARE)/fish/vendor_completions.d
	install -m 755 $(BUILD)/pbc $(BUILD)/pbrun $(DESTDIR)$(PREFIX)/bin
	for p in pbc pbrun; do \
	    $(BUILD)/$$p manual > $(SHARE)/man/man1/$$p.1 && \
	    $(BUILD)/$$p completion bash > $(SHARE)/bash-completion/completions/$$p && \
	    $(BUILD)/$$p completion zsh > $(SHARE)/zsh/site-functions/_$$p && \
	    $(BUILD)/$$p completion fish > $(SHARE)/fish/vendor_completions.d/$$p.fish || exit 1; \
	done

clean:
	rm -rf build

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
.PHONY: FORCE all unit deps test test-fast demo bench crash conformance fuzz fuzz-build lint install clean
.DELETE_ON_ERROR:
# One line a file; V=1 shows the commands.
ifndef V
.SILENT:
endif

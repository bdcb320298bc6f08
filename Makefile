# copilot-cluster - one Makefile, nothing recursive. `make help` lists the targets.
#
# Objects live in build/$(MODE)/: release (default), debug, asan (ASan + UBSan), fuzz.
# SPDX-License-Identifier: MIT

MODE    ?= release
CC      ?= cc
# libFuzzer is a part of clang.
ifeq ($(MODE)$(findstring clang,$(CC)),fuzz)
CC      := clang
endif
B       := build/$(MODE)
VERSION := 0.1.0

# ---------------------------------------------------------------- foreign libraries
# Debian 12 ships llhttp as C sources in package node-llhttp; newer systems have a library.
LLHTTP_SRC_DIR := $(firstword $(wildcard /usr/share/llhttp))
PKGS := libuv libcurl jansson inih libcrypto
ifneq ($(LLHTTP_SRC_DIR),)
LLHTTP_CFLAGS := -isystem /usr/share/include/llhttp
LLHTTP_OBJS    = $(patsubst %,$(B)/llhttp/%.o,api http llhttp)
else
PKGS += libllhttp
endif
# Made lazily: `make deps` must work before the libraries are there.
PKG_CFLAGS = $(eval PKG_CFLAGS := \
  $$(subst -I,-isystem ,$$(shell pkg-config --cflags $(PKGS))))$(PKG_CFLAGS)
PKG_LIBS   = $(eval PKG_LIBS := $$(shell pkg-config --libs $(PKGS)))$(PKG_LIBS)

# ---------------------------------------------------------------- flags
WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes \
  -Wmissing-prototypes -Wformat=2 -Wundef -Wwrite-strings -Wvla -Wcast-qual -Wpointer-arith \
  -Wimplicit-fallthrough -Werror
BASE_CFLAGS := -std=c11 -D_GNU_SOURCE -DCLUSTER_VERSION='"$(VERSION)"' $(WARN) \
  -DLLHTTP_STRICT_MODE=1 -iquote include -iquote . -MMD -MP -g
CFLAGS_release := -O2 -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
CFLAGS_debug   := -O0 -fPIE
CFLAGS_asan    := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined \
  -fno-sanitize-recover=all -fPIE
# The library for libFuzzer; its main() comes with the targets.
CFLAGS_fuzz    := -O1 -fno-omit-frame-pointer -fno-sanitize-recover=all -fPIE \
  -fsanitize=fuzzer-no-link,address,undefined,float-cast-overflow
LDFLAGS_release := -pie -Wl,-z,relro,-z,now -Wl,--as-needed
LDFLAGS_debug   := -pie
LDFLAGS_asan    := -pie -fsanitize=address,undefined
LDFLAGS_fuzz    := -pie -fsanitize=address,undefined
ALL_CFLAGS   = $(BASE_CFLAGS) $(CFLAGS_$(MODE)) $(PKG_CFLAGS) $(LLHTTP_CFLAGS) $(CFLAGS)
ALL_LDFLAGS := $(LDFLAGS_$(MODE)) $(LDFLAGS)

# ---------------------------------------------------------------- sources
CORE_SRCS := $(wildcard proxy/core/*.c supervisor/core/*.c)
LIB_SRCS  := $(wildcard proxy/base/*.c) $(CORE_SRCS) $(wildcard proxy/*.c) \
  $(filter-out supervisor/main.c,$(wildcard supervisor/*.c))
LIB_OBJS   = $(LIB_SRCS:%.c=$(B)/%.o) $(LLHTTP_OBJS)
UNIT_SRCS := $(wildcard tests/unit/test_*.c)
UNIT_BINS := $(UNIT_SRCS:tests/unit/%.c=$(B)/tests/%)
# The engine's search is built in small table sizes of its own: NODESxREQUESTS, and attempts.
SMALL_SIZES := 4x2 4x3 3x4
SMALL_4x2   := -DNODES_MAX=4 -DREQUESTS_MAX=2 -DATTEMPTS_MAX=3
SMALL_4x3   := -DNODES_MAX=4 -DREQUESTS_MAX=3 -DATTEMPTS_MAX=4
SMALL_3x4   := -DNODES_MAX=3 -DREQUESTS_MAX=4 -DATTEMPTS_MAX=5
SMALL_SRCS  := proxy/base/node $(addprefix proxy/core/,failover failover_names events ending \
  flight baton health health_quota) \
  $(addprefix tests/unit/search_,check rules events key store walk)
MODEL_BINS  := $(B)/tests/model_fleet $(B)/tests/model_random \
  $(SMALL_SIZES:%=$(B)/tests/model_failover_%)
FUZZ_SRCS := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ_BINS := $(FUZZ_SRCS:tests/fuzz/%.c=$(B)/tests/%)
FUZZ_SECONDS ?= 5

# One short line a file; `make V=1` shows the commands.
ifeq ($(V),1)
Q :=
else ifneq ($(findstring s,$(firstword -$(MAKEFLAGS))),)
Q := @
else
Q = @echo '  $(1) $@';
endif

.PHONY: all deps deps-apt deps-node deps-test run test unit model seeded fuzz integration demo
.PHONY: lint bench deps-bench clean help
.DELETE_ON_ERROR:

all: $(B)/copilot-cluster ## build the program (default)

$(B)/copilot-cluster: $(B)/supervisor/main.o $(B)/libcluster.a
	$(call Q,LINK)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(PKG_LIBS)

$(B)/libcluster.a: $(LIB_OBJS)
	$(call Q,AR  )rm -f $@ && ar rcs $@ $^

# A change of compiler or flags rebuilds everything.
$(B)/flags: FORCE
	@mkdir -p $(B)
	@echo '$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS)' | cmp -s - $@ || \
	  echo '$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS)' >$@
FORCE:

$(B)/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(call Q,CC  )$(CC) $(ALL_CFLAGS) -c -o $@ $<

define SMALL_RULES
$(B)/small/$(1)/%.o: %.c $(B)/flags
	@mkdir -p $$(@D)
	$$(call Q,CC  )$$(CC) $$(ALL_CFLAGS) $$(SMALL_$(1)) -c -o $$@ $$<

$(B)/tests/model_failover_$(1): $(patsubst %,$(B)/small/$(1)/%.o,$(SMALL_SRCS) \
  tests/unit/model_failover)
	@mkdir -p $$(@D)
	$$(call Q,LINK)$$(CC) $$(ALL_LDFLAGS) -o $$@ $$^
endef
$(foreach size,$(SMALL_SIZES),$(eval $(call SMALL_RULES,$(size))))

$(B)/tests/model_random: $(patsubst %,$(B)/small/4x3/%.o,$(SMALL_SRCS) tests/unit/model_random)
	@mkdir -p $(@D)
	$(call Q,LINK)$(CC) $(ALL_LDFLAGS) -o $@ $^

# Foreign code: our flags for code generation, not our warnings. Strict mode is off by default
# there and accepts `Host : a` (FACTS 5).
$(B)/llhttp/%.o: $(LLHTTP_SRC_DIR)/%.c $(B)/flags
	@mkdir -p $(@D)
	$(call Q,CC  )$(CC) -std=gnu11 -g $(CFLAGS_$(MODE)) -w -DLLHTTP_STRICT_MODE=1 \
	  $(LLHTTP_CFLAGS) -c -o $@ $<

-include $(shell test -d build && find build -type f -name '*.d')

# ---------------------------------------------------------------- dependencies
deps: deps-apt deps-node ## install what is missing (apt, npm)
deps-apt:
	@sh tests/deps.sh apt
deps-node:
	@sh tests/deps.sh node
deps-test: ## the same, and what only the tests need
	@sh tests/deps.sh apt test
	@sh tests/deps.sh node test
deps-bench: ## the same, and the peers that the bench measures
	@sh tests/deps.sh apt bench
	@sh tests/deps.sh node bench

# ---------------------------------------------------------------- run
NODE_BIN := build/copilot-api/node_modules/.bin
run: deps ## install, build and start with conf/cluster.ini
	@$(MAKE) --no-print-directory all
	@PATH="$(CURDIR)/$(NODE_BIN):$$PATH" exec $(B)/copilot-cluster run -c conf/cluster.ini

demo: deps ## the whole story without any account
	@$(MAKE) --no-print-directory all
	@PATH="$(CURDIR)/$(NODE_BIN):$$PATH" exec /usr/bin/python3 tests/demo.py $(B)/copilot-cluster

# ---------------------------------------------------------------- tests
$(B)/tests/%: $(B)/tests/unit/%.o $(B)/libcluster.a
	@mkdir -p $(@D)
	$(call Q,LINK)$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) -lcmocka $(PKG_LIBS)

$(B)/tests/test_scenarios: $(patsubst %,$(B)/tests/unit/story%.o,_actions _events _policy) \
  $(B)/tests/unit/story.o
$(B)/tests/test_message: $(B)/tests/bench/message.o

$(B)/tests/fuzz_%: $(B)/tests/fuzz/fuzz_%.o $(B)/libcluster.a
	@mkdir -p $(@D)
	$(call Q,LINK)$(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(PKG_LIBS)

$(B)/tests/fuzz_failover: $(patsubst %,$(B)/small/4x3/%.o,$(SMALL_SRCS) \
  tests/fuzz/fuzz_failover)
	@mkdir -p $(@D)
	$(call Q,LINK)$(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $^

test: ## install, build and run every test
	@sh tests/run.sh

# Every binary runs, also after a failure; the binary of the failure is named.
RUN_EACH = @failed=0; for t in $^; do $$t || { echo "$$t: exit $$?"; failed=1; }; done; \
  exit $$failed
unit: $(UNIT_BINS) ## unit tests of this MODE
	$(RUN_EACH)

model: $(MODEL_BINS) ## exhaustive searches of the engines
	$(RUN_EACH)

seeded: ## one bug in each property of the engine: the search must find it
	/usr/bin/python3 tests/seeded.py

ifeq ($(MODE),fuzz)
fuzz: $(FUZZ_BINS)
	@sh tests/fuzz/run.sh $(FUZZ_SECONDS) $^
else
fuzz: ## fuzz targets, FUZZ_SECONDS each (0: their corpus only)
	@$(MAKE) --no-print-directory MODE=fuzz fuzz
endif

integration: all ## the real binary with real nodes
	/usr/bin/python3 -m pytest -q tests/integration

# ---------------------------------------------------------------- bench
# Nothing of the product is in its tools but two headers without code.
bench_objects = $(addprefix $(B)/tests/bench/,$(addsuffix .o,$(1)))
BENCH_BINS   := $(addprefix $(B)/bench/,backend load relay)
$(B)/bench/backend: $(call bench_objects,backend message net)
$(B)/bench/load: $(call bench_objects,load load_posts load_streams message net)
$(B)/bench/relay: $(call bench_objects,relay net)
$(BENCH_BINS):
	@mkdir -p $(@D)
	$(call Q,LINK)$(CC) $(ALL_LDFLAGS) -o $@ $^

bench: deps-bench ## CPU, latency and memory side by side with nginx, HAProxy and others
	@$(MAKE) --no-print-directory all $(BENCH_BINS)
	@/usr/bin/python3 tests/bench/bench.py $(BENCH)

lint: all ## format, layers, names, purity, banned functions
	@sh tests/lint.sh $(B)

clean: ## remove build/
	rm -rf build

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile

# flamelapse: see `make help`.

O      ?= build
PREFIX ?= /usr/local
# RENDER=0 builds a recorder alone, without cairo and libav.
RENDER ?= 1
# SAN=1 builds with AddressSanitizer and UndefinedBehaviorSanitizer.
SAN    ?= 0

CC        ?= cc
CLANG     ?= clang
BPFTOOL   ?= $(or $(shell PATH="$$PATH:/usr/sbin:/sbin" command -v bpftool),bpftool)
PKGCONFIG ?= pkg-config
FONT      ?= /usr/share/fonts/opentype/inter/Inter-Regular.otf
FONT_BOLD ?= /usr/share/fonts/opentype/inter/Inter-SemiBold.otf

VERSION := $(shell cat VERSION)

pkgs := libbpf libelf libdw sqlite3 libzstd zlib
ifeq ($(RENDER),1)
pkgs += cairo freetype2 fontconfig libavformat libavcodec libavutil
endif

warnings := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla \
	-Wpointer-arith -Wundef
CFLAGS   ?= -O2 -g
CPPFLAGS += -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DVERSION='"$(VERSION)"' -DRENDER=$(RENDER) \
	-iquote src -iquote . -iquote $(O)
# No contraction of a*b+c: the picture must not depend on what the processor can fuse.
override CFLAGS += -std=gnu11 $(warnings) -fPIE -fstack-protector-strong -ffp-contract=off \
	-fno-strict-aliasing -ffile-prefix-map=$(CURDIR)=. -MMD -MP
override LDFLAGS += -pie -Wl,-z,relro,-z,now -pthread
ifeq ($(SAN),1)
override CFLAGS  += -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
override LDFLAGS += -fsanitize=address,undefined
else
CPPFLAGS += $(if $(filter -O0,$(CFLAGS)),,-D_FORTIFY_SOURCE=2)
endif

pkg_cflags := $(shell $(PKGCONFIG) --cflags $(pkgs) 2>/dev/null)
pkg_libs   := $(shell $(PKGCONFIG) --libs $(pkgs) 2>/dev/null)
libs       := $(pkg_libs) -liberty -lm

src := $(filter-out src/cli/main.c,$(wildcard src/*/*.c))
ifeq ($(RENDER),1)
src += $(wildcard render/*.c render/core/*.c)
fonts := $(O)/fonts/fonts.o
else
src := $(filter-out src/cli/cmd_render.c,$(src))
endif
obj := $(src:%.c=$(O)/%.o)
lib := $(O)/libflamelapse.a

unit   := $(patsubst %.c,$(O)/%,$(wildcard tests/unit/test_*.c))
ifeq ($(RENDER),0)
unit   := $(filter-out $(O)/tests/unit/test_render_%,$(unit))
endif
bench  := $(patsubst %.c,$(O)/%,$(wildcard tests/bench/*.c))
soak   := $(patsubst %.c,$(O)/%,$(wildcard tests/soak/*.c))
fuzz   := $(patsubst %.c,$(O)/%,$(wildcard tests/fuzz/fuzz_*.c))
tools  := $(patsubst %.c,$(O)/%,$(wildcard tests/bpf/*.c tests/tools/*.c samples/*.c))

all: $(O)/flamelapse ## build $(O)/flamelapse (the default)

$(O)/flamelapse: $(O)/src/cli/main.o $(lib) $(fonts)
	$(CC) $(LDFLAGS) -o $@ $^ $(libs)

$(lib): $(obj)
	@rm -f $@
	ar rcs $@ $^

$(O)/%.o: %.c Makefile VERSION
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(CFLAGS_$*) $(pkg_cflags) -c -o $@ $<

# BPF: one object, CO-RE, and its skeleton.
$(O)/bpf/%.bpf.o: bpf/%.bpf.c $(wildcard bpf/*.h)
	@mkdir -p $(@D)
	$(CLANG) -g -O2 -Wall -target bpf -D__TARGET_ARCH_x86 -iquote . \
		-idirafter /usr/include/$(shell $(CC) -dumpmachine) -c -o $@ $<

$(O)/bpf/%.skel.h: $(O)/bpf/%.bpf.o
	$(BPFTOOL) gen skeleton $< name $(notdir $*)_bpf > $@.tmp && mv $@.tmp $@

$(O)/src/capture/sampler.o: $(O)/bpf/sampler.skel.h

# The faces are checked by digest (fonts/SHA256SUMS) unless FONT names another.
$(O)/fonts/fonts.o: fonts/fonts.S fonts/check.sh $(FONT) $(FONT_BOLD)
	@mkdir -p $(@D)
	sh fonts/check.sh '$(FONT)' '$(FONT_BOLD)'
	$(CC) -c -DFONT='"$(FONT)"' -DFONT_BOLD='"$(FONT_BOLD)"' -o $@ $<

# Everything under tests/ that is a program.
$(O)/tests/%: $(O)/tests/%.o $(lib) $(fonts)
	$(CC) $(LDFLAGS) -o $@ $< $(lib) $(fonts) $(libs)

$(O)/tests/fuzz/%: tests/fuzz/%.c $(src) $(fonts)
	@mkdir -p $(@D)
	$(CLANG) $(CPPFLAGS) -std=gnu11 -g -O1 -fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=undefined $(pkg_cflags) -o $@ $< \
		$(filter-out src/cli/% src/capture/%,$(src)) $(fonts) $(libs) -lpthread

# Workloads with a known shape, and with frame pointers down to the last function.
$(O)/tests/bpf/% $(O)/tests/tools/% $(O)/samples/%: override CFLAGS += -fno-omit-frame-pointer \
	-fno-optimize-sibling-calls -fno-inline

$(O)/samples/%: $(O)/samples/%.o
	$(CC) $(LDFLAGS) -o $@ $< -lm

tests-built: $(O)/flamelapse $(unit) $(tools) ## build what `make check` runs

test: tests-built ## run all tests, with what is installed
	@O=$(O) sh tests/run

check: ## install what tests need, then run all tests
	@sh tests/deps.sh test
	@$(MAKE) --no-print-directory test

deps: ## install what building needs (apt, dnf, pacman, apk)
	@sh tests/deps.sh build

bench: $(O)/flamelapse $(bench) ## print the table of figures
	@O=$(O) sh tests/bench/run

soak: tests-built $(soak) ## run what is too long for CI
	@O=$(O) sh tests/soak/run

# Parsers take any checksum for right there, or changed bytes would not come far.
$(O)/tests/fuzz/%: CPPFLAGS += -DFUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION

fuzz: $(fuzz) ## run every fuzz target for FUZZ_SECONDS (60)
	@O=$(O) sh tests/fuzz/run

lint: ## check format, include arrows and one-library-one-file
	@sh tests/lint

golden-update: tests-built ## write the golden files anew; look at the difference before a commit
	@O=$(O) UPDATE=1 sh tests/run golden

format: ## run clang-format over all sources
	clang-format -i $(wildcard src/*/*.[ch] render/*.[ch] render/*/*.[ch] bpf/*.[ch] tests/*.h tests/*/*.[ch] samples/*.c)

clean: ## remove $(O)
	rm -rf $(O)

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

.PHONY: all test check deps bench soak fuzz lint golden-update format clean help tests-built
.SECONDARY:
.DELETE_ON_ERROR:
-include $(obj:.o=.d) $(unit:=.d) $(bench:=.d) $(tools:=.d) $(soak:=.d)

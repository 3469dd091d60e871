# flamelapse: see `make help`.

O      ?= build
PREFIX ?= /usr/local
# RENDER=0 builds a recorder alone, without cairo and libav.
RENDER ?= 1
# V=1 prints the commands.
V      ?= 0
# SAN=1 builds with AddressSanitizer and UndefinedBehaviorSanitizer.
SAN    ?= 0

CC        ?= cc
CLANG     ?= clang
BPFTOOL   ?= $(or $(shell PATH="$$PATH:/usr/sbin:/sbin" command -v bpftool),bpftool)
PKGCONFIG ?= pkg-config
FONT      ?= /usr/share/fonts/opentype/inter/Inter-Regular.otf
FONT_BOLD ?= /usr/share/fonts/opentype/inter/Inter-SemiBold.otf

VERSION := $(shell cat VERSION)
ifeq ($(V),0)
Q := @
say = @printf '  %-5s %s\n' $(1) $(patsubst $(O)/%,%,$@)
endif

pkgs := libbpf libelf libdw liblzma sqlite3 libzstd zlib
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
unit   := $(filter-out $(O)/tests/unit/test_render_% $(O)/tests/unit/test_options,$(unit))
endif
bench  := $(patsubst %.c,$(O)/%,$(wildcard tests/bench/*.c))
soak   := $(patsubst %.c,$(O)/%,$(wildcard tests/soak/*.c))
fuzz   := $(patsubst %.c,$(O)/%,$(wildcard tests/fuzz/fuzz_*.c))
tools  := $(patsubst %.c,$(O)/%,$(wildcard tests/bpf/*.c tests/tools/*.c samples/*.c))

# The man page and the completions follow from the option table, which the program prints. A
# cross build names a native program for that: PRINT=…
PRINT ?= $(O)/flamelapse
SCDOC := $(shell command -v scdoc)
docs  := $(addprefix $(O)/doc/,flamelapse.bash _flamelapse flamelapse.fish)
docs  += $(if $(SCDOC),$(O)/doc/flamelapse.1)

all: $(O)/flamelapse $(docs) ## build $(O)/flamelapse, man page and completions (the default)

$(O)/flamelapse: $(O)/src/cli/main.o $(lib) $(fonts)
	$(call say,LD)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(libs)

$(lib): $(obj)
	@rm -f $@
	$(call say,AR)
	$(Q)ar rcs $@ $^

$(O)/%.o: %.c Makefile VERSION
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(pkg_cflags) -c -o $@ $<

$(O)/doc/flamelapse.bash: print := --print-bash
$(O)/doc/_flamelapse: print := --print-zsh
$(O)/doc/flamelapse.fish: print := --print-fish
$(O)/doc/options.scd: print := --print-scdoc
$(O)/doc/flamelapse.bash $(O)/doc/_flamelapse $(O)/doc/flamelapse.fish $(O)/doc/options.scd: $(PRINT)
	@mkdir -p $(@D)
	$(call say,DOC)
	$(Q)$(PRINT) $(print) > $@

$(O)/doc/flamelapse.1: src/cli/flamelapse.1.scd $(O)/doc/options.scd VERSION
	$(call say,MAN)
	$(Q)sed -e 's/@VERSION@/$(VERSION)/' -e '/^@OPTIONS@$$/{r $(O)/doc/options.scd' -e 'd}' $< | \
		$(SCDOC) > $@

# BPF: one object, CO-RE, and its skeleton.
$(O)/bpf/%.bpf.o: bpf/%.bpf.c $(wildcard bpf/*.h)
	@mkdir -p $(@D)
	$(call say,BPF)
	$(Q)$(CLANG) -g -O2 -Wall -target bpf -D__TARGET_ARCH_x86 -iquote . \
		-idirafter /usr/include/$(shell $(CC) -dumpmachine) -c -o $@ $<

$(O)/bpf/%.skel.h: $(O)/bpf/%.bpf.o
	$(call say,GEN)
	$(Q)$(BPFTOOL) gen skeleton $< name $(notdir $*)_bpf > $@.tmp && mv $@.tmp $@

$(O)/src/capture/sampler.o: $(O)/bpf/sampler.skel.h
$(O)/src/capture/ksyms.o: $(O)/bpf/ksyms.skel.h

# The faces are checked by digest (fonts/SHA256SUMS) unless FONT names another.
$(O)/fonts/fonts.o: fonts/fonts.S fonts/check.sh $(FONT) $(FONT_BOLD)
	@mkdir -p $(@D)
	$(call say,FONT)
	$(Q)sh fonts/check.sh '$(FONT)' '$(FONT_BOLD)'
	$(Q)$(CC) -c -DFONT='"$(FONT)"' -DFONT_BOLD='"$(FONT_BOLD)"' -o $@ $<

# Everything under tests/ that is a program.
$(O)/tests/%: $(O)/tests/%.o $(lib) $(fonts)
	$(call say,LD)
	$(Q)$(CC) $(LDFLAGS) -o $@ $< $(lib) $(fonts) $(libs)

# What needs the BPF program.
fuzz_not := src/cli/% $(patsubst %,src/capture/%.c,sampler ksyms unwinder intake collector)
fuzz_cli := $(wildcard src/cli/option*.c) src/cli/suggest.c
$(O)/tests/fuzz/%: tests/fuzz/%.c $(src) $(fonts)
	@mkdir -p $(@D)
	$(call say,FUZZ)
	$(Q)$(CLANG) $(CPPFLAGS) -std=gnu11 -g -O1 -fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=undefined $(pkg_cflags) -o $@ $< \
		$(filter-out $(fuzz_not),$(src)) $(fuzz_cli) $(fonts) $(libs) -lpthread

# Workloads with a known shape, and with frame pointers down to the last function.
$(O)/tests/bpf/% $(O)/tests/tools/% $(O)/samples/%: override CFLAGS += -fno-omit-frame-pointer \
	-fno-optimize-sibling-calls -fno-inline

$(O)/samples/%: $(O)/samples/%.o
	$(call say,LD)
	$(Q)$(CC) $(LDFLAGS) -o $@ $< -lm

bin_dir  := $(DESTDIR)$(PREFIX)/bin
data_dir := $(DESTDIR)$(PREFIX)/share
install: all ## install below DESTDIR and PREFIX (/usr/local)
	install -D -m 755 $(O)/flamelapse '$(bin_dir)/flamelapse'
	$(if $(SCDOC),install -D -m 644 $(O)/doc/flamelapse.1 '$(data_dir)/man/man1/flamelapse.1',\
		@echo 'no scdoc here: installing without the man page')
	install -D -m 644 $(O)/doc/flamelapse.bash \
		'$(data_dir)/bash-completion/completions/flamelapse'
	install -D -m 644 $(O)/doc/_flamelapse '$(data_dir)/zsh/site-functions/_flamelapse'
	install -D -m 644 $(O)/doc/flamelapse.fish \
		'$(data_dir)/fish/vendor_completions.d/flamelapse.fish'
	install -D -m 644 LICENSE '$(data_dir)/doc/flamelapse/LICENSE'

uninstall: ## remove what install put there
	rm -f '$(bin_dir)/flamelapse' '$(data_dir)/man/man1/flamelapse.1' \
		'$(data_dir)/bash-completion/completions/flamelapse' \
		'$(data_dir)/zsh/site-functions/_flamelapse' \
		'$(data_dir)/fish/vendor_completions.d/flamelapse.fish' \
		'$(data_dir)/doc/flamelapse/LICENSE'
	-rmdir '$(data_dir)/doc/flamelapse' 2> /dev/null

tests-built: all $(unit) $(tools) ## build what `make check` runs

test: tests-built ## run all tests, with what is installed
	@O=$(O) sh tests/run

demo: ## install what is missing, build, record this machine for 10 s: demo.mp4, demo-frames/
	@sh tests/deps.sh build
	@$(MAKE) --no-print-directory all $(O)/samples/service
	@O=$(O) sh samples/demo.sh

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

.PHONY: all install uninstall test check deps bench soak fuzz lint golden-update format clean help tests-built
.SECONDARY:
.DELETE_ON_ERROR:
-include $(O)/src/cli/main.d $(obj:.o=.d) $(unit:=.d) $(bench:=.d) $(tools:=.d) $(soak:=.d)

# SPDX-License-Identifier: MIT
# Whit. `make help` lists the targets; each folder brings its own rules in a fragment.

B  ?= build
CC ?= gcc
ifeq ($(origin CC),default)
CC := gcc
endif

MAKEFLAGS += --no-builtin-rules --no-print-directory
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

# What a fragment adds to: test programs that run on the host, each prints `ok NAME` or `FAIL NAME: why`
# and exits with 0 or 1; and fuzz targets, which also build as replays of their corpus.
HOST_TESTS :=

include arch/rules.mk
include boot/rules.mk
include root/rules.mk
include emu/rules.mk
include tests/rules.mk

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | sort | expand -t 20

.PHONY: deps
deps: ## install the Debian packages that are missing (root or sudo)
	@B=$(B) sh tests/system/deps

.PHONY: all
all: $(B)/whit.efi $(HV_VENDORS:%=$(B)/whit-hv-%.elf) $(B)/vmm.efi ## build whit.efi (with the hypervisor in it) and the VMM

# The guest of `make run`: linux or seabios; and how many processors Linux has.
GUEST ?= linux
CPUS  ?= 1

.PHONY: run
run: ## boot Whit, and Linux in a child partition; GUEST=seabios: SeaBIOS; CPUS=2; MACHINE=bochs3: that one
	@B=$(B) sh tests/system/deps run
	@echo "run: building"
	@$(MAKE) --quiet -j2 all $(if $(filter linux,$(GUEST)),linux-guest)
	@B=$(B) CPUS=$(CPUS) tests/system/demo $(GUEST)

.PHONY: clean
clean: ## remove everything that was built
	rm -rf $(B)

# SPDX-License-Identifier: GPL-3.0-or-later
# make rehearse   the whole move on the stand-in cloud, with a verdict in numbers
# make test       everything that must hold: lint, unit, contract, scenarios, one whole rehearsal, a sample of chaos, every lane found
# make lint unit contract   the quick part; make coverage says what of plugins/ the tests reach
# make chaos      the whole move again and again, killed at every write call, with every answer lost, every call throttled
# make sanity     Ansible's own sanity tests of the collection, with the newest ansible-core
# make scenarios molecule lanes   the slow parts one by one; make build   the archive of the collection
# make up down status   the stand-in cloud alone; MEDZEN_WORLD=17 makes a second one beside it
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# ansible-core 2.19 on Python 3.11 is the default lane; without Python 3.11 the newest lane takes its place.
# tools/test takes them from here.
export PYTHON311 := $(shell tools/find-python 3.11)
export PYTHON_NEWEST := $(shell tools/find-python 3.13 3.12)
LANE := $(if $(PYTHON311),py311,newest)
PYTHON := $(or $(PYTHON311),$(PYTHON_NEWEST))
BIN := $(CURDIR)/.venv-$(LANE)/bin
export PATH := $(BIN):$(PATH)
export ANSIBLE_NOCOLOR ?= $(if $(CI),1,)

.PHONY: help env lint sanity unit contract coverage scenarios molecule lanes chaos test rehearse up down status build clean

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

env:
	@test -n "$(PYTHON)" || { echo "Found no Python 3.11, 3.12 or 3.13 with venv on PATH or among pyenv's versions. Install one and run again."; exit 2; }
	@tools/environment $(LANE) $(PYTHON)

lint: env
	tools/lint

# Makes the environment of the newest lane itself.
sanity:
	tools/sanity "$(PYTHON_NEWEST)"

unit: env
	python -m pytest tests/unit tests/contract -n 2

contract: env
	python -m pytest tests/contract -n 2

# The same with the coverage of plugins/.
coverage: env
	tools/test unit

scenarios: env
	tools/test scenarios

molecule: env
	tools/molecule-all

lanes: env
	tools/lanes "$(PYTHON311)" "$(PYTHON_NEWEST)"

rehearse: env
	python -m rehearsal run $(if $(database_seed),--extra-vars database_seed=$(database_seed),)

# For a part: python -m rehearsal chaos --help
chaos: env
	python -m rehearsal chaos

test: env
	tools/test

up down status: env
	@python -m rehearsal $@

build: env
	ansible-galaxy collection build --force --output-path .cache

clean:
	rm -rf .cache .venv-* reports

# Two commands do everything on a machine with Python 3.11 and git: `make run` and `make test`. The rest is `make help`.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash

VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/stamps
REQUIREMENTS := requirements
PINS := src/micro/runtime/guest/pins
INSTALL := $(BIN)/pip --disable-pip-version-check --no-input install --quiet --require-hashes

# The first of these that is new enough; `make PYTHON=/path/to/python3 ...` chooses another.
PYTHON := $(shell for name in python3 python3.11 python3.12 python3.13 python3.14; do \
	"$$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (4,))' 2>/dev/null && echo "$$name" && break; done)

# Some environments forbid Python to keep what it compiled: every node and command would take twice as long to start.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help run test prove kits bench scale lint format lock setup clean ui voice

help: ## Show this list.
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: $(STAMPS)/project ui ## Start a node with the services of the catalogue.
	@exec $(BIN)/micro server --catalogue services

test: lint ui $(STAMPS)/browser $(STAMPS)/kits $(STAMPS)/voice ## Check the code and run the tests: all that guards a commit.
	@$(BIN)/python -m $(if $(PYTEST),pytest $(PYTEST),tests.side_by_side)

# A test is ended that hangs: after five minutes, but a whole campaign may take hours.
PROVE_SECONDS := 14400

prove: lint ui $(STAMPS)/browser $(STAMPS)/voice kits ## Run the tests with the campaigns at full length, and write docs/reference/proofs.md.
	@$(BIN)/python -m pytest --prove -o faulthandler_timeout=$(PROVE_SECONDS) $(PYTEST)

kits: $(STAMPS)/test ## Fetch the compilers of all guests, 160 MB; tests go without the largest.
	@$(BIN)/python -m tests.kits

lint: $(STAMPS)/test $(STAMPS)/lint ## Run the quick checks: style, floors, types, dependencies.
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/mypy --strict
	@$(BIN)/deptry --no-ansi src

format: $(STAMPS)/lint ## Rewrite the code in the common format.
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

bench: $(STAMPS)/project $(STAMPS)/bench ## Measure against peers in one run: a table and a plot.
	@$(BIN)/python -m benchmarks $(BENCH)

scale: $(STAMPS)/test $(STAMPS)/bench ## Measure how cost grows with nodes, records and links: a page.
	@$(BIN)/python -m benchmarks.scale $(SCALE)

setup: $(STAMPS)/project $(STAMPS)/test $(STAMPS)/lint ## Install everything the code, its tests and its checks need.

# The web app, built into the package. Without Node.js the node serves a plain page, which says how to build it.
UI_SOURCES := $(shell find ui -type f -not -path 'ui/node_modules/*')

ui: $(STAMPS)/ui ## Build the web app.

$(STAMPS)/ui-packages: ui/package.json ui/package-lock.json ui/.npmrc | $(BIN)/python
	@if command -v npm >/dev/null; then echo "Installing ui/package-lock.json"; (cd ui && npm ci --silent) && touch $@; fi

$(STAMPS)/ui: $(UI_SOURCES) $(STAMPS)/ui-packages | $(BIN)/python
	@if command -v npm >/dev/null; then (cd ui && npm run --silent build -- --logLevel warn) && touch $@; \
	else echo "The web app is not built, for which Node.js 20 or newer and npm are needed; all else works."; fi

# Chromium, for the tests that use the web app as a person would. Without it they are skipped, and say so.
$(STAMPS)/browser: | $(BIN)/python
	@if command -v chromium >/dev/null; then touch $@; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then echo "Installing Chromium"; \
	{ apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends chromium libnss3-tools; } >/dev/null 2>&1 && touch $@ \
	|| echo "Chromium could not be installed; the tests in a browser are skipped."; \
	else echo "There is no chromium, so the tests in a browser are skipped: install it, for instance with apt-get install chromium"; fi

# `make lock UPGRADE=--upgrade` moves every pin to the newest version allowed, `UPGRADE="-P name"` moves one.
UV := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command "make lock" $(UPGRADE)

lock: $(STAMPS)/lock ## Write the pins again: requirements/*.txt, and those of compilers.
	@$(UV) pyproject.toml --extra all -o $(REQUIREMENTS)/all.txt
	@$(UV) pyproject.toml -c $(REQUIREMENTS)/all.txt -o $(REQUIREMENTS)/core.txt
	@$(UV) $(REQUIREMENTS)/test.in -c $(REQUIREMENTS)/all.txt -o $(REQUIREMENTS)/test.txt
	@$(UV) $(REQUIREMENTS)/lint.in -c $(REQUIREMENTS)/all.txt -c $(REQUIREMENTS)/test.txt -o $(REQUIREMENTS)/lint.txt
	@for name in python zig; do $(UV) $(PINS)/$$name.in -o $(PINS)/$$name.txt || exit; done
	@for name in javascript assemblyscript; do npm install --prefix $(PINS)/$$name --package-lock-only --ignore-scripts \
		--omit-lockfile-registry-resolved --silent || exit; done
	@for name in bench setup lock; do $(UV) $(REQUIREMENTS)/$$name.in -c $(REQUIREMENTS)/all.txt \
		-c $(REQUIREMENTS)/test.txt -c $(REQUIREMENTS)/lint.txt -o $(REQUIREMENTS)/$$name.txt || exit; done
	@$(UV) pyproject.toml --extra voice --extra piper -c $(REQUIREMENTS)/all.txt -c $(REQUIREMENTS)/test.txt \
		-c $(REQUIREMENTS)/lint.txt -c $(REQUIREMENTS)/bench.txt -o $(REQUIREMENTS)/voice.txt

# Without the network, or without npm, guests of some languages are not built in tests, and that is said.
KITS := python javascript assemblyscript

$(STAMPS)/kits: $(wildcard $(PINS)/*.txt $(PINS)/*/*.json) | $(STAMPS)/test
	@$(BIN)/python -m tests.kits $(KITS) && touch $@ || true

clean: ## Remove what these commands made; the node's home stays.
	rm -rf $(VENV) ui/node_modules src/micro/doors/web/built dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "micro needs Python 3.11 or newer, and there is no such python3: install it, or say make PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "Setting up $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV) >/dev/null || { rm -rf $(VENV); echo "$(PYTHON) cannot make virtual environments: install its venv module (Debian: apt-get install python3-venv)" >&2; exit 1; }
	@mkdir -p $(STAMPS)

voice: $(STAMPS)/voice ## Install what hears and speaks, 400 MB with its models; all else works without it.

$(STAMPS)/voice: $(REQUIREMENTS)/voice.txt | $(STAMPS)/project
	@echo "Installing $<"
	@if $(INSTALL) -r $<; then touch $@; \
	else echo "The packages for voice could not be installed, so the node is not spoken to; all else works."; fi

# A stamp is as old as the last installation of what it names, so that nothing is installed twice.
$(STAMPS)/%: $(REQUIREMENTS)/%.txt | $(BIN)/python
	@echo "Installing $<"
	@$(INSTALL) -r $<
	@touch $@

$(STAMPS)/project: pyproject.toml $(STAMPS)/all $(STAMPS)/setup
	@$(BIN)/pip --disable-pip-version-check --no-input install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(STAMPS)/test $(STAMPS)/lint $(STAMPS)/bench: $(STAMPS)/project

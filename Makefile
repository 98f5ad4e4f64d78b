# Everything a newcomer needs: `make demo` shows it, `make test` proves it.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL: # setup and engine both ask apt

BIN := .venv/bin
# What fails in `scripts/engine/env` must fail the recipe, which `eval "$(…)"` alone would not.
ENGINE := engine=$$(scripts/engine/env) && eval "$$engine" &&
ARGS ?=
# Files side by side: the tests mostly wait. Those of the whole host keep their one host to themselves.
TWO := --numprocesses 2 --dist loadfile
# Everything is run and told, whatever fails first. A name (-k) may lie in one of both halves only.
NONE := $(if $(findstring -k,$(ARGS)),5,0)
both = engine=$$(scripts/engine/env); eval "$$engine"; status=0; \
	$(BIN)/pytest -m "$(1) and not host" $(TWO) $(ARGS) || [ $$? = $(NONE) ] || status=1; \
	$(BIN)/pytest -m "$(1) and host" $(ARGS) || [ $$? = $(NONE) ] || status=1; \
	exit $$status
BREAK ?=
SOAK ?=

.PHONY: help setup engine engine-down lint format test test-long test-unit bench bench-database bench-detection demo

help: ## Show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.synced ## Install the project, as locked, into .venv/ (once)

.venv/.synced: uv.lock pyproject.toml scripts/setup
	@scripts/setup
	@touch $@

engine: ## Make a Docker Engine and the base image available (private where none runs)
	@scripts/engine/up
	@scripts/engine/base-image

engine-down: ## Stop the private engine, if this project started one
	@scripts/engine/down

lint: setup ## Style, types, import contracts, dependencies
	@$(BIN)/ruff check || { echo "lint: repair what can be with 'make format'" >&2; exit 1; }
	@$(BIN)/ruff format --check || { echo "lint: run 'make format'" >&2; exit 1; }
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/deptry .

format: setup ## Repair what ruff can
	@$(BIN)/ruff check --fix --quiet || true
	@$(BIN)/ruff format

test: setup engine ## Pass the tests, on the real engine (ARGS='-k name' for some)
	@scripts/test-tools
	@$(call both,not long)

test-long: setup engine ## Pass the tests that take long, too
	@scripts/test-tools
	@$(call both,long)

test-unit: setup ## Pass the tests that need no engine
	@$(BIN)/pytest -m "not engine and not host" $(TWO) $(ARGS)

bench: setup engine ## Measure what must hold: detection, rollback, idle daemon (about 4 minutes)
	@$(ENGINE) PYTHONPATH=scripts $(BIN)/python -m bench

bench-database: setup engine ## Measure the database step against pg_dump, zstd and pg_restore (ARGS='--json')
	@scripts/test-tools
	@$(ENGINE) PYTHONPATH=scripts $(BIN)/python -m bench.database $(ARGS)

bench-detection: setup engine ## Measure detection: decisions, 1,000 checks, 50 containers, a soak (SOAK=0: without)
	@$(ENGINE) PYTHONPATH=scripts $(BIN)/python -m bench.detection $(if $(filter 0,$(SOAK)),--no-soak) $(ARGS)

demo: setup engine ## Break a deployment and watch the rollback (BREAK=migration|exit|health|never-ready|config|tag|all, KEEP=1)
	@$(ENGINE) PYTHONPATH=scripts $(BIN)/python -m demo $(BREAK)

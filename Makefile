# Every job of the project; `make` alone lists them. Nothing but Python (3.11 to 3.13) and make has to be there.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV ?= .venv
UV_VERSION := 0.13.9
BIN := $(VENV)/bin
# Heavy imports take two to five times as long without .pyc files, and a PYTHONPATH brings in other versions.
export PYTHONDONTWRITEBYTECODE :=
unexport PYTHONPATH
DATA ?=
FORMAT ?=

.PHONY: help setup demo test check format lock docs clean

help: ## List what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: $(VENV)/.ready ## Make the virtual environment from the lock

# uv where it is there; else into the new environment by pip, from the hashes in the lock either way.
$(VENV)/.ready: uv.lock pyproject.toml
	@echo "Setting up $(VENV) from uv.lock (once; about 1.2 GB) …"
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v < (3, 14) else f"Python {v[0]}.{v[1]} is not supported: install 3.11, 3.12 or 3.13, or name one, as in `make demo PYTHON=python3.12`.")'
	@if command -v uv >/dev/null; then \
	  UV_PROJECT_ENVIRONMENT=$(VENV) uv sync --frozen --quiet --python $(PYTHON); \
	else \
	  test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "This Python can't make a virtual environment: install its venv package (Debian: apt install python3-venv), or uv."; exit 1; }; \
	  $(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip --quiet; \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION) && \
	  UV_PROJECT_ENVIRONMENT=$(VENV) $(BIN)/uv sync --frozen --quiet --inexact; \
	fi
	@touch $@
	@echo "Set up."

demo: setup ## Run the whole loop once: log, model, HTTP answer  (DATA=file FORMAT=taobao for a real log)
	@$(BIN)/propensity demo $(if $(DATA),--data '$(DATA)') $(if $(FORMAT),--format $(FORMAT))

test: setup ## Run the tests
	@echo "Running the tests (some three minutes on two cores) …"
	$(BIN)/pytest -n 2 --dist loadscope --ignore=tests/chart --ignore=tests/e2e $(ARGS)
	@echo "All passed. Try next: make demo; make check; $(BIN)/propensity --help"

check: setup ## Lint, types, imports, freshness of the lock
	$(BIN)/ruff format --check --quiet
	$(BIN)/ruff check --quiet
	$(BIN)/mypy
	$(BIN)/lint-imports
	@$(BIN)/uv lock --check --quiet 2>/dev/null || uv lock --check --quiet

format: setup ## Put the code into its form
	$(BIN)/ruff format --quiet
	$(BIN)/ruff check --fix --quiet

lock: setup ## Renew the lock from pyproject.toml
	$(BIN)/uv lock || uv lock

clean: ## Remove what was made: environment, caches, the demo's folder
	rm -rf $(VENV) .propensity .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist

# HUM. `make demo` and `make test` are all a fresh machine needs; each sets itself up.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.runtime-installed
DEV := $(VENV)/.dev-installed
# One worker per core keeps two cores busy without making timing-free tests fight for them.
PYTEST_WORKERS ?= 2
PYTEST ?= $(BIN)/python -m pytest -n $(PYTEST_WORKERS) --dist loadgroup

.PHONY: help demo test check setup lock lint types contracts format soak bench clean

help: ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "HUM needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1)"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(RUNTIME): requirements/runtime.txt pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/runtime.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV): requirements/dev.txt $(RUNTIME)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

setup: $(DEV) ## install everything, run nothing

demo: $(RUNTIME) ## a phone call on your screen: no key, no account, no phone
	@$(BIN)/hum demo

test: $(DEV) ## the whole test suite
	$(PYTEST) $(ARGS)

check: lint types contracts ## lint, types, import contracts, docs held true

lint: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(DEV)
	$(BIN)/mypy

contracts: $(DEV)
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/test_architecture.py tests/test_docs.py

format: $(DEV) ## put the code in shape
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

lock: $(DEV) ## refresh the exact pins, valid for every supported Python
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --upgrade --quiet requirements/runtime.in -o requirements/runtime.txt
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --upgrade --quiet requirements/dev.in -o requirements/dev.txt

soak: $(DEV) ## the long runs
	$(PYTEST) -m soak --override-ini 'addopts=--strict-markers' $(ARGS)

bench: $(RUNTIME) ## measure; JSON lands in bench/results/
	$(BIN)/hum bench calls --calls 50 --seconds 60 --json | tee bench/results/calls-50.json

clean: ## remove what make made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info

# Everything that can be done with a clone. Each target sets up what it needs in .venv first.

VENV   := .venv
PYTHON_BIN := $(VENV)/bin/python
# The interpreter that .venv is made from; empty: the first that fits.
PYTHON ?=
# Test processes at once: two are faster than one from two cores on, more only pay with more cores.
JOBS   ?= 2
ARGS   ?=

DEV  := $(VENV)/.ready-dev
DEMO := $(VENV)/.ready-demo
# What a whole development environment holds is enough for the demo.
DEMO_READY := $(if $(wildcard $(DEV)),$(DEV),$(DEMO))

export PYTHON
# Compiled once, not at every start of every process, whatever the shell says.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-frameworks lint check format imports bench lock clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(DEV)  ## Make .venv with everything that development needs

demo: $(DEMO_READY)  ## Run the whole lifecycle on one machine, in about a minute
	@$(VENV)/bin/yard demo $(ARGS)

test: $(DEV)  ## Run the tests (one file: make test ARGS=tests/kernel)
	@$(PYTHON_BIN) -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder $(ARGS)

test-frameworks: $(DEV)  ## Let torch, keras, TensorFlow, xgboost and lightgbm log, register and load (not in CI)
	@scripts/frameworks.sh $(ARGS)

lint: $(DEV)  ## Check format, lint, types and imports
	@$(VENV)/bin/ruff format --check --quiet . || { echo "Mend it: make format" >&2; exit 1; }
	@$(VENV)/bin/ruff check --quiet .
	@$(VENV)/bin/mypy --no-error-summary
	@$(MAKE) --no-print-directory imports

check: lint  ## Check format, lint, types, imports, rules and docs: what CI checks beside the other tests
	@$(PYTHON_BIN) -m pytest tests/architecture tests/docs

format: $(DEV)  ## Format the code and mend what the linter can
	@$(VENV)/bin/ruff format --quiet .
	@$(VENV)/bin/ruff check --quiet --fix .

imports: $(DEV)  ## Check the import contracts and show which hold
	@$(PYTHON_BIN) -m tests.architecture.contracts

bench: $(DEV)  ## Measure against the raw floor and the peers, and print ratios
	@$(PYTHON_BIN) -m benchmarks $(ARGS)

lock: ## Resolve the locked versions anew (newest: UPGRADE=1 make lock)
	@scripts/lock.sh

clean:  ## Remove .venv and every cache
	rm -rf $(VENV) .venv-frameworks .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(DEV): pyproject.toml requirements.lock scripts/setup.sh
	@scripts/setup.sh dev
	@touch $@

$(DEMO): pyproject.toml requirements.lock scripts/setup.sh
	@scripts/setup.sh demo
	@touch $@

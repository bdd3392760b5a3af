# The commands of the project. `make help` lists them; each prepares .venv itself, once per change of a lock file.

PYTHON ?= python3
PORT ?=
DETACH ?=
VENV := .venv
BIN := $(VENV)/bin
RUN := $(BIN)/python -m billing_project.run
APPS := $(wildcard billing_project ledger accounts security appendonly metrics massops notifications payments tests benchmarks)
PRODUCT := $(filter-out tests benchmarks,$(APPS))
TESTS ?=

# Given on the command line of make (`make run PORT=8001`), the variable reaches the settings as well.
ifneq ($(PORT),)
export PORT
endif

.DEFAULT_GOAL := help
.PHONY: help run stop status reset test check static lint format hammer-massops hammer-seal bench bench-quick lock

help: ## List the commands
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-12s %s\n", $$1, $$2 }'

run: $(VENV)/.run-stamp ## Start everything and stay in front (DETACH=1: return when it answers; PORT=8001: another port)
	@$(RUN) $(if $(DETACH),--detach)

stop: $(VENV)/.run-stamp ## Stop everything
	@$(RUN) stop

status: $(VENV)/.run-stamp ## Say what runs
	@$(RUN) status

reset: $(VENV)/.run-stamp ## Stop everything and delete the local data, after a question (YES=1: without)
	@$(RUN) reset $(if $(YES),--yes)

test: $(VENV)/.dev-stamp ## Run the tests (TESTS=tests/ledger: only these)
	@$(BIN)/python -m pytest -n 2 $(TESTS)

check: static test ## Run everything that must pass before a commit: the static checks, then the tests

static: $(VENV)/.dev-stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive $(PRODUCT)
	$(BIN)/mypy $(APPS)
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py check --fail-level WARNING
	$(BIN)/python manage.py spectacular --validate --fail-on-warn --file /dev/null

lint: $(VENV)/.dev-stamp ## Find faults of style and types
	@$(BIN)/ruff check .
	@$(BIN)/mypy $(APPS)
	@$(BIN)/lint-imports

format: $(VENV)/.dev-stamp ## Bring the code into the one format
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

hammer-massops: $(VENV)/.dev-stamp ## Kill workers while a mass operation of 100,000 rows is posted (minutes)
	@BILLING_HAMMER_ROWS=100000 $(BIN)/python -m pytest tests/massops/test_kill.py

hammer-seal: $(VENV)/.dev-stamp ## Kill sealers for 20 seconds while sixteen writers post, and print what became of the operations
	@BILLING_HAMMER_SECONDS=20 $(BIN)/python -m pytest -rP tests/ledger/hammers/test_seal.py::test_it_seals_every_operation_exactly_once

bench: $(VENV)/.bench-stamp ## Measure the speed (long)
	@$(BIN)/python -m benchmarks

bench-quick: $(VENV)/.bench-stamp ## Measure the speed (short)
	@$(BIN)/python -m benchmarks --quick

COMPILE = $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url
lock: $(VENV)/.dev-stamp ## Compile requirements*.in into the lock files with hashes
	@$(COMPILE) --quiet --output-file requirements.txt requirements.in
	@$(COMPILE) --quiet --output-file requirements-dev.txt requirements-dev.in
	@$(COMPILE) --quiet --output-file requirements-bench.txt requirements-bench.in
	@$(COMPILE) --quiet --output-file requirements-extras.txt requirements-extras.in

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
		|| { echo "Billing needs Python 3.11 or newer as '$(PYTHON)': install it, or name it, for example: make PYTHON=python3.11 run" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| { echo "'$(PYTHON)' lacks ensurepip or venv: install them (Debian, Ubuntu: apt install python3-venv)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/.run-stamp: requirements.txt | $(BIN)/python
	@echo "Installing the packages of requirements.txt into $(VENV) (once per change of that file) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

# The development lock holds everything of the other one.
$(VENV)/.dev-stamp: requirements-dev.txt requirements.txt | $(BIN)/python
	@echo "Installing the packages of requirements-dev.txt into $(VENV) (once per change of that file) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@ $(VENV)/.run-stamp

# The benchmark does without what it compares with: then it says so.
$(VENV)/.bench-stamp: requirements-bench.txt $(VENV)/.dev-stamp
	@$(BIN)/python -c 'import hordak' 2>/dev/null || { \
		echo "Installing the packages of requirements-bench.txt into $(VENV) (once per change of that file) ..." && \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bench.txt; } || true
	@touch $@

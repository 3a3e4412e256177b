# Every task of this project. `make` alone lists them.
#
# Two environments would cost a newcomer twice the download, so there is one, .venv, that grows: what the demo
# needs first (requirements/demo.txt), what tests and checks need when they are first asked for (test.txt).
# The stamps in .venv say what it holds.

MAKEFLAGS += --no-print-directory
export STATE BROKER PORT PORTS ONCE FRESH JSON REF SERVICE XERO_CLIENT_ID XERO_CLIENT_SECRET XERO_SCOPES XERO_CHECK_PORT XERO_CHECK_FOLDER WRITE BURST
unexport PYTHONPATH

PYTHON := $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' && echo $$p && break; done 2>/dev/null)
RUN := .venv/bin/python
PACKAGES := shared $(wildcard services/*)
OURS := deploy tests $(wildcard shared/accounting_link $(foreach s,$(wildcard services/*),$(s)/$(subst -,_,$(notdir $(s)))))

.PHONY: help demo up status logs kill xero-check test test-broker soak check format bench docs lock clean
.DEFAULT_GOAL := help

##@ Run
demo: .venv/demo.stamp ## Start everything, connect, sync, show the page until Ctrl-C (PORT=8080 ONCE=1 FRESH=1 BROKER=kafka STATE=dir)
	@$(RUN) -m deploy.local demo

up: .venv/demo.stamp ## Start everything without connecting or syncing, until Ctrl-C (on Xero itself with XERO_CLIENT_ID= XERO_CLIENT_SECRET=)
	@$(RUN) -m deploy.local up

status: .venv/demo.stamp ## Each part's and service's state, address, process and log (JSON=1 for programs)
	@$(RUN) -m deploy.local status

logs: .venv/demo.stamp ## All services' logs as one stream by time (REF=... only what belongs to one reference)
	@$(RUN) -m deploy.local logs

kill: .venv/demo.stamp ## Kill a service with -9 and watch it come back (SERVICE=crm-writer)
	@$(RUN) -m deploy.local kill

xero-check: .venv/demo.stamp ## Hold what we assume of Xero against a real organisation (XERO_CLIENT_ID= XERO_CLIENT_SECRET= WRITE=1 BURST=1)
	@$(RUN) -m deploy.xero_check

##@ Test
# The fastest first, so that what is wrong is known soon. Beside them from the start what waits most: the faults, and
# then the whole product, each played by one process.
SUITES := faults unit contracts architecture e2e integration
BROKER_SUITES := faults e2e integration
PYTEST := $(RUN) -m pytest -m "not soak"
# Three at a time on two cores, for most of a test of real parts is waiting.
SIDE_BY_SIDE := -n 3 --no-loadscope-reorder

test: .venv/test.stamp ## All tests, fastest first (T=path for one; BROKER=kafka: the suites that use a broker, on Apache Kafka)
ifdef T
	@$(PYTEST) $(T)
else ifeq ($(BROKER),kafka)
	@$(RUN) -m pytest -m "not soak and not browser" $(SIDE_BY_SIDE) $(wildcard $(addprefix tests/,$(BROKER_SUITES)))
else
	@$(PYTEST) $(SIDE_BY_SIDE) $(wildcard $(addprefix tests/,$(SUITES)))
endif

soak: .venv/test.stamp ## The long tests (BROKER=kafka)
	@$(RUN) -m pytest -m soak tests

##@ Check
check: .venv/test.stamp ## Lint, format, types and who may import whom
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy --strict $(OURS)
	.venv/bin/lint-imports

format: .venv/test.stamp ## Mend what can be mended by itself
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

lock: .cache/uv/bin/uv ## Write requirements/*.txt, with hashes, from requirements/*.in
	@cd requirements && for set in run build demo test; do ../.cache/uv/bin/uv pip compile --quiet --universal --generate-hashes \
		--python-version 3.11 --no-emit-index-url --custom-compile-command "make lock" -o $$set.txt $$set.in || exit 1; done

##@ Measure
bench: .venv/test.stamp ## Records a second, syncs, eight adapters, 500,000 invoices; beside their targets, in 5 minutes (JSON=1 BROKER=kafka)
	@$(RUN) -m tests.bench

##@ Docs
docs: .venv/test.stamp ## Write docs/reference from the code: events, topics, settings, metrics, HTTP
	@$(RUN) -m accounting_link.describe

clean: ## Remove the environment, caches and the demo's state
	rm -rf .venv .cache .demo .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## This list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The environment.
.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed, and none of python3, python3.14 to python3.11 on PATH is one." >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "$(PYTHON) lacks its venv module (Debian: apt-get install python3-venv)." >&2; exit 1; }
	@echo "Making .venv with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv .venv

.venv/demo.stamp: requirements/demo.txt $(wildcard shared/pyproject.toml services/*/pyproject.toml) | .venv/bin/python
	@echo "Installing what the demo needs (once)"
	@$(call install,demo)
	@touch $@

.venv/test.stamp: requirements/test.txt $(wildcard shared/pyproject.toml services/*/pyproject.toml) | .venv/bin/python
	@echo "Installing what the tests need (once)"
	@$(call install,test)
	@$(call browser)
	@touch .venv/demo.stamp $@

# pip refuses -e together with hashes, so two steps.
PIP := $(RUN) -m pip install --quiet --disable-pip-version-check
define install
$(PIP) --require-hashes -r requirements/$(1).txt && $(PIP) --no-deps --no-build-isolation $(addprefix -e ,$(PACKAGES))
endef

define browser
command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || \
	$(RUN) -m playwright install chromium || \
	echo "NO BROWSER: the tests in tests/e2e/browser will be skipped. Put chromium on PATH (Debian: apt-get install chromium)."
endef

.cache/uv/bin/uv:
	@$(PYTHON) -m venv .cache/uv && .cache/uv/bin/pip install --quiet --disable-pip-version-check uv

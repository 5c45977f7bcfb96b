# Everything here works from a fresh clone; `make` alone lists the targets.
# Paths are relative, so that a folder's name may hold spaces.
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help app test test-fast test-added test-browser venv setup setup-dev setup-browser fetch lint format clean

ADDRESS ?= localhost
PORT ?=
# Tests run in so many processes, of one torch thread each; 1.5 GB a process.
WORKERS ?= 2

PYTHON := .venv/bin/python
PARALLEL = -n $(WORKERS) --dist loadscope
IS_FIT := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))

# $(call install,stamp,requirement files). The stamp holds the checksum of what was installed: a changed file, and
# nothing else, installs again. pip undoes an install that fails, not one that is killed: then the mark stays.
define install
@sum=$$(cat $(2) requirements.lock | cksum); [ "$$(cat .venv/$(1) 2>/dev/null)" = "$$sum" ] || { \
	touch .venv/installing && \
	$(PYTHON) -m pip install --no-input --disable-pip-version-check $(2:%=-r %) -c requirements.lock || \
	{ [ $$? -gt 2 ] || rm -f .venv/installing; exit 1; }; \
	rm -f .venv/installing && echo "$$sum" > .venv/$(1); }
endef

# $(call apt,package): bring it where root may, or say what is missing.
define apt
{ echo "Installing $(1)"; [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq </dev/null && \
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(1) </dev/null >/dev/null; } || \
	{ echo "The browser tests need $(1). On Debian or Ubuntu: apt-get install $(1)" >&2; exit 1; }
endef

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' Makefile | expand -t 20

app: setup fetch ## Install, fetch the default resources and open the app (PORT=8501 ADDRESS=localhost)
	@exec $(PYTHON) -m streamlit run app/main.py --server.address=$(ADDRESS) $(if $(PORT),--server.port=$(PORT)) \
		--server.showEmailPrompt=false --browser.gatherUsageStats=false

test: setup-dev fetch lint ## Install, fetch, lint and run all tests
	@$(PYTHON) -m pytest $(PARALLEL)

test-fast: setup-dev lint ## Quick feedback: lint, types and the unit tests that train no model
	@$(PYTHON) -m pytest $(PARALLEL) -m "not added and not slow" tests/unit tests/property

test-added: setup-dev fetch ## Additional tests on the published data in ../shared, if you have it
	@$(PYTHON) -m pytest $(PARALLEL) -m added

test-browser: setup-browser fetch ## Test the app in a real browser, including accessibility checks
	@$(PYTHON) -m pytest -rs tests/browser

setup: venv ## Install what the app and the command line need into .venv
	$(call install,installed-app,requirements.txt)
	@$(PYTHON) -c 'import pygraphviz' 2>/dev/null || echo "Architectures will be drawn with a simpler layout:" \
		"Graphviz's system libraries are missing (Debian: apt-get install libglib2.0-0 libxext6 libxrender1)."

setup-dev: setup ## The same, plus what the tests need
	$(call install,installed-dev,requirements.txt requirements-server.txt requirements-dev.txt)

setup-browser: setup-dev ## The same, plus what the browser tests need: playwright, chromium, axe-core
	$(call install,installed-browser,requirements.txt requirements-server.txt requirements-dev.txt requirements-browser.txt)
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || $(call apt,chromium)
	@command -v npm >/dev/null || $(call apt,npm)
	@npm ci --prefix tests/browser --loglevel=error --no-audit --no-fund

# A .venv that is half made, was moved with its folder, or holds an install that was killed is made anew.
venv:
	@if [ ! -e .venv/installing ] && grep -qsF "$(CURDIR)/.venv" .venv/bin/activate && \
		$(PYTHON) -c 'import pip; $(IS_FIT)' 2>/dev/null; then exit 0; fi; \
	for python in python3.11 python3.12 python3; do \
		$$python -c '$(IS_FIT)' 2>/dev/null || continue; \
		if ! $$python -c 'import ensurepip, venv' 2>/dev/null; then \
			echo "$$python lacks its venv module. On Debian or Ubuntu: apt-get install python3-venv" >&2; exit 1; \
		fi; \
		echo "Creating .venv with $$python"; \
		exec $$python -m venv --clear .venv; \
	done; \
	echo "Python 3.11 or 3.12 is required; python3.11, python3.12 and python3 were tried." >&2; exit 1

fetch: setup ## Fetch the default resources: teacher weights, sentences, word lists
	@$(PYTHON) -m rosearch_engine fetch || echo "Continuing without the missing resources; try again later with: make fetch"

lint: setup-dev ## Check style, types and the import rules
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m mypy
	@.venv/bin/lint-imports

format: setup-dev ## Format the code
	@$(PYTHON) -m ruff check --fix .
	@$(PYTHON) -m ruff format .

clean: ## Remove .venv and all caches; runs and resources in ROSEARCH_HOME are kept
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache .grimp_cache build dist *.egg-info \
		tests/browser/node_modules
	find app pages rosearch_engine tests examples benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

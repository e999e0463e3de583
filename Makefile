# Every piece of work on this repository starts here; `make` lists the targets.
# The tools live in this checkout: uv in .tools/, the packages in .venv/. Downloads are shared
# between checkouts in ~/.cache.

PYTHON ?= python3
UV ?= .tools/uv
MODEL ?=
ARGS ?=
BIN := .venv/bin
# The interpreter itself, not a shim or a virtual environment that stands before it on the PATH.
INTERPRETER = "$$($(PYTHON) -c 'import sys; print(sys._base_executable)')"
CODE := src tests tools demo $(wildcard bench)

export UV_PYTHON_DOWNLOADS := never
PYPI := https://pypi.org/simple
export UV_DEFAULT_INDEX ?= $(or $(UV_INDEX_URL),$(PIP_INDEX_URL),$(PYPI))
unexport VIRTUAL_ENV UV_INDEX_URL UV_PROJECT_ENVIRONMENT PYTHONPATH PYTHONHOME
unexport PYTHONDONTWRITEBYTECODE # every process would compile every package anew

.DEFAULT_GOAL := help
.PHONY: help pages messages proto setup env demo run check fmt lint types imports unit coverage test test-all accept cluster attacks bench ui docs lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.complete ## install uv and every package into this checkout

.tools/uv: tools/bootstrap.py
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) was not found: install Python 3.11 or newer, or name it: make PYTHON=/path/to/python3.12"; exit 1; }
	@$(PYTHON) tools/bootstrap.py $@

# The extra `search` is 260 MB, which the demo neither needs nor fetches.
.venv/.complete: EXTRA := --extra search
.venv/.ready .venv/.complete: $(UV) pyproject.toml uv.lock
ifeq ($(UV_DEFAULT_INDEX),$(PYPI))
	@rm -f .venv/.complete
	$(UV) sync --locked $(EXTRA) --python $(INTERPRETER)
else # uv.lock names files on PyPI: from another index, take the same ones by their hashes
	$(UV) venv --clear --python $(INTERPRETER)
	$(UV) export --quiet --frozen --no-emit-project $(EXTRA) --output-file .venv/packages.txt
	$(UV) pip sync --require-hashes .venv/packages.txt
	$(UV) pip install --no-deps --editable .
endif
	@touch .venv/.ready $@

env: setup ## build the interpreter environment that sandboxed code imports from
	@$(BIN)/assistd env build >/dev/null

demo: .venv/.ready ## the whole story, with the official SDK and a local model (MODEL=gpt-4o: with that model; ARGS="--door responses": through that API)
	@$(BIN)/assistd env build >/dev/null
	@$(BIN)/python -m demo $(if $(MODEL),--model $(MODEL)) $(ARGS)

run: env ## start the server (ARGS="--port 9000": with options)
	@$(BIN)/assistd serve $(ARGS)

unit: setup ## what needs no other process and no interpreter environment: seconds
	@$(BIN)/pytest tests/unit --hypothesis-profile quick $(ARGS)

coverage: setup ## branch coverage of the unit tests; fails below the floor in pyproject.toml
	@$(BIN)/coverage run -m pytest tests/unit -n 0 $(ARGS)
	@$(BIN)/coverage report

test: env ## every test, the long ones in short; those of the state also on PostgreSQL and S3 (ARGS="-k name": some of them)
	@$(BIN)/pytest $(ARGS)

test-all: env ## every test, and every one that talks to a server on both kinds of state
	@$(BIN)/pytest --backends both $(ARGS)

accept: env ## the acceptance tests: every client that programs use, against a live server
	@$(BIN)/python -m tests.acceptance.clients.install
	@$(BIN)/pytest tests/acceptance $(ARGS)

cluster: env ## several servers over one state, hosts and servers that die, at length; prints figures with their targets
	@$(BIN)/pytest -n 0 --long tests/cluster $(ARGS)
	@$(BIN)/pytest --backends both --long -m cluster --ignore tests/cluster $(ARGS)

attacks: env ## every attack in every jail, at length
	@$(BIN)/pytest --long tests/security $(ARGS)

check: lint types imports pages messages ## formatter, linter, strict types, import contracts, and the pages and messages as they are made

lint: setup
	@$(BIN)/ruff format --check $(CODE)
	@$(BIN)/ruff check $(CODE)

types: setup
	@$(BIN)/basedpyright

imports: setup
	@$(BIN)/lint-imports

messages: setup
	@$(BIN)/python tools/proto.py --check

pages: setup
	@$(BIN)/python tools/ui.py --check

fmt: setup ## format the code and repair what the linter can
	@$(BIN)/ruff check --fix --exit-zero $(CODE)
	@$(BIN)/ruff format $(CODE)

bench: env ## the benchmarks, with a standard Jupyter kernel beside
	@$(BIN)/python -m bench $(ARGS)

ui: setup ## build the pages for the browser from ui/ (their sources) into the package
	@$(BIN)/python tools/ui.py

proto: setup ## make the messages between servers and sandbox hosts from their description
	@$(BIN)/python tools/proto.py

docs: setup ## write the pages that are made from code
	@$(BIN)/python tools/settings_page.py
	@$(BIN)/python tools/metrics_page.py

lock: setup ## lock the packages of the server, the interpreter environment and the clients anew
	$(UV) lock
	for list in src/assistd/sandbox/environments/*.in tests/acceptance/clients/python/*.in; do \
	  $(UV) pip compile --quiet --no-config --universal --generate-hashes --no-annotate \
	    --python-version 3.11 --only-binary :all: \
	    --overrides src/assistd/sandbox/environments/overrides.cfg \
	    --custom-compile-command "make lock" $$list -o $${list%.in}.txt; done
	$(BIN)/python -m tests.acceptance.clients.install --lock

clean: ## remove what was made in this checkout (shared downloads in ~/.cache stay)
	rm -rf .venv .tools .pytest_cache .coverage .ruff_cache .hypothesis .import_linter_cache demo-output bench-results dist

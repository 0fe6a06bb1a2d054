# Everything a developer runs. `make help` lists it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.9
NODE_TESTS := tests/sdk/node
# A file of tests stays with one of two processes: those that run a whole house wait as much as they work.
TWO_AT_ONCE := -n 2 --dist loadfile --no-loadscope-reorder
# Compiled once, not at each start of each process: a start costs two seconds less.
unexport PYTHONDONTWRITEBYTECODE
INSTALL := uv pip install -q --compile-bytecode

.DEFAULT_GOAL := help
.PHONY: help demo test quick check types rules format bench lock docs clean

help: ## Show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(VENV)/.demo ## Set everything up, load the demo shop and play one shopper through it
	@$(BIN)/patron demo

test: $(VENV)/.dev ## All checks and all tests (installs Debian packages if it may)
	@$(MAKE) --no-print-directory -j 2 types rules browser $(NODE_TESTS)/node_modules/.installed
	$(BIN)/pytest tests --ignore=tests/house $(TWO_AT_ONCE) --durations=15

quick: $(VENV)/.dev ## Tests that take less than ten seconds each
	$(BIN)/pytest tests -m "not slow" $(TWO_AT_ONCE)

check: types rules ## Format, lint, types, order of rooms, rules of the house, docs

types: $(VENV)/.dev
	$(BIN)/mypy

rules: $(VENV)/.dev
	$(BIN)/ruff format --check -q src tests benchmarks docs
	$(BIN)/ruff check -q src tests benchmarks docs
	$(BIN)/lint-imports --no-cache
	$(BIN)/pytest tests/house

format: $(VENV)/.dev ## Format and mend what can be mended
	$(BIN)/ruff format -q src tests benchmarks docs
	$(BIN)/ruff check -q --fix src tests benchmarks docs

bench: $(VENV)/.bench ## Run all benchmarks, or one: make bench NAME=walk
	$(BIN)/python benchmarks/run.py $(NAME)

docs: $(VENV)/.dev ## Write the generated tables of the documentation anew
	$(BIN)/python docs/generate.py

lock: $(VENV)/.uv ## Write the hashed requirement locks anew
	$(BIN)/uv pip compile -q --generate-hashes --python-version 3.11 --universal pyproject.toml -o requirements/runtime.txt
	$(BIN)/uv pip compile -q --generate-hashes --python-version 3.11 --universal --extra demo pyproject.toml -o requirements/demo.txt
	$(BIN)/uv pip compile -q --generate-hashes --python-version 3.11 --universal --extra dev pyproject.toml -o requirements/dev.txt
	$(BIN)/uv pip compile -q --generate-hashes --python-version 3.11 --universal --extra dev --extra bench pyproject.toml -o requirements/bench.txt

clean: ## Remove what the targets above made, but no shop's data
	rm -rf $(VENV) $(NODE_TESTS)/node_modules .mypy_cache .ruff_cache

.PHONY: browser
browser:
	@command -v chromium >/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y chromium >/dev/null; \
	  else echo "no Chromium: the browser tests will say that they were skipped"; fi; }

$(VENV)/.uv:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --disable-pip-version-check uv==$(UV_VERSION)
	@touch $@

$(VENV)/.demo: $(VENV)/.uv requirements/demo.txt pyproject.toml
	$(BIN)/$(INSTALL) --require-hashes -r requirements/demo.txt
	$(BIN)/$(INSTALL) --no-deps -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.uv requirements/dev.txt pyproject.toml
	$(BIN)/$(INSTALL) --require-hashes -r requirements/dev.txt
	$(BIN)/$(INSTALL) --no-deps -e .
	@touch $@ $(VENV)/.demo

$(VENV)/.bench: $(VENV)/.dev requirements/bench.txt
	$(BIN)/$(INSTALL) --require-hashes -r requirements/bench.txt
	@touch $@

$(NODE_TESTS)/node_modules/.installed: $(NODE_TESTS)/package-lock.json
	cd $(NODE_TESTS) && npm ci --silent --no-audit --no-fund
	@touch $@

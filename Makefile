# `make` or `make help` lists what can be done. Every target sets up by itself what it needs.
PYTHON ?= python3
BIN := .venv/bin
CODE := listener lab bench tests
# The tests of single rooms are free in their types; what all of them stand on is not.
TYPED := listener lab bench tests/conftest.py tests/fundamentals
# Tests that are under way at the same time; they wait for containers most of the time.
WORKERS ?= 3
CHOSEN = -m "not thorough"
PYTEST := $(BIN)/python -m pytest -q --durations=5 --durations-min=1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help screenshots setup parts lint test coverage mutants audit bench bench-peers load fuzz demo chaos docs lock socket-proxy clean $(addprefix test-,fundamentals unit store browser engine engine-next differences chaos)

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(BIN)/.app ## Watch it: versions 1, 2 and a sick 3 of a tiny app (KEEP=1 leaves it running)
	@tools/install-parts demo
	@$(BIN)/listener demo $(if $(filter-out 0,$(KEEP)),--keep)

setup: parts $(BIN)/.ready ## Install what the tests need: engine, registry, Redis, Python packages

test: ## Everything: lint, then all levels, quickest first
	@$(MAKE) --no-print-directory lint test-unit test-store test-fundamentals test-browser test-engine test-chaos

lint: $(BIN)/.ready ## Style, types, direction of imports
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy $(TYPED)
	$(BIN)/lint-imports

test-fundamentals: setup ## The stories that tell what this is; read them first
test-unit: setup ## Rules without any I/O
test-store: setup ## On a real Redis
test-browser: setup ## The dashboard in a real browser, on a real engine
test-engine: setup ## On a real engine and registry
test-chaos: setup ## kill -9 at every step, and at random
test-unit test-store: test-%:
	$(PYTEST) tests/$*
# These wait for containers most of the time, and each has a world of its own.
test-fundamentals test-browser test-engine test-chaos: test-%:
	$(BIN)/python -m lab.shared_engine $(PYTEST) $(CHOSEN) -n $(WORKERS) tests/$*

screenshots: export SCREENSHOTS = docs/screenshots
screenshots: test-browser ## Take the pictures of the documentation anew

test-engine-next: setup ## The stories and the engine level on a second, newer engine (needs root)
	tools/engine-next run -- $(PYTEST) -m "not packages" -n $(WORKERS) tests/fundamentals tests/engine

# What engines do differently: names of images, networks, faults of pulls, what inspect shows.
DIFFERS := engine unshown pull clone clone_maximal copies compose retention faults_before_the_swap strategies
test-differences: setup ## Those of them that tell two engines apart; skipped without root
	@[ "$$(id -u)" -eq 0 ] || { echo "Not root: the second engine is left out."; exit 0; }; \
	set -x; tools/engine-next run -- $(PYTEST) -n $(WORKERS) tests/fundamentals \
	  $(DIFFERS:%=tests/engine/test_%.py)

chaos: export CHAOS_KILLS = 50
chaos: export CHAOS_SECONDS = 600
chaos: CHOSEN =
chaos: test-chaos ## All kills, 50 at random instead of 12, and ten minutes of everything

bench: setup ## Measure, each figure as a ratio within one run
	@tools/install-parts bench
	$(BIN)/python -m bench.run

bench-peers: setup ## Measure what a user would pick instead, beside it: the table of docs/benchmarks.md
	@tools/install-parts bench
	$(BIN)/python -m bench.peers

load: setup ## A thousand hooks a second, and a day of a push a minute to fifty targets
	@tools/install-parts bench
	$(BIN)/python -m bench.run storm day

fuzz: $(BIN)/.ready ## Hostile requests for every provider (FUZZ_SECONDS=600)
	@$(BIN)/pip install -qq --group fuzz
	@$(BIN)/python -m tests.fuzz

docs: $(BIN)/.ready ## Build the documentation as a site: build/site
	tools/configuration-reference
	@$(BIN)/pip install -qq --group docs
	$(BIN)/mkdocs build --strict --quiet

coverage: setup ## Which lines the tests reach, all but chaos and the browser: 95 % at least
	@$(BIN)/pip install -qq --group coverage
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -q -n $(WORKERS) tests/unit
	$(BIN)/coverage run -m pytest -q -n $(WORKERS) tests/store
	$(BIN)/python -m lab.shared_engine $(BIN)/coverage run -m pytest -q $(CHOSEN) -n $(WORKERS) tests/fundamentals tests/engine
	@$(BIN)/coverage combine -q
	$(BIN)/coverage report

mutants: setup ## Change the deploy machine and the scripts in every small way: what does no test notice?
	@$(BIN)/pip install -qq --group mutants
	$(BIN)/mutmut run --max-children 1
	$(BIN)/mutmut results
	$(BIN)/python -m tests.mutation

audit: $(BIN)/.ready ## Known holes in the locked packages (asks a database in the network)
	@$(BIN)/pip install -qq --group audit
	@$(BIN)/pip-audit --progress-spinner off --strict --disable-pip --require-hashes -r requirements.lock || \
	  { echo "audit: a hole is named above, or the database could not be asked" >&2; exit 1; }

lock: $(BIN)/.ready ## Lock what the image is built from: requirements.lock, with hashes
	@$(BIN)/pip install -qq uv
	@$(BIN)/uv pip compile pyproject.toml --generate-hashes --universal --python-version 3.11 \
	  --no-emit-index-url --no-header --quiet --output-file requirements.lock

socket-proxy: setup ## Record the calls that the socket proxy must let through
	@tools/install-parts proxy
	$(BIN)/python -m lab.socket_proxy record $(PYTEST) $(CHOSEN) -n $(WORKERS) tests/fundamentals tests/engine

clean: ## Remove the Python environment and caches
	rm -rf .venv build dist mutants .coverage* *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

parts:
	@tools/install-parts test

# The program alone, which is all that the demo needs.
$(BIN)/.app: pyproject.toml
	@tools/install-parts venv
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed" if sys.version_info < (3, 11) else 0)'
	@echo "Setting up .venv …"
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install -qq --disable-pip-version-check --upgrade 'pip>=25.1'
	@$(BIN)/pip install -qq --editable .
	@touch $@

$(BIN)/.ready: $(BIN)/.app
	@$(BIN)/pip install -qq --group dev
	@touch $@

# Two commands do everything: `make start` runs a shop, `make test` runs every check.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv

.PHONY: start test check format docs planner bench lock clean

start: $(VENV)/.runtime
	@exec $(BIN)/shopkeeper start

test: $(VENV)/.dev
	@$(MAKE) --no-print-directory check
	$(BIN)/pytest -n 2 --dist loadgroup $(ARGS)

check: $(VENV)/.dev  ## lint, format, types, architecture: what needs no database
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/pyright

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.dev  ## docs/tools.md, docs/states.md, the rooms' contracts and the OpenAPI's examples, made from declarations and cases
	$(BIN)/python -m tools.document
	$(BIN)/python -m tests.example

planner: $(VENV)/.runtime  ## what the planner learns from the tools and their phrasings, before it is shipped
	$(BIN)/python -m orchestrator.index

bench: $(VENV)/.dev
	$(BIN)/python -m bench

lock:  ## pin every dependency as name==version with hashes
	$(PYTHON) -m venv $(VENV) && $(BIN)/pip install --quiet uv
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate pyproject.toml -o requirements.txt
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --extra dev -c requirements.txt pyproject.toml -o requirements-dev.txt

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .hypothesis

# A virtual environment is complete when its stamp exists; an interrupted install is done again.
$(VENV)/.runtime: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; (3, 11) <= v <= (3, 13) or sys.exit(f"Shopkeeper needs Python 3.11 to 3.13; this is {v[0]}.{v[1]}. Name another: make start PYTHON=python3.12")'
	@echo "Installing Shopkeeper into $(VENV) (once, about a minute)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -e .
	@$(BIN)/python -m compileall -q orchestrator agents tools prompts db planner
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements-dev.txt
	@echo "Installing the tools that the checks need"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

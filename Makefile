# Two commands on a fresh machine with Python 3.11 or later:
#   make demo               train a small model, draw with it, write demo/index.html
#   make demo DATA=my.npz   the same on a data file
#   make test               the gate: format, lint, types, tests

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DATA ?=
DEMO ?= demo

# One pinned PyTorch. Without an NVIDIA GPU its CPU build is asked for first, which is a tenth of the
# size; where the package index does not have that one, the default build is taken.
TORCH := torch==$(shell sed -n 's/^torch==//p' constraints.txt)
GPU := $(shell command -v nvidia-smi 2>/dev/null)
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install --constraint constraints.txt

.PHONY: demo test check format docs clean

demo: $(VENV)/.installed
	$(BIN)/sketchrnn demo $(DATA) --output $(DEMO)

test: check
	$(BIN)/python -m pytest --quiet --numprocesses 2 --hypothesis-profile gate \
	  --cov --cov-report=

check: $(VENV)/.installed
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/mypy --config-file tests/mypy.ini
	$(BIN)/lint-imports --no-cache --no-logo

format: $(VENV)/.installed
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

docs: $(VENV)/.installed
	$(BIN)/python scripts/write_cli_docs.py

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "sketchrnn needs Python 3.11 or later; name one with: make PYTHON=python3.11" >&2; exit 2; }
	@echo "installing into $(VENV) (a few minutes the first time)"
	$(PYTHON) -m venv $(VENV)
ifeq ($(GPU),)
	@$(PIP) $(TORCH)+cpu 2>/dev/null || $(PIP) $(TORCH)
else
	@$(PIP) $(TORCH)
endif
	@$(PIP) --editable '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) demo build dist .mypy_cache .pytest_cache .ruff_cache

# `make demo` and `make test` set up what is missing; underneath they are the plain commands of the README.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: help install demo test test-long test-browser lint format bench reliability

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

install: $(VENV)/installed ## virtual environment with the package and its tools

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet -c constraints.txt -e ".[dev]"
	@touch $@

demo: install ## pre-train and probe an encoder, 40 seconds on two cores behind the installation
	$(BIN)/python train.py method=simo K=16 alpha=65536

test: install ## the test suite
	$(BIN)/pytest

test-long: install ## the tests that take minutes
	$(BIN)/pytest -m long --durations=40

test-browser: install ## the report in a real browser; skipped with a notice where there is no Chromium
	$(BIN)/pytest -m browser -rs

reliability: install ## count kills, signals, wrong lines and hostile folders in full, about an hour
	KILLS=100 SIGNALS=20 STEPS=20000 $(BIN)/python -m tests.reliability

lint: install ## ruff and mypy --strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: install ## put the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: install ## all benchmarks, on an idle machine, into docs/speed.md
	$(BIN)/python scripts/bench.py all

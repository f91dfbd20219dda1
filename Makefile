# Everything from a fresh clone with Python >= 3.11, make and PyPI. PYTHON=python3.12 make test picks another one.
PYTHON ?= python3
VENV ?= .venv
# Test files that run at a time: make test JOBS=8
JOBS ?= 2
READY := $(VENV)/.ready

.PHONY: demo test lint types benchmark

demo: $(READY)
	$(VENV)/bin/alumbench demo

test: $(READY)
	$(VENV)/bin/pytest --numprocesses $(JOBS) --dist loadfile

lint: $(READY)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

types: $(READY)
	$(VENV)/bin/mypy

benchmark: $(READY)
	$(VENV)/bin/python -m tests.benchmarks

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'alumbench needs Python 3.11 or later: PYTHON=python3.12 make')"
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

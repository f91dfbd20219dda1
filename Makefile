# Everything from a fresh clone with Python >= 3.11, make and PyPI. PYTHON=python3.12 make test picks another one.
PYTHON ?= python3
VENV ?= .venv
# Test files that run at a time: make test JOBS=8
JOBS ?= 2
READY := $(VENV)/.ready
# A second environment, with transformers 5
VENV5 ?= .venv5
READY5 := $(VENV5)/.ready

.PHONY: demo test test-transformers5 transformers5 lint types benchmark

demo: $(READY)
	$(VENV)/bin/alumbench demo

# With the second environment there, one test runs attacks in both and wants equal records.
test: $(READY)
	ALUMBENCH_TRANSFORMERS5=$(abspath $(wildcard $(VENV5)/bin/python)) $(VENV)/bin/pytest --numprocesses $(JOBS) --dist loadfile

test-transformers5: $(READY5)
	$(VENV5)/bin/pytest --numprocesses $(JOBS) --dist loadfile $(UNDER_5)

transformers5: $(READY5)

# Attacks, victims and training; what else meets transformers: make test-transformers5 UNDER_5=tests
UNDER_5 := tests/attacks tests/training tests/test_checkpoints.py tests/test_weights.py

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

# Nothing is resolved here: flair's own metadata refuses transformers 5, and nothing of it is imported.
$(READY5): pyproject.toml constraints-transformers5.txt
	$(PYTHON) -m venv $(VENV5)
	$(VENV5)/bin/pip install --quiet --disable-pip-version-check --no-deps --requirement constraints-transformers5.txt
	$(VENV5)/bin/pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

# Everything from a fresh clone with Python >= 3.11, make and PyPI. PYTHON=python3.12 make test picks another one.
PYTHON ?= python3
VENV ?= .venv
# Test files that run at a time: make test JOBS=8
JOBS ?= 2
# A file's tests in one process, in the order of tests/conftest.py
PARALLEL = --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder
READY := $(VENV)/.ready
# A second environment, with transformers 5
VENV5 ?= .venv5
READY5 := $(VENV5)/.ready

.PHONY: demo test test-transformers5 transformers5 lint types benchmark docs

demo: $(READY)
	$(VENV)/bin/alumbench demo

# With the second environment there, one test runs attacks in both and wants equal records.
test: $(READY)
	ALUMBENCH_TRANSFORMERS5=$(abspath $(wildcard $(VENV5)/bin/python)) $(VENV)/bin/pytest $(PARALLEL)

test-transformers5: $(READY5)
	$(VENV5)/bin/pytest $(PARALLEL) $(UNDER_5)

transformers5: $(READY5)

# Others by hand: make test-transformers5 UNDER_5='tests/cli tests/evaluation'
# Processes, imports of TextAttack and searches are the same code under both.
UNDER_5 := tests/attacks tests/engine tests/training tests/pretraining tests/test_checkpoints.py tests/test_weights.py \
	--ignore tests/attacks/test_engine.py --ignore tests/attacks/test_loader.py --ignore tests/attacks/searches \
	--ignore tests/training/test_processes.py

lint: $(READY)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

types: $(READY)
	$(VENV)/bin/mypy

# The site, into site/; a warning is an error. It needs the packages of the extra `docs` beside the others.
docs: $(READY)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[docs]'
	$(VENV)/bin/mkdocs build --strict

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

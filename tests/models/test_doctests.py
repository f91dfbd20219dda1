"""The examples in docstrings run."""

from __future__ import annotations

import doctest
import importlib

import pytest


@pytest.mark.parametrize("name", ["", ".classifier", ".redaction"])
def test_examples_run(name: str) -> None:
    found = doctest.testmod(importlib.import_module(f"alumbench.models{name}"))
    assert found.attempted and not found.failed

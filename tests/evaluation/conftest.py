"""An evaluation to look at, and small suites written as TOML."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alumbench.attacks.victim import Victim
from alumbench.evaluation.evaluate import RECORDS, Request, evaluate
from alumbench.evaluation.suite import Suite, load_suite
from alumbench.models.checkpoint import checkpoint_task, find_model

SMALL = """
name = "small"
version = 1
title = "clean, a generated set, and one attack"
[[entry]]
name = "clean"
kind = "clean"
[[entry]]
name = "adversarial"
kind = "fixed"
[[entry.source]]
generated = "nli/adversarial"
[[entry]]
name = "attack"
kind = "attack"
recipe = "deepwordbug-all-words@1"
examples = 60
queries = 60
seconds = 20.0
"""


def run(folder: Path, out: Path, suite: Suite, victim: Victim | None = None, **changes: Any) -> dict[str, Any]:
    """Evaluates a checkpoint folder and returns `evaluation.json` as JSON has it."""
    if victim is None:
        files = find_model(str(folder))
        victim = Victim(files, checkpoint_task(files), "cpu")
    return evaluate(Request(suite, **changes), victim, out, lambda *_: None).to_json()


def lines(out: Path) -> list[bytes]:
    """The records as they are on disk, durations taken out."""
    found = []
    for line in (out / RECORDS).read_bytes().splitlines():
        record = json.loads(line, parse_constant=pytest.fail)
        record.pop("seconds", None)
        found.append(json.dumps(record).encode())
    return found


def in_a_new_process(*arguments: object) -> subprocess.CompletedProcess[str]:
    """`alumbench verify`."""
    line = [Path(sys.executable).with_name("alumbench"), "verify", *arguments, "--device", "cpu"]
    return subprocess.run(list(map(str, line)), capture_output=True, text=True, timeout=200)


@pytest.fixture
def write_suite(tmp_path: Path) -> Callable[..., Suite]:
    """Loads SMALL after replacing some of its text."""

    def write(*changes: tuple[str, str], text: str = SMALL) -> Suite:
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / "small.toml"
        path.write_text(text)
        return load_suite(str(path))

    return write


@pytest.fixture(scope="session")
def evaluated(pair_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small suite on the pair checkpoint, unbroken, seed 1."""
    folder = tmp_path_factory.mktemp("evaluated")
    (folder / "small.toml").write_text(SMALL)
    run(pair_checkpoint, folder / "out", load_suite(str(folder / "small.toml")))
    return folder / "out"

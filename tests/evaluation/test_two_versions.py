"""R29: one suite on one checkpoint under transformers 4.57 and under 5 gives equal records, but for seconds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import REPOSITORY

#: Recipes that need no download, and those that need what the mirror has.
BARE = ("deepwordbug-all-words@1", "bad-characters-invisible@1", "bad-characters-deletions@1")
WITH_DATA = ("pwws@1", "leap@1", "pruthi@1", "input-reduction@1", "textfooler-jia-minilm@1", "hotflip-vocabulary@1")
#: What an evaluation says of its time, and of the libraries that made it.
OF_THE_RUN = ("begun", "identity", "checkpoint")


def suite_of(recipes: tuple[str, ...], folder: Path) -> Path:
    """A suite with clean texts, a fixed set, the white-box attack and these recipes."""
    text = 'name = "both"\nversion = 1\ntitle = "Under both"\n[[entry]]\nname = "clean"\nkind = "clean"\n'
    text += '[[entry]]\nname = "set"\nkind = "fixed"\n[[entry.source]]\ngenerated = "sentiment/adversarial"\n'
    text += '[[entry]]\nname = "ball"\nkind = "embedding"\nradius = 0.1\nsteps = 3\nexamples = 40\n'
    for recipe in recipes:
        text += f'[[entry]]\nname = "{recipe[:-2]}"\nkind = "attack"\nrecipe = "{recipe}"\nexamples = 8\nqueries = 80\n'
    path = folder / "both.toml"
    path.write_text(text)
    return path


def evaluated(python: str, checkpoint: Path, suite: Path, out: Path) -> tuple[list[Any], dict[str, Any]]:
    """Records less their seconds, and the document less what differs by run, of an attack by that interpreter."""
    command = [python, "-m", "alumbench", "attack", str(checkpoint), "--suite", str(suite), "--out", str(out)]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*command, "--device", "cpu"], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    records = [json.loads(line) for line in (out / "records.jsonl").read_text().splitlines()]
    for record in records:
        record.pop("seconds", None)
    document = json.loads((out / "evaluation.json").read_text())
    return records, {name: value for name, value in document.items() if name not in OF_THE_RUN}


def version_of(python: str) -> str:
    """The version of transformers there."""
    code = "from importlib.metadata import version; print(version('transformers'))"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("recipes", [BARE, WITH_DATA], ids=["bare", "with-data"])
def test_equal_records_under_both_versions(
    recipes: tuple[str, ...], checkpoint: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    other = os.environ.get("ALUMBENCH_TRANSFORMERS5", "")
    if not other:
        pytest.skip("no environment with transformers 5: 'make transformers5' makes it, then 'make test' finds it")
    if recipes is WITH_DATA:
        request.getfixturevalue("mirror")
    assert version_of(sys.executable).startswith("4.") and version_of(other).startswith("5.")
    suite = suite_of(recipes, tmp_path)
    records, document = evaluated(sys.executable, checkpoint, suite, tmp_path / "with-4")
    assert len(records) > 100 and {record["outcome"] for record in records} >= {"robust", "broken", "correct"}
    assert (records, document) == evaluated(other, checkpoint, suite, tmp_path / "with-5")

"""A new training option touches one place: its field."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

import alumbench
from alumbench.fields import Leaf, leaves
from alumbench.pretraining.options import Pretraining
from alumbench.training.options import FineTuning
from alumbench.training.request import same_request

#: The one line that is put into a copy of the package.
FIELD = '    patience: AtLeast0 = option(7, unit="EPOCHS", help="Stop after so many epochs without a gain.")\n'

SEEN = """
import json, sys
from pathlib import Path
from click.testing import CliRunner
from alumbench.cli import group
for command in ("train", "pretrain"):
    print(CliRunner().invoke(group, [command, "--help"]).output)
print("heavy:", {"torch", "transformers", "numpy", "datasets"} & set(sys.modules))

import alumbench.training.fine_tuning as fine_tuning
from alumbench.errors import AlumbenchError
from alumbench.fields import not_default
from alumbench.studies.plan import arguments
from alumbench.training.api import train

def stop(request, *rest, **more):
    print("seen:", request.patience, not_default(request, fine_tuning.ELSEWHERE.union(fine_tuning.SETTINGS)))
    raise AlumbenchError("stop")

fine_tuning.fine_tune = stop
Path("run.toml").write_text('task = "mini-sentiment"\\nmodel = "m"\\nout = "o"\\npatience = 2\\n')
base = ["--task", "mini-sentiment", "--model", "m", "--out", "o"]
for given in (["--config", "run.toml"], ["--config", "run.toml", "--patience", "3"], base,
              base + list(arguments({"patience": 4}))):
    print(CliRunner().invoke(group, ["train", *given]).output)
print(CliRunner().invoke(group, ["train", *base, "--patience", "-1"]).output)
for value in (5, -1):
    try:
        train("mini-sentiment", "m", out="o", patience=value)
    except AlumbenchError as error:
        print(error)
"""


def test_one_line_in_one_file_is_in_help_toml_plans_and_python(tmp_path: Path) -> None:
    package = tmp_path / "alumbench"
    shutil.copytree(Path(alumbench.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    file = package / "training" / "options.py"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("    precision: Precision", FIELD + "    precision: Precision", 1), encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    ran = subprocess.run([sys.executable, "-c", SEEN], env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    words = " ".join(ran.stdout.split())
    assert "--patience EPOCHS Stop after so many epochs without a gain. [default: 7; x>=0] --precision" in words
    assert "heavy: set()" in ran.stdout
    seen = [line for line in ran.stdout.splitlines() if line.startswith("seen:")]
    assert seen == [
        "seen: 2 {'patience': 2}",
        "seen: 3 {'patience': 3}",
        "seen: 7 {}",
        "seen: 4 {'patience': 4}",
        "seen: 5 {'patience': 5}",
    ]
    assert "Invalid value for '--patience': -1 is not in the range x>=0" in words
    assert "patience: expected a whole number of at least 0, found a number (-1)" in words


@pytest.mark.parametrize("cls", [FineTuning, Pretraining])
def test_every_field_is_an_option_or_written_by_hand(cls: Any) -> None:
    """A field without a word for the command line would be out of reach there."""
    by_hand = {FineTuning: {"task"}, Pretraining: {"corpora", "architecture"}}[cls]
    found: list[Leaf] = list(leaves(cls))
    assert {leaf.path[0] for leaf in found} == {item.name for item in fields(cls)} - by_hand
    assert len({leaf.name for leaf in found}) == len(found)
    documented = {line.split(":")[0].strip() for line in (cls.__doc__ or "").splitlines() if ": " in line}
    assert {item.name for item in fields(cls)} <= documented


def test_a_request_of_before_a_field_stood_at_its_default(tmp_path: Path) -> None:
    same_request(tmp_path, {"label_noise": 0.0, "compiled": False, "processes": 1}, {})
    with pytest.raises(Exception, match=r"differs in label noise \(0.0 there, 0.1 requested\)"):
        same_request(tmp_path, {"label_noise": 0.1}, {})

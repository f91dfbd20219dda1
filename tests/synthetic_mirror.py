"""A mirror in the layout of the real one with a few rows of the miniature grammar, for commands typed as documented."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow
from pyarrow import parquet

from alumbench.data import load_task, miniature
from alumbench.data.source import Source
from alumbench.evaluation.suite import load_suite

MODEL = "sentence-transformers/all-MiniLM-L6-v2"


def write_mirror(folder: Path, model: Path, rows: int = 24) -> Path:
    """Makes the mirror.

    Args:
        folder: where.
        model: stands for the encoder that the documentation's commands name.
        rows: of each table.
    """
    shutil.copytree(model, folder / "models" / MODEL)
    for source in _sources():
        path = folder / "data" / source.mirror
        path.parent.mkdir(parents=True, exist_ok=True)
        split = "train" if "train" in path.name else "dev"
        made = miniature.rows(f"sentiment/{split}")
        table = {"sentence": made["sentence"][:rows], "label": [int(x == "positive") for x in made["label"][:rows]]}
        parquet.write_table(pyarrow.table(table), path)
    return folder


def _sources() -> list[Source]:
    task = load_task("sst2")
    suites = [entry.source for entry in load_suite("advglue").entries if "sst2" in (entry.tasks or ())]
    return [*task.train, *task.dev, *(source for sources in suites for source in sources)]

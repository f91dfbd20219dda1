"""Draws accuracy under `standard` by degree, and attack success by queries.

    python -m experiments.threat_models.curves FOLDER OUT.svg

FOLDER has the evaluations of `degrees.toml` and `searches.toml` as `degrees/MODEL` and `searches/MODEL`, with models
named `TASK-METHOD`. Needs matplotlib, which alumbench itself does not.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

from alumbench.evaluation.stored import Stored
from experiments.threat_models.compare import Try, read

matplotlib.use("svg")
from matplotlib import pyplot  # noqa: E402

TASKS = {"sst2": "SST-2", "ag_news": "AG News"}
#: Each method with its line.
METHODS = {"standard": "-", "alum": "--"}
SETS = {
    **{"chars": "#d62728", "chars-readable": "#ff7f0e", "insertions": "#2ca02c", "obfuscation": "#1f77b4"},
}
ATTACKS = {
    **{"standard": "black", "quick": "#7f7f7f", "charmer": "#d62728", "coordinate-gradient": "#ff7f0e"},
    **{"deepwordbug": "#2ca02c", "pruthi": "#1f77b4", "pwws": "#2ca02c", "textfooler-jia-minilm": "#1f77b4"},
}


def main(folder: Path, out: Path) -> None:
    """One row a task: accuracy by degree, then success by queries within each set."""
    pyplot.rcParams.update({"svg.hashsalt": "alumbench", "font.size": 9})
    tasks = [task for task in TASKS if (folder / "degrees" / f"{task}-standard").exists()]
    figure, rows = pyplot.subplots(len(tasks), 3, figsize=(12, 3.6 * len(tasks)), squeeze=False)
    for panels, task in zip(rows, tasks, strict=True):
        _degrees(panels[0], folder, task)
        evaluations = sorted((folder / "searches").glob(f"{task}-*"))
        for panel, (signature, attacks) in zip(panels[1:], sorted(read(evaluations).items()), strict=True):
            for name, colour in ATTACKS.items():
                if name in attacks:
                    _by_queries(panel, list(attacks[name].values()), name, colour)
            n = len(attacks["standard"])
            panel.set(title=f"{TASKS[task]}, {signature.partition('@')[0]}, n={n}", xlabel="queries per word, at most")
            panel.set(ylabel="attack success, %", xscale="log", ylim=(0, 100))
            panel.legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(out, metadata={"Date": None})


def _degrees(panel: Any, folder: Path, task: str) -> None:
    for method, style in METHODS.items():
        path = folder / "degrees" / f"{task}-{method}"
        entries = Stored.read(path).results.entries if path.exists() else {}
        for entry in entries.values():
            if entry.threat_model is None or entry.figures.within is None:
                continue
            measures = {"0": entry.figures.measures["clean_accuracy"], **entry.figures.within.accuracy_by_degree}
            name = entry.threat_model.signature.partition("@")[0]
            family = "-".join(part for part in name.split("-") if not part.isdigit())
            values = [100 * (measure.value or 0) for measure in measures.values()]
            panel.plot([int(at) for at in measures], values, style, color=SETS[family], label=f"{family}, {method}")
            panel.set(title=f"{TASKS[task]}, n={measures['0'].n}")
    panel.set(xlabel="degree", ylabel="accuracy under standard, %", ylim=(0, 100), xticks=range(5))
    panel.legend(fontsize=7)


def _by_queries(panel: Any, tries: Sequence[Try], name: str, colour: str) -> None:
    costs = sorted(one.queries / one.words for one in tries if one.broken)
    shares = [100 * (at + 1) / len(tries) for at in range(len(costs))]
    panel.step(costs, shares, where="post", color=colour, label=name, linewidth=2 if name == "standard" else 1)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

"""Checkpoints side by side on the same examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from alumbench.errors import AlumbenchError
from alumbench.evaluation.stored import EVALUATIONS, Stored, evaluations_of, finished_entries, made_otherwise
from alumbench.evaluation.summary import is_right
from alumbench.evaluation.validity import MEASURES as VALID
from alumbench.evaluation.validity import is_right_validly
from alumbench.leaderboard.published import cluster_of
from alumbench.leaderboard.table import Table, percent, signed, with_interval
from alumbench.statistics import detectable_difference, holm, paired_bootstrap, paired_difference

MEASURES = {
    "accuracy": "accuracy",
    "clean_accuracy": "clean accuracy",
    "accuracy_under_attack": "accuracy under attack",
    "attack_success_rate": "attack success rate",
    "valid_success_rate": "attack success rate, valid texts",
    "accuracy_under_valid_attack": "accuracy under attack, valid texts",
    "reduced_rate": "reduced to fewer words",
    "training_cost": "training time, in those of the baseline as recorded",
    "training_seconds": "seconds of training",
    "embedding_growth": "growth of the mean length of the word embeddings in training, in percent of it",
    "f1": "F1",
    "matthews_correlation": "Matthews correlation",
    "pearson": "Pearson r",
    "spearman": "Spearman r",
}
LOWER_IS_BETTER = ("attack_success_rate", "valid_success_rate", "reduced_rate", "training_cost", "training_seconds")
#: Measures that count right answers, and what is right by them.
PAIRED = {
    "accuracy": is_right,
    "accuracy_under_attack": is_right,
    "accuracy_under_valid_attack": is_right_validly,
}


def compare(paths: Sequence[Path]) -> Table:
    """Every finished entry that all checkpoints have, with the paired difference of each to the first.

    Args:
        paths: checkpoint folders, or evaluation folders.

    Raises:
        AlumbenchError: One has no evaluations, or they have no entry in common.
    """
    found = [finished_entries(evaluations_of(path)) for path in paths]
    names = _short_names(paths)
    shared = [entry for entry in found[0] if all(entry in other for other in found)]
    if not shared:
        listed = "; ".join(
            f"{name} has {', '.join(entries) or 'none'}" for name, entries in zip(names, found, strict=True)
        )
        raise AlumbenchError(f"no finished entry is common to all: {listed}. Run the same suite on each")
    data, lines = [], []
    for entry in shared:
        parts = [entries[entry] for entries in found]
        for (_, one), (_, other) in combinations(parts, 2):
            otherwise = made_otherwise(one, other)
            if otherwise:
                raise AlumbenchError(f"entry {entry}: the checkpoints were evaluated differently ({otherwise})")
        for group, measure in _measures([part[1]["summary"] for part in parts]):
            lines.append(_figures(entry, group, measure, parts, names))
            data += lines[-1]
    corrected = holm({at: figure.get("p") for at, figure in enumerate(data)}).p
    for at, figure in enumerate(data):
        figure |= {"p_holm": corrected[at]} if "p" in figure else {}
    rows = [_row(figures) for figures in lines]
    header = ["entry", "measure", "n", names[0]]
    for name in names[1:]:
        header += [name, "difference (p)"]
    notes = [
        "Shares in percent with Wilson 95% intervals; difference in points to the first on the same examples, with its",
        "95% bootstrap interval and the exact McNemar p (pairs with the same first text count together), corrected",
        f"over the {sum(p is not None for p in corrected.values())} tests of the table (Holm). "
        + power_line({d["n"] for d in data}),
    ]
    if len(names) == 1:
        notes = ["Shares in percent with Wilson 95% intervals."]
    for name, entries in zip(names, found, strict=True):
        notes += _seed_notes(name, {entry: entries[entry][1] for entry in shared})
    return Table(header, rows, notes, data)


def _seed_notes(checkpoint: str, entries: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """How much the draws of an attack decide, where it was run under several seeds."""
    lines = []
    for name, entry in entries.items():
        seeds = entry["summary"].get("attack_seeds")
        if seeds:
            spread = (
                f"{percent(seeds['mean'])} ± {percent(seeds['sd'])} ({percent(seeds['min'])}–{percent(seeds['max'])})"
            )
            lines.append(
                f"{checkpoint}, {name} under {len(seeds['accuracy_under_attack'])} attack seeds at n={seeds['n']}: "
                f"accuracy {spread}; robust under all: {percent(seeds['worst']['value'])}."
            )
    return ["", *lines] if lines else []


def power_line(sizes: set[int]) -> str:
    """What differences these sample sizes can show at all."""
    parts = []
    for n in sorted(sizes - {0}):
        found = detectable_difference(n)
        parts.append(f"{percent(found)} at n={n}" if found is not None else f"none at n={n}")
    return "Smallest difference found with 80% power where 15% of answers differ: " + ", ".join(parts) + "."


def measures_of(summary: Mapping[str, Any]) -> dict[str, Any]:
    """An entry's measures by name, those through the validity filter among them."""
    return summary["measures"] | (summary.get("validity") or {}).get("measures", {})  # type: ignore[no-any-return]


def _measures(summaries: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Group and name of what all summaries have; the validity filter's only where one has a figure."""
    every = [measures_of(summary) for summary in summaries]
    shared = [name for name in every[0] if all(name in other for other in every)]
    told = [name for name in shared if name not in VALID or any(one[name]["value"] is not None for one in every)]
    return [("", name) for name in told] + [(group, "accuracy") for group in summaries[0].get("groups", {})]


def _measure(part: tuple[Stored, dict[str, Any]], group: str, name: str) -> dict[str, Any]:
    summary = part[1]["summary"]
    return summary["groups"][group] if group else measures_of(summary)[name]  # type: ignore[no-any-return]


def _records(part: tuple[Stored, dict[str, Any]], entry: str, group: str) -> list[Mapping[str, Any]]:
    return [r for r in part[0].records_of(entry) if not group or r.get("group") == group]


def _figures(
    entry: str, group: str, name: str, parts: Sequence[tuple[Stored, dict[str, Any]]], names: Sequence[str]
) -> list[dict[str, Any]]:
    """One figure a checkpoint, those after the first with their difference to it."""
    first = _measure(parts[0], group, name)
    title = f"{entry}: {group}" if group else entry
    figures: list[dict[str, Any]] = [_figure(title, name, names[0], first)]
    for part, checkpoint in zip(parts[1:], names[1:], strict=True):
        figures.append(_figure(title, name, checkpoint, measure := _measure(part, group, name)))
        if name in PAIRED and None not in (first["value"], measure["value"]):
            records, others = _records(parts[0], entry, group), _records(part, entry, group)
            right, other = ({r["id"]: PAIRED[name](r) for r in every} for every in (records, others))
            clusters = {r["id"]: cluster_of(r) for r in records + others}
            test, interval = paired_difference(right, other, clusters), paired_bootstrap(right, other, clusters)
            figures[-1] |= {
                "difference": test.difference,
                "difference_low": interval.low,
                "difference_high": interval.high,
                "only_first": test.only_a,
                "only_this": test.only_b,
                "p": test.p,
            }
    return figures


def _row(figures: Sequence[Mapping[str, Any]]) -> list[str]:
    first = figures[0]
    row = [first["entry"], MEASURES.get(first["measure"], first["measure"]), str(first["n"]), with_interval(first)]
    for figure in figures[1:]:
        cell = ""
        if "p" in figure:
            low, high = figure["difference_low"], figure["difference_high"]
            interval = "" if low is None else f" [{signed(low)}, {signed(high)}]"
            cell = f"{signed(figure['difference'])}{interval} ({figure['p_holm']:.3f})"
        row += [with_interval(figure), cell]
    return row


def _figure(entry: str, name: str, checkpoint: str, measure: dict[str, Any]) -> dict[str, Any]:
    return {"entry": entry, "measure": name, "checkpoint": checkpoint, **measure}


def _short_names(paths: Sequence[Path]) -> list[str]:
    """The shortest endings of the paths that tell them apart."""
    # An evaluation lies in CHECKPOINT/evaluations/NAME, and the checkpoint's name says more than its own.
    parts = [(p.parent.parent if p.parent.name == EVALUATIONS else p).parts for p in (path.resolve() for path in paths)]
    for length in range(1, max(map(len, parts)) + 1):
        names = ["/".join(part[-length:]) for part in parts]
        if len(set(names)) == len(names):
            return names
    raise AlumbenchError(f"{paths[0]}: the same checkpoint is given twice")

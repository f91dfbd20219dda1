"""`.eval_results/*.yaml`: figures in the form that the hub shows on a model's page and collects on benchmarks' pages.

huggingface_hub has the class for it from 1.4 on. With an older one (transformers 4 asks for below 1.0) the same fields
are written by `_as_yaml`, and a test holds both to one result.

The format: https://huggingface.co/docs/hub/eval-results
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from alumbench.leaderboard.inert import visible
from alumbench.publishing.figures import Figure
from alumbench.publishing.metadata import DIGITS, Given
from alumbench.storage import write_text

#: One file of ours beside those that others may have put there.
FILE = Path(".eval_results/alumbench.yaml")


def without_place(figure: Figure) -> str:
    """Why the format has no place for a figure, '' where it has one."""
    if figure.value is None:
        return figure.reason or "no number"
    return "" if figure.data else "its examples are of no data set on the hub"


def write_eval_results(folder: Path, figures: Sequence[Figure], given: Given) -> Path | None:
    """Writes the figures that have a place in the format; takes an earlier file of ours away where none has.

    Returns:
        The file, None where there is none.
    """
    from huggingface_hub.utils import yaml_dump  # type: ignore[attr-defined]

    items = to_yaml([_fields(figure, given) for figure in figures if not without_place(figure)])
    if not items:
        (folder / FILE).unlink(missing_ok=True)
        return None
    write_text(folder / FILE, yaml_dump(items, sort_keys=False))
    return folder / FILE


def to_yaml(results: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Fields of `EvalResultEntry`, as the list that the file holds: through the class where it is there."""
    try:
        from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml
    except ImportError:
        return [_as_yaml(**fields) for fields in results]
    items: list[dict[str, Any]] = eval_result_entries_to_yaml([EvalResultEntry(**fields) for fields in results])
    return items


def _fields(figure: Figure, given: Given) -> dict[str, Any]:
    assert figure.data is not None and figure.value is not None
    data = figure.data
    fields = {
        "dataset_id": data.hub,
        "task_id": visible(_task_id(figure, data.config or "default")),
        "value": round(figure.value, DIGITS),
        "date": figure.date,
        "notes": visible(_notes(figure)),
    }
    if data.revision:
        fields["dataset_revision"] = data.revision
    if given.source:
        fields |= {"source_url": given.source, "source_name": "alumbench"}
    return fields


def _task_id(figure: Figure, config: str) -> str:
    """The configuration alone for the data set's own task; whatever was done to it or with it follows."""
    if figure.kind == "clean" and figure.measure == "accuracy":
        return config
    parts = [config, "" if figure.kind == "clean" else figure.entry, figure.group, figure.measure]
    return ".".join(part.replace(" ", "-") for part in parts if part)


def _notes(figure: Figure) -> str:
    parts = [f"{figure.name}, n={figure.n}"]
    if figure.low is not None and figure.high is not None:
        parts.append(f"Wilson 95% interval [{figure.low:.4f}, {figure.high:.4f}]")
    parts.append(f"signature {figure.signature}")
    if figure.data and not figure.data.revision:
        parts.append("read from an offline copy" + (f" of {figure.data.note}" if figure.data.note else ""))
    return "; ".join(parts)


def _as_yaml(
    dataset_id: str,
    task_id: str,
    value: float,
    date: str,
    notes: str,
    dataset_revision: str = "",
    source_url: str = "",
    source_name: str = "",
) -> dict[str, Any]:
    """One item of the list, keys in the order in which huggingface_hub writes them."""
    data_set = {"id": dataset_id, "task_id": task_id} | ({"revision": dataset_revision} if dataset_revision else {})
    source = {"source": {"url": source_url, "name": source_name}} if source_url else {}
    return {"dataset": data_set, "value": value, "date": date, **source, "notes": notes}

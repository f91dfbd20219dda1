"""`.eval_results/*.yaml`: figures in the format that the hub shows on model pages and collects on benchmark pages.

huggingface_hub has a class for it from version 1.4. With older ones (transformers 4 needs one below 1.0), `_as_yaml`
writes the same fields; a test checks that both give the same result.

The format: https://huggingface.co/docs/hub/eval-results
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NotRequired, TypedDict

from alumbench.hub.figures import Figure
from alumbench.hub.metadata import DIGITS, Given
from alumbench.reports.escaping import visible
from alumbench.storage import write_text

#: Our file, beside any that others put there.
FILE = Path(".eval_results/alumbench.yaml")


class Fields(TypedDict):
    """The fields of huggingface_hub's `EvalResultEntry` that are used here."""

    dataset_id: str
    task_id: str
    value: float
    date: str
    notes: str
    dataset_revision: NotRequired[str]
    source_url: NotRequired[str]
    source_name: NotRequired[str]


def without_place(figure: Figure) -> str:
    """The reason why a figure does not fit the format, '' if it does."""
    if figure.value is None:
        return figure.reason or "no number"
    return "" if figure.data else "its examples are not from a data set on the hub"


def write_eval_results(folder: Path, figures: Sequence[Figure], given: Given) -> Path | None:
    """Writes the figures that fit the format; if none does, deletes an earlier file of ours.

    Returns:
        The file, None without one.
    """
    from huggingface_hub.utils import yaml_dump  # type: ignore[attr-defined]

    items = to_yaml([_fields(figure, given) for figure in figures if not without_place(figure)])
    if not items:
        (folder / FILE).unlink(missing_ok=True)
        return None
    write_text(folder / FILE, yaml_dump(items, sort_keys=False))
    return folder / FILE


def to_yaml(results: Sequence[Fields]) -> list[dict[str, object]]:
    """Fields of `EvalResultEntry` as the file's list, made with that class if it is available."""
    try:
        from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml
    except ImportError:
        return [_as_yaml(**fields) for fields in results]
    items: list[dict[str, object]] = eval_result_entries_to_yaml([EvalResultEntry(**fields) for fields in results])
    return items


def _fields(figure: Figure, given: Given) -> Fields:
    assert figure.data is not None and figure.value is not None
    data = figure.data
    fields: Fields = {
        "dataset_id": data.hub,
        "task_id": visible(_task_id(figure, data.config or "default")),
        "value": round(figure.value, DIGITS),
        "date": figure.date,
        "notes": visible(_notes(figure)),
    }
    if data.revision:
        fields["dataset_revision"] = data.revision
    if given.source:
        fields["source_url"], fields["source_name"] = given.source, "alumbench"
    return fields


def _task_id(figure: Figure, config: str) -> str:
    """The configuration; for anything but the data set's own task, followed by entry, group and measure."""
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
) -> dict[str, object]:
    """One item of the list, with keys in huggingface_hub's order."""
    data_set = {"id": dataset_id, "task_id": task_id} | ({"revision": dataset_revision} if dataset_revision else {})
    source = {"source": {"url": source_url, "name": source_name}} if source_url else {}
    return {"dataset": data_set, "value": value, "date": date, **source, "notes": notes}

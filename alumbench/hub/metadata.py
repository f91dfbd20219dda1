"""The card's front matter, made with huggingface_hub's classes: the model, and its figures as `model-index`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from alumbench.data import mirror
from alumbench.errors import AlumbenchError
from alumbench.hub.figures import Figure
from alumbench.leaderboard.strip_paths import HUB_ID
from alumbench.models.checkpoint.provenance import PretrainingRecord, TrainingRecord
from alumbench.reports.escaping import visible

if TYPE_CHECKING:
    from huggingface_hub import EvalResult, ModelCardData

TAG = re.compile(r"[a-z0-9][a-z0-9+._-]{0,49}")
LICENSE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,49}")
#: Decimals of a published share: finer than its interval at a million examples.
DIGITS = 6


@dataclass(frozen=True)
class Given:
    """Facts that only the publisher knows.

    Attributes:
        name: the model's name; '' for its folder's.
        license: an identifier from the hub's list (`mit`, `apache-2.0`), '' if unknown.
        base_model: hub id, if the training record names a local folder.
        source: http(s) address of the figures' source: a board, a repository.
    """

    name: str = ""
    license: str = ""
    base_model: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        """Checks the values for a machine-readable file.

        Raises:
            AlumbenchError: The license, the base model or the address is not valid.
        """
        if self.license and not LICENSE.fullmatch(self.license):
            raise AlumbenchError(
                f"--license {self.license}: give an identifier of the hub's list, for example --license apache-2.0"
            )
        if self.base_model and not HUB_ID.fullmatch(self.base_model):
            raise AlumbenchError(f"--base-model {self.base_model}: give a hub id, OWNER/NAME")
        if self.source and not re.fullmatch(r"https?://[^\s<>\"'\\]+", self.source):
            raise AlumbenchError(f"--source {self.source}: give an http or https address")


def card_data(
    record: TrainingRecord | PretrainingRecord, figures: Sequence[Figure], name: str, given: Given
) -> ModelCardData:
    """The front matter of a checkpoint's card.

    Args:
        record: its `training.json`, or `pretraining.json`.
        figures: the measured figures; those without a number are left out.
        name: the model's name.
        given: the publisher's additions.
    """
    from huggingface_hub import ModelCardData

    results = [_result(figure, record, given) for figure in figures if figure.value is not None]
    measures = sorted({figure.measure for figure in figures if figure.value is not None})
    data_sets = sorted(filter(None, _data_sets(record)))
    is_adapter = isinstance(record, TrainingRecord) and record.model.adapter_of is not None
    base = given.base_model or base_model(record) or None
    return ModelCardData(
        license=given.license or None,
        library_name="peft" if is_adapter else "transformers",
        pipeline_tag="fill-mask" if isinstance(record, PretrainingRecord) else "text-classification",
        base_model=base,
        datasets=[visible(name) for name in data_sets] or None,
        metrics=[visible(measure) for measure in measures] or None,
        tags=_tags(record),
        model_name=visible(name) if results else None,
        eval_results=results or None,
        base_model_relation="adapter" if is_adapter and base else None,
    )


def base_model(record: TrainingRecord | PretrainingRecord) -> str:
    """The hub id that training started from, an adapter's the one that it adapts; '' if it may be a folder's name."""
    if isinstance(record, TrainingRecord) and record.model.adapter_of is not None:
        return hub_id(record.model.adapter_of.name, record.model.adapter_of.revision or "")
    return hub_id(record.model.name or "", record.model.revision or "")


def hub_id(name: str, revision: str) -> str:
    """The hub id in a model's name; '' for the name of a folder, or one that could be.

    Args:
        name: a folder, a hub id, or `ID@REVISION`.
        revision: the commit that the hub gave; '' for none.
    """
    name = name.partition("@")[0]
    if not HUB_ID.fullmatch(name) or Path(name).is_dir():
        return ""
    root = mirror()
    known = bool(revision) or (root is not None and (root / "models" / name).is_dir())
    return name if known else ""


def _data_sets(record: TrainingRecord | PretrainingRecord) -> set[str]:
    if isinstance(record, PretrainingRecord):
        return {source.id or "" for source in record.corpus.sources}
    return {source.hub for source in record.task.train}


def _tags(record: TrainingRecord | PretrainingRecord) -> list[str]:
    tags = ["alumbench", "robustness", "adversarial-training", record.method.name]
    if record.method.name == "standard":
        tags.remove("adversarial-training")
    return [tag for tag in tags if TAG.fullmatch(tag)]


def _result(figure: Figure, record: TrainingRecord | PretrainingRecord, given: Given) -> EvalResult:
    from huggingface_hub import EvalResult

    data = figure.data
    return EvalResult(
        task_type="text-classification",
        dataset_type=data.hub if data else "unknown",  # not on the hub: a user's file, a generated set
        dataset_name=visible(data.name if data else record.task.title if isinstance(record, TrainingRecord) else ""),
        dataset_config=(data.config or None) if data else None,
        dataset_split=(data.split or None) if data else None,
        dataset_revision=(data.revision or None) if data else None,
        # results on one data set differ only in their metric, so the metric names the attack or set
        metric_type=visible(figure.measure),
        metric_name=visible(figure.name),
        metric_value=round(figure.value or 0.0, DIGITS),
        metric_args={
            "entry": visible(figure.entry),
            "n": figure.n,
            "signature": visible(figure.signature),
        }
        | ({"wilson_95": interval(figure)} if figure.low is not None else {}),
        source_name="alumbench" if given.source else None,
        source_url=given.source or None,
    )


def interval(figure: Figure) -> list[float]:
    """Both ends of a figure's interval, rounded like the figure."""
    return [round(end, DIGITS) for end in (figure.low, figure.high) if end is not None]

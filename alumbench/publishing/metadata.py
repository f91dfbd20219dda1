"""The card's front matter, through huggingface_hub's classes: what the model is, and its figures as `model-index`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alumbench.errors import AlumbenchError
from alumbench.leaderboard.inert import visible
from alumbench.leaderboard.places import HUB_ID
from alumbench.publishing.figures import Figure
from alumbench.tasks import mirror

if TYPE_CHECKING:
    from huggingface_hub import EvalResult, ModelCardData

TAG = re.compile(r"[a-z0-9][a-z0-9+._-]{0,49}")
LICENSE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,49}")
#: Decimals of a share that is published: more than its interval can tell apart at a million examples.
DIGITS = 6


@dataclass(frozen=True)
class Given:
    """What only the publisher knows.

    Attributes:
        name: of the model; '' for its folder's.
        license: an identifier of the hub's list (`mit`, `apache-2.0`), '' where it is not known.
        base_model: hub id, where the training record's name is a local folder.
        source: http(s) address of where the figures come from: a board, a repository.
    """

    name: str = ""
    license: str = ""
    base_model: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        """Checks what goes into a file that machines read.

        Raises:
            AlumbenchError: The license, the base model or the address is none.
        """
        if self.license and not LICENSE.fullmatch(self.license):
            raise AlumbenchError(
                f"--license {self.license}: give an identifier of the hub's list, for example --license apache-2.0"
            )
        if self.base_model and not HUB_ID.fullmatch(self.base_model):
            raise AlumbenchError(f"--base-model {self.base_model}: give a hub id, OWNER/NAME")
        if self.source and not re.fullmatch(r"https?://[^\s<>\"'\\]+", self.source):
            raise AlumbenchError(f"--source {self.source}: give an http or https address")


def card_data(record: Mapping[str, Any], figures: Sequence[Figure], name: str, given: Given) -> ModelCardData:
    """The front matter of a checkpoint's card.

    Args:
        record: its `training.json`, or `pretraining.json`.
        figures: what was measured; those without a number are left out.
        name: of the model.
        given: what the publisher adds.
    """
    from huggingface_hub import ModelCardData

    results = [_result(figure, record, given) for figure in figures if figure.value is not None]
    measures = sorted({figure.measure for figure in figures if figure.value is not None})
    data_sets = sorted({source["hub"] for source in _sources(record) if source.get("hub")})
    values: dict[str, Any] = {
        "license": given.license or None,
        "library_name": "transformers",
        "pipeline_tag": "fill-mask" if is_pretraining(record) else "text-classification",
        "base_model": given.base_model or base_model(record) or None,
        "datasets": [visible(name) for name in data_sets] or None,
        "metrics": [visible(measure) for measure in measures] or None,
        "tags": _tags(record),
    }
    if results:
        values |= {"model_name": visible(name), "eval_results": results}
    return ModelCardData(**values)


def is_pretraining(record: Mapping[str, Any]) -> bool:
    """Whether a record is `pretraining.json`, whose task is no table of a data set."""
    return not isinstance(record["task"], Mapping)


def base_model(record: Mapping[str, Any]) -> str:
    """The hub id that training began from, '' where the record names a folder, or nothing that shows it is none."""
    model = record.get("model")
    name = str(model.get("name", "")).partition("@")[0] if isinstance(model, Mapping) else ""
    if not HUB_ID.fullmatch(name) or Path(name).is_dir():
        return ""
    root = mirror()
    known = bool(model and model["revision"]) or (root is not None and (root / "models" / name).is_dir())
    return name if known else ""


def _sources(record: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    if is_pretraining(record):
        return [{"hub": source.get("id", "")} for source in record["corpus"]["sources"]]
    return record["task"]["train"]  # type: ignore[no-any-return]


def _tags(record: Mapping[str, Any]) -> list[str]:
    tags = ["alumbench", "robustness", "adversarial-training", str(record["method"]["name"])]
    if record["method"]["name"] == "standard":
        tags.remove("adversarial-training")
    return [tag for tag in tags if TAG.fullmatch(tag)]


def _result(figure: Figure, record: Mapping[str, Any], given: Given) -> EvalResult:
    from huggingface_hub import EvalResult

    data = figure.data
    return EvalResult(
        task_type="text-classification",
        dataset_type=data.hub if data else "unknown",  # not on the hub: one's own file, a generated set
        dataset_name=visible(data.name if data else record["task"]["title"]),
        dataset_config=(data.config or None) if data else None,
        dataset_split=(data.split or None) if data else None,
        dataset_revision=(data.revision or None) if data else None,
        # results on one data set are told apart by their metric alone, so it says which attack or set it is of
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

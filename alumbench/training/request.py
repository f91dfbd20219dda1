"""Checks whether a folder already holds the requested run."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypedDict, TypeVar

from alumbench.config import JsonObject, Values, check
from alumbench.errors import AlumbenchError
from alumbench.fields import defaults
from alumbench.models.checkpoint import PROVENANCE, ModelFiles
from alumbench.models.checkpoint.identity import differences, identity
from alumbench.models.checkpoint.telling import some
from alumbench.old_names import PARAMETERS, TRAINING, renamed, silent
from alumbench.parsing import read_json
from alumbench.training.options import FineTuning, check_numbers

__all__ = [
    "REQUEST",
    "TRAINER_FOLDER",
    "FineTuning",
    "Finished",
    "as_stored",
    "check_numbers",
    "finished",
    "read_request",
    "same_base",
    "same_request",
]

TRAINER_FOLDER = "trainer"
REQUEST = "request.json"
#: Fields of requests since the first version: if one is missing, the file is damaged.
ALWAYS_SAID = frozenset(
    (
        "task",
        "model",
        "method",
        "parameters",
        "training_seed",
        "epochs",
        "batch_size",
        "lr",
        "max_length",
        "precision",
        "device",
    )
    + ("trainer", "train_size", "held_out", "corpora", "architecture", "tokenizer", "steps", "accumulation", "warmup")
    + ("decay", "adam_betas", "weight_decay", "mask_rate", "mask_rate_start")
)


class _Settings(TypedDict):
    steps: int


class Finished(TypedDict):
    """The part of a finished run's record that a command prints."""

    settings: _Settings
    seconds: float
    dev: list[dict[str, float | None]]


R = TypeVar("R", bound=Finished)


def finished(
    out: Path,
    asked: Mapping[str, object],
    say: Callable[[str], None],
    kind: type[R],
    record: str = PROVENANCE,
    cls: Any = FineTuning,
) -> R | None:
    """The record of a finished run of the same request, None if the run is not finished.

    Args:
        out: the run's folder.
        asked: the request.
        say: called with each line of progress.
        kind: type that the record must match.
        record: its file name.
        cls: the request's class.

    Raises:
        AlumbenchError: The folder holds something else, another run, or a damaged finished run.
    """
    if not (out / REQUEST).exists():
        # A run killed just before writing its request leaves the Trainer's empty folder or our temporary file.
        if out.is_dir() and any(p.name != TRAINER_FOLDER and not p.name.startswith(".") for p in out.iterdir()):
            raise AlumbenchError(f"{out}: not empty and not a training run; give another --out")
        return None
    before = read_request(out)
    same_request(out, asked, before, cls)
    if not (out / record).exists():
        return None
    try:
        done: R = check(kind, read_json(out / record), str(out / record))
    except AlumbenchError as error:
        raise AlumbenchError(f"{error}; delete {out} to start over, or give another --out") from error
    for name in ("config.json", "*.safetensors"):
        if not any(out.glob(name)):
            raise AlumbenchError(
                f"{out}: {record} says that this run is finished, but {name.replace('*', 'model')} is missing; "
                f"delete the folder to start over, or give another --out"
            )
    say(f"{out}: this run is finished already")
    return done


def as_stored(request: Any) -> dict[str, object]:
    """A request's fields as `request.json` has them."""
    return renamed(asdict(request), TRAINING, silent)


def read_request(out: Path) -> Values:
    """The request that started a folder's run.

    Raises:
        AlumbenchError: The request is damaged.
    """
    try:
        return renamed(check(JsonObject, read_json(out / REQUEST), str(out / REQUEST)), TRAINING, silent)
    except AlumbenchError as error:
        raise AlumbenchError(f"{error}; delete {out} to start over, or give another --out") from error


def same_request(out: Path, asked: Mapping[str, object], before: Mapping[str, object], cls: Any = FineTuning) -> None:
    """Checks that a request equals the one that started a folder's run.

    Args:
        out: the folder.
        asked: the new request.
        before: the folder's request; a field added in a later version had its default.
        cls: the request's class, which has the defaults.

    Raises:
        AlumbenchError: They differ; the field is named.
    """
    later = {name: value for name, value in defaults(cls).items() if name not in ALWAYS_SAID}
    before = {"processes": 1, **_as_json(later), **_with_present_names(before, asked)}
    if "method_parameters" in asked and isinstance(before.get("method_parameters"), dict):
        # A parameter added in a later version had its default; one that was set is in `parameters` too.
        before["method_parameters"] = _as_json(asked["method_parameters"]) | before["method_parameters"]
    for name, value in asked.items():
        if before.get(name) != _as_json(value):
            raise AlumbenchError(
                f"{out}: holds a run that differs in {name.replace('_', ' ')} ({before.get(name)!r:.200} there, "
                f"{value!r:.200} requested); give another --out, or delete it to start over"
            )


def same_base(out: Path, files: ModelFiles, before: Values) -> None:
    """Checks that the base model has not changed since a folder's run started, as far as it was recorded.

    Raises:
        AlumbenchError: It has; the changes are named.
    """
    changes = differences(before.get("base", {}), identity(files))
    if "weights" in changes:
        raise AlumbenchError(f"{out}: {files.path} had other weights when this was trained; delete it to start over")
    if changes:
        raise AlumbenchError(
            f"{out}: {files.path} changed since this was started ({some(changes)}); give another --out, or delete "
            f"it to "
            f"start over"
        )


def _with_present_names(before: Mapping[str, object], asked: Mapping[str, object]) -> dict[str, object]:
    """A folder's request, with its method's parameters under their present names."""
    known = asked.get("method_parameters", {})
    assert isinstance(known, Mapping)
    found = {
        name: renamed(given, PARAMETERS, silent, known)
        for name in ("parameters", "method_parameters")
        if isinstance(given := before.get(name), Mapping)
    }
    return {**before, **found}


def _as_json(value: Any) -> Any:
    return json.loads(json.dumps(value))

"""What an evaluation and its records have to be like, field by field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import msgspec
from msgspec import Meta

from alumbench.config import check
from alumbench.errors import AlumbenchError

MOST = 2**53  # what every JSON reader holds exactly
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Count = Annotated[int, Meta(ge=0, le=MOST)]
Positive = Annotated[int, Meta(ge=1, le=MOST)]
Whole = Annotated[int, Meta(ge=-MOST, le=MOST)]
Amount = Annotated[float, Meta(ge=0)]
Text = Annotated[str, Meta(min_length=1)]


class Measure(TypedDict):
    """A figure, or null and why."""

    value: float | None
    n: Count
    low: NotRequired[float | None]
    high: NotRequired[float | None]
    count: NotRequired[Count]
    reason: NotRequired[str]


class OfTask(TypedDict):
    """The part of a task that is looked at before `Task.from_dict` looks at all of it."""

    name: str
    columns: Annotated[list[str], Meta(min_length=1)]
    labels: list[str]
    train: NotRequired[list[dict[str, Any]]]
    dev: NotRequired[list[dict[str, Any]]]


class OfSuite(TypedDict):
    """A suite by its name, version and content."""

    name: str
    version: Whole
    sha256: Sha256


class Evaluation(TypedDict):
    """The identity of an evaluation."""

    model: Sha256
    task: str
    suite: OfSuite
    seed: Whole
    limit: Whole
    data: str
    protected: bool
    device: str
    versions: dict[str, str | None]
    labels: NotRequired[list[str]]
    batch_size: NotRequired[Positive]
    scoring: NotRequired[str]
    precision: NotRequired[str]
    skip_broken: NotRequired[str]


class Bounds(TypedDict):
    """Thresholds of the validity filter."""

    min_similarity: float
    max_words_changed: float
    min_grammar: float


class Validity(TypedDict):
    """Figures through the validity filter."""

    thresholds: Bounds
    measures: dict[str, Measure]
    means: NotRequired[dict[str, str]]


class Seeds(TypedDict):
    """The attack seeds of an entry."""

    count: Positive
    examples: Count


class Ascents(TypedDict):
    """How far the ascents of an attack in embedding space got."""

    moved: float
    zero_gradients: float
    not_broken: Count
    stuck: Count


class Summary(TypedDict):
    """Figures of an entry."""

    measures: dict[str, Measure]
    groups: NotRequired[dict[str, Measure]]
    validity: NotRequired[Validity | None]
    attack_seeds: NotRequired[dict[str, Any] | None]
    outcomes: NotRequired[dict[str, Count]]
    ascent: NotRequired[Ascents]


class Truncated(TypedDict):
    """How many texts of an entry are longer than what the model reads, in tokens."""

    longest: Count | None
    positions: NotRequired[Count | None]
    texts: Count
    adversarial: Count


class AskedModel(TypedDict):
    """The identity of a model that an attack asks beside the victim."""

    weights_sha256: Sha256
    configuration: dict[str, Any]


class Begun(TypedDict):
    """One entry of a suite as it is run."""

    kind: Literal["clean", "fixed", "attack", "embedding"]
    goal: str
    signature: Text
    data_sha256: Sha256
    n: Count
    complete: bool
    truncated: NotRequired[Truncated]
    sources: NotRequired[list[dict[str, Any]]]
    protected: NotRequired[list[str]]
    query_budget: NotRequired[Count]
    seeds: NotRequired[Seeds | None]
    note: NotRequired[str]
    white_box: NotRequired[bool]
    models: NotRequired[dict[str, AskedModel]]


class Described(Begun):
    """One entry of a suite as it was run."""

    summary: Summary


class Running(Begun):
    """One entry of an evaluation, which may not be finished."""

    summary: Summary | None


class Worst(TypedDict):
    """The worst case over an ensemble."""

    members: Annotated[list[str], Meta(min_length=1)]
    measures: dict[str, Measure]
    signature: str
    complete: bool
    outcomes: NotRequired[dict[str, Count] | None]


class ModelCheck(TypedDict):
    """What the check of a model found."""

    training_modules: list[str]
    again: float | None
    alone: float | None
    zero_gradients: Count | None
    right_answers: Count | None
    texts: Count
    reason: str


class Checkpoint(TypedDict):
    """Where the model is, and how it came to be."""

    path: str
    training: dict[str, Any] | None


class Document(TypedDict):
    """An `evaluation.json`."""

    identity: Evaluation
    checkpoint: Checkpoint
    task: OfTask
    entries: dict[str, Running]
    ensembles: NotRequired[dict[str, Worst]]
    model_checks: NotRequired[ModelCheck]


class Record(TypedDict):
    """A record of whatever kind."""

    entry: str
    id: str
    label: str | float
    prediction: str | float | None
    scores: NotRequired[list[float] | None]
    group: NotRequired[str]
    cluster: NotRequired[str]
    texts: NotRequired[dict[str, str]]
    truncated: NotRequired[list[Literal["original", "adversarial"]]]


class Answered(Record):
    """A record of a clean or a fixed set."""

    outcome: Literal["correct", "wrong", "scored"]


class Ascent(TypedDict):
    """What the ascents on one example did."""

    moved: float
    rose: bool
    zero_gradients: float


class Ascended(Record):
    """A record of an attack in embedding space."""

    outcome: Literal["robust", "broken", "already_wrong", "error", "timeout"]
    adversarial_scores: NotRequired[list[float] | None]
    ascent: NotRequired[Ascent]


class Judged(TypedDict):
    """What the validity filter measured of a text."""

    semantic: float | None
    grammar: float | None
    passes: bool | None


class Attacked(Record):
    """A record of an attack on texts."""

    outcome: Literal["robust", "broken", "already_wrong", "error", "timeout", "skipped"]
    adversarial: dict[str, str] | None
    adversarial_scores: list[float] | None
    queries: Count
    queries_unique: Count
    words: Count
    words_changed: Count
    similarity: float | None
    seed: Whole
    message: NotRequired[str]
    seconds: NotRequired[Amount | None]
    changed: NotRequired[dict[str, list[tuple[Count, Count]]]]
    validity: NotRequired[Judged]


OF_KIND: dict[str, Any] = {"clean": Answered, "fixed": Answered, "attack": Attacked, "embedding": Ascended}


def check_record(record: Any, kind: str, columns: Sequence[str], where: str) -> None:
    """Whether a record has what its kind has, and each of its texts the task's columns.

    Raises:
        AlumbenchError: A field is missing or of another type; the field is named.
    """
    try:
        msgspec.convert(record, OF_KIND[kind])
    except (msgspec.ValidationError, OverflowError):
        check(OF_KIND[kind], record, where)
        raise AlumbenchError(f"{where}: is no record of kind {kind}") from None
    for name in ("texts", "adversarial"):
        absent = [column for column in columns if column not in record[name]] if record.get(name) is not None else []
        if absent:
            raise AlumbenchError(f"{where}: {name}: {', '.join(absent)} is missing")

"""What an entry and its records have to be like, field by field; what the figures have to be is `Entry.problems`."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, TypedDict

import msgspec
from msgspec import Meta

from alumbench.attacks.embedding_protocol import radius_of
from alumbench.config import check
from alumbench.errors import AlumbenchError

SCHEMA = 1
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


class Weights(TypedDict):
    """What training began from."""

    name: str
    weights_sha256: Sha256
    pretraining: NotRequired[Timed]


class Timed(TypedDict):
    """How long a run took, and on what."""

    device: str
    seconds: NotRequired[Amount | None]
    cpu_seconds: NotRequired[Amount | None]


class Method(TypedDict):
    """A training method."""

    name: str
    parameters: dict[str, Any]


class Table(TypedDict):
    """A table of examples."""

    examples: Count
    sha256: Sha256


class TrainingData(TypedDict):
    """What was trained on."""

    train: Table


class Norm(TypedDict):
    """Mean length of the word embeddings."""

    before: Annotated[float, Meta(gt=0)]
    after: Amount


class Training(Timed):
    """How a checkpoint came to be."""

    model: Weights
    method: Method
    seed: Whole
    settings: dict[str, Any]
    data: TrainingData
    versions: dict[str, str | None]
    embedding_norm: NotRequired[Norm | None]


class OfTask(TypedDict):
    """The part of a task that is looked at before `Task.from_dict` looks at all of it."""

    name: str
    columns: Annotated[list[str], Meta(min_length=1)]
    labels: list[str]
    train: NotRequired[list[dict[str, Any]]]
    dev: NotRequired[list[dict[str, Any]]]


class Predictions(TypedDict):
    """One table of published predictions."""

    column: str
    key: str


class Reference(TypedDict):
    """Where predictions were published."""

    published: Text
    predictions: dict[str, Predictions]
    url: NotRequired[str]
    licence: NotRequired[str]
    model: NotRequired[str]
    note: NotRequired[str]


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


class Described(TypedDict):
    """One entry of a suite as it was run."""

    kind: Literal["clean", "fixed", "attack", "embedding"]
    goal: str
    signature: Text
    data_sha256: Sha256
    n: Count
    complete: bool
    truncated: NotRequired[Truncated]
    summary: Summary
    sources: NotRequired[list[dict[str, Any]]]
    protected: NotRequired[list[str]]
    query_budget: NotRequired[Count]
    seeds: NotRequired[Seeds | None]
    note: NotRequired[str]
    white_box: NotRequired[bool]
    models: NotRequired[dict[str, AskedModel]]


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
    zero_gradients: Count
    right_answers: Count
    texts: Count
    reason: str


class Records(TypedDict):
    """Where the records are."""

    file: Annotated[str, Meta(pattern=r"^records/[^/\\]+\.jsonl\.gz$")]
    sha256: Sha256
    n: Positive


class Content(TypedDict):
    """An entry."""

    row: Annotated[str, Meta(min_length=1, max_length=200)]
    training: Training | None
    task: OfTask
    evaluations: list[Evaluation]
    entries: dict[str, Described]
    records: Records
    reference: NotRequired[Reference]
    ensembles: NotRequired[dict[str, Worst]]
    model_checks: NotRequired[list[ModelCheck]]


class Record(TypedDict):
    """A record of whatever kind."""

    entry: str
    id: str
    label: str | float
    prediction: str | float | None
    scores: NotRequired[list[float] | None]
    group: NotRequired[str]
    cluster: NotRequired[str]
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


#: Kinds of entries whose examples are the same for every model, so that predictions on them can be published.
PREDICTABLE = ("clean", "fixed")
OF_KIND: dict[str, Any] = {"clean": Answered, "fixed": Answered, "attack": Attacked, "embedding": Ascended}


def check_content(content: Any, where: str) -> dict[str, Any]:
    """An entry's JSON, of which every field that is read is there and of its type.

    Args:
        content: whatever JSON held.
        where: how messages call it.

    Raises:
        AlumbenchError: It is of no known schema, or a field is missing or of another type; the field is named.
    """
    if not isinstance(content, dict) or content.get("schema") != SCHEMA or isinstance(content["schema"], bool):
        there = content.get("schema") if isinstance(content, dict) else None
        raise AlumbenchError(f"{where}: schema {str(there)[:40]} is unknown to this alumbench (it knows {SCHEMA})")
    told = check(Content, content, where)
    if not told["entries"]:
        raise AlumbenchError(f"{where}: entries: has none")
    for name, described in told["entries"].items():
        if described["summary"].get("attack_seeds") and described["kind"] != "attack":
            raise AlumbenchError(f"{where}: entries.{name}: has attack seeds and is no attack")
        if told["training"] is None and described["kind"] not in PREDICTABLE:
            raise AlumbenchError(
                f"{where}: entry {name} is of kind {described['kind']}, of which published predictions can say nothing"
            )
        if described["kind"] == "embedding" and radius_of(described["signature"]) is None:
            raise AlumbenchError(
                f"{where}: entries.{name}.signature: names no attack in embedding space with its radius"
            )
    if told["training"] is None and ("reference" not in told or told["evaluations"]):
        raise AlumbenchError(f"{where}: training is null, so it needs a reference and no evaluations")
    if told["training"] is not None and not told["evaluations"]:
        raise AlumbenchError(f"{where}: evaluations: has none")
    return content


def check_record(record: Any, kind: str, where: str) -> None:
    """Whether a record has what its kind has.

    Raises:
        AlumbenchError: A field is missing or of another type; the field is named.
    """
    try:
        msgspec.convert(record, OF_KIND[kind])
    except (msgspec.ValidationError, OverflowError):
        check(OF_KIND[kind], record, where)
        raise AlumbenchError(f"{where}: is no record of kind {kind}") from None

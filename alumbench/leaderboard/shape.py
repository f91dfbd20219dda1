"""What an entry has to be like, field by field; what the figures have to be is `Entry.problems`."""

from __future__ import annotations

from typing import Annotated, Any, NotRequired, TypedDict

from msgspec import Meta

from alumbench.attacks.embedding_protocol import radius_of
from alumbench.config import check
from alumbench.errors import AlumbenchError
from alumbench.evaluation.shape import (
    Amount,
    Count,
    Described,
    Evaluation,
    ModelCheck,
    OfTask,
    Positive,
    Sha256,
    Text,
    Whole,
    Worst,
)

SCHEMA = 1


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


#: Kinds of entries whose examples are the same for every model, so that predictions on them can be published.
PREDICTABLE = ("clean", "fixed")


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

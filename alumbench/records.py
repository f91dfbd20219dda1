"""One record per example: the model's answer and the attack's result. Lines of `records.jsonl` and of boards.

Fields are listed in the order in which they are written. A field with a default is left out of a line if its value is
the default.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct

from alumbench.config import JsonObject, check, present_keys
from alumbench.errors import AlumbenchError

MOST = 2**53  # exact in every JSON reader
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Count = Annotated[int, Meta(ge=0, le=MOST)]
Positive = Annotated[int, Meta(ge=1, le=MOST)]
Whole = Annotated[int, Meta(ge=-MOST, le=MOST)]
Amount = Annotated[float, Meta(ge=0)]
Text = Annotated[str, Meta(min_length=1)]


class _OfExample(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The fields of every record.

    Attributes:
        entry: name of its entry in the suite.
        id: twelve hexadecimal digits of the content's hash; repeated content gets `-2`, `-3`, …
        texts: the original texts by column; None on boards, which hold no text of the data set.
        label: the gold label, a number for a regression.
        group: the example's part of a challenge set, '' for none.
        cluster: on boards, for pairs: the hash of the first text; examples that share it are resampled together.
    """

    entry: str
    id: str
    texts: dict[str, str] | None = None
    label: str | float
    group: str = ""
    cluster: str = ""


class Answered(_OfExample, frozen=True, kw_only=True, omit_defaults=True):
    """A record of a clean or fixed set.

    Attributes:
        scores: probabilities by label; the value itself for a regression; None if published predictions have none.
        prediction: a label, a number for a regression.
        outcome: `scored` for a regression; `OUTCOME_WORDS` says what each means.
        truncated: `original` if the text is longer than the model's limit.
    """

    scores: list[float] | None = None
    prediction: str | float | None
    outcome: Literal["correct", "wrong", "scored"]
    truncated: list[Literal["original", "adversarial"]] = []


class Ascent(Struct, frozen=True):
    """Diagnostics of the gradient ascents on one example.

    Attributes:
        moved: |δ| / ε of the best one.
        rose: true if the loss rose above that at δ = 0.
        zero_gradients: share of the gradients that were 0.
    """

    moved: float
    rose: bool
    zero_gradients: float


class Ascended(_OfExample, frozen=True, kw_only=True, omit_defaults=True):
    """A record of an attack in embedding space.

    Attributes:
        outcome: of the attack; `OUTCOME_WORDS` says what each means.
        scores: probabilities by label at δ = 0, None if the model could not answer.
        prediction: the label at δ = 0, None likewise.
        adversarial_scores: probabilities by label at the worst δ found.
        ascent: diagnostics of the gradient ascents, None if older versions did not record them.
        truncated: `original` if the text is longer than the model's limit.
    """

    outcome: Literal["robust", "broken", "already_wrong", "error", "timeout"]
    scores: list[float] | None = None
    prediction: str | float | None
    adversarial_scores: list[float] | None = None
    ascent: Ascent | None = None
    truncated: list[Literal["original", "adversarial"]] = []


class Judged(Struct, frozen=True):
    """The validity filter's measures of an adversarial text; None if not measured.

    Attributes:
        semantic: cosine of the sentence vectors, for the column with the lowest.
        grammar: share of the edited words that the grammar proxy accepts.
        passes: true if the text meets the suite's thresholds.
    """

    semantic: float | None
    grammar: float | None
    passes: bool | None


class Searched(Struct, frozen=True, omit_defaults=True):
    """How far a search within a threat model came; see `alumbench.attacks.outcome.Searched`.

    Attributes:
        degree: steps between the original and the adversarial text, None without one.
        largest: the most steps that the threat model allows for this text; 0: the set holds only the original.
        exhausted: true if all members were scored.
        by: the attack of an ensemble that found the adversarial text.
        words: the words of which the threat model's percentage is taken; 0 where a degree is a number of steps.
        reached: the most steps of a text that was scored; None if the search does not say.
    """

    degree: Count | None
    largest: Count
    exhausted: bool = False
    by: str = ""
    words: Count = 0
    reached: Count | None = None


class Attacked(_OfExample, frozen=True, kw_only=True, omit_defaults=True):
    """A record of an attack on texts; see `alumbench.attacks.outcome.Outcome`.

    Attributes:
        outcome: of the attack; `OUTCOME_WORDS` says what each means.
        scores: probabilities of the original by label, None if the model could not be asked.
        prediction: the label of the original, None likewise.
        adversarial: the text found, by column; None without one.
        adversarial_scores: its probabilities.
        queries: model answers requested by the search.
        queries_unique: texts that went through the model.
        words: words of the original.
        words_changed: words replaced, added or removed.
        similarity: of the adversarial text to the original, in characters: 1 − edits / length of the longer.
        attack_seed: the seed of its random choices.
        message: the problem, for `error` and `timeout`; what broke the example, for `skipped`.
        seconds: wall-clock time of the search, in seconds.
        changed: on boards: character ranges, by column, of the adversarial text's changed words.
        truncated: the texts that are longer than the model's limit.
        validity: the validity filter's result.
        searched: how far a search within a threat model came.
    """

    outcome: Literal["robust", "broken", "already_wrong", "error", "timeout", "skipped"]
    scores: list[float] | None
    prediction: str | float | None
    adversarial: dict[str, str] | None
    adversarial_scores: list[float] | None
    queries: Count
    queries_unique: Count
    words: Count
    words_changed: Count
    similarity: float | None
    attack_seed: Whole
    message: str | None = None
    seconds: Amount | None = None
    changed: dict[str, list[tuple[Count, Count]]] | None = None
    truncated: list[Literal["original", "adversarial"]] = []
    validity: Judged | None = None
    searched: Searched | None = None


class Worst(_OfExample, frozen=True, kw_only=True, omit_defaults=True):
    """One example's worst case over an ensemble's attacks: computed from their records, never written.

    Attributes:
        prediction: of the original, None if no attack could query the model.
        outcome: the first that any attack has, of already_wrong, broken, error, timeout, robust.
    """

    prediction: str | float | None
    outcome: Literal["robust", "broken", "already_wrong", "error", "timeout"]

    @property
    def scores(self) -> None:
        """None: the member attacks' records have them."""
        return None


Record: TypeAlias = Answered | Ascended | Attacked | Worst
OF_KIND: Mapping[str, type[Record]] = {
    "clean": Answered,
    "fixed": Answered,
    "attack": Attacked,
    "embedding": Ascended,
}


def make_record(line: Any, kind: str, columns: Sequence[str], where: str) -> Record:
    """Makes a record from a parsed line of JSON.

    Args:
        line: the parsed JSON.
        kind: of its entry: clean, fixed, attack or embedding.
        columns: the task's.
        where: the file and the line, for messages.

    Raises:
        AlumbenchError: A field is missing or of another type, or a text of a column is missing; the field is named.
    """
    line = present_keys(OF_KIND[kind], line)
    try:
        record: Record = msgspec.convert(line, OF_KIND[kind])
    except (msgspec.ValidationError, OverflowError):
        check(OF_KIND[kind], line, where)
        raise AlumbenchError(f"{where}: is not a record of kind {kind}") from None
    for name, texts in (("texts", record.texts), ("adversarial", adversarial_of(record))):
        absent = [column for column in columns if column not in texts] if texts is not None else []
        if absent:
            raise AlumbenchError(f"{where}: {name}: {', '.join(absent)} is missing")
    return record


def as_json(value: Struct) -> JsonObject:
    """A record or another Struct as JSON-ready values."""
    return msgspec.to_builtins(value)  # type: ignore[no-any-return]


def seed_of(record: Record) -> int | None:
    """The record's attack seed, None if it has none."""
    return record.attack_seed if isinstance(record, Attacked) else None


def adversarial_of(record: Record) -> Mapping[str, str] | None:
    """The adversarial text by column, None if there is none."""
    return record.adversarial if isinstance(record, Attacked) else None


def adversarial_scores_of(record: Record) -> Sequence[float] | None:
    """The scores of the attack's result, None if there are none."""
    return record.adversarial_scores if isinstance(record, Attacked | Ascended) else None

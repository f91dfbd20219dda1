"""The interface of the search for one example, whatever makes it: TextAttack or a search of ours."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from alumbench.attacks.outcome import ERROR, TIMEOUT, Outcome, OutcomeName
from alumbench.attacks.threat_models.threat_model import PerturbationSet, Setting, ThreatModelAt
from alumbench.attacks.victim import Victim
from alumbench.attacks.victim_wrapper import VictimWrapper
from alumbench.data import Example
from alumbench.engine.scheduler import Ended, TimeLimit
from alumbench.errors import ClassifierStopped


@dataclass(frozen=True)
class Limits:
    """Limits of a search beyond its recipe's own.

    Attributes:
        threat_model: the set that adversarial texts must be in, None for the recipe's own.
        facts: properties of the data that are part of the set, see `ThreatModel.facts`.
        queries_per_word: model answers allowed per word of the example, None for no limit.
    """

    threat_model: ThreatModelAt | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    queries_per_word: int | None = None


@dataclass(frozen=True)
class SearchSpec:
    """Everything that determines the searches of a recipe except the examples.

    Attributes:
        victim: the model to attack.
        seed: the run's seed.
        query_budget: model answers allowed per example, None for no limit.
        protected: columns that may not change.
        models: models that the recipe or the threat model leaves open, by name.
        limits: the threat model, and the queries per word.
    """

    victim: Victim
    seed: int
    query_budget: int | None = None
    protected: tuple[str, ...] = ()
    models: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)

    def budget(self, words: int) -> int | None:
        """The query budget of an example of that many words, None for no limit."""
        return budget_of(words, self.query_budget, self.limits.queries_per_word)

    def set_around(self, wrapper: VictimWrapper) -> PerturbationSet | None:
        """The threat model's set around the example that the wrapper has begun, None without a threat model."""
        limits = self.limits
        if limits.threat_model is None:
            return None
        setting = Setting(limits.facts, self.models, str(self.victim.device))
        return limits.threat_model.around(wrapper.example, wrapper.spans, setting)


class SingleSearch(ABC):
    """One example's search.

    Attributes:
        example: the example.
    """

    example: Example

    @abstractmethod
    def run(self) -> Any:
        """Searches; inside the scheduler it pauses at each query."""

    @abstractmethod
    def outcome(self, ended: Ended, seconds: float, limit: float | None) -> Outcome:
        """The outcome.

        Args:
            ended: what `run` returned or raised.
            seconds: the time it took.
            limit: the time limit.
        """


class Searches(Protocol):
    """Makes the searches of one recipe against one victim."""

    @property
    def is_white_box(self) -> bool:
        """True if it uses more than the victim's answers."""
        ...

    def search(self, example: Example) -> SingleSearch:
        """The search for one example."""
        ...

    def release(self, search: SingleSearch) -> None:
        """Called when the outcome of a search was taken."""
        ...

    def running(self) -> contextlib.AbstractContextManager[None]:
        """The context in which searches run."""
        ...


def budget_of(words: int, queries: int | None, per_word: int | None) -> int | None:
    """The query budget of an example, None for no limit: the smaller of both limits.

    The protocol of TextDefender (Li et al. 2021, https://arxiv.org/abs/2108.12777) allows 50 queries a word, so that
    long and short texts are treated alike.

    Args:
        words: words of the example; a text without words counts as one.
        queries: limit of the whole example, None for none.
        per_word: limit per word, None for none.
    """
    limits = [limit for limit in (queries, None if per_word is None else per_word * max(words, 1)) if limit is not None]
    return min(limits) if limits else None


def strayed(at: ThreatModelAt, outcome: Outcome) -> Outcome:
    """An outcome whose adversarial text is not in the set that the search was to stay in: an error of the search."""
    message = f"the search found a text that is not in the set of {at.signature}"
    return replace(
        outcome,
        outcome=ERROR,
        adversarial=None,
        adversarial_scores=None,
        words_changed=0,
        similarity=None,
        message=message,
        searched=None,
    )


def ended_early(
    error: BaseException,
    victim: Victim,
    example: Example,
    queries: int,
    unique: int,
    seconds: float,
    limit: float | None,
) -> Outcome:
    """The outcome of a search that raised an exception or ran out of time."""
    kind: OutcomeName = ERROR
    message = f"{type(error).__name__}: {error}"[:300]
    if isinstance(error, TimeLimit):
        kind, message = TIMEOUT, f"no end after {limit:g} s"
    return Outcome(kind, _first_answer(victim, example), None, None, queries, unique, 0, 0, None, message, seconds)


def words_changed(before: Sequence[str], after: Sequence[str]) -> int:
    """Word-level edit distance: 1 for each word replaced, added or removed."""
    import editdistance

    return int(editdistance.eval(before, after))


def similarity(before: str, after: str) -> float:
    """1 - edits / length of the longer, in characters."""
    import editdistance

    return 1.0 - float(editdistance.eval(before, after)) / max(len(before), len(after), 1)


def floats(output: Iterable[Any]) -> list[float]:
    """The values as Python floats."""
    return [float(value) for value in output]


def _first_answer(victim: Victim, example: Example) -> list[float] | None:
    """The model's scores for the text of a search that ended early, None if that fails too."""
    try:
        return floats(victim.scores([example.texts]).softmax(-1)[0])
    except ClassifierStopped:
        raise
    except Exception:  # the search failed for the same reason: the outcome already says so
        return None

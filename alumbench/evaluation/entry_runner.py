"""Runs one entry of a suite on one checkpoint: one record an example; existing records are kept."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypedDict

import numpy as np
from msgspec.structs import replace

from alumbench.attacks.outcome import ALREADY_WRONG, BROKEN, ROBUST, Outcome, OutcomeName
from alumbench.attacks.victim import Victim
from alumbench.attacks.white_box import Batch
from alumbench.data import Example
from alumbench.evaluation.ensembles import skipped
from alumbench.evaluation.seeds import Key, attack_seeds, key_of
from alumbench.evaluation.suite_entry import SuiteEntry
from alumbench.records import Answered, Ascended, Ascent, Attacked, Record, Searched
from alumbench.storage import RecordLog

if TYPE_CHECKING:
    from torch import Tensor

    from alumbench.attacks.embedding_space import Ascents
    from alumbench.evaluation.request import Request

NONE_BROKEN: Mapping[str, Attacked] = MappingProxyType({})


class Done(NamedTuple):
    """Progress of an entry.

    Attributes:
        entry: its name.
        done: records made.
        total: records to make: one an example, and one more for each further attack seed.
        outcomes: number of each, for attacks.
        queries_per_second: model answers a second since this run began, 0 if it is not an attack.
        useful: share of the computed tokens that are neither padding nor filling, of all models alike; 0 likewise, and
            for classifiers that take texts.
    """

    entry: str
    done: int
    total: int
    outcomes: Mapping[str, int]
    queries_per_second: float = 0.0
    useful: float = 0.0


Progress = Callable[[Done], None]


class _OfExample(TypedDict):
    """The fields of a record that describe its example."""

    entry: str
    id: str
    texts: dict[str, str]
    label: str | float
    group: str


class EntryRun:
    """Makes the records that an entry lacks."""

    def __init__(
        self,
        entry: SuiteEntry,
        examples: Sequence[Example],
        victim: Victim,
        request: Request,
        log: RecordLog[Record],
        progress: Progress,
        done: Sequence[Record] = (),
        broken: Mapping[str, Attacked] = NONE_BROKEN,
        facts: Mapping[str, str] | None = None,
    ) -> None:
        """Finds the records that exist.

        Args:
            entry: the entry.
            examples: its examples.
            victim: the model.
            request: the run that it is part of.
            log: stores each record as soon as it is made.
            progress: called with the progress after each record.
            done: existing records of the entry.
            broken: records of broken examples, which are not attacked again, by id.
            facts: what the threat model takes from the data, see `ThreatModel.facts`; None to take it from `examples`.
        """
        self._entry, self._examples, self._victim, self._request = entry, examples, victim, request
        self._log, self._progress, self._broken, self._facts = log, progress, broken, facts
        self._records: dict[Key, Record] = {key_of(record): record for record in done}
        seeds: Mapping[Any, int | None] = attack_seeds(entry, request) if entry.kind == "attack" else {None: None}
        self._wanted: dict[Key, Example] = {
            (example.id, seed): example for seed, number in seeds.items() for example in examples[:number]
        }

    def records(self) -> list[Record]:
        """One record an example, in their order; then those under further attack seeds, seed by seed."""
        self._progress(self._so_far())
        if any(key not in self._records for key in self._wanted):
            {"attack": self._attack, "embedding": self._perturb}.get(self._entry.kind, self._score)()
        return [self._records[key] for key in self._wanted]

    def _left(self, seed: int | None = None) -> list[Example]:
        """Examples without a record under that seed."""
        wanted = [example for (_, under), example in self._wanted.items() if under == seed]
        return [example for example in wanted if (example.id, seed) not in self._records]

    def _base(self, example: Example) -> _OfExample:
        """The fields of a record that describe its example."""
        texts = dict(zip(self._victim.task.columns, example.texts, strict=True))
        return {
            "entry": self._entry.name,
            "id": example.id,
            "texts": texts,
            "label": example.label,
            "group": example.group,
        }

    def _add(self, record: Record) -> None:
        texts = [
            record.texts or {},
            *([record.adversarial] if isinstance(record, Attacked) and record.adversarial else []),
        ]
        columns = self._victim.task.columns
        cut = self._victim.cut([[text[column] for column in columns] for text in texts])
        names = [name for name, too_long in zip(("original", "adversarial"), cut, strict=False) if too_long]
        if names:
            record = replace(record, truncated=names)
        self._log.append(record)
        self._records[key_of(record)] = record

    def _so_far(self, queries_per_second: float = 0.0, useful: float = 0.0) -> Done:
        outcomes: Counter[str] = (
            Counter(r.outcome for r in self._records.values()) if self._entry.kind == "attack" else Counter()
        )
        return Done(self._entry.name, len(self._records), len(self._wanted), outcomes, queries_per_second, useful)

    def _score(self) -> None:
        task, left = self._victim.task, self._left()
        for batch, logits in self._victim.predictions([example.texts for example in left]):
            scores = logits if task.is_regression else logits.softmax(-1)
            for number, row, own in zip(batch, scores.tolist(), logits, strict=True):
                self._add(self._answered(left[number], row, own))
            self._progress(self._so_far())

    def _answered(self, example: Example, scores: list[float], logits: Tensor) -> Answered:
        base = self._base(example)
        if self._victim.task.is_regression:
            return Answered(**base, scores=scores, prediction=scores[0], outcome="scored")
        named = self._victim.task.labels[_answer(logits)]
        prediction = self._entry.collapse.get(named, named)
        outcome: Literal["correct", "wrong"] = "correct" if prediction == example.label else "wrong"
        return Answered(**base, scores=scores, prediction=prediction, outcome=outcome)

    def _attack(self) -> None:
        for seed in attack_seeds(self._entry, self._request):
            for example in self._left(seed):
                if example.id in self._broken:
                    self._add(skipped(self._broken[example.id], self._entry.name, seed))
            if self._left(seed):
                self._attack_under(seed, self._left(seed))

    def _attack_under(self, seed: int, left: Sequence[Example]) -> None:
        from alumbench.attacks.execution.job import Job
        from alumbench.attacks.execution.run import run_job

        at = self._entry.load_threat_model()
        entry, victim, traffic = self._entry, self._victim, self._victim.scorer.traffic
        job = Job(
            victim.files,
            victim.task,
            entry.reference,
            seed,
            self._request.labels,
            query_budget=entry.queries or None,
            seconds=entry.seconds or None,
            protect=self._request.protect,
            models=entry.models,
            device=victim.device.type,
            scoring=victim.scorer.scoring,
            precision=victim.scorer.precision,
            recipe_sha256=entry.origin().sha256,
            classifier=victim.classifier,
            batch_size=victim.batch_size,
            hard_labels=victim.hard_labels,
            threat_model=entry.threat_model,
            threat_model_sha256=at.origin().sha256 if at else "",
            facts=self._facts if self._facts is not None else at.model.facts(self._examples) if at else {},
            queries_per_word=entry.queries_per_word or None,
        )
        begun, asked = time.monotonic(), 0
        tokens, all_tokens = traffic.tokens, traffic.all_tokens
        for example, found in run_job(job, victim, left, self._request.schedule):
            self._add(self._attacked(example, found, seed))
            asked += found.queries
            useful = (traffic.tokens - tokens) / max(traffic.all_tokens - all_tokens, 1)
            self._progress(self._so_far(asked / (time.monotonic() - begun), useful))

    def _attacked(self, example: Example, found: Outcome, seed: int) -> Attacked:
        labels = self._victim.task.labels
        return Attacked(
            **self._base(example),
            outcome=found.outcome,
            scores=None if found.scores is None else list(found.scores),
            prediction=None if found.scores is None else labels[int(np.argmax(found.scores))],
            adversarial=None if found.adversarial is None else dict(found.adversarial),
            adversarial_scores=None if found.adversarial_scores is None else list(found.adversarial_scores),
            queries=found.queries,
            queries_unique=found.queries_unique,
            words=found.words,
            words_changed=found.words_changed,
            similarity=None if found.similarity is None else round(found.similarity, 4),
            attack_seed=seed,
            message=found.message,
            seconds=round(found.seconds, 4),
            searched=None if found.searched is None else Searched(*found.searched),
        )

    def _perturb(self) -> None:
        """A white-box attack. Batches are cut from the whole set, so that resuming changes no padding."""
        victim, task, attack = self._victim, self._victim.task, self._entry.white_box()[0]
        for batch in victim.batches_by_length([example.texts for example in self._examples]):
            chosen = [self._examples[i] for i in batch]
            if all((example.id, None) in self._records for example in chosen):
                continue
            texts, labels = [e.texts for e in chosen], [task.labels.index(str(e.label)) for e in chosen]
            clean = victim.scores(texts)
            harm = attack.run(Batch(victim, texts, labels, [e.id for e in chosen]))
            for at, example in enumerate(chosen):
                if (example.id, None) not in self._records:
                    named = task.labels[_answer(clean[at])]
                    found: OutcomeName = ROBUST if _answer(harm.logits[at]) == labels[at] else BROKEN
                    self._add(
                        Ascended(
                            **self._base(example),
                            outcome=found if named == example.label else ALREADY_WRONG,
                            scores=_probabilities(clean[at]),
                            prediction=named,
                            adversarial_scores=_probabilities(harm.logits[at]),
                            ascent=_ascent(harm.ascents, at) if harm.ascents else None,
                        )
                    )
            self._progress(self._so_far())


def _ascent(ascents: Ascents, at: int) -> Ascent:
    return Ascent(
        moved=round(float(ascents.moved[at]), 4),
        rose=bool(ascents.rose[at]),
        zero_gradients=round(float(ascents.zero_gradients[at]), 4),
    )


def _answer(logits: Tensor) -> int:
    """The label of the largest logit: where logits are close to 0, probabilities in float32 are all equal."""
    return int(np.argmax(logits.numpy()))


def _probabilities(logits: Tensor) -> list[float]:
    """In double precision, so that they order labels as the logits do."""
    return [float(p) for p in logits.double().softmax(-1)]

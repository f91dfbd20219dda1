"""One entry of a suite on one checkpoint: a record an example, of which those already made are kept."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from alumbench.attacks.outcome import ALREADY_WRONG, BROKEN, ROBUST, Outcome
from alumbench.attacks.victim import Victim
from alumbench.evaluation.ensembles import skipped
from alumbench.evaluation.entry import Entry
from alumbench.evaluation.seeds import Key, attack_seeds, key_of
from alumbench.storage import RecordLog
from alumbench.tasks import Example

if TYPE_CHECKING:
    from torch import Tensor

    from alumbench.evaluation.request import Request

Record = dict[str, Any]
NONE_BROKEN: Mapping[str, Mapping[str, Any]] = MappingProxyType({})


class Done(NamedTuple):
    """How far an entry is.

    Attributes:
        entry: its name.
        done: records made.
        total: records to make: one an example, and one more for each further attack seed.
        outcomes: how many of each, for attacks.
        queries_per_second: model answers a second since this run began, 0 where it is not an attack.
        fill: share of the batches that was texts, likewise.
    """

    entry: str
    done: int
    total: int
    outcomes: Mapping[str, int]
    queries_per_second: float = 0.0
    fill: float = 0.0


Progress = Callable[[Done], None]


class EntryRun:
    """Makes the records that an entry lacks."""

    def __init__(
        self,
        entry: Entry,
        examples: Sequence[Example],
        victim: Victim,
        request: Request,
        log: RecordLog,
        progress: Progress,
        broken: Mapping[str, Mapping[str, Any]] = NONE_BROKEN,
    ) -> None:
        """Finds what is done.

        Args:
            entry: which.
            examples: its examples.
            victim: whom it is for.
            request: the run that it is part of.
            log: takes each record when it is made.
            progress: told after each.
            broken: records of examples that are not to be attacked again, by id.
        """
        self._entry, self._examples, self._victim, self._request = entry, examples, victim, request
        self._log, self._progress, self._broken = log, progress, broken
        self._records: dict[Key, Record] = {key_of(r): r for r in log.records if r["entry"] == entry.name}
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

    def _add(self, example: Example, values: Mapping[str, Any]) -> None:
        task = self._victim.task
        base: Record = {
            "entry": self._entry.name,
            "id": example.id,
            "texts": dict(zip(task.columns, example.texts, strict=True)),
            "label": example.label,
        }
        truncated = self._too_long(example, values)
        values = dict(values) | ({"truncated": truncated} if truncated else {})
        record = base | ({"group": example.group} if example.group else {}) | dict(values)
        self._log.append(record)
        self._records[key_of(record)] = record

    def _too_long(self, example: Example, values: Mapping[str, Any]) -> list[str]:
        """Which of `original` and `adversarial` are longer than what the model reads."""
        texts = {"original": list(example.texts)}
        if isinstance(values.get("adversarial"), Mapping):
            texts["adversarial"] = [values["adversarial"][column] for column in self._victim.task.columns]
        cut = self._victim.cut(list(texts.values()))
        return [name for name, too_long in zip(texts, cut, strict=True) if too_long]

    def _so_far(self, queries_per_second: float = 0.0, fill: float = 0.0) -> Done:
        outcomes = Counter(r["outcome"] for r in self._records.values()) if self._entry.kind == "attack" else {}
        return Done(self._entry.name, len(self._records), len(self._wanted), outcomes, queries_per_second, fill)

    def _score(self) -> None:
        task, left = self._victim.task, self._left()
        for batch, logits in self._victim.predictions([example.texts for example in left]):
            scores = logits if task.is_regression else logits.softmax(-1)
            for number, row, own in zip(batch, scores.tolist(), logits, strict=True):
                self._add(left[number], self._prediction(left[number], row, own))
            self._progress(self._so_far())

    def _prediction(self, example: Example, scores: list[float], logits: Tensor) -> Record:
        prediction: str | float = scores[0]
        outcome = "scored"
        if not self._victim.task.is_regression:
            named = self._victim.task.labels[_answer(logits)]
            prediction = self._entry.collapse.get(named, named)
            outcome = "correct" if prediction == example.label else "wrong"
        return {"scores": scores, "prediction": prediction, "outcome": outcome}

    def _attack(self) -> None:
        for seed in attack_seeds(self._entry, self._request):
            for example in self._left(seed):
                if example.id in self._broken:
                    self._add(example, skipped(self._broken[example.id], seed))
            if self._left(seed):
                self._attack_under(seed, self._left(seed))

    def _attack_under(self, seed: int, left: Sequence[Example]) -> None:
        from alumbench.attacks.engine.job import Job
        from alumbench.attacks.engine.run import run_job

        entry, victim, traffic = self._entry, self._victim, self._victim.scorer.traffic
        job = Job(
            victim.files,
            victim.task,
            entry.load_recipe().name,
            seed,
            self._request.labels,
            query_budget=entry.queries or None,
            seconds=entry.seconds or None,
            protect=self._request.protect,
            parts=entry.parts,
            device=victim.device.type,
            scoring=victim.scorer.scoring,
            precision=victim.scorer.precision,
        )
        begun, asked = time.monotonic(), 0
        scored, slots = traffic.scored, traffic.slots
        for example, found in run_job(job, victim, left, self._request.schedule):
            self._add(example, self._outcome(found, seed))
            asked += found.queries
            fill = (traffic.scored - scored) / max(traffic.slots - slots, 1)
            self._progress(self._so_far(asked / (time.monotonic() - begun), fill))

    def _outcome(self, found: Outcome, seed: int) -> Record:
        labels = self._victim.task.labels
        return {
            "outcome": found.outcome,
            "scores": found.scores,
            "prediction": None if found.scores is None else labels[int(np.argmax(found.scores))],
            "adversarial": found.adversarial,
            "adversarial_scores": found.adversarial_scores,
            "queries": found.queries,
            "queries_unique": found.queries_unique,
            "words": found.words,
            "words_changed": found.words_changed,
            "similarity": None if found.similarity is None else round(found.similarity, 4),
            "seed": seed,
            "message": found.message,
            "seconds": round(found.seconds, 4),
        }

    def _perturb(self) -> None:
        """The embedding attack. Batches are cut from the whole set, so that resuming changes no padding."""
        from alumbench.attacks.embedding_pgd import attack_embeddings

        victim, task, protocol = self._victim, self._victim.task, self._entry.embedding_protocol()
        for batch in victim.batches_by_length([example.texts for example in self._examples]):
            chosen = [self._examples[i] for i in batch]
            if all((example.id, None) in self._records for example in chosen):
                continue
            texts, labels = [e.texts for e in chosen], [task.labels.index(str(e.label)) for e in chosen]
            clean = victim.scores(texts)
            harm = attack_embeddings(protocol, victim, texts, labels, [e.id for e in chosen])
            for at, example in enumerate(chosen):
                if (example.id, None) not in self._records:
                    named = task.labels[_answer(clean[at])]
                    outcome = ROBUST if _answer(harm.logits[at]) == labels[at] else BROKEN
                    values = {
                        "outcome": outcome if named == example.label else ALREADY_WRONG,
                        "scores": _probabilities(clean[at]),
                        "prediction": named,
                        "adversarial_scores": _probabilities(harm.logits[at]),
                        "ascent": {
                            "moved": round(float(harm.moved[at]), 4),
                            "rose": bool(harm.rose[at]),
                            "zero_gradients": round(float(harm.zero_gradients[at]), 4),
                        },
                    }
                    self._add(example, values)
            self._progress(self._so_far())


def _answer(logits: Tensor) -> int:
    """The label of the largest logit: probabilities in float32 are all the same where logits are close to 0."""
    return int(np.argmax(logits.numpy()))


def _probabilities(logits: Tensor) -> list[float]:
    """In double precision, so that they order labels as the logits do."""
    return [float(p) for p in logits.double().softmax(-1)]

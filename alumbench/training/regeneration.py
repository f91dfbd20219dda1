"""Texts that are regenerated during training, for methods whose `training_data` requests them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict

import numpy as np
from torch.utils.data import Dataset
from transformers import TrainerCallback

from alumbench.attacks import load_recipe
from alumbench.attacks.outcome import BROKEN
from alumbench.attacks.search import Searcher
from alumbench.attacks.victim import InMemoryVictim
from alumbench.config import check
from alumbench.data import Example, Task
from alumbench.devices import process_count
from alumbench.errors import AlumbenchError
from alumbench.methods import Method
from alumbench.methods.training_data import TrainingData
from alumbench.models.in_training import InMemoryClassifier
from alumbench.storage import RecordLog

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase

#: A row of a training set, with the columns that the model's tokenizer gives.
Row: TypeAlias = dict[str, Any]


class _Found(TypedDict):
    texts: list[str] | None


class _Line(_Found):
    id: str
    outcome: str


WEIGHT = "weight"


def slot_count(method: Method, examples: int) -> int:
    """Number of rows that the method adds to a training set of `examples` examples."""
    data = method.training_data()
    return data.count(examples) if data else 0


class Slots(Dataset[Row]):
    """The clean rows, then a fixed number of slots, each with an adversarial row or a clean row of weight 0.

    The lengths that determine the training order never change: each slot reports the length of a clean example, and
    gets an adversarial row of about that length.
    """

    def __init__(self, clean: Any, count: int, seed: int) -> None:
        """Takes the clean rows (`input_ids`, `labels`, …) and the number of slots."""
        self._clean = [dict(row) | {WEIGHT: 1.0} for row in clean]
        stand_ins = np.random.default_rng(seed).permutation(len(self._clean))[:count]
        rows = (self._clean[i] for i in sorted(stand_ins, key=lambda i: (len(self._clean[i]["input_ids"]), i)))
        self._empty = [row | {"example": len(self._clean) + slot, WEIGHT: 0.0} for slot, row in enumerate(rows)]
        self._slots = self._empty

    def __len__(self) -> int:
        return len(self._clean) + len(self._slots)

    def __getitem__(self, at: int | str) -> Any:
        """A row; or, for the sampler, a column, whose lengths never change."""
        if isinstance(at, str):
            return [row[at] for row in (*self._clean, *self._empty)]
        return self._clean[at] if at < len(self._clean) else self._slots[at - len(self._clean)]

    def fill(self, rows: Sequence[Row], weight: float) -> None:
        """Puts these rows into the slots, short ones first; other slots hold a clean row of weight 0."""
        order = sorted(range(len(rows)), key=lambda i: (len(rows[i]["input_ids"]), i))
        # Spread over all slots, so that a few rows do not all land in the shortest slots.
        places = [i * len(self._empty) // max(len(rows), 1) for i in range(len(rows))]
        self._slots = list(self._empty)
        for place, i in zip(places, order, strict=True):
            self._slots[place] = dict(rows[i]) | {"example": len(self._clean) + place, WEIGHT: weight}


class Regeneration(TrainerCallback):  # type: ignore[misc]
    """Changes a share of the training examples at the start of an epoch and fills the slots with the results.

    Each result is a line of `adversarial-EPOCH.jsonl` in the Trainer's folder. A resumed run reads the lines there and
    makes only the missing ones. In the middle of an epoch none is missing, since all were made at its start,
    against weights that are gone by then.
    """

    def __init__(
        self,
        method: Method,
        slots: Slots,
        victim: InMemoryVictim,
        examples: Sequence[Example],
        tokenize: Callable[[Sequence[Example]], Sequence[Row]],
        seed: int,
        say: Callable[[str], None],
    ) -> None:
        """Builds the attack, if an attack makes the texts.

        Raises:
            AlumbenchError: Its recipe is unknown or lacks a resource, the task is a regression, there are several
                processes, or the method makes no data.
        """
        data = method.training_data()
        if data is None:
            raise AlumbenchError(f"method {method.name}: generates no training data with these parameters")
        if process_count() > 1:
            raise AlumbenchError(f"method {method.name}: attacks one model in one process; start it without torchrun")
        self.name, self.data, self.slots, self.victim, self.examples = method.name, data, slots, victim, examples
        self.tokenize, self.seed, self.say = tokenize, seed, say
        self.searcher = self._searcher(data) if data.attack else None

    def _searcher(self, data: TrainingData) -> Searcher:
        recipe = load_recipe(data.attack)
        if recipe.goal != "untargeted" or recipe.kind != "attack":
            raise AlumbenchError(
                f"method {self.name}: recipe {recipe.name} does not change labels; see 'alumbench recipes'"
            )
        return Searcher(recipe, self.victim, self.seed, data.query_budget or None)

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Fills the slots for the epoch."""
        epoch = int((state.epoch or 0) + 1e-6)
        made_in = self.data.made_in(epoch)
        if made_in is not None:
            self.slots.fill(self.found(made_in, Path(args.output_dir)), self.data.weight)

    def found(self, epoch: int, folder: Path) -> Sequence[Row]:
        """The adversarial rows of an epoch: read from disk, and generated if missing."""
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self.examples))
        chosen = [self.examples[i] for i in order[: self.data.count(len(self.examples))]]
        done = "attacked" if self.searcher else "changed"
        with (
            self.victim.in_memory.evaluating(),
            RecordLog[_Line](folder / f"adversarial-{epoch}.jsonl") as log,
        ):
            for number, example in enumerate(chosen[len(log.records) :], start=len(log.records) + 1):
                outcome, texts = self._changed(example, epoch)
                log.append({"id": example.id, "outcome": outcome, "texts": texts})
                if number % max(1, len(chosen) // 10) == 0 or number == len(chosen):
                    broken = sum(record["texts"] is not None for record in log.records)
                    self.say(f"epoch {epoch + 1}: {number}/{len(chosen)} examples {done}, {broken} texts found")
            records = list(log.records)
        if [record.get("id") for record in records] != [example.id for example in chosen]:
            raise AlumbenchError(f"{folder}: holds adversarial texts of other examples; give another --out")
        for number, record in enumerate(records, start=1):
            check(_Found, record, f"{folder}/adversarial-{epoch}.jsonl, line {number}")
        pairs = zip(chosen, records, strict=True)
        adversarial = [replace(e, texts=tuple(r["texts"])) for e, r in pairs if r["texts"] is not None]
        return self.tokenize(adversarial) if adversarial else []

    def _changed(self, example: Example, epoch: int) -> tuple[str, list[str] | None]:
        """The outcome for an example, and its new texts, None if there are none."""
        if self.searcher is not None:
            outcome = self.searcher.run(example)
            found = outcome.outcome == BROKEN
            return outcome.outcome, list((outcome.adversarial or {}).values()) if found else None
        assert self.data.change is not None
        key = hashlib.sha256(f"{self.seed}|{epoch}|{example.id}".encode()).digest()
        texts = self.data.change(example, self.victim.scores, np.random.default_rng(int.from_bytes(key[:8])))
        if texts is None:
            return "unchanged", None
        if len(texts) != len(example.texts) or not all(isinstance(text, str) for text in texts):
            raise AlumbenchError(
                f"method {self.name}: training data: expected {len(example.texts)} texts, found {texts!r:.80}"
            )
        return "changed", list(texts)


def regeneration(
    method: Method,
    task: Task,
    model: Any,
    tokenizer: PreTrainedTokenizerBase,
    examples: Sequence[Example],
    max_length: int,
    tokenize: Callable[[Sequence[Example]], Any],
    seed: int,
    device: torch.device,
    say: Callable[[str], None],
) -> tuple[Any, list[TrainerCallback]]:
    """The training rows, with slots and the callback that fills them if the method needs them.

    Args:
        method: the method.
        task: the task.
        model: the classifier.
        tokenizer: its tokenizer.
        examples: the training examples.
        max_length: tokens kept of a text.
        tokenize: turns examples into rows.
        seed: the run's seed.
        device: the training device. The model is moved there now, since the attack's own models follow it.
        say: called with each line of progress.

    Raises:
        AlumbenchError: The attack cannot be built.
    """
    clean = tokenize(examples)
    count = slot_count(method, len(examples))
    if not count:
        return clean, []
    slots = Slots(clean, count, seed)
    classifier = InMemoryClassifier(model.to(device), tokenizer, task.labels, max_length=max_length)
    victim = InMemoryVictim(classifier, task)
    return slots, [Regeneration(method, slots, victim, examples, tokenize, seed, say)]

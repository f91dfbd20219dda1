"""Adversarial texts that are found anew while a model trains, for methods that learn from them."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
import torch
from torch.utils.data import Dataset
from transformers import TrainerCallback

from alumbench.attacks import load_recipe
from alumbench.attacks.outcome import BROKEN
from alumbench.attacks.search import Searcher
from alumbench.attacks.victim import Victim
from alumbench.checkpoints import ModelFiles
from alumbench.config import check
from alumbench.devices import process_count
from alumbench.errors import AlumbenchError
from alumbench.methods import Method
from alumbench.methods.a2t import A2t
from alumbench.storage import RecordLog
from alumbench.tasks import Example, Task

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Row = dict[str, Any]


class _Found(TypedDict):
    texts: list[str] | None


WEIGHT = "weight"


def slot_count(method: Method, examples: int) -> int:
    """Rows that the method adds to a training set of so many examples."""
    return math.ceil(method.share * examples) if isinstance(method, A2t) and method.alpha > 0 else 0


class Slots(Dataset[Row]):
    """The clean rows, and after them a fixed number of slots that hold adversarial rows, or a clean one of weight 0.

    What decides the order of training, the lengths, never changes: each slot says the length of a clean example, and
    takes an adversarial row of about that length.
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
        """A row; or a column as the sampler asks for it, with the lengths that never change."""
        if isinstance(at, str):
            return [row[at] for row in (*self._clean, *self._empty)]
        return self._clean[at] if at < len(self._clean) else self._slots[at - len(self._clean)]

    def fill(self, rows: Sequence[Row], weight: float) -> None:
        """Puts these rows into the slots, the short ones first; what is left over holds a clean row of weight 0."""
        order = sorted(range(len(rows)), key=lambda i: (len(rows[i]["input_ids"]), i))
        # Spread over all slots, so that few rows do not end up among the shortest ones alone.
        places = [i * len(self._empty) // max(len(rows), 1) for i in range(len(rows))]
        self._slots = list(self._empty)
        for place, i in zip(places, order, strict=True):
            self._slots[place] = dict(rows[i]) | {"example": len(self._clean) + place, WEIGHT: weight}


class ModelInTraining(Victim):
    """The model that is being trained as an attack sees it: in evaluation mode for as long as it is attacked."""

    def __init__(self, model: Any, tokenizer: PreTrainedTokenizerBase, task: Task, max_length: int) -> None:
        """Takes the model as it is; its outputs are in the task's order, since its head was made for the task."""
        tokenizer = copy.deepcopy(tokenizer)
        tokenizer.model_max_length = max_length
        order = torch.arange(len(task.labels))
        self._take(ModelFiles(Path("the model in training")), task, model, tokenizer, order)

    @property
    def device(self) -> torch.device:
        """Where the Trainer has put the model by now."""
        return next(self.model.parameters()).device  # type: ignore[no-any-return]

    def in_task_order(self, logits: torch.Tensor) -> torch.Tensor:
        """Logits as they are."""
        return logits


class Regeneration(TrainerCallback):  # type: ignore[misc]
    """Attacks a share of the training examples at the begin of an epoch and fills the slots with what it found.

    Each attack's outcome is a line of `adversarial-EPOCH.jsonl` in the Trainer's folder. A run that is killed and goes
    on reads what is there and attacks the rest: in the middle of an epoch, whose texts were found against weights that
    are gone, nothing is left to attack.
    """

    def __init__(
        self,
        method: A2t,
        slots: Slots,
        victim: ModelInTraining,
        examples: Sequence[Example],
        tokenize: Callable[[Sequence[Example]], Sequence[Row]],
        seed: int,
        say: Callable[[str], None],
    ) -> None:
        """Builds the attack.

        Raises:
            AlumbenchError: Its recipe is unknown or lacks a resource, the task is a regression, or there are several
                processes.
        """
        if process_count() > 1:
            raise AlumbenchError("method a2t: attacks one model in one process; start it without torchrun")
        recipe = load_recipe(method.attack)
        if recipe.goal != "untargeted":
            raise AlumbenchError(f"method a2t: recipe {recipe.name} does not change labels; see 'alumbench recipes'")
        self.searcher = Searcher(recipe, victim, seed, method.query_budget or None)
        self.method, self.slots, self.examples = method, slots, examples
        self.tokenize, self.seed, self.say = tokenize, seed, say

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Fills the slots for the epoch."""
        epoch = int((state.epoch or 0) + 1e-6)
        since = epoch - self.method.clean_epochs
        if since >= 0:
            first = epoch - since % self.method.every
            self.slots.fill(self.found(first, Path(args.output_dir)), self.method.alpha)

    def found(self, epoch: int, folder: Path) -> Sequence[Row]:
        """The adversarial rows of an epoch, as far as they are not on disk found now."""
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self.examples))
        chosen = [self.examples[i] for i in order[: slot_count(self.method, len(self.examples))]]
        model = self.searcher.victim.model
        training = model.training
        model.eval()
        try:
            with RecordLog(folder / f"adversarial-{epoch}.jsonl") as log:
                for number, example in enumerate(chosen[len(log.records) :], start=len(log.records) + 1):
                    outcome = self.searcher.run(example)
                    texts = list((outcome.adversarial or {}).values()) if outcome.outcome == BROKEN else None
                    log.append({"id": example.id, "outcome": outcome.outcome, "texts": texts})
                    if number % max(1, len(chosen) // 10) == 0 or number == len(chosen):
                        broken = sum(record["texts"] is not None for record in log.records)
                        self.say(f"epoch {epoch + 1}: {number}/{len(chosen)} examples attacked, {broken} texts found")
                records = list(log.records)
        finally:
            model.train(training)
        if [record.get("id") for record in records] != [example.id for example in chosen]:
            raise AlumbenchError(f"{folder}: holds adversarial texts of other examples; give another --out")
        for number, record in enumerate(records, start=1):
            check(_Found, record, f"{folder}/adversarial-{epoch}.jsonl, line {number}")
        pairs = zip(chosen, records, strict=True)
        adversarial = [replace(e, texts=tuple(r["texts"])) for e, r in pairs if r["texts"] is not None]
        return self.tokenize(adversarial) if adversarial else []


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
    """The training rows, with slots and what fills them where the method asks for it.

    Args:
        method: the method.
        task: its task.
        model: the classifier.
        tokenizer: its tokenizer.
        examples: the training examples.
        max_length: tokens kept of a text.
        tokenize: makes rows of examples.
        seed: the run's seed.
        device: where it trains. The model is put there now, since the attack's own models go where it is.
        say: takes a line of progress.

    Raises:
        AlumbenchError: The attack cannot be built.
    """
    clean = tokenize(examples)
    count = slot_count(method, len(examples))
    if not count or not isinstance(method, A2t):
        return clean, []
    slots = Slots(clean, count, seed)
    victim = ModelInTraining(model.to(device), tokenizer, task, max_length)
    return slots, [Regeneration(method, slots, victim, examples, tokenize, seed, say)]

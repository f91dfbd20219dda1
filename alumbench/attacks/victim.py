"""A checkpoint under evaluation: texts in, logits out, labels in the task's order."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict

import torch
from torch import Tensor

from alumbench.data import Task
from alumbench.devices import choose_device
from alumbench.engine.scheduler import query_model
from alumbench.engine.scorer import Scorer
from alumbench.engine.shapes import FULL_WIDTH
from alumbench.engine.token_rows import BatchedModel, TokenizedText, cut_batches, in_batch
from alumbench.engine.tokens import Shares, Tokens, View
from alumbench.models.answers import hard
from alumbench.models.checkpoint import (
    ModelFiles,
    check_vocabulary,
    finds_last_token,
    fit,
    label_order,
    load_classifier,
    load_tokenizer,
    longest,
    own_padding,
    padding_note,
    positions,
    set_padding,
)
from alumbench.models.classifier import Classifier
from alumbench.models.in_training import InMemoryClassifier

if TYPE_CHECKING:
    pass

Texts = Sequence[str]
BATCH_SIZE = 64
#: The note about a classifier that returns only labels.
HARD_LABELS = "it answers with labels alone: attacks that follow scores see 0 and 1, and find less than with scores"


class ScoresTaken(TypedDict, total=False):
    """The meaning of a function's or an endpoint's scores: `probabilities` or `logits`."""

    scores: str


class ReadingFacts(ScoresTaken):
    """A victim's reading of texts, as `evaluation.json` records it: see `Reading`."""

    longest: int | None
    padding: str | None
    notes: list[str]
    reason: NotRequired[str]


@dataclass(frozen=True)
class Named:
    """A model that another process holds, by name."""

    name: str

    def on(self, device: str) -> Named:
        """Itself: the process that holds the model knows where it is."""
        return self


THE_VICTIM = Named("victim")
THE_VICTIM_IN_BF16 = Named("victim in bf16")


class Victim(BatchedModel):
    """Scores texts or pairs.

    Attributes:
        files: the checkpoint.
        task: its task; scores are in the order of `task.labels`.
        model: the classifier, in evaluation mode.
        scorer: how texts are batched and in which precision they are scored.
        longest: maximum tokens of a text that it reads, None for no limit.
        positions: tokens that the model could read, regardless of its tokenizer; None for no limit.
        hard_labels: whether it returns only a label: its scores are 0 or 1.
        unseen: why it is unknown how it reads texts; '' if it is known.
        classifier: the classifier that answers if there is no checkpoint, see `TextVictim`.
    """

    hard_labels = False
    unseen = ""
    classifier: Classifier | None = None

    def __init__(
        self,
        files: ModelFiles,
        task: Task,
        device: str = "auto",
        labels: Sequence[str] = (),
        batch_size: int = BATCH_SIZE,
        scorer: Scorer | None = None,
        hard_labels: bool = False,
    ) -> None:
        """Loads the checkpoint.

        Args:
            files: the checkpoint's folder.
            task: the task it is evaluated on.
            device: auto, cpu or cuda.
            labels: names of its outputs in order, if it has none of its own.
            batch_size: texts per batch of `batches_by_length`.
            scorer: batches the texts; None for fixed shapes in fp32.
            hard_labels: whether to use only its labels.

        Raises:
            AlumbenchError: It cannot be loaded, or its labels cannot be matched by name.
        """
        self._device: torch.device = choose_device(device)
        order = label_order(files, task, labels)
        tokenizer = load_tokenizer(files)
        model = load_classifier(files, outputs=len(order)).to(self._device).eval()
        check_vocabulary(files, tokenizer, model)
        self._take(files, task, model, tokenizer, torch.tensor(order, device=self._device))
        self.batch_size, self.scorer = batch_size, scorer or Scorer()
        self.hard_labels = hard_labels and not task.is_regression

    def _take(self, files: ModelFiles, task: Task, model: Any, tokenizer: Any, order: Tensor) -> None:
        self.files, self.task, self.model, self.tokenizer, self._order = files, task, model, tokenizer, order
        self.batch_size, self.scorer = BATCH_SIZE, Scorer()
        fit(tokenizer, model)
        self._tokens, self.longest = Tokens(tokenizer), longest(tokenizer, model)
        self.positions = positions(model)
        self.pad_id, self.pad_left = tokenizer.pad_token_id, tokenizer.padding_side == "left"
        self._any_filling = False
        if finds_last_token(model):
            # With the model's own padding, a padded text is read at the same token as alone. A model without one reads
            # a text at its last token, so padding must differ from that token.
            own = own_padding(model)
            self.pad_id, self._any_filling = self.pad_id if own is None else own, own is None
        self.in_bf16 = VictimInBf16(self)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles only a name."""
        return Named, (THE_VICTIM.name,)

    def __repr__(self) -> str:
        return str(self.files.path)

    @property
    def place(self) -> str:
        """The checkpoint's absolute path, for the record."""
        return str(self.files.path.resolve())

    @property
    def device_kind(self) -> str:
        """The type of the device that its answers were computed on, if known."""
        return self.device.type

    @property
    def unpadded_reason(self) -> str:
        """Why its answers cannot be compared with those of plain transformers; '' if they can."""
        return ""

    @property
    def no_gradient(self) -> str:
        """Why white-box attacks on it are impossible; '' if they are possible."""
        return "it answers with labels alone (--hard-labels), which have no gradient" if self.hard_labels else ""

    @property
    def no_word_gradient(self) -> str:
        """Why attacks that rank words by their gradient are impossible; '' if they are possible."""
        return self.no_gradient

    @property
    def device(self) -> torch.device:
        """The device that it runs on."""
        return self._device

    def scores(self, texts: Sequence[Texts], shares: Sequence[Shares | None] | None = None) -> Tensor:
        """Logits of a list of texts or pairs, in the order given.

        Args:
            texts: for each example, one string per column.
            shares: for each example, how a pair that is too long is cut; None for the tokenizer's own way.

        Returns:
            (n, labels) float32 on the CPU, labels in the task's order; (n, 1) for regression.

        Raises:
            AlumbenchError: A score is NaN or infinite.
        """
        if not texts:
            return torch.zeros(0, max(1, len(self.task.labels)))
        return torch.stack(query_model(self, self.rows(texts, shares), self.scorer))

    def rows(self, texts: Sequence[Texts], shares: Sequence[Shares | None] | None = None) -> list[TokenizedText]:
        """The texts as the model reads them; `shares`: how pairs that are too long are cut, see `shares`."""
        return self._tokens.rows(texts, self.pad_id or 0, shares)

    def shares(self, texts: Texts, protected: Sequence[str]) -> Shares | None:
        """The way to cut variants of a pair: its protected columns keep the tokens that they have in the original.

        So protected text is read unchanged, whatever happens to the other column.
        """
        return self._tokens.shares(texts, [column in protected for column in self.task.columns])

    def view(self, texts: Texts, shares: Shares | None = None) -> View:
        """The part of one text or pair that the model reads, token by token."""
        return self._tokens.view(texts, shares)

    def cut(self, texts: Sequence[Texts]) -> list[bool]:
        """For each text, whether it is longer than the model reads."""
        limit = self.longest
        return [limit is not None and length > limit for length in self._tokens.lengths(texts)]

    def reading(self) -> ReadingFacts:
        """Facts about its reading of texts for the record: `longest` in tokens (null: no limit), `padding`, `notes`."""
        notes = [padding_note(self.tokenizer), HARD_LABELS if self.hard_labels else ""]
        padding = self.tokenizer.convert_ids_to_tokens(self.pad_id)
        return {"longest": self.longest, "padding": padding, "notes": [note for note in notes if note]}

    def scores_taken_for(self) -> ScoresTaken:
        """The meaning of the scores of a function or an endpoint, see `TextVictim`; empty here: they are logits."""
        return {}

    def take_scores_for(self, scores: str) -> None:
        """Does nothing: a checkpoint's scores are logits."""

    def filling(self, rows: Sequence[TokenizedText]) -> int:
        """The model's own padding token; if it has none, a token that no row ends in."""
        if not self._any_filling:
            return self.pad_id or 0
        last = {row.ids[-1] for row in rows}
        return next(token for token in itertools.chain([self.pad_id or 0], itertools.count()) if token not in last)

    def logits(self, batch: Mapping[str, Tensor], rows: Sequence[TokenizedText]) -> Tensor:
        """The model's own answer to a batch of these rows, in its own order of labels."""
        if self._any_filling:
            set_padding(self.model, self.filling(rows))
        logits: Tensor = self.model(**batch).logits
        return logits

    def forward(self, batch: Mapping[str, Tensor], rows: Sequence[TokenizedText]) -> Sequence[Tensor]:
        """Logits, (labels,) float32 per row."""
        with torch.inference_mode():
            logits = self.logits(batch, rows)[: len(rows)].float()
        return self._answered(self.in_task_order(logits).cpu()).unbind()

    def batches_by_length(self, texts: Sequence[Texts]) -> list[list[int]]:
        """Numbers of the texts in batches of similar length, for little padding; deterministic."""
        lengths = [len(row.ids) for row in self.rows(texts)] if texts else []
        order = sorted(range(len(texts)), key=lambda i: (lengths[i], i))
        parts = cut_batches([lengths[i] for i in order], self.batch_size, self.batch_size * FULL_WIDTH)
        return [order[part] for part in parts]

    def predictions(
        self, texts: Sequence[Texts], shares: Sequence[Shares | None] | None = None
    ) -> Iterator[tuple[list[int], Tensor]]:
        """For each batch of similar length, the numbers of its texts and their logits."""
        for batch in self.batches_by_length(texts):
            yield batch, self.scores([texts[i] for i in batch], [shares[i] for i in batch] if shares else None)

    def plain(self, texts: Texts) -> Tensor:
        """Logits of one text by itself, unpadded, as plain transformers gives them in fp32, (labels,)."""
        (row,) = self.rows([texts])
        encoded = self.tokenizer(*texts, truncation=self.longest is not None, return_tensors="pt")
        batch = encoded if encoded["input_ids"].shape[1] else in_batch([row], 1, len(row.ids), self)
        if self._any_filling:
            set_padding(self.model, None)
        with torch.inference_mode():
            logits: Tensor = self.model(**{name: values.to(self.device) for name, values in batch.items()}).logits[0]
        return self._answered(self.in_task_order(logits).float().cpu())

    def _answered(self, logits: Tensor) -> Tensor:
        return hard(logits) if self.hard_labels else logits

    def encode(self, texts: Sequence[Texts]) -> dict[str, Tensor]:
        """One padded batch on the victim's device."""
        rows = self.rows(texts)
        if self._any_filling:
            set_padding(self.model, self.filling(rows))
        return in_batch(rows, len(rows), max(len(row.ids) for row in rows), self)

    def in_task_order(self, logits: Tensor) -> Tensor:
        """Logits of the model with their columns in the order of the task's labels."""
        return logits.index_select(-1, self._order)


class VictimInBf16(BatchedModel):
    """A victim's answers in bf16, whatever the scorer's precision."""

    precision = "bf16"

    def __init__(self, victim: Victim) -> None:
        """Stores the victim."""
        self._victim, self.pad_id, self.longest = victim, victim.pad_id, victim.longest
        self.pad_left = victim.pad_left

    def __reduce__(self) -> tuple[Any, ...]:
        return Named, (THE_VICTIM_IN_BF16.name,)

    def __repr__(self) -> str:
        return repr(self._victim)

    @property
    def device(self) -> torch.device:
        """The victim's device."""
        return self._victim.device

    def filling(self, rows: Sequence[TokenizedText]) -> int:
        """The victim's padding token for these rows."""
        return self._victim.filling(rows)

    def forward(self, batch: Mapping[str, Tensor], rows: Sequence[TokenizedText]) -> Sequence[Tensor]:
        """Logits, (labels,) float32 per row."""
        return self._victim.forward(batch, rows)


class InMemoryVictim(Victim):
    """A classifier in memory, such as one in training, asked in batches by tokens.

    It is attacked as it is: in the mode that it is in, on the device that it is on now.

    Attributes:
        in_memory: the classifier.
    """

    def __init__(self, classifier: InMemoryClassifier, task: Task) -> None:
        """Takes the model unchanged, and a copy of its tokenizer.

        Args:
            classifier: the classifier; its outputs are in the task's order.
            task: its task.
        """
        self.in_memory, tokenizer = classifier, copy.deepcopy(classifier.tokenizer)
        if classifier.longest is not None:
            tokenizer.model_max_length = classifier.longest
        order = torch.arange(len(task.labels))
        self._take(ModelFiles(Path(classifier.identity.name)), task, classifier.model, tokenizer, order)

    @property
    def device(self) -> torch.device:
        """The device that the model is on now."""
        return next(self.model.parameters()).device  # type: ignore[no-any-return]

    def in_task_order(self, logits: Tensor) -> Tensor:
        """The logits, unchanged."""
        return logits

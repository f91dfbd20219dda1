"""A checkpoint under evaluation: texts in, logits out, labels in the task's order."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from alumbench.attacks.engine.flight import ask
from alumbench.attacks.engine.rows import Row, RowModel, cut_batches, in_batch
from alumbench.attacks.engine.scoring import FULL_WIDTH, Scorer
from alumbench.attacks.engine.tokens import Shares, Tokens, View
from alumbench.checkpoints import (
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
from alumbench.devices import choose_device
from alumbench.tasks import Task

Texts = Sequence[str]
BATCH_SIZE = 64


@dataclass(frozen=True)
class Named:
    """Stands for a model that another process holds."""

    name: str

    def on(self, device: str) -> Named:
        """Itself: the process that holds the model knows where it is."""
        return self


THE_VICTIM = Named("victim")


class Victim(RowModel):
    """Scores texts or pairs.

    Attributes:
        files: the checkpoint.
        task: its task; scores are in the order of `task.labels`.
        model: the classifier, in evaluation mode.
        scorer: how texts are batched and in which precision they are scored.
        longest: tokens of a text that it reads, None without a limit.
        positions: tokens that the model could read, whatever its tokenizer says; None where they have no end.
    """

    def __init__(
        self,
        files: ModelFiles,
        task: Task,
        device: str = "auto",
        labels: Sequence[str] = (),
        batch_size: int = BATCH_SIZE,
        scorer: Scorer | None = None,
    ) -> None:
        """Loads the checkpoint.

        Args:
            files: the checkpoint's folder.
            task: the task it is evaluated on.
            device: auto, cpu or cuda.
            labels: names of its outputs in order, where it has none of its own.
            batch_size: texts a batch of `batches_by_length`.
            scorer: how it is asked; None for fixed shapes in fp32.

        Raises:
            AlumbenchError: It cannot be loaded, or its labels cannot be matched by name.
        """
        self._device: torch.device = choose_device(device)
        order = label_order(files, task, labels)
        tokenizer = load_tokenizer(files)
        model = load_classifier(files).to(self._device).eval()
        check_vocabulary(files, tokenizer, model)
        self._take(files, task, model, tokenizer, torch.tensor(order, device=self._device))
        self.batch_size, self.scorer = batch_size, scorer or Scorer()

    def _take(self, files: ModelFiles, task: Task, model: Any, tokenizer: Any, order: Tensor) -> None:
        self.files, self.task, self.model, self.tokenizer, self._order = files, task, model, tokenizer, order
        self.batch_size, self.scorer = BATCH_SIZE, Scorer()
        fit(tokenizer, model)
        self._tokens, self.longest = Tokens(tokenizer), longest(tokenizer, model)
        self.positions = positions(model)
        self.pad_id, self.pad_left = tokenizer.pad_token_id, tokenizer.padding_side == "left"
        self._any_filling = False
        if finds_last_token(model):
            # Filled up with the model's own padding, a text is read at the token that it is read at alone. A model that
            # knows of none reads it at its last, which no filling may then be like.
            own = own_padding(model)
            self.pad_id, self._any_filling = self.pad_id if own is None else own, own is None

    def named(self) -> dict[object, RowModel]:
        """What stands for it, and for its gradient, where it came from another process."""
        from alumbench.attacks.gradient import THE_GRADIENT, Gradient

        return {THE_VICTIM: self, THE_GRADIENT: Gradient(self)}

    def __reduce__(self) -> tuple[Any, ...]:
        """Between processes it goes by name."""
        return Named, (THE_VICTIM.name,)

    def __repr__(self) -> str:
        return str(self.files.path)

    @property
    def device(self) -> torch.device:
        """Where it runs."""
        return self._device

    def scores(self, texts: Sequence[Texts], shares: Sequence[Shares | None] | None = None) -> Tensor:
        """Logits of a list of texts or pairs, in the order given.

        Args:
            texts: for each example one string a column.
            shares: for each example how a pair that is too long is cut; None for the tokenizer's own way.

        Returns:
            (n, labels) float32 on the CPU, labels in the task's order; (n, 1) for regression.

        Raises:
            AlumbenchError: A score is NaN or infinite.
        """
        if not texts:
            return torch.zeros(0, max(1, len(self.task.labels)))
        return torch.stack(ask(self, self.rows(texts, shares), self.scorer))

    def rows(self, texts: Sequence[Texts], shares: Sequence[Shares | None] | None = None) -> list[Row]:
        """The texts as the model reads them; `shares`: how pairs that are too long are cut, see `shares`."""
        return self._tokens.rows(texts, self.pad_id or 0, shares)

    def shares(self, texts: Texts, protected: Sequence[str]) -> Shares | None:
        """How the variants of a pair are to be cut: its protected columns keep the tokens that they have in it.

        Whatever becomes of the other column, what may not change is read as it was.
        """
        return self._tokens.shares(texts, [column in protected for column in self.task.columns])

    def view(self, texts: Texts, shares: Shares | None = None) -> View:
        """What the model reads of one text or pair, token by token."""
        return self._tokens.view(texts, shares)

    def cut(self, texts: Sequence[Texts]) -> list[bool]:
        """Which of the texts are longer than what the model reads."""
        limit = self.longest
        return [limit is not None and length > limit for length in self._tokens.lengths(texts)]

    def reading(self) -> dict[str, Any]:
        """How it reads, for the record: `longest`, tokens at most (null: no limit); `padding`; `notes` to be told."""
        note = padding_note(self.tokenizer)
        padding = self.tokenizer.convert_ids_to_tokens(self.pad_id)
        return {"longest": self.longest, "padding": padding, "notes": [note] if note else []}

    def filling(self, rows: Sequence[Row]) -> int:
        """Its own padding; where it knows of none, a token that none of the rows ends in."""
        if not self._any_filling:
            return self.pad_id or 0
        last = {row.ids[-1] for row in rows}
        return next(token for token in itertools.chain([self.pad_id or 0], itertools.count()) if token not in last)

    def logits(self, batch: Mapping[str, Tensor], rows: Sequence[Row]) -> Tensor:
        """The model's own answer to a batch of these rows, in its own order of labels."""
        if self._any_filling:
            set_padding(self.model, self.filling(rows))
        logits: Tensor = self.model(**batch).logits
        return logits

    def forward(self, batch: Mapping[str, Tensor], rows: Sequence[Row]) -> Sequence[Tensor]:
        """Logits, (labels,) float32 a row."""
        with torch.inference_mode():
            logits = self.logits(batch, rows)[: len(rows)].float()
        return self.in_task_order(logits).cpu().unbind()

    def batches_by_length(self, texts: Sequence[Texts]) -> list[list[int]]:
        """Numbers of the texts in batches of like length, so that little is padding; the same for the same texts."""
        lengths = [len(row.ids) for row in self.rows(texts)] if texts else []
        order = sorted(range(len(texts)), key=lambda i: (lengths[i], i))
        parts = cut_batches([lengths[i] for i in order], self.batch_size, self.batch_size * FULL_WIDTH)
        return [order[part] for part in parts]

    def predictions(
        self, texts: Sequence[Texts], shares: Sequence[Shares | None] | None = None
    ) -> Iterator[tuple[list[int], Tensor]]:
        """For each batch of like length, the numbers of its texts and their logits."""
        for batch in self.batches_by_length(texts):
            yield batch, self.scores([texts[i] for i in batch], [shares[i] for i in batch] if shares else None)

    def plain(self, texts: Texts) -> Tensor:
        """Logits of one text by itself, with no filling, as transformers alone gives them in fp32, (labels,)."""
        (row,) = self.rows([texts])
        encoded = self.tokenizer(*texts, truncation=self.longest is not None, return_tensors="pt")
        batch = encoded if encoded["input_ids"].shape[1] else in_batch([row], 1, len(row.ids), self)
        if self._any_filling:
            set_padding(self.model, None)
        with torch.inference_mode():
            logits: Tensor = self.model(**{name: values.to(self.device) for name, values in batch.items()}).logits[0]
        return self.in_task_order(logits).float().cpu()

    def encode(self, texts: Sequence[Texts]) -> dict[str, Tensor]:
        """One padded batch on the victim's device."""
        rows = self.rows(texts)
        if self._any_filling:
            set_padding(self.model, self.filling(rows))
        return in_batch(rows, len(rows), max(len(row.ids) for row in rows), self)

    def in_task_order(self, logits: Tensor) -> Tensor:
        """Logits of the model with their columns in the order of the task's labels."""
        return logits.index_select(-1, self._order)


class VictimWrapper:
    """The victim as TextAttack sees a model: a callable that has one. It asks no text twice.

    Attributes:
        model: the transformers model, whose class TextAttack checks.
        on_query: called with the texts of each call; raises to stop an attack.
        protected: columns that may not change.
        unique: rows that it had to ask for since `begin`.
        shares: how variants of the example that are too long are cut, see `Victim.shares`.
        cut: whether the example is longer than what the model reads, and it can be told where.
    """

    def __init__(
        self,
        victim: Victim,
        on_query: Callable[[Sequence[Texts]], None] | None = None,
        protected: Sequence[str] = (),
    ) -> None:
        """Wraps a victim."""
        self.victim, self.model, self.tokenizer = victim, victim.model, victim.tokenizer
        self.on_query, self.protected = on_query, protected
        self.begin(())

    def begin(self, example: Texts) -> None:
        """Begins another example; of none, nothing is known."""
        self._known: dict[Row, Tensor] = {}
        self.unique = 0
        self.shares: Shares | None = self.victim.shares(example, self.protected) if example else None
        self.cut = bool(example) and bool(self.tokenizer.is_fast) and self.victim.cut([example])[0]

    def rows(self, texts: Sequence[Texts]) -> list[Row]:
        """Variants of the example as the model reads them."""
        return self.victim.rows(texts, None if self.shares is None else [self.shares] * len(texts))

    def __call__(self, texts: Sequence[str | tuple[str, ...]]) -> Tensor:
        """Logits, (n, labels): TextAttack turns them into probabilities itself, row by row."""
        asked = [(text,) if isinstance(text, str) else tuple(text) for text in texts]
        if self.on_query is not None:
            self.on_query(asked)
        rows = self.rows(asked)
        new = [row for row in dict.fromkeys(rows) if row not in self._known]
        if new:
            self.unique += len(new)
            self._known.update(zip(new, ask(self.victim, new, self.victim.scorer), strict=True))
        return torch.stack([self._known[row] for row in rows])

"""A checkpoint under evaluation: texts in, logits out, labels in the task's order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from alumbench.attacks.engine.flight import ask
from alumbench.attacks.engine.rows import Row, RowModel
from alumbench.attacks.engine.scoring import Scorer
from alumbench.attacks.engine.tokens import Tokens
from alumbench.checkpoints import ModelFiles, check_vocabulary, label_order, load_classifier, load_tokenizer
from alumbench.devices import choose_device
from alumbench.tasks import Task

Texts = Sequence[str]
#: Above this a tokenizer's `model_max_length` says that it knows of no limit.
NO_LIMIT = 1_000_000


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
    """

    def __init__(
        self,
        files: ModelFiles,
        task: Task,
        device: str = "auto",
        labels: Sequence[str] = (),
        batch_size: int = 64,
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
        self.batch_size, self.scorer = 64, Scorer()
        self._tokens = Tokens(tokenizer)
        self.pad_id, self.pad_left = tokenizer.pad_token_id, tokenizer.padding_side == "left"
        if model.config.pad_token_id is None:  # a model that looks for a text's last token needs to know
            model.config.pad_token_id = self.pad_id
        self.longest = min(tokenizer.model_max_length, positions(model), NO_LIMIT)

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

    def scores(self, texts: Sequence[Texts]) -> Tensor:
        """Logits of a list of texts or pairs, in the order given.

        Args:
            texts: for each example one string a column.

        Returns:
            (n, labels) float32 on the CPU, labels in the task's order; (n, 1) for regression.

        Raises:
            AlumbenchError: A score is NaN or infinite.
        """
        if not texts:
            return torch.zeros(0, max(1, len(self.task.labels)))
        return torch.stack(ask(self, self.rows(texts), self.scorer))

    def rows(self, texts: Sequence[Texts]) -> list[Row]:
        """The texts as the model reads them."""
        return self._tokens.rows(texts, self.pad_id or 0)

    def forward(self, batch: Mapping[str, Tensor], rows: Sequence[Row]) -> Sequence[Tensor]:
        """Logits, (labels,) float32 a row."""
        with torch.inference_mode():
            logits: Tensor = self.model(**batch).logits[: len(rows)].float()
        return self.in_task_order(logits).cpu().unbind()

    def batches_by_length(self, texts: Sequence[Texts]) -> list[list[int]]:
        """Numbers of the texts in batches of like length, so that little is padding; the same for the same texts."""
        lengths = [len(row.ids) for row in self.rows(texts)] if texts else []
        order = sorted(range(len(texts)), key=lambda i: (lengths[i], i))
        return [order[at : at + self.batch_size] for at in range(0, len(order), self.batch_size)]

    def predictions(self, texts: Sequence[Texts]) -> Iterator[tuple[list[int], Tensor]]:
        """For each batch of like length, the numbers of its texts and their logits."""
        for batch in self.batches_by_length(texts):
            yield batch, self.scores([texts[i] for i in batch])

    def _encode(self, texts: Sequence[Texts], **kwargs: Any) -> Any:
        columns = [list(column) for column in zip(*texts, strict=True)]
        return self.tokenizer(*columns, truncation=True, **kwargs)

    def encode(self, texts: Sequence[Texts]) -> Any:
        """One padded batch on the victim's device."""
        encoded = self._encode(texts, padding=True, return_tensors="pt").to(self.device)
        if encoded["input_ids"].shape[1] == 0:  # nothing but empty texts, and a tokenizer without marks of its own
            encoded = self.tokenizer.pad(encoded, padding="max_length", max_length=1, return_tensors="pt")
            encoded = encoded.to(self.device)
        return encoded

    def in_task_order(self, logits: Tensor) -> Tensor:
        """Logits of the model with their columns in the order of the task's labels."""
        return logits.index_select(-1, self._order)


def positions(model: Any) -> int:
    """Tokens that a model has positions for."""
    found: int | None = getattr(model.config, "max_position_embeddings", None)
    if not found or found < 0:
        return NO_LIMIT
    table = next((m for name, m in model.named_modules() if name.endswith("position_embeddings")), None)
    # RoBERTa's kind begins to count behind the padding's own place.
    padding = getattr(table, "padding_idx", None)
    return found - (0 if padding is None else padding + 1)


class VictimWrapper:
    """The victim as TextAttack sees a model: a callable that has one. It asks no text twice.

    Attributes:
        model: the transformers model, whose class TextAttack checks.
        on_query: called with the texts of each call; raises to stop an attack.
        unique: rows that it had to ask for since `forget`.
    """

    def __init__(self, victim: Victim, on_query: Callable[[Sequence[Texts]], None] | None = None) -> None:
        """Wraps a victim."""
        self.victim, self.model, self.tokenizer = victim, victim.model, victim.tokenizer
        self.on_query = on_query
        self.forget()

    def forget(self) -> None:
        """Begins another example."""
        self._known: dict[Row, Tensor] = {}
        self.unique = 0

    def __call__(self, texts: Sequence[str | tuple[str, ...]]) -> Tensor:
        """Logits, (n, labels): TextAttack turns them into probabilities itself, row by row."""
        asked = [(text,) if isinstance(text, str) else tuple(text) for text in texts]
        if self.on_query is not None:
            self.on_query(asked)
        rows = self.victim.rows(asked)
        new = [row for row in dict.fromkeys(rows) if row not in self._known]
        if new:
            self.unique += len(new)
            self._known.update(zip(new, ask(self.victim, new, self.victim.scorer), strict=True))
        return torch.stack([self._known[row] for row in rows])

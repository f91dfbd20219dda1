"""A checkpoint under evaluation: texts in, logits out, labels in the task's order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from alumbench.checkpoints import ModelFiles, label_order, load_classifier, load_tokenizer
from alumbench.devices import choose_device
from alumbench.errors import AlumbenchError
from alumbench.tasks import Task

Texts = Sequence[str]


class Victim:
    """Scores texts or pairs; padding is only as long as the longest text of a batch.

    Attributes:
        files: the checkpoint.
        task: its task; scores are in the order of `task.labels`.
        device: where it runs.
        model: the classifier, in evaluation mode.
        texts_scored: texts that went through the model so far.
    """

    def __init__(
        self, files: ModelFiles, task: Task, device: str = "auto", labels: Sequence[str] = (), batch_size: int = 64
    ) -> None:
        """Loads the checkpoint.

        Args:
            files: the checkpoint's folder.
            task: the task it is evaluated on.
            device: auto, cpu or cuda.
            labels: names of its outputs in order, where it has none of its own.
            batch_size: texts a forward pass.

        Raises:
            AlumbenchError: It cannot be loaded, or its labels cannot be matched by name.
        """
        self.files, self.task, self.batch_size = files, task, batch_size
        self.device = choose_device(device)
        order = label_order(files, task, labels)
        self.tokenizer = load_tokenizer(files)
        self.model = load_classifier(files).to(self.device).eval()
        self._order = torch.tensor(order, device=self.device)
        self.texts_scored = 0

    def scores(self, texts: Sequence[Texts]) -> Tensor:
        """Logits of a list of texts or pairs, in one padded batch after another, in the order given.

        Args:
            texts: for each example one string a column.

        Returns:
            (n, labels) float32 on the CPU, labels in the task's order; (n, 1) for regression.

        Raises:
            AlumbenchError: A score is NaN or infinite.
        """
        if not texts:
            return torch.zeros(0, max(1, len(self.task.labels)))
        parts = [self._forward(texts[at : at + self.batch_size]) for at in range(0, len(texts), self.batch_size)]
        return torch.cat(parts)

    def batches_by_length(self, texts: Sequence[Texts]) -> list[list[int]]:
        """Numbers of the texts in batches of like length, so that little is padding; the same for the same texts."""
        lengths = [len(ids) for ids in self._encode(texts)["input_ids"]] if texts else []
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

    def _forward(self, texts: Sequence[Texts]) -> Tensor:
        encoded = self.encode(texts)
        with torch.inference_mode():
            logits: Tensor = self.model(**encoded).logits.float()
        if not torch.isfinite(logits).all():
            raise AlumbenchError(f"{self.files.path}: gives scores that are no numbers (NaN or infinite); it is broken")
        self.texts_scored += len(texts)
        return self.in_task_order(logits).cpu()


class VictimWrapper:
    """The victim as TextAttack sees a model: a callable that has one.

    Attributes:
        model: the transformers model, whose class TextAttack checks.
        on_query: called before each forward pass with the texts; raises to stop an attack.
    """

    def __init__(self, victim: Victim, on_query: Callable[[Sequence[Texts]], None] | None = None) -> None:
        """Wraps a victim."""
        self.victim, self.model, self.tokenizer = victim, victim.model, victim.tokenizer
        self.on_query = on_query

    def __call__(self, texts: Sequence[str | tuple[str, ...]]) -> Tensor:
        """Logits, (n, labels): TextAttack turns them into probabilities itself, row by row."""
        rows = [(text,) if isinstance(text, str) else tuple(text) for text in texts]
        if self.on_query is not None:
            self.on_query(rows)
        return self.victim.scores(rows)

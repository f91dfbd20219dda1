"""Batches the rows of many searches: answers depend only on the row, or, for more speed, batches use plain padding."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from alumbench.engine.few_rows import few_rows_as_many
from alumbench.engine.precision import CONFIRMED, PRECISIONS, computing_in
from alumbench.engine.shapes import Batch, fixed_batches, plain_batches
from alumbench.engine.token_rows import BatchedModel, TokenizedText, in_batch
from alumbench.errors import AlumbenchError, ClassifierStopped

SCORINGS = ("fixed", "fast")

Answer = Tensor | Exception


@dataclass
class BatchStats:
    """Statistics of the models' batches, for progress and reports.

    Attributes:
        rows: requested rows.
        scored: the same without equal rows of one request, which go through a model once.
        slots: rows of the batches, including padding.
        tokens: tokens of the scored rows, of all models alike; 0 for models that take texts.
        all_tokens: tokens of the batches, including padding.
        confirmed: rows of the attacked model that were scored in fp32 although searches ask it in bf16.
        batches: forward passes.
        seconds: time they took.
        halved: times a batch was split because the device lacked memory for it.
    """

    rows: int = 0
    scored: int = 0
    slots: int = 0
    tokens: int = 0
    all_tokens: int = 0
    confirmed: int = 0
    batches: int = 0
    seconds: float = 0.0
    halved: int = 0

    @property
    def fill(self) -> float:
        """Share of the batches' rows that are not padding."""
        return self.scored / self.slots if self.slots else 0.0

    @property
    def useful(self) -> float:
        """Share of the batches' tokens that are neither padding nor in rows that fill up; 0 if none is known."""
        return self.tokens / self.all_tokens if self.all_tokens else 0.0


@dataclass
class Scorer:
    """Answers rows in batches.

    `fixed`: every batch has a width that follows from the row alone, a number of rows of `FixedShapes`, and a padded
    token. The answer to a row then does not depend on the other rows, bit for bit on a CPU with the same number of
    threads: kernels choose their order of summation by shape, and transformers drops the attention mask if no row is
    padded. `fast`: batches as wide as their longest row; the last digits of an answer depend on the other rows.

    Attributes:
        scoring: `fixed` or `fast`.
        precision: `fp32`, `tf32` (CUDA only) or `bf16`, for models without one of their own; `bf16-confirmed` is fp32,
            and lets searches ask the attacked model in bf16 too (`Victim.in_bf16`).
        models: the local models for names that come from other processes.
        traffic: statistics so far.
        spent: seconds that the last `answers` took.
    """

    scoring: str = "fixed"
    precision: str = "fp32"
    models: dict[object, BatchedModel] = field(default_factory=dict)
    traffic: BatchStats = field(default_factory=BatchStats)
    spent: float = 0.0

    def __post_init__(self) -> None:
        """Checks the values."""
        if self.scoring not in SCORINGS or self.precision not in PRECISIONS:
            raise AlumbenchError(
                f"scoring {self.scoring}, precision {self.precision}: known: {', '.join(SCORINGS)} and "
                f"{', '.join(PRECISIONS)}"
            )

    def answers(self, model: BatchedModel, rows: Sequence[TokenizedText]) -> list[Answer]:
        """One answer per row, or the exception that the row caused."""
        model = self.models.get(model, model)
        precision = model.precision or ("fp32" if self.precision == CONFIRMED else self.precision)
        if precision == "tf32" and model.device.type != "cuda":
            raise AlumbenchError(f"precision tf32 is for CUDA devices; this model is on {model.device}")
        self.traffic.rows += len(rows)
        distinct = list(dict.fromkeys(rows))
        if self.precision == CONFIRMED and model.in_bf16 is not None:
            self.traffic.confirmed += len(distinct)
        found: dict[TokenizedText, Answer] = {}
        start = time.perf_counter()
        is_fixed = self.scoring == "fixed"
        filled = is_fixed and model.device.type == "cpu" and model.texts_a_batch is None
        with computing_in(precision, model.device), few_rows_as_many(filled):
            batches = fixed_batches(model, distinct) if is_fixed else plain_batches(model, distinct)
            for batch in batches:
                found.update(zip(batch.rows, self._score(model, *batch[:3]), strict=True))
        self.traffic.scored += len(distinct)
        self.traffic.tokens += sum(len(row.ids) for row in distinct) if model.texts_a_batch is None else 0
        self.spent = time.perf_counter() - start
        self.traffic.seconds += self.spent
        return [found[row] for row in rows]

    def ready_batches(
        self, rows: Mapping[BatchedModel, Iterable[TokenizedText]]
    ) -> dict[BatchedModel, list[TokenizedText]]:
        """The waiting rows to score now: all that make full batches, or else the batch with the least filling."""
        waiting = {model: list(every) for model, every in rows.items()}
        if self.scoring == "fast":
            return {model: every for model, every in waiting.items() if every}
        full: dict[BatchedModel, list[TokenizedText]] = {}
        fullest: tuple[tuple[float, int], BatchedModel, Batch] | None = None
        for model, every in waiting.items():
            for batch in fixed_batches(self.models.get(model, model), every):
                rank = len(batch.rows) / batch.size, len(batch.rows)
                if batch.full:
                    full.setdefault(model, []).extend(batch.rows)
                elif fullest is None or rank > fullest[0]:
                    fullest = rank, model, batch
        return full or ({fullest[1]: fullest[2].rows} if fullest else {})

    def _score(self, model: BatchedModel, rows: Sequence[TokenizedText], size: int, width: int) -> list[Answer]:
        try:
            answers = self._forward(model, rows, size, width)
        except ClassifierStopped:  # it no longer answers: no row is at fault
            raise
        except Exception as error:
            if len(rows) == 1:
                return [error]
            if not is_out_of_memory(error):  # one row is at fault: score each alone, in the same shape
                return [answer for row in rows for answer in self._score(model, [row], size, width)]
            if model.device.type == "cuda":
                torch.cuda.empty_cache()
            self.traffic.halved += 1
            half = -(-len(rows) // 2)
            parts = [rows[:half], rows[half:]]
            return [answer for part in parts for answer in self._score(model, part, len(part), width)]
        if all(answer.shape == answers[0].shape for answer in answers) and bool(
            torch.isfinite(torch.stack(answers)).all()
        ):
            return list(answers)
        return [answer if bool(torch.isfinite(answer).all()) else _no_numbers(model) for answer in answers]

    def _forward(self, model: BatchedModel, rows: Sequence[TokenizedText], size: int, width: int) -> list[Tensor]:
        """One forward pass, which is counted with all that it computes."""
        is_of_tokens = model.texts_a_batch is None
        answers = list(model.forward(in_batch(rows, size, width, model) if is_of_tokens else {}, rows))
        self.traffic.batches += 1
        self.traffic.slots += size
        self.traffic.all_tokens += size * width if is_of_tokens else 0
        return answers


def is_out_of_memory(error: BaseException) -> bool:
    """True if the exception means that a device is out of memory."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or any(
        said in str(error) for said in ("not enough memory", "can't allocate memory")
    )


def _no_numbers(model: BatchedModel) -> AlumbenchError:
    return AlumbenchError(f"{model}: its scores are not finite (NaN or infinite); the model is broken")

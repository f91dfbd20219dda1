"""Batches the rows of many searches: answers depend only on the row, or, for more speed, batches use plain padding."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from alumbench.bfloat16 import bf16_products
from alumbench.engine.token_rows import BatchedModel, TokenizedText, cut_batches, in_batch
from alumbench.errors import AlumbenchError, ClassifierStopped

SCORINGS = ("fixed", "fast")
PRECISIONS = ("fp32", "tf32", "bf16")
#: Widths are rounded up to a multiple of this number of tokens.
STEP = 8
#: Rows of a batch of fixed shape. On a CPU with 8 a row's place in the batch moved the last digit of small heads (2 or
#: 3 labels, up to 128 wide), with 16 it did not for any size tried. A GPU is idle below 64.
FIXED_ROWS = {"cpu": 16, "cuda": 64}
FAST_ROWS = 64
#: Tokens up to which a batch of fixed shape has all its rows; longer ones have fewer, to bound memory.
FULL_WIDTH = 512

Answer = Tensor | Exception


@dataclass
class BatchStats:
    """Statistics of the models' batches, for progress and reports.

    Attributes:
        rows: requested rows.
        scored: rows that went through a model; equal ones requested together count once.
        slots: rows of the batches, including padding.
        batches: forward passes.
        seconds: time they took.
        halved: times a batch was split because the device lacked memory for it.
    """

    rows: int = 0
    scored: int = 0
    slots: int = 0
    batches: int = 0
    seconds: float = 0.0
    halved: int = 0

    @property
    def fill(self) -> float:
        """Share of the batches' rows that are not padding."""
        return self.scored / self.slots if self.slots else 0.0


@dataclass
class Scorer:
    """Answers rows in batches.

    `fixed`: every batch has the same number of rows and a width that follows from the row alone, with a padded token in
    each. The answer to a row then does not depend on the other rows, bit for bit on a CPU with the same number of
    threads: kernels choose their order of summation by shape, and transformers drops the attention mask if no row is
    padded. `fast`: batches as wide as their longest row; the last digits of an answer depend on the other rows.

    Attributes:
        scoring: `fixed` or `fast`.
        precision: `fp32`, `tf32` (CUDA only) or `bf16`, for models without one of their own.
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
        precision = model.precision or self.precision
        if precision == "tf32" and model.device.type != "cuda":
            raise AlumbenchError(f"precision tf32 is for CUDA devices; this model is on {model.device}")
        self.traffic.rows += len(rows)
        distinct = list(dict.fromkeys(rows))
        found: dict[TokenizedText, Answer] = {}
        start = time.perf_counter()
        cut = self._fixed if self.scoring == "fixed" else self._fast
        with _precision(precision, model.device):
            for batch, size, width in cut(model, distinct):
                found.update(zip(batch, self._score(model, batch, size, width), strict=True))
        self.spent = time.perf_counter() - start
        self.traffic.seconds += self.spent
        return [found[row] for row in rows]

    def ready_batches(
        self, rows: Mapping[BatchedModel, Iterable[TokenizedText]]
    ) -> dict[BatchedModel, list[TokenizedText]]:
        """The waiting rows to score now: all that fill batches, or else the fullest batch."""
        waiting = {model: list(every) for model, every in rows.items()}
        if self.scoring == "fast":
            return {model: every for model, every in waiting.items() if every}
        full: dict[BatchedModel, list[TokenizedText]] = {}
        fullest: tuple[float, BatchedModel, list[TokenizedText]] | None = None
        for model, every in waiting.items():
            for batch, size, _ in self._fixed(self.models.get(model, model), every):
                if len(batch) >= size - 1:
                    full.setdefault(model, []).extend(batch)
                elif fullest is None or len(batch) / size > fullest[0]:
                    fullest = len(batch) / size, model, batch
        return full or ({fullest[1]: fullest[2]} if fullest else {})

    def _fixed(
        self, model: BatchedModel, rows: Sequence[TokenizedText]
    ) -> Iterator[tuple[list[TokenizedText], int, int]]:
        if model.texts_a_batch is not None:
            yield from _by_number(rows, model.texts_a_batch)
            return
        if model.pad_id is None:
            yield from (([row], 1, len(row.ids)) for row in rows)
            return
        by_width: dict[int, list[TokenizedText]] = {}
        for row in rows:
            width = STEP * -(-len(row.ids) // STEP)
            by_width.setdefault(min(width, model.longest or width), []).append(row)
        for width, group in sorted(by_width.items()):
            size = fixed_rows(model.device, width)
            group.sort(key=lambda row: len(row.ids))
            while group:  # the shortest goes with the longest, so that at least one row is padded
                room = size if len(group[0].ids) < width else size - 1
                cut = max(1, len(group) - room + 1)
                batch, group = group[:1] + group[cut:], group[1:cut]
                yield batch, size, width

    def _fast(
        self, model: BatchedModel, rows: Sequence[TokenizedText]
    ) -> Iterator[tuple[list[TokenizedText], int, int]]:
        if model.texts_a_batch is not None:
            yield from _by_number(rows, model.texts_a_batch)
            return
        if model.pad_id is None:
            yield from (([row], 1, len(row.ids)) for row in rows)
            return
        ordered = sorted(rows, key=lambda row: len(row.ids))
        for part in cut_batches([len(row.ids) for row in ordered], FAST_ROWS, FAST_ROWS * FULL_WIDTH):
            batch = ordered[part]
            yield batch, len(batch), max(1, len(batch[-1].ids))

    def _score(self, model: BatchedModel, rows: Sequence[TokenizedText], size: int, width: int) -> list[Answer]:
        try:
            batch = {} if model.texts_a_batch is not None else in_batch(rows, size, width, model)
            answers = list(model.forward(batch, rows))
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
        self.traffic.batches += 1
        self.traffic.scored += len(rows)
        self.traffic.slots += size
        if all(answer.shape == answers[0].shape for answer in answers) and bool(
            torch.isfinite(torch.stack(answers)).all()
        ):
            return list(answers)
        return [answer if bool(torch.isfinite(answer).all()) else _no_numbers(model) for answer in answers]


def _by_number(rows: Sequence[TokenizedText], size: int) -> Iterator[tuple[list[TokenizedText], int, int]]:
    """Batches of `size` texts; the classifier handles their lengths itself."""
    yield from ((list(rows[at : at + size]), size, 0) for at in range(0, len(rows), size))


def fixed_rows(device: torch.device, width: int) -> int:
    """Rows of a batch of fixed shape: for long texts, so many that the number of tokens stays bounded; on a CPU, one.

    On a CPU, answers in batches of 2 to 15 rows may depend on a row's position.
    """
    rows = FIXED_ROWS.get(device.type, FIXED_ROWS["cuda"])
    if width <= FULL_WIDTH:
        return rows
    return 1 if device.type == "cpu" else max(1, rows * FULL_WIDTH // width)


def is_out_of_memory(error: BaseException) -> bool:
    """True if the exception means that a device is out of memory."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or any(
        said in str(error) for said in ("not enough memory", "can't allocate memory")
    )


def _no_numbers(model: BatchedModel) -> AlumbenchError:
    return AlumbenchError(f"{model}: its scores are not finite (NaN or infinite); the model is broken")


@contextlib.contextmanager
def _precision(precision: str, device: torch.device) -> Iterator[None]:
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    bf16 = precision == "bf16"
    try:
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16), bf16_products(device, enabled=bf16):
            yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before

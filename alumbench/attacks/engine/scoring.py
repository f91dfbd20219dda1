"""From rows of many searches to batches: answers that depend on the row alone, or plain padding where speed is all."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from alumbench.attacks.engine.rows import Row, RowModel, cut_batches, in_batch
from alumbench.bfloat16 import bf16_products
from alumbench.errors import AlumbenchError

SCORINGS = ("fixed", "fast")
PRECISIONS = ("fp32", "tf32", "bf16")
#: Tokens that widths are rounded up to.
STEP = 8
#: Rows of a batch of fixed shape. On a CPU with 8 a row's place in the batch moved the last digit of small heads (2 or
#: 3 labels, up to 128 wide), with 16 it did not for any size tried. A GPU is idle below 64.
FIXED_ROWS = {"cpu": 16, "cuda": 64}
FAST_ROWS = 64
#: Tokens up to which a batch of fixed shape has all its rows; longer ones have fewer, so that memory stays bounded.
FULL_WIDTH = 512

Answer = Tensor | Exception


@dataclass
class Traffic:
    """What went through models, for progress and reports.

    Attributes:
        rows: rows that were asked for.
        scored: rows that went through a model, once for equal ones asked together.
        slots: rows of the batches, filling included.
        batches: forward passes.
        seconds: time they took.
        halved: times a batch was cut because the device had no memory for it.
    """

    rows: int = 0
    scored: int = 0
    slots: int = 0
    batches: int = 0
    seconds: float = 0.0
    halved: int = 0

    @property
    def fill(self) -> float:
        """Share of the batches that was rows and no filling."""
        return self.scored / self.slots if self.slots else 0.0


@dataclass
class Scorer:
    """Answers rows in batches.

    `fixed`: every batch has the same number of rows and a width that follows from the row alone, with a padded token in
    each. The answer to a row is then the same, bit for bit on a CPU with the same number of threads, whatever it is
    scored beside: kernels choose their way of adding up by shape, and transformers drops the attention mask when no row
    is padded. `fast`: batches as long as their longest row; an answer moves in the last digits with its neighbours.

    Attributes:
        scoring: `fixed` or `fast`.
        precision: `fp32`, `tf32` (CUDA only) or `bf16`.
        models: what stands for a model that came from another process.
        traffic: what went through so far.
        spent: seconds that the last `answers` took.
    """

    scoring: str = "fixed"
    precision: str = "fp32"
    models: dict[object, RowModel] = field(default_factory=dict)
    traffic: Traffic = field(default_factory=Traffic)
    spent: float = 0.0

    def __post_init__(self) -> None:
        """Checks the values."""
        if self.scoring not in SCORINGS or self.precision not in PRECISIONS:
            raise AlumbenchError(
                f"scoring {self.scoring}, precision {self.precision}: known are {', '.join(SCORINGS)} and "
                f"{', '.join(PRECISIONS)}"
            )

    def answers(self, model: RowModel, rows: Sequence[Row]) -> list[Answer]:
        """One answer a row, or the exception that the row led to."""
        model = self.models.get(model, model)
        if self.precision == "tf32" and model.device.type != "cuda":
            raise AlumbenchError(f"precision tf32 is for CUDA devices; this model is on {model.device}")
        self.traffic.rows += len(rows)
        distinct = list(dict.fromkeys(rows))
        found: dict[Row, Answer] = {}
        start = time.perf_counter()
        cut = self._fixed if self.scoring == "fixed" else self._fast
        with _precision(self.precision, model.device):
            for batch, size, width in cut(model, distinct):
                found.update(zip(batch, self._score(model, batch, size, width), strict=True))
        self.spent = time.perf_counter() - start
        self.traffic.seconds += self.spent
        return [found[row] for row in rows]

    def ripe(self, rows: Mapping[RowModel, Iterable[Row]]) -> dict[RowModel, list[Row]]:
        """Of rows that wait, those to score now: all that fill batches, or else those that fill one best."""
        waiting = {model: list(every) for model, every in rows.items()}
        if self.scoring == "fast":
            return {model: every for model, every in waiting.items() if every}
        full: dict[RowModel, list[Row]] = {}
        fullest: tuple[float, RowModel, list[Row]] | None = None
        for model, every in waiting.items():
            for batch, size, _ in self._fixed(self.models.get(model, model), every):
                if len(batch) >= size - 1:
                    full.setdefault(model, []).extend(batch)
                elif fullest is None or len(batch) / size > fullest[0]:
                    fullest = len(batch) / size, model, batch
        return full or ({fullest[1]: fullest[2]} if fullest else {})

    def _fixed(self, model: RowModel, rows: Sequence[Row]) -> Iterator[tuple[list[Row], int, int]]:
        if model.pad_id is None:
            yield from (([row], 1, len(row.ids)) for row in rows)
            return
        by_width: dict[int, list[Row]] = {}
        for row in rows:
            width = STEP * -(-len(row.ids) // STEP)
            by_width.setdefault(min(width, model.longest or width), []).append(row)
        for width, group in sorted(by_width.items()):
            size = fixed_rows(model.device, width)
            group.sort(key=lambda row: len(row.ids))
            while group:  # the shortest goes with the longest, so that one row, of these or of filling, is padded
                room = size if len(group[0].ids) < width else size - 1
                cut = max(1, len(group) - room + 1)
                batch, group = group[:1] + group[cut:], group[1:cut]
                yield batch, size, width

    def _fast(self, model: RowModel, rows: Sequence[Row]) -> Iterator[tuple[list[Row], int, int]]:
        if model.pad_id is None:
            yield from (([row], 1, len(row.ids)) for row in rows)
            return
        ordered = sorted(rows, key=lambda row: len(row.ids))
        for part in cut_batches([len(row.ids) for row in ordered], FAST_ROWS, FAST_ROWS * FULL_WIDTH):
            batch = ordered[part]
            yield batch, len(batch), max(1, len(batch[-1].ids))

    def _score(self, model: RowModel, rows: Sequence[Row], size: int, width: int) -> list[Answer]:
        try:
            answers = list(model.forward(in_batch(rows, size, width, model), rows))
        except Exception as error:
            if len(rows) == 1:
                return [error]
            if not is_out_of_memory(error):  # one row is at fault: the others have their answers, from the same shape
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


def fixed_rows(device: torch.device, width: int) -> int:
    """Rows of a batch of fixed shape: of long texts as many as have the tokens of full ones; on a CPU one.

    On a CPU fewer than 16 rows may differ with their place, and one has but one place.
    """
    rows = FIXED_ROWS.get(device.type, FIXED_ROWS["cuda"])
    if width <= FULL_WIDTH:
        return rows
    return 1 if device.type == "cpu" else max(1, rows * FULL_WIDTH // width)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that a device has no memory left."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or any(
        said in str(error) for said in ("not enough memory", "can't allocate memory")
    )


def _no_numbers(model: RowModel) -> AlumbenchError:
    return AlumbenchError(f"{model}: gives scores that are no numbers (NaN or infinite); it is broken")


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

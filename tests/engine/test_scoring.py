"""An answer is its row's alone: whatever is scored beside it, fails beside it, or finds no memory."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from alumbench.bfloat16 import PRODUCTS
from alumbench.engine.few_rows import few_rows_as_many
from alumbench.engine.scorer import BatchStats, Scorer
from alumbench.engine.shapes import SHAPES
from alumbench.engine.token_rows import BatchedModel, TokenizedText, in_batch
from alumbench.errors import AlumbenchError
from tests.attacks.conftest import dev
from tests.conftest import REPOSITORY


class Sums(BatchedModel):
    """Answers a row by the sum of its ids; fails on what it is told to fail on."""

    pad_id, longest = 0, 24

    def __init__(self, fails=lambda size, rows: None):
        self.fails, self.shapes, self.padded = fails, [], []

    @property
    def device(self):
        return torch.device("cpu")

    def forward(self, batch, rows):
        self.shapes.append(tuple(batch["input_ids"].shape))
        self.padded.append(not batch["attention_mask"].all())
        self.fails(len(batch["input_ids"]), rows)
        assert int(batch["attention_mask"][: len(rows)].sum()) == sum(len(row.ids) for row in rows)
        return batch["input_ids"].sum(1, keepdim=True).float()[: len(rows)].unbind()


def rows(*lengths: int) -> list[TokenizedText]:
    return [TokenizedText(tuple(range(number, number + length))) for number, length in enumerate(lengths)]


def sums(scorer: Scorer, model: Sums, asked: list[TokenizedText]) -> list[float]:
    return [float(answer) for answer in scorer.answers(model, asked)]


@pytest.mark.parametrize("scoring", ["fixed", "fast"])
def test_answers_come_in_order_and_equal_rows_are_scored_once(scoring):
    asked = rows(*(random.Random(0).randint(1, 24) for _ in range(100))) * 2
    random.Random(1).shuffle(asked)
    scorer = Scorer(scoring)
    assert sums(scorer, Sums(), asked) == [sum(row.ids) for row in asked]
    assert (scorer.traffic.rows, scorer.traffic.scored) == (200, 100)
    assert 0 < scorer.traffic.useful <= scorer.traffic.fill <= 1
    assert scorer.traffic.tokens == sum(len(row.ids) for row in set(asked))
    assert scorer.traffic.all_tokens >= scorer.traffic.tokens


def test_useful_tokens_are_neither_padding_nor_filling():
    scorer = Scorer()
    sums(scorer, Sums(), rows(5, 6, 6))
    assert (scorer.traffic.slots, scorer.traffic.tokens, scorer.traffic.all_tokens) == (8, 17, 8 * 8)
    assert scorer.traffic.useful == 17 / 64
    assert BatchStats().useful == 0.0


def test_fixed_shapes_follow_from_the_row_and_always_pad():
    model = Sums()
    asked = rows(*range(1, 25), *[24] * 40, *[16] * 16)
    assert sums(Scorer(), model, asked) == [sum(row.ids) for row in asked]
    assert all(model.padded), "no batch without a padded token: transformers would drop the mask"
    shapes = [(8, 8), (8, 16), (16, 16), *[(16, 24)] * 3]
    assert sorted(model.shapes) == shapes, "the shorter rows pad the longer ones: 80 rows, and no filling"


@pytest.mark.parametrize(
    ("length", "number", "sizes"),
    [
        (13, 1, [8]),
        (13, 8, [8]),
        (13, 9, [8, 8]),
        (13, 15, [8, 8]),
        (13, 16, [16]),
        (13, 33, [16, 16, 8]),
        (16, 7, [8]),
        (16, 8, [8, 8]),
        (16, 15, [16]),
        (16, 16, [16, 8]),
    ],
)
def test_batches_are_of_sixteen_rows_where_those_are_filled(length, number, sizes):
    """Rows of 16 tokens have no padding of their own, so that each batch needs a row that fills up."""
    model = Sums()
    sums(Scorer(), model, rows(*[length] * number))
    assert model.shapes == [(size, 16) for size in sizes]
    assert all(model.padded)


def test_filling_keeps_the_marks_of_a_text():
    text = TokenizedText((1, 7, 8, 9, 10, 11, 12, 2), types=(0,) * 8)
    batch = in_batch([text], 2, 8, Sums())
    assert batch["input_ids"].tolist() == [list(text.ids)] * 2
    assert batch["attention_mask"].tolist() == [[1] * 8, [1] * 7 + [0]]
    assert "token_type_ids" in batch


@pytest.mark.parametrize("kind", ["checkpoint", "pair_checkpoint"])
def test_a_score_is_the_same_bits_whatever_is_beside_it(request, kind):
    from tests.attacks.conftest import open_victim

    victim = open_victim(request.getfixturevalue(kind))
    texts = [e.texts for e in dev(victim.task.name)[:120]]
    together = victim.scores(texts)
    order = random.Random(2).sample(range(len(texts)), len(texts))
    assert torch.equal(victim.scores([texts[i] for i in order]), together[order])
    assert torch.equal(torch.cat([victim.scores([text]) for text in texts[:30]]), together[:30])
    victim.scorer = Scorer("fast")
    assert torch.allclose(victim.scores(texts), together, rtol=0, atol=1e-5)
    victim.scorer = Scorer(precision="bf16")
    moved = (victim.scores(texts) - together).abs().max()
    assert 0 < moved < 0.2


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
    ],
    ids=["cuda", "cpu"],
)
def test_without_memory_the_batch_halves_and_goes_on(error):
    def fails(size, rows):
        if size > 3:
            raise error

    scorer, asked = Scorer("fast"), rows(*[5] * 20)
    assert sums(scorer, Sums(fails), asked) == [sum(row.ids) for row in asked]
    assert scorer.traffic.halved > 0


def test_a_row_that_fails_or_has_no_number_leaves_the_others_alone():
    def fails(size, rows):
        if any(7 in row.ids for row in rows):
            raise ValueError("seven")

    asked = rows(*[3] * 16)
    model = Sums(fails)
    answers = Scorer().answers(model, asked)
    assert len(set(model.shapes)) == 1, "the others' answers come from the same shape"
    for row, answer in zip(asked, answers, strict=True):
        assert str(answer) == "seven" if 7 in row.ids else float(answer) == sum(row.ids)

    class Broken(Sums):
        def forward(self, batch, rows):
            return [answer / (answer != 3) for answer in super().forward(batch, rows)]

    answers = Scorer().answers(Broken(), asked)
    assert isinstance(answers[0], AlumbenchError) and "not finite" in str(answers[0])
    assert [float(a) for a in answers[1:]] == [sum(row.ids) for row in asked[1:]]


def test_what_cannot_be_asked_for_is_refused():
    with pytest.raises(AlumbenchError, match="tf32 is for CUDA devices"):
        Scorer(precision="tf32").answers(Sums(), rows(3))
    with pytest.raises(AlumbenchError, match="known: fixed, fast"):
        Scorer("slow")


@pytest.mark.parametrize("side", ["left", "right"])
def test_rows_are_padded_on_the_models_side_and_filled_up_with_their_like(side):
    model = Sums()
    model.pad_left = side == "left"
    batch = in_batch([TokenizedText((5, 6, 7)), TokenizedText((5, 6))], 4, 4, model)
    ids = [[0, 5, 6, 7], *[[0, 0, 5, 6]] * 3] if model.pad_left else [[5, 6, 7, 0], *[[5, 6, 0, 0]] * 3]
    assert batch["input_ids"].tolist() == ids
    assert batch["attention_mask"].tolist() == [[int(i > 0) for i in row] for row in ids]
    assert in_batch([TokenizedText((5, 6))], 2, 2, model)["attention_mask"].sum() == 3, "one row at least is padded"


def test_a_model_that_cannot_be_filled_up_reads_one_at_a_time():
    model = Sums()
    model.pad_id = None
    for scoring in ("fixed", "fast"):
        assert sums(Scorer(scoring), model, rows(3, 5, 3)) == [3, 15, 9]
    assert set(model.shapes) == {(1, 3), (1, 5)}


def test_full_batches_are_scored_first_then_the_one_with_the_least_filling():
    scorer, one, other = Scorer(), Sums(), Sums()
    waiting = {one: rows(*[5] * 9, *[11] * 3, 24), other: rows(*[6] * 18)}
    ready = scorer.ready_batches(waiting)
    assert [len(rows) for rows in ready.values()] == [16] and list(ready) == [other]
    waiting[other] = [row for row in waiting[other] if row not in ready[other]]
    sizes = []
    while any(waiting.values()):
        ((model, batch),) = scorer.ready_batches(waiting).items()
        sizes.append(len(batch))
        waiting[model] = [row for row in waiting[model] if row not in batch]
    assert sizes == [8, 3, 2, 1, 1]


@pytest.mark.parametrize(
    ("device", "width", "sizes"),
    [
        ("cpu", 16, (8, 16)),
        ("cpu", 50, (16,)),
        ("cpu", 1024, (1,)),
        ("cuda", 16, (64,)),
        ("cuda", 1024, (32,)),
    ],
)
def test_a_width_cut_by_the_models_limit_has_one_number_of_rows(device, width, sizes):
    assert SHAPES[device].allowed(width) == sizes


@pytest.mark.parametrize("threads", ["1", "2"])
@pytest.mark.parametrize("kernels", ["COMPATIBLE", "AUTO"])
def test_no_bit_of_an_answer_moves_with_the_number_of_rows(kernels, threads):
    """With MKL's oldest kernels and with this processor's own; `bits` has the models."""

    environment = os.environ | {"MKL_CBWR": kernels, "OMP_NUM_THREADS": threads, "PYTHONPATH": str(REPOSITORY)}
    line = [sys.executable, "-m", "tests.engine.bits"]
    done = subprocess.run(line, capture_output=True, text=True, cwd=REPOSITORY, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []


def test_products_of_few_vectors_are_made_of_sixteen():
    class Seen(TorchDispatchMode):
        sizes = []

        def __torch_dispatch__(self, op, types, args=(), kwargs=None):
            if op in PRODUCTS:
                self.sizes.append(max(len(factor) for factor in args if factor.dim() == 2))
            return op(*args, **kwargs or {})

    layer = torch.nn.Linear(3, 2)
    few, tokens = torch.randn(5, 3, requires_grad=True), torch.randn(1, 7, 3)
    with Seen() as seen, few_rows_as_many():
        answer = layer(few)
        (gradient,) = torch.autograd.grad(answer.sum(), few)
        layer(few.repeat(4, 1))
    assert torch.allclose(answer, few @ layer.weight.T + layer.bias) and torch.allclose(gradient, layer.weight.sum(0))
    assert seen.sizes[0] == 16 and seen.sizes[-1] == 20
    with few_rows_as_many():
        assert layer(tokens).shape == (1, 7, 2) and layer(few[:0]).shape == (0, 2)
        assert torch.equal(torch.compile(layer, backend="eager")(few), answer)

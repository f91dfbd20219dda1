"""`StepContext`: one line makes it, and each batch's place follows from the one before."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer

from alumbench.errors import AlumbenchError
from alumbench.methods import Step, StepContext, make_method
from tests.methods.tiny import batch_of, step_of, tiny_classifier

BATCH = batch_of()


def places(accumulation: int, sizes: list[int]) -> list[tuple[int, list[int]]]:
    context, found = StepContext.start([0, 2], accumulation=accumulation), []
    for size in sizes:
        context = context.next({name: value[:size] for name, value in BATCH.items()})
        found.append((context.number, list(context.examples)))
    return found


def test_steps_are_counted_and_rows_are_numbered_within_each() -> None:
    assert places(1, [4, 3]) == [(0, [0, 1, 2, 3]), (1, [0, 1, 2])]
    assert places(2, [2, 2, 2, 1]) == [(0, [0, 1]), (0, [2, 3]), (1, [0, 1]), (1, [2])]


def test_a_resumed_run_goes_on_where_it_was() -> None:
    context = StepContext.start([0, 2], seed=5, total=9, accumulation=2, done=3).next(BATCH)
    assert (context.number, context.seed, context.total) == (3, 5, 9)
    assert list(context.examples) == [0, 1, 2, 3]
    own = context.next(BATCH, examples=[7, 5, 6, 4], weights=torch.ones(4))
    assert own.examples == [7, 5, 6, 4] and own.number == 3 and own.weights is not None
    with pytest.raises(AlumbenchError, match="accumulation = 0"):
        StepContext.start([0], accumulation=0)


def test_special_tokens_come_of_a_tokenizer_or_as_ids(tiny_model: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    ids = StepContext.start(tokenizer).special_ids
    assert set(ids.tolist()) == {tokenizer.pad_token_id, tokenizer.cls_token_id, tokenizer.sep_token_id}
    assert torch.equal(StepContext.start([0, 2]).special_ids, StepContext.start(torch.tensor([0, 2])).special_ids)


def test_accumulation_changes_no_example_s_noise() -> None:
    """Two batches of two are the batch of four, for a method that draws noise."""
    method, gradients = make_method("alum", {"direction": "vat"}), []
    for size in (4, 2):
        model = tiny_classifier(dropout=0.0).double()
        context = StepContext.start([0, 2], accumulation=4 // size)
        for at in range(0, 4, size):
            part = {name: value[at : at + size] for name, value in BATCH.items()}
            context = context.next(part)
            (method.loss(model, part, context).total * size / 4).backward()
        gradients.append(torch.cat([p.grad.flatten() for p in model.parameters()]))
    torch.testing.assert_close(*gradients, rtol=1e-10, atol=1e-12)


def test_the_old_name_is_the_same_class() -> None:
    assert Step is StepContext and isinstance(step_of(), StepContext)

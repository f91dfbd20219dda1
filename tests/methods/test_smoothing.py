"""Label smoothing alone and under ALUM: against torch's own, and that it changes the task's part of the loss alone."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from alumbench.errors import AlumbenchError
from alumbench.methods import make_method
from tests.methods.tiny import batch_of, step_of, tiny_classifier


@pytest.mark.parametrize("smoothing", [0.1, 0.5])
def test_the_loss_is_torchs_own(smoothing: float) -> None:
    model, batch = tiny_classifier(dropout=0.0), batch_of()
    loss = make_method("label-smoothing", {"smoothing": smoothing}).loss(model, batch, step_of())
    logits = model(**batch).logits
    torch.testing.assert_close(loss.total, functional.cross_entropy(logits, batch["labels"], label_smoothing=smoothing))
    torch.testing.assert_close(loss.parts["task"], functional.cross_entropy(logits, batch["labels"]))


@pytest.mark.parametrize("direction", ["fisher", "vat", "noise"])
def test_under_alum_it_is_added_to_the_regularizer(direction: str) -> None:
    model, batch = tiny_classifier(dropout=0.0), batch_of()
    plain = make_method("alum", {"direction": direction}).loss(model, batch, step_of())
    smooth = make_method("alum", {"direction": direction, "smoothing": 0.2}).loss(model, batch, step_of())
    task = functional.cross_entropy(model(**batch).logits, batch["labels"], label_smoothing=0.2)
    assert smooth.parts == plain.parts
    torch.testing.assert_close(smooth.total - plain.total, task - plain.parts["task"])


def test_with_alpha_zero_it_is_label_smoothing() -> None:
    model, batch = tiny_classifier(dropout=0.0), batch_of()
    alone = make_method("label-smoothing", {"smoothing": 0.2}).loss(model, batch, step_of())
    under = make_method("alum", {"alpha": 0, "smoothing": 0.2}).loss(model, batch, step_of())
    torch.testing.assert_close(under.total, alone.total)


def test_what_cannot_be_is_refused() -> None:
    for method in ("alum", "label-smoothing"):
        with pytest.raises(AlumbenchError, match=r"smoothing = 1\.0: must be from 0 to below 1"):
            make_method(method, {"smoothing": 1})
    with pytest.raises(AlumbenchError, match="direction 'label' climbs the task's own loss"):
        make_method("alum", {"smoothing": 0.1, "direction": "label"})
    with pytest.raises(ValueError, match="needs class labels"):
        make_method("label-smoothing", {}).loss(tiny_classifier(1), batch_of(1), step_of())

"""TAVAT: a table of the vocabulary's perturbations that words of the batch read and write."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from alumbench.adversary import Perturbation
from alumbench.errors import AlumbenchError
from alumbench.methods import make_method
from alumbench.methods.tavat import TABLE
from tests.methods.tiny import IDS, batch_of, learn, step_of, tiny_classifier


def run(values: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> tuple[Tensor, Tensor, list[Tensor], Perturbation]:
    """The table before and after one batch, and the δ + τ of its passes."""
    model, method = tiny_classifier(dropout=0.0), make_method("tavat", values)
    method.prepare(model)
    table = getattr(model, TABLE).rows
    before, totals, plain = table.clone(), [], Perturbation.forward_backward

    def spy(self: Perturbation, delta: Tensor, keep_graph: bool = False) -> Any:
        totals.append(delta.detach().clone())
        return plain(self, delta, keep_graph)

    with monkeypatch.context() as patch:
        patch.setattr(Perturbation, "forward_backward", spy)
        learn(method, model)
    return before, table, totals, step_of().perturbation(model, batch_of())


def test_rows_of_the_batchs_words_change_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    before, after, _, space = run({}, monkeypatch)
    words = set(IDS[space.perturbable].tolist())
    changed = {row for row in range(len(before)) if not torch.equal(before[row], after[row])}
    assert changed == words
    assert not words & {0, 1, 2}  # neither specials nor padding


def test_with_one_pass_each_row_gains_its_words_share_as_often_as_it_occurs(monkeypatch: pytest.MonkeyPatch) -> None:
    before, after, totals, space = run({"num_steps": 1, "init_scale": 0.5, "epsilon": 0.2}, monkeypatch)
    tau = before[IDS] * space.perturbable[..., None]
    tau = tau / tau.norm(dim=(1, 2), keepdim=True) * 0.5 * 0.2 * space.rms
    expected = before.clone()
    for row, token in space.perturbable.nonzero().tolist():
        expected[IDS[row, token]] += tau[row, token]
    torch.testing.assert_close(after, expected)
    instance = totals[0] - tau
    bound = 0.5 * 0.2 * space.rms / (space.perturbable.sum(-1)[:, None, None] * instance.shape[-1]).sqrt()
    assert (instance.abs() <= bound * 1.001 + 1e-7).all() and instance.abs().max() > 0


def test_both_perturbations_together_stay_in_the_ball(monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, totals, space = run({"num_steps": 4, "step_size": 1.0, "epsilon": 0.1}, monkeypatch)
    assert len(totals) == 4
    for total in totals[1:]:
        assert (total.norm(dim=(1, 2), keepdim=True) <= 0.1 * space.rms * 1.0001).all()
        assert torch.equal(total.ne(0).any(-1), space.perturbable)


def test_the_table_is_read_in_the_next_batch() -> None:
    losses = []
    for keep in (True, False):
        model, method = tiny_classifier(dropout=0.0), make_method("tavat", {"epsilon": 0.5})
        method.prepare(model)
        first = getattr(model, TABLE).rows.clone()
        learn(method, model)
        if not keep:
            getattr(model, TABLE).rows.copy_(first)
        losses.append(float(learn(method, model).total.detach()))
    assert losses[0] != losses[1]


def test_a_ball_that_its_two_parts_cannot_share_is_refused() -> None:
    with pytest.raises(AlumbenchError, match="l2-sentence only"):
        make_method("tavat", {"norm": "linf"})

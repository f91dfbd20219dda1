"""CreAT: with τ its δ moves the representations, without it the loss."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from alumbench.adversary import Perturbation
from alumbench.methods import make_method
from tests.methods.tiny import batch_of, gradients, learn, step_of, tiny_classifier


def found(values: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> tuple[list[Tensor], Any]:
    """The δ of every perturbed pass, and the loss."""
    deltas: list[Tensor] = []
    plain = Perturbation.forward

    def spy(self: Perturbation, delta: Tensor | None = None, *args: Any, **kwargs: Any) -> Any:
        if delta is not None:
            deltas.append(delta.detach().clone())
        return plain(self, delta, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(Perturbation, "forward", spy)
        loss = learn(make_method("creat", values), tiny_classifier(dropout=0.0))
    return deltas, loss


def test_the_ascent_is_of_loss_minus_tau_cosine(monkeypatch: pytest.MonkeyPatch) -> None:
    deltas, _ = found({"epsilon": 0.2, "tau": 3.0, "init_scale": 0.1}, monkeypatch)
    assert len(deltas) == 2
    model = tiny_classifier(dropout=0.0)
    space = step_of().perturbation(model, batch_of())
    start = deltas[0].requires_grad_()
    perturbed, clean = (space.forward(d, labels=True, output_hidden_states=True).outputs for d in (start, None))
    near = cosine_similarity(perturbed.hidden_states[-1], clean.hidden_states[-1].detach(), dim=-1)
    goal = 4 * perturbed.loss - 3.0 * (near * batch_of()["attention_mask"]).sum()
    (gradient,) = torch.autograd.grad(goal, start)
    gradient = gradient * space.perturbable[..., None]
    step = 0.2 * space.rms * gradient / gradient.norm(dim=(1, 2), keepdim=True)
    moved = start.detach() + step
    length = moved.norm(dim=(1, 2), keepdim=True)
    expected = moved * (0.2 * space.rms / length).clamp(max=1)
    torch.testing.assert_close(deltas[1], expected, rtol=1e-3, atol=1e-5)
    assert torch.equal(deltas[1].ne(0).any(-1), space.perturbable)


def test_tau_turns_the_adversary_from_the_loss_towards_the_representations(monkeypatch: pytest.MonkeyPatch) -> None:
    def reached(tau: float) -> tuple[float, float]:
        deltas, loss = found(
            {"epsilon": 0.2, "tau": tau, "init_scale": 0.1, "num_steps": 15, "step_size": 0.3}, monkeypatch
        )
        space = step_of().perturbation(tiny_classifier(dropout=0.0), batch_of())
        states = [space.forward(d, output_hidden_states=True).outputs.hidden_states[-1] for d in (None, deltas[-1])]
        near = cosine_similarity(*states, dim=-1)[batch_of()["attention_mask"].bool()]
        return float(1 - near.detach().mean()), float(loss.parts["adversarial"])

    (near, high), (far, low) = reached(0.0), reached(1000.0)
    assert far > 1.2 * near
    assert high > 1.02 * low


def test_the_loss_is_the_mean_and_alpha_zero_is_standard(monkeypatch: pytest.MonkeyPatch) -> None:
    _, loss = found({}, monkeypatch)
    torch.testing.assert_close(loss.total.detach(), (loss.parts["task"] + loss.parts["adversarial"]) / 2)
    assert loss.parts["adversarial"] > loss.parts["task"]
    kept = []
    for name, values in (("standard", {}), ("creat", {"alpha": 0})):
        model = tiny_classifier()
        torch.manual_seed(4)
        kept.append((learn(make_method(name, values), model).total, gradients(model)))
    assert torch.equal(kept[0][0], kept[1][0])
    assert all(torch.equal(kept[0][1][name], kept[1][1][name]) for name in kept[0][1])

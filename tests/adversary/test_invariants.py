"""Invariants 1 and 3 of the search itself: δ inside its ball, and an example's own, for each kind of output."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from alumbench.adversary import DIRECTIONS, NORMS, RULES, Ascent, AscentResult, Ball, divergence
from tests.small_bert import HIDDEN, KINDS, batch_of, double, small_bert, step_of

MODELS = {kind: small_bert(kind).double() for kind in KINDS}


def find(
    kind: str, ascent: Ascent, norm: str, epsilon: float, model: Any = None, **chosen: Any
) -> tuple[AscentResult, Any]:
    """δ for a batch of these examples, and the batch as the search saw it."""
    examples = chosen.get("examples", range(5))
    batch = double(batch_of(kind, **chosen))
    space = step_of(examples).perturbation(MODELS[kind] if model is None else model, batch)
    zero = space.zero() if ascent.needs_clean_gradient() else None
    learns = zero is not None and ascent.direction == "label"
    clean = space.forward_backward(zero) if learns else space.forward(zero, labels=True)
    target = clean.answers.detach()

    def objective(delta: Tensor) -> Tensor:
        if ascent.direction == "label":
            return space.forward(delta, labels=True).loss * target.rows()
        return divergence(target, space.forward(delta).answers) * target.rows()

    return ascent.find(
        space, Ball(norm, space.perturbable), epsilon * space.rms, space.rms, clean, zero, objective
    ), space


@pytest.mark.parametrize("norm", NORMS)
@given(
    kind=st.sampled_from(sorted(KINDS)),
    direction=st.sampled_from(DIRECTIONS),
    steps=st.integers(0, 3),
    step=st.sampled_from([0.01, 0.4, 1.0, 30.0]),
    start=st.sampled_from([1e-6, 1e-2, 5.0]),
    rule=st.sampled_from(RULES),
    epsilon=st.sampled_from([1e-5, 0.05, 3.0]),
)
def test_delta_is_in_the_ball_and_zero_on_padding_and_special_tokens(
    norm: str, kind: str, direction: str, steps: int, step: float, start: float, rule: str, epsilon: float
) -> None:
    found, space = find(kind, Ascent(direction, steps, step, start, rule), norm, epsilon, padding=1)
    delta, radius = found.delta, epsilon * space.rms
    if norm == "linf":
        length = delta.abs().amax((1, 2)) * HIDDEN**0.5
    else:
        length = delta.norm(dim=-1).amax(-1) if norm == "l2-token" else delta.norm(dim=(1, 2))
    assert (length <= radius.flatten() * (1 + 1e-6)).all()
    assert not delta[~space.perturbable].any()
    assert delta[space.perturbable].any()
    assert not delta.requires_grad
    assert bool(found.finite)
    assert 0 <= float(found.zero_gradients) <= 1


BATCHES: list[dict[str, Any]] = [
    {"examples": [0, 1, 2, 3, 4]},
    {"examples": [1, 0]},
    {"examples": [3, 2], "padding": 4},
    {"examples": [4, 2, 1], "on_the_left": True},
    {"examples": [0], "padding": 17, "on_the_left": True},
    {"examples": [3]},
]
ASCENTS = {
    "fisher": Ascent("fisher"),
    "fisher-2": Ascent("fisher", num_steps=2, step_size=0.6),
    "vat": Ascent("vat"),
    "label-2": Ascent("label", num_steps=2, step_size=0.6),
    "noise": Ascent("noise"),
    "no-steps": Ascent("vat", num_steps=0),
    "vat-as-printed": Ascent("vat", step_size=0.3, init_scale=0.05, rule="gradient"),
    "label-as-printed": Ascent("label", num_steps=2, step_size=0.01, rule="gradient"),
    "vat-renormalized": Ascent("vat", step_size=0.3, init_scale=0.05, rule="renormalized"),
}


#: The model's own loss of a span lets padding take part, so that what climbs that loss depends on it.
LABEL_FREE = {"spans": [name for name in ASCENTS if not name.startswith("label")]}
CASES = [(kind, name) for kind in KINDS for name in LABEL_FREE.get(kind, ASCENTS)]


@pytest.mark.parametrize("norm", ["l2-sentence", "linf"])
@pytest.mark.parametrize(("kind", "ascent"), CASES)
def test_delta_is_the_example_s_own_whatever_it_is_batched_with(kind: str, ascent: str, norm: str) -> None:
    """Neither size, neighbours, order, padding nor its side; so neither accumulation, which is smaller batches."""
    found: dict[int, list[Tensor]] = {number: [] for number in range(5)}
    for chosen in BATCHES:
        if kind in {"two", "three", "regression"}:  # a BERT's classifier reads the first column
            chosen = chosen | {"on_the_left": False}
        result, space = find(kind, ASCENTS[ascent], norm, 0.3, **chosen)
        for row, number in enumerate(chosen["examples"]):
            found[number].append(result.delta[row][space.perturbable[row]])
    for first, *others in found.values():
        assert first.any()
        assert others
        for other in others:
            # An L∞ step takes signs, and a component whose gradient is all but zero may round to either.
            close = ((first - other).abs() <= 1e-6 * first.abs().max()).double().mean()
            assert close >= (0.97 if norm == "linf" else 1.0)


def test_another_step_or_seed_gives_another_delta() -> None:
    """So that the test above does not hold of a δ that is always the same."""
    model, batch = MODELS["three"], double(batch_of("three"))
    draws = [step_of(number=number).perturbation(model, batch).noise() for number in (3, 4)]
    assert not torch.equal(*draws)


def test_examples_without_a_gradient_are_counted_and_stay_at_their_start() -> None:
    """A head that sees nothing has no gradient to any δ."""
    model = small_bert("three").double()
    model.classifier.weight.data.zero_()
    for direction in ("fisher", "vat", "label"):
        found, space = find("three", Ascent(direction), "l2-sentence", 0.3, model)
        assert float(found.zero_gradients) == 1.0
        start = 0.01 * space.rms.flatten() if direction == "vat" else torch.zeros(5)
        torch.testing.assert_close(found.delta.norm(dim=(1, 2)), start.double())


@pytest.mark.parametrize("direction", ["fisher", "vat", "label"])
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_gradient_that_is_not_finite_is_told(direction: str, bad: float) -> None:
    model = small_bert("three").double()
    model.bert.pooler.dense.register_full_backward_hook(lambda module, inputs, outputs: (inputs[0] * bad,))
    found, _ = find("three", Ascent(direction), "l2-sentence", 0.3, model)
    assert not bool(found.finite)
    assert bool(find("three", Ascent(direction), "l2-sentence", 0.3)[0].finite)

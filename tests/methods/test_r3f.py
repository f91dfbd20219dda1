"""R3F: one draw of noise of the size asked for, on words alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from alumbench.methods import make_method
from alumbench.methods.r3f import R3f
from tests.methods.tiny import batch_of, gradients, learn, step_of, tiny_classifier


@pytest.mark.parametrize("relative", [False, True])
@pytest.mark.parametrize("noise", ["uniform", "normal"])
def test_noise_is_as_large_as_asked_for_and_on_words_only(noise: str, relative: bool) -> None:
    model = tiny_classifier(hidden_size=512)
    method = R3f(noise=noise, epsilon=0.3, relative=relative)
    space = method.space(model, batch_of(), step_of())
    drawn = method.draw(space)
    assert torch.equal(drawn.ne(0).any(-1), space.perturbable)
    unit = space.rms / 512**0.5 if relative else torch.ones_like(space.rms)
    scaled = (drawn / (0.3 * unit))[space.perturbable]
    if noise == "uniform":
        assert 0.95 < scaled.abs().max() <= 1.0001
    assert float(scaled.std()) == pytest.approx(1.0 if noise == "normal" else 3**-0.5, rel=0.05)


def test_the_default_is_the_codes_noise_with_masks_of_its_own_and_replayed_masks_leave_next_to_nothing() -> None:
    losses = [
        learn(make_method("r3f", values), tiny_classifier()).parts["regularizer"]
        for values in ({}, {"replay_dropout": True}, {"replay_dropout": True, "epsilon": 0.1, "relative": True})
    ]
    assert losses[0] > 1e-2
    assert losses[1] < 1e-6 < losses[2]


def test_alpha_zero_is_standard_bit_for_bit() -> None:
    kept: list[Any] = []
    for name, values in (("standard", {}), ("r3f", {"alpha": 0})):
        model = tiny_classifier()
        torch.manual_seed(4)
        kept.append((learn(make_method(name, values), model).total, gradients(model), torch.get_rng_state()))
    assert torch.equal(kept[0][0], kept[1][0]) and torch.equal(kept[0][2], kept[1][2])
    assert all(torch.equal(kept[0][1][name], kept[1][1][name]) for name in kept[0][1])

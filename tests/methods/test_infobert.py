"""InfoBERT: its two bounds are bounds, and its anchored words lie where they should."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from alumbench.errors import AlumbenchError
from alumbench.methods import make_method
from alumbench.methods.infobert import CRITIC, Critic, InfoBert
from tests.methods.tiny import batch_of, gradients, learn, step_of, tiny_classifier


def test_the_critics_bound_never_exceeds_log_n_and_grows_with_dependence_when_trained() -> None:
    torch.manual_seed(0)
    critic, words = Critic(4), torch.randn(64, 4)
    bounds = {}
    for name, sentences in (("dependent", words * 2), ("independent", torch.randn(64, 4))):
        critic = Critic(4)
        optimizer = torch.optim.Adam(critic.parameters(), 1e-2)
        for _ in range(150):
            other = torch.randn(64, 4)
            pair = (other, other * 2) if name == "dependent" else (other, torch.randn(64, 4))
            optimizer.zero_grad()
            (-critic.bound(*pair)).backward()
            optimizer.step()
        bounds[name] = float(critic.bound(words, sentences).detach())
    assert bounds["dependent"] > 0.5 > 0.2 > bounds["independent"]
    assert bounds["dependent"] <= math.log(64)


def test_the_anchored_words_are_between_the_quantiles_of_their_gradients() -> None:
    method = InfoBert(low=0.4, high=0.8)
    space = method.space(tiny_classifier(), batch_of(), step_of())
    gradient = torch.zeros(4, 6, 8)
    gradient[0, 1:5, 0] = torch.tensor([3.0, 1.0, 4.0, 2.0])  # four words: ranks 2, 0, 3, 1
    gradient[..., 0, 0] = 9.0  # a special token's gradient does not count
    chosen = method.anchors(space, gradient)
    assert chosen[0].tolist() == [False, True, False, True, False, False]  # ranks 2 and 3 of ⌈1.6⌉ to ⌈3.2⌉ − 1
    assert not (chosen & ~space.perturbable).any()


def test_the_bottleneck_is_half_the_squared_distance_of_a_word_and_another() -> None:
    space = InfoBert().space(tiny_classifier(), batch_of(), step_of())
    words = torch.randn(4, 6, 8, generator=torch.Generator().manual_seed(0))
    rows = words[space.perturbable]
    draws = [float(InfoBert().bottleneck(_at(number), words)) for number in range(200)]
    # E ½‖a − b‖² over all pairs is the total variance
    assert sum(draws) / 200 == pytest.approx(float(rows.var(0, correction=0).sum()), rel=0.1)


def _at(number: int) -> object:
    return InfoBert().space(tiny_classifier(), batch_of(), step_of(number))


def test_the_loss_is_task_plus_bounds_and_the_estimator_learns_to_raise_its_own() -> None:
    model, method = tiny_classifier(dropout=0.0), make_method("infobert", {"alpha": 0.5, "beta": 0.25})
    method.prepare(model)
    loss = learn(method, model)
    parts = loss.parts
    torch.testing.assert_close(
        loss.total.detach(), parts["task"] + 0.25 * parts["bottleneck"] - 0.5 * parts["anchored"]
    )
    critic = getattr(model, CRITIC)
    before: Tensor = parts["anchored"]
    with torch.no_grad():
        for parameter in critic.parameters():
            parameter -= 0.1 * parameter.grad
    assert learn(method, model).parts["anchored"] > before


def test_without_both_terms_it_is_freelb_bit_for_bit() -> None:
    kept = []
    for name, values in (("freelb", {"num_steps": 3}), ("infobert", {"alpha": 0, "beta": 0})):
        model = tiny_classifier()
        torch.manual_seed(4)
        method = make_method(name, values)
        method.prepare(model)
        kept.append((learn(method, model).total, gradients(model)))
    assert torch.equal(kept[0][0], kept[1][0])
    assert all(torch.equal(kept[0][1][name], kept[1][1][name]) for name in kept[0][1])


def test_a_batch_without_words_still_gives_the_estimator_a_gradient() -> None:
    model, method = tiny_classifier(), make_method("infobert", {})
    method.prepare(model)
    learn(method, model, step_of(special=torch.arange(12)))
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_quantiles_out_of_order_are_refused() -> None:
    with pytest.raises(AlumbenchError, match="0 ≤ low < high ≤ 1"):
        make_method("infobert", {"low": 0.9, "high": 0.5})

"""Invariant 1: δ is inside its ball and 0 wherever a token is not free."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from alumbench.adversary import NORMS, Ball, token_rms

BATCH, TOKENS, HIDDEN = 3, 5, 4


def lengths(norm: str, delta: Tensor) -> Tensor:
    """What each norm bounds by the radius, written out plainly."""
    if norm == "linf":
        return delta.abs().amax(-1) * HIDDEN**0.5
    if norm == "l2-token":
        return delta.square().sum(-1).sqrt()
    return delta.square().sum((-2, -1)).sqrt()


@st.composite
def cases(draw: st.DrawFn) -> tuple[Tensor, Tensor, Tensor]:
    """A gradient of any scale, free tokens (none, some, all) and a radius a sentence (0 among them)."""
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    scale = 10.0 ** draw(st.integers(-25, 25))
    gradient = torch.randn(BATCH, TOKENS, HIDDEN, generator=generator) * scale
    free = torch.rand(BATCH, TOKENS, generator=generator) < draw(st.sampled_from([0.0, 0.5, 1.0]))
    radius = torch.tensor(draw(st.lists(st.sampled_from([0.0, 1e-5, 0.05, 1.0, 30.0]), min_size=BATCH, max_size=BATCH)))
    return gradient, free, radius[:, None, None]


def of_length_one(gradient: Tensor) -> Tensor:
    """Each token's."""
    return (gradient.double() / gradient.double().norm(dim=-1, keepdim=True)).float()


@pytest.mark.parametrize("norm", NORMS)
@given(case=cases())
def test_delta_is_inside_the_ball_and_zero_on_tokens_that_are_not_free(
    norm: str, case: tuple[Tensor, Tensor, Tensor]
) -> None:
    gradient, free, radius = case
    ball = Ball(norm, free)
    bound = radius.flatten() if norm == "l2-sentence" else radius[..., 0]
    for delta in (ball.project(gradient, radius), ball.steepest(gradient, radius)):
        assert delta.shape == gradient.shape
        assert (lengths(norm, delta) <= bound * (1 + 1e-6)).all()
        assert not delta[~free].any()


@pytest.mark.parametrize("norm", NORMS)
@given(case=cases())
def test_projection_keeps_what_is_inside_and_is_the_same_twice(norm: str, case: tuple[Tensor, Tensor, Tensor]) -> None:
    gradient, free, radius = case
    ball = Ball(norm, free)
    once = ball.project(gradient, radius)
    torch.testing.assert_close(ball.project(once, radius), once)
    within = 0.5 * once
    assert torch.equal(ball.project(within, radius), within)


@pytest.mark.parametrize("norm", NORMS)
def test_steepest_reaches_the_surface_and_rises_most(norm: str) -> None:
    generator = torch.Generator().manual_seed(0)
    gradient = torch.randn(BATCH, TOKENS, HIDDEN, generator=generator)
    ball, radius = Ball(norm, torch.ones(BATCH, TOKENS, dtype=torch.bool)), torch.full((BATCH, 1, 1), 0.3)
    best = ball.steepest(gradient, radius)
    torch.testing.assert_close(lengths(norm, best), torch.full_like(lengths(norm, best), 0.3))
    for _ in range(50):
        other = ball.project(best + torch.randn(best.shape, generator=generator) * 0.1, radius)
        assert ((gradient * other).sum((1, 2)) <= (gradient * best).sum((1, 2)) + 1e-6).all()


@pytest.mark.parametrize("norm", NORMS)
@given(case=cases(), scale=st.sampled_from([1e-6, 0.25, 3.0, 1e6]))
def test_a_scaled_gradient_points_to_the_same_delta(
    norm: str, case: tuple[Tensor, Tensor, Tensor], scale: float
) -> None:
    """Invariant 3: neither the loss's scale nor the number of accumulated batches moves δ."""
    gradient, free, radius = case
    gradient = of_length_one(gradient)
    ball = Ball(norm, free)
    torch.testing.assert_close(ball.steepest(scale * gradient, radius), ball.steepest(gradient, radius))


#: Powers of 2, so that a scaled gradient is the same to the last bit: normal and subnormal numbers, short and long.
SCALES = [2.0**power for power in (-140, -126, -100, -70, -42, -20, 20, 60, 63, 100, 126)]


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("scale", SCALES, ids=lambda scale: f"{scale:.0e}")
def test_no_scale_is_too_small_or_too_large(norm: str, scale: float) -> None:
    """Neither an absolute floor, nor squares that leave float32: δ is as long, and points where it should."""
    gradient = of_length_one(torch.randn(BATCH, TOKENS, HIDDEN, generator=torch.Generator().manual_seed(0)))
    ball, radius = Ball(norm, torch.ones(BATCH, TOKENS, dtype=torch.bool)), torch.full((BATCH, 1, 1), 0.3)
    close = {"rtol": 1e-5, "atol": 1e-6} if scale > 2.0**-126 else {"rtol": 0, "atol": 1e-2}  # subnormals: few digits
    scaled = gradient * scale
    for find in (ball.steepest, ball.normalize):
        torch.testing.assert_close(find(scaled, radius), find(gradient, radius), **close)
    if scale > 1:
        torch.testing.assert_close(ball.project(scaled, radius), ball.project(gradient * 2.0**20, radius), **close)
    else:
        assert torch.equal(ball.project(scaled, radius), scaled), "it is inside"
        tiny = ball.project(scaled, radius * scale)
        torch.testing.assert_close(tiny / scale, ball.project(gradient, radius), **close)


@given(case=cases())
def test_ordinary_gradients_are_divided_by_their_length_and_nothing_else(case: tuple[Tensor, Tensor, Tensor]) -> None:
    """To the last bit, as ever: the weights of a training run follow from it."""
    gradient, free, radius = case
    for norm, dims in (("l2-token", (-1,)), ("l2-sentence", (-2, -1))):
        free_alone = gradient * free[..., None]
        length = torch.linalg.vector_norm(free_alone, dim=dims, keepdim=True)
        nothing = free_alone.abs().amax(dims, keepdim=True) == 0
        ordinary = (nothing | ((length > 1e-12) & (length < 1e18))).expand(gradient.shape)
        length, ball = length.clamp(min=1e-12), Ball(norm, free)
        assert torch.equal(ball.steepest(gradient, radius)[ordinary], (free_alone / length * radius)[ordinary])
        projected = free_alone * (radius / length).clamp(max=1.0)
        assert torch.equal(ball.project(gradient, radius)[ordinary], projected[ordinary])


def test_what_is_not_finite_stays_so() -> None:
    """Else a broken loss would look like a sound δ."""
    gradient = torch.ones(BATCH, TOKENS, HIDDEN)
    gradient[0, 0, 0], gradient[1, 0, 0] = torch.nan, torch.inf
    delta = Ball("l2-sentence", torch.ones(BATCH, TOKENS, dtype=torch.bool)).steepest(gradient, torch.ones(BATCH, 1, 1))
    assert (~torch.isfinite(delta).all((1, 2))).tolist() == [True, True, False]


@pytest.mark.parametrize("norm", NORMS)
@given(case=cases())
def test_normalizing_puts_noise_on_the_surface(norm: str, case: tuple[Tensor, Tensor, Tensor]) -> None:
    gradient, free, radius = case
    delta = Ball(norm, free).normalize(of_length_one(gradient), radius)
    assert not delta[~free].any()
    bound = radius.flatten() * free.any(-1) if norm == "l2-sentence" else radius[..., 0] * free
    torch.testing.assert_close(lengths(norm, delta), bound)


@pytest.mark.parametrize("norm", NORMS)
def test_zero_gradient_gives_zero_delta(norm: str) -> None:
    ball = Ball(norm, torch.ones(BATCH, TOKENS, dtype=torch.bool))
    assert not ball.steepest(torch.zeros(BATCH, TOKENS, HIDDEN), torch.ones(BATCH, 1, 1)).any()


def test_token_rms_counts_free_tokens_alone() -> None:
    embeddings = torch.tensor([[[3.0, 4.0], [0.0, 1.0], [100.0, 0.0]], [[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]])
    free = torch.tensor([[True, True, False], [False, False, False]])
    rms = token_rms(embeddings, free)
    assert rms.shape == (2, 1, 1)
    torch.testing.assert_close(rms.flatten(), torch.tensor([(26 / 2) ** 0.5, 0.0]))


def test_an_unknown_norm_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'l3'; known: l2-sentence"):
        Ball("l3", torch.ones(1, 1, dtype=torch.bool))

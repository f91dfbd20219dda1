"""Where δ points, on a trained model: further than chance, away from its start, and by both roads alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity
from transformers import PreTrainedModel

from alumbench.adversary import (
    DIRECTIONS,
    DIVERGENCES,
    Ascent,
    AscentResult,
    Ball,
    Perturbation,
    divergence,
    example_uniform,
)
from alumbench.data import miniature
from alumbench.models.checkpoint import find_model, load_classifier, load_tokenizer

COUNT = 64


@dataclass(frozen=True)
class Scene:
    """A trained classifier in evaluation mode with one batch."""

    model: PreTrainedModel
    batch: dict[str, Tensor]
    special_ids: Tensor

    @property
    def space(self) -> Perturbation:
        return Perturbation(self.model, self.batch, self.special_ids, seed=1, step=0, examples=range(COUNT))

    @property
    def perturbable(self) -> Tensor:
        return self.space.perturbable

    @property
    def unit(self) -> Tensor:
        return self.space.rms

    def logits(self, delta: Tensor) -> Tensor:
        return self.space.forward(delta).answers.logits[0]

    def search(self, ascent: Ascent, radius: Tensor, norm: str = "l2-sentence") -> AscentResult:
        space = self.space
        zero = space.zero() if ascent.needs_clean_gradient() else None
        learns = zero is not None and ascent.direction == "label"
        clean = space.forward_backward(zero) if learns else space.forward(zero, labels=True)
        target = clean.answers.detach()

        def objective(delta: Tensor) -> Tensor:
            if ascent.direction == "label":
                return space.forward(delta, labels=True).loss * COUNT
            return divergence(target, space.forward(delta).answers) * COUNT

        return ascent.find(space, Ball(norm, space.perturbable), radius, space.rms, clean, zero, objective)

    def find(self, ascent: Ascent, radius: Tensor, norm: str = "l2-sentence") -> Tensor:
        return self.search(ascent, radius, norm).delta

    def divergence(self, delta: Tensor) -> float:
        with torch.no_grad():
            return float(divergence(self.space.forward().answers, self.space.forward(delta).answers))


@pytest.fixture(scope="module")
def scene(checkpoint: Path) -> Scene:
    files = find_model(str(checkpoint))
    model, tokenizer = load_classifier(files).eval(), load_tokenizer(files)
    rows = miniature.rows("sentiment/dev")
    batch = dict(tokenizer(rows["sentence"][:COUNT], padding=True, return_tensors="pt"))
    batch["labels"] = torch.tensor([["negative", "positive"].index(label) for label in rows["label"][:COUNT]])
    return Scene(model, batch, torch.tensor(tokenizer.all_special_ids))


@pytest.mark.parametrize("epsilon", [0.02, 0.1])
@pytest.mark.parametrize("direction", ["fisher", "vat"])
def test_the_found_delta_moves_the_output_much_more_than_a_random_one(
    scene: Scene, direction: str, epsilon: float
) -> None:
    radius = epsilon * scene.unit
    found = scene.find(Ascent(direction), radius)
    random = scene.find(Ascent("noise"), radius)
    # Both on the surface, but for examples so sure of their label that VAT's gradient rounds to zero.
    on_surface = (found.norm(dim=(1, 2)) / radius.flatten() - 1).abs() < 1e-4
    assert on_surface.float().mean() > 0.95
    torch.testing.assert_close(random.norm(dim=(1, 2)), radius.flatten())
    assert scene.divergence(found) > 5 * scene.divergence(random)


def test_more_steps_do_not_lose_what_one_reached(scene: Scene) -> None:
    radius = 0.05 * scene.unit
    one, three = (scene.divergence(scene.find(Ascent("vat", num_steps=steps), radius)) for steps in (1, 3))
    assert three >= 0.98 * one


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("norm", ["l2-sentence", "l2-token", "linf"])
@pytest.mark.parametrize("steps", [0, 1, 3])
def test_every_direction_ends_inside_the_ball_and_detached(scene: Scene, direction: str, norm: str, steps: int) -> None:
    radius = 0.05 * scene.unit
    delta = scene.find(Ascent(direction, num_steps=steps, step_size=0.7), radius, norm)
    assert not delta.requires_grad
    assert delta.any()
    assert not delta[~scene.perturbable].any()
    assert (delta - Ball(norm, scene.perturbable).project(delta, radius)).abs().max() <= 1e-6 * radius.max()


def test_no_steps_is_the_noise_itself(scene: Scene) -> None:
    radius = 0.05 * scene.unit
    for direction in DIRECTIONS:
        delta = scene.find(Ascent(direction, num_steps=0), radius)
        assert torch.equal(delta, Ball("l2-sentence", scene.perturbable).steepest(scene.space.noise(), radius))


def test_vat_leaves_its_start(scene: Scene) -> None:
    delta = scene.find(Ascent("vat"), 0.05 * scene.unit)
    cosine = cosine_similarity(delta.flatten(1), scene.space.noise().flatten(1))
    assert cosine.abs().mean() < 0.5
    assert (cosine.abs() < 0.5).float().mean() > 0.9


def test_fisher_and_vat_share_a_line_with_two_classes(scene: Scene) -> None:
    radius = 0.05 * scene.unit
    fisher, vat = (scene.find(Ascent(name, step_size=5.0), radius).flatten(1) for name in ("fisher", "vat"))
    # A step of five radii makes the start a small part of δ; a gradient that rounds to zero leaves only the start.
    assert (cosine_similarity(fisher, vat).abs() > 0.98).float().mean() > 0.95


def test_fisher_mostly_leads_away_from_the_predicted_label(scene: Scene) -> None:
    delta = scene.find(Ascent("fisher"), 0.05 * scene.unit)
    with torch.no_grad():
        clean, moved = (scene.logits(at).softmax(-1) for at in (torch.zeros_like(delta), delta))
    predicted = clean.argmax(-1, keepdim=True)
    sampled_is_predicted = clean.cumsum(-1).ge(example_uniform(1, 0, range(COUNT))).int().argmax(-1, keepdim=True)
    agree = (sampled_is_predicted == predicted).flatten()
    assert agree.float().mean() > 0.7
    assert (moved.gather(1, predicted) < clean.gather(1, predicted)).flatten()[agree].all()


@pytest.mark.parametrize(
    ("values", "message"),
    [({"direction": "fischer"}, "unknown direction 'fischer'"), ({"num_steps": -1}, "K = -1 ascent steps")],
    ids=["direction", "steps"],
)
def test_bad_values_are_refused(values: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Ascent(**values)


@pytest.mark.parametrize("name", sorted(DIVERGENCES))
def test_divergences_are_zero_at_no_change_and_agree_with_float64(name: str) -> None:
    generator = torch.Generator().manual_seed(0)
    one, two = torch.randn(6, 3, generator=generator), torch.randn(6, 3, generator=generator)
    divergence: Callable[[Tensor, Tensor], Tensor] = DIVERGENCES[name]
    assert torch.equal(divergence(one, one), torch.zeros(6))
    p, q = one.double().softmax(-1), two.double().softmax(-1)
    m = (p + q) / 2
    expected = {
        "kl": (p * (p / q).log()).sum(-1),
        "symmetric-kl": (p * (p / q).log() + q * (q / p).log()).sum(-1),
        "js": 0.5 * (p * (p / m).log() + q * (q / m).log()).sum(-1),
        "squared-error": (one - two).double().square().sum(-1),
    }[name]
    torch.testing.assert_close(divergence(one, two).double(), expected, rtol=1e-5, atol=1e-6)

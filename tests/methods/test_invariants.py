"""Invariants 2, 4, 5 and 7 of the methods that search: what is learned, from where, and what is left alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity
from transformers import PreTrainedModel

from alumbench.adversary import NORMS, WordEmbeddings
from alumbench.data import miniature
from alumbench.methods import make_method
from alumbench.models.checkpoint import find_model, load_classifier, load_tokenizer
from tests.small_bert import (
    HIDDEN,
    KINDS,
    PAD,
    VOCABULARY,
    batch_of,
    double,
    recorded,
    small_bert,
    space_of,
    step_of,
)

Frozen = Callable[[], Tensor]


def outputs_at(model: PreTrainedModel, batch: dict[str, Tensor], delta: Tensor | None) -> Any:
    if delta is None:
        return model(**batch)
    with WordEmbeddings(model).added(delta):
        return model(**batch)


def rows_at(kind: str, model: PreTrainedModel, batch: dict[str, Tensor], delta: Tensor | None = None) -> list[Tensor]:
    """The logits of each distribution that counts, padding cut away."""
    outputs = outputs_at(model, batch, delta)
    if kind == "spans":
        real = batch["attention_mask"].bool()
        return [row[mask] for side in outputs.to_tuple()[1:3] for row, mask in zip(side, real, strict=True)]
    if kind in {"tokens", "masked"}:
        return list(outputs.logits[batch["labels"] != -100])
    return list(outputs.logits)


def relative_entropy(one: Tensor, two: Tensor) -> Tensor:
    p, q = one.softmax(-1), two.softmax(-1)
    return (p * (p / q).log()).sum()


def regularizer(
    kind: str, held: str, clean: list[Tensor], perturbed: list[Tensor], still: list[list[Tensor]]
) -> Tensor:
    """The symmetric KL (or squared error) with constants where the targets are held."""
    fixed, fixed_too = still
    if kind == "regression":
        first = fixed if held == "clean" else clean
        terms = [(one - two).square().sum() for one, two in zip(first, perturbed, strict=True)]
    elif held == "targets":
        pairs = zip(clean, perturbed, fixed, fixed_too, strict=True)
        terms = [relative_entropy(p0, q) + relative_entropy(q0, p) for p, q, p0, q0 in pairs]
    else:
        pairs = zip(fixed if held == "clean" else clean, perturbed, strict=True)
        terms = [relative_entropy(p, q) + relative_entropy(q, p) for p, q in pairs]
    return torch.stack(terms).sum() / (len(terms) / 2 if kind == "spans" else len(terms))


def error_of_the_gradient(model: PreTrainedModel, loss: Frozen) -> float:
    """Largest relative difference of the parameters' gradients to finite differences along four directions."""
    generator, h = torch.Generator().manual_seed(5), 1e-6
    weights = [parameter for parameter in model.parameters() if parameter.grad is not None]
    words = next(i for i, weight in enumerate(weights) if weight is model.get_input_embeddings().weight)
    errors = []
    for _ in range(4):
        # Half towards the gradient: a direction that is all chance would compare two small numbers.
        along = [torch.randn(weight.shape, generator=generator, dtype=torch.float64) for weight in weights]
        along = [
            one / one.norm() + weight.grad / weight.grad.norm().clamp(min=1e-12)
            for one, weight in zip(along, weights, strict=True)
        ]
        # torch learns nothing for the padding's own row, though a span's loss sees padding
        along[words][PAD] = 0.0
        values = []
        with torch.no_grad():
            for shift in (h, -2 * h, h):
                torch._foreach_add_(weights, along, alpha=shift)
                values.append(float(loss()))
        numeric = (values[0] - values[1]) / (2 * h)
        analytic = float(sum((weight.grad * one).sum() for one, weight in zip(along, weights, strict=True)))
        errors.append(abs(numeric - analytic) / abs(analytic))
    return max(errors)


ALUM = [("three", direction, stop) for direction in ("fisher", "vat", "label") for stop in ("none", "clean", "targets")]
ALUM += [(kind, "fisher", "none") for kind in KINDS if kind != "three"]
ALUM += [("tokens", "label", "clean"), ("spans", "vat", "targets"), ("regression", "label", "clean")]


@pytest.mark.parametrize(("kind", "direction", "stop"), ALUM)
def test_alum_s_gradient_equals_finite_differences_with_delta_and_targets_frozen(
    monkeypatch: pytest.MonkeyPatch, kind: str, direction: str, stop: str
) -> None:
    model, batch, alpha = small_bert(kind).double(), double(batch_of(kind)), 3.0
    method = make_method("alum", {"alpha": alpha, "epsilon": 0.3, "direction": direction, "stop_gradient": stop})
    with recorded(monkeypatch) as deltas:
        loss = method.loss(model, batch, step_of())
    loss.total.backward()
    with torch.no_grad():
        still = [rows_at(kind, model, batch), rows_at(kind, model, batch, deltas[-1])]

    def frozen() -> Tensor:
        sides = rows_at(kind, model, batch), rows_at(kind, model, batch, deltas[-1])
        return model(**batch).loss + alpha * regularizer(kind, stop, *sides, still)

    torch.testing.assert_close(frozen(), loss.total)
    assert error_of_the_gradient(model, frozen) < 1e-7


@pytest.mark.parametrize(
    ("direction", "steps", "stop"),
    [("fisher", 1, "none"), ("vat", 1, "none"), ("label", 1, "clean"), ("label", 0, "none"), ("noise", 1, "none")],
)
def test_what_is_held_by_default_is_what_the_documentation_says(direction: str, steps: int, stop: str) -> None:
    """`clean` for a searched `label`, which is what makes it cost 6."""
    found = {}
    for held in ("auto", "none", "clean"):
        model = small_bert("three")
        method = make_method(
            "alum", {"direction": direction, "num_steps": steps, "stop_gradient": held, "epsilon": 0.3}
        )
        method.loss(model, batch_of("three"), step_of()).total.backward()
        found[held] = torch.cat([weight.grad.flatten() for weight in model.parameters()])
    assert torch.equal(found["auto"], found[stop])
    assert not torch.equal(found["none"], found["clean"])


LEARNED: list[tuple[str, dict[str, Any]]] = [
    ("fgm", {"alpha": 2.0}),
    ("pgd", {"alpha": 2.0}),
    ("freelb", {"num_steps": 3}),
    ("freelb++", {"num_steps": 3}),
]


@pytest.mark.parametrize("kind", ["three", "regression", "tokens", "spans"])
@pytest.mark.parametrize(("name", "values"), LEARNED, ids=str)
def test_the_gradient_taken_early_equals_finite_differences_with_delta_frozen(
    monkeypatch: pytest.MonkeyPatch, name: str, values: dict[str, Any], kind: str
) -> None:
    model, batch = small_bert(kind).double(), double(batch_of(kind))
    with recorded(monkeypatch) as deltas:
        loss = make_method(name, values | {"epsilon": 0.3}).loss(model, batch, step_of())
    loss.total.backward()

    def frozen() -> Tensor:
        if name in {"fgm", "pgd"}:
            return model(**batch).loss + 2 * outputs_at(model, batch, deltas[-1]).loss
        return torch.stack([outputs_at(model, batch, delta).loss for delta in deltas]).mean()

    assert len(deltas) == {"fgm": 2, "pgd": 4}.get(name, 3)
    torch.testing.assert_close(frozen(), loss.total)
    assert error_of_the_gradient(model, frozen) < 1e-7


SEARCHING: list[tuple[str, dict[str, Any]]] = [
    ("alum", {"direction": "fisher", "num_steps": 2}),
    ("alum", {"direction": "vat"}),
    ("alum", {"direction": "label"}),
    ("alum", {"direction": "vat", "num_steps": 0}),
    ("alum-paper", {}),
    ("alum-ref", {}),
    ("noise", {}),
    ("fgm", {}),
    ("pgd", {}),
    ("freelb", {}),
    ("freelb", {"init_scale": 5.0}),
]


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize(("name", "values"), SEARCHING, ids=str)
def test_every_delta_that_is_learned_from_is_inside_the_ball(
    monkeypatch: pytest.MonkeyPatch, name: str, values: dict[str, Any], norm: str
) -> None:
    model, batch = small_bert("three"), batch_of("three", padding=1)
    method = make_method(name, values | {"epsilon": 0.2, "norm": norm, "perturb_special_tokens": False})
    with recorded(monkeypatch) as deltas:
        method.loss(model, batch, step_of())
    space = space_of(model, batch)
    radius = 0.2 * (space.rms if method.relative else torch.ones_like(space.rms)).flatten()
    for delta in deltas if name.startswith("freelb") else deltas[-1:]:
        if norm == "linf":
            length = delta.abs().amax((1, 2)) * (1.0 if name == "alum-paper" else HIDDEN**0.5)
        else:
            length = delta.norm(dim=-1).amax(-1) if norm == "l2-token" else delta.norm(dim=(1, 2))
        assert (length <= radius * (1 + 1e-6)).all()
        assert not delta[~space.perturbable].any()
    assert deltas[-1].any()


def test_the_paper_s_constants_bound_each_component(monkeypatch: pytest.MonkeyPatch) -> None:
    model, batch = small_bert("three"), batch_of("three")
    with recorded(monkeypatch) as deltas:
        make_method("alum-paper", {}).loss(model, batch, step_of())
    start, delta = deltas
    assert float(delta.abs().max()) == pytest.approx(1e-5, rel=1e-6)
    assert 0.5e-5 < float(start[start != 0].std()) < 1.5e-5
    assert torch.equal(delta.ne(0).any(-1), batch["input_ids"] != PAD), "special tokens are perturbed, padding is not"


@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize(("name", "values"), [case for case in SEARCHING if "alum" in case[0] or case[0] == "noise"])
def test_a_delta_of_zero_makes_a_regularizer_of_exactly_zero(name: str, values: dict[str, Any], dropout: float) -> None:
    """No token is free. Embeddings applied twice, or masks that are not replayed, would show here."""
    torch.manual_seed(3)
    method, step = (
        make_method(name, values | {"perturb_special_tokens": False}),
        step_of(special=torch.arange(VOCABULARY)),
    )
    for kind in KINDS:
        model, batch = small_bert(kind, dropout), batch_of(kind)
        loss = method.loss(model, batch, step)
        assert float(loss.parts["regularizer"]) == 0.0
        if dropout:
            independent = make_method(name, values | {"perturb_special_tokens": False, "replay_dropout": False})
            assert float(independent.loss(model, batch, step).parts["regularizer"]) > 0


@pytest.mark.parametrize(("name", "values"), SEARCHING, ids=str)
def test_the_run_s_dropout_draws_are_those_of_standard_training(name: str, values: dict[str, Any]) -> None:
    states, tasks = [], []
    for method in (make_method("standard", {}), make_method(name, values)):
        model, batch = small_bert("three", 0.3), batch_of("three")
        torch.manual_seed(4)
        loss = method.loss(model, batch, step_of())
        states.append(torch.get_rng_state())
        tasks.append(loss.parts.get("task", loss.total).detach())
    assert torch.equal(*states)
    if not name.startswith("freelb"):
        assert torch.equal(*tasks), "the clean pass drops the units that standard training drops"


@pytest.fixture(scope="module")
def trained(checkpoint: Path) -> tuple[PreTrainedModel, dict[str, Tensor], Tensor]:
    """A classifier without dropout, and 48 dev sentences with their labels."""
    files = find_model(str(checkpoint))
    model, tokenizer = load_classifier(files).eval(), load_tokenizer(files)
    rows = miniature.rows("sentiment/dev")
    batch = dict(tokenizer(rows["sentence"][:48], padding=True, return_tensors="pt"))
    labels = torch.tensor([["negative", "positive"].index(label) for label in rows["label"][:48]])
    return model, batch | {"labels": labels}, torch.tensor(tokenizer.all_special_ids)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("direction", ["fisher", "vat", "label"])
def test_an_adversary_moves_the_output_further_than_noise_of_the_same_length(
    trained: tuple[PreTrainedModel, dict[str, Tensor], Tensor], direction: str, norm: str
) -> None:
    model, batch, special = trained
    step = step_of(range(48), special)
    for epsilon in (0.02, 0.2):
        reached = [
            float(
                make_method(name, values | {"epsilon": epsilon, "norm": norm})
                .loss(model, batch, step)
                .parts["regularizer"]
            )
            for name, values in (("alum", {"direction": direction}), ("noise", {}))
        ]
        assert reached[0] > 5 * reached[1] > 0


@pytest.mark.parametrize(
    ("name", "values", "follows"),
    [("alum", {"direction": "vat"}, False), ("alum-ref", {}, True), ("alum", {"direction": "fisher"}, False)],
    ids=["vat", "ref", "fisher"],
)
def test_true_vat_leaves_its_noise_and_the_released_code_s_rule_does_not(
    monkeypatch: pytest.MonkeyPatch,
    trained: tuple[PreTrainedModel, dict[str, Tensor], Tensor],
    name: str,
    values: dict[str, Any],
    follows: bool,
) -> None:
    model, batch, special = trained
    step = step_of(range(48), special)
    with recorded(monkeypatch) as deltas:
        loss = make_method(name, values).loss(model, batch, step)
    noise = step.perturbation(model, batch).noise()
    cosines = cosine_similarity(deltas[-1].flatten(1), noise.flatten(1))
    if follows:
        assert cosines.min() > 0.99
    else:
        assert cosines.abs().mean() < 0.3
        assert (cosines.abs() < 0.5).float().mean() > 0.9
    assert 0 <= float(loss.parts["zero_gradients"]) < 0.1
    assert not math.isnan(float(loss.total))

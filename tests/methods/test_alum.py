"""The objective: its gradient against float64 finite differences, and what it must not depend on."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel

from alumbench.adversary import NORMS, WordEmbeddings
from alumbench.data import miniature
from alumbench.methods import make_method
from alumbench.models.checkpoint import find_model, load_classifier, load_tokenizer
from tests.small_bert import BEGIN, END, PAD, VOCABULARY, batch_of, double, recorded, small_bert, step_of


def frozen_loss(model: PreTrainedModel, batch: dict[str, Tensor], delta: Tensor, alpha: float) -> Tensor:
    """Task loss + α l(f(x), f(x+δ)) in float64, written out anew, δ a constant."""
    clean = model(**batch)
    with WordEmbeddings(model).added(delta):
        perturbed = model(**{name: value for name, value in batch.items() if name != "labels"}).logits
    if clean.logits.shape[-1] == 1:
        regularizer = (clean.logits - perturbed).square().sum(-1).mean()
    else:
        p, q = clean.logits.softmax(-1), perturbed.softmax(-1)
        regularizer = ((p * (p / q).log()).sum(-1) + (q * (q / p).log()).sum(-1)).mean()
    return clean.loss + alpha * regularizer


@pytest.mark.parametrize("kind", ["regression", "two", "three"])
@pytest.mark.parametrize("direction", ["fisher", "vat", "noise"])
def test_the_outer_gradient_equals_finite_differences_with_delta_frozen(
    monkeypatch: pytest.MonkeyPatch, direction: str, kind: str
) -> None:
    model, batch, alpha = small_bert(kind).double(), double(batch_of(kind)), 3.0
    method = make_method("alum", {"alpha": alpha, "epsilon": 0.5, "direction": direction})
    with recorded(monkeypatch) as deltas:
        loss = method.loss(model, batch, step_of())
    loss.total.backward()
    delta = deltas[-1].double()
    generator, h = torch.Generator().manual_seed(5), 1e-6
    for name, weight in model.named_parameters():
        along = torch.randn(weight.shape, generator=generator, dtype=torch.float64)
        # Half towards the gradient: a direction that is all chance would compare two small numbers.
        along = along / along.norm() + weight.grad / weight.grad.norm().clamp(min=1e-12)
        values = []
        with torch.no_grad():
            for shift in (h, -2 * h):
                weight += shift * along
                values.append(float(frozen_loss(model, batch, delta, alpha)))
            weight += h * along
        numeric, analytic = (values[0] - values[1]) / (2 * h), float((weight.grad * along).sum())
        assert numeric == pytest.approx(analytic, rel=1e-4, abs=1e-8), name


@pytest.mark.parametrize("kind", ["regression", "three"])
def test_the_value_is_task_loss_plus_alpha_times_divergence(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    model, batch = small_bert(kind), batch_of(kind)
    with recorded(monkeypatch) as deltas:
        loss = make_method("alum", {"alpha": 7, "epsilon": 0.5}).loss(model, batch, step_of())
    torch.testing.assert_close(loss.total, frozen_loss(model, batch, deltas[-1], 7.0), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(loss.total, loss.parts["task"] + 7 * loss.parts["regularizer"])
    assert loss.parts["regularizer"] > 0
    assert not any(part.requires_grad for part in loss.parts.values())


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_no_free_token_makes_the_regularizer_exactly_zero(dropout: float) -> None:
    """δ = 0: embeddings applied twice, or masks not replayed, would show here."""
    step = step_of(special=torch.arange(VOCABULARY))
    for direction in ("fisher", "vat", "noise"):
        loss = make_method("alum", {"direction": direction}).loss(small_bert("three", dropout), batch_of("three"), step)
        assert float(loss.parts["regularizer"]) == 0.0
        assert torch.equal(loss.total.detach(), loss.parts["task"])


def test_independent_masks_make_a_regularizer_of_their_own() -> None:
    values = {"direction": "noise", "replay_dropout": False}
    loss = make_method("alum", values).loss(
        small_bert("three", 0.3), batch_of("three"), step_of(special=torch.arange(VOCABULARY))
    )
    assert float(loss.parts["regularizer"]) > 0


@pytest.mark.parametrize("direction", ["fisher", "vat", "noise"])
def test_the_generator_stands_where_standard_training_leaves_it(direction: str) -> None:
    states = []
    for method in (make_method("standard", {}), make_method("alum", {"direction": direction, "num_steps": 2})):
        model = small_bert("three", 0.3)
        torch.manual_seed(4)
        method.loss(model, batch_of("three"), step_of())
        states.append(torch.get_rng_state())
    assert torch.equal(*states)


@pytest.mark.parametrize("special", [False, True], ids=["words", "specials-too"])
@pytest.mark.parametrize("norm", NORMS)
def test_padding_is_never_perturbed_and_specials_only_when_asked(
    monkeypatch: pytest.MonkeyPatch, norm: str, special: bool
) -> None:
    with recorded(monkeypatch) as deltas:
        make_method("alum", {"norm": norm, "perturb_special_tokens": special}).loss(
            small_bert("two"), batch_of("two"), step_of()
        )
    touched = deltas[-1].ne(0).any(-1)
    ids = batch_of("two")["input_ids"]
    words = (ids != PAD) & ((ids != BEGIN) & (ids != END) | special)
    assert torch.equal(touched, words)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("direction", ["fisher", "vat", "noise"])
def test_delta_does_not_depend_on_the_batch(
    monkeypatch: pytest.MonkeyPatch, checkpoint: Path, direction: str, norm: str
) -> None:
    """Invariant 3: four examples at once, and the same in twos with less padding, and other neighbours."""
    files = find_model(str(checkpoint))
    model, tokenizer = load_classifier(files).eval(), load_tokenizer(files)
    texts = sorted(miniature.rows("sentiment/dev")["sentence"], key=len)[:: 399 // 3]
    special = torch.tensor(tokenizer.all_special_ids)
    # A short start leaves a sure example with a gradient of rounding errors, which padding may change.
    method = make_method("alum", {"direction": direction, "norm": norm, "epsilon": 0.1, "init_scale": 0.5})
    found: dict[int, list[Tensor]] = {number: [] for number in range(4)}
    widths = set()
    for numbers in ([0, 1, 2, 3], [0, 1], [3, 2], [1, 2]):
        batch = dict(tokenizer([texts[number] for number in numbers], padding=True, return_tensors="pt"))
        widths.add(batch["input_ids"].shape[1])
        with recorded(monkeypatch) as deltas:
            method.loss(model, batch | {"labels": torch.zeros(len(numbers)).long()}, step_of(numbers, special))
        for number, delta, mask in zip(numbers, deltas[-1], batch["attention_mask"], strict=True):
            found[number].append(delta[mask.bool()])
    assert len(widths) > 1, "no batch was padded differently"
    for first, *others in found.values():
        scale = first.abs().max()
        for other in others:
            # An L∞ step takes signs: where a gradient is all but zero its sign is a matter of rounding.
            close = ((first - other).abs() <= 1e-3 * scale).float().mean()
            assert close >= (0.99 if norm == "linf" else 1.0)

"""What is read out of each kind of output, how far two of them are apart, and what learns from that."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.special import rel_entr, softmax
from torch import Tensor

from alumbench.adversary import DIVERGENCES, Outputs, divergence, read_answers
from alumbench.adversary.ascent import fisher_gradient
from tests.small_bert import KINDS, batch_of, double, small_bert

SCIPY: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "kl": lambda p, q: float(rel_entr(p, q).sum()),
    "symmetric-kl": lambda p, q: float(rel_entr(p, q).sum() + rel_entr(q, p).sum()),
    "js": lambda p, q: float(jensenshannon(p, q) ** 2),
}


def outputs_of(kind: str, batch: dict[str, Tensor], seed: int, spread: float = 2.0) -> dict[str, Tensor]:
    """Random outputs in float64, of the shapes that a model of that kind gives."""
    generator = torch.Generator().manual_seed(seed)
    rows, tokens = batch["input_ids"].shape
    shapes = {
        "two": {"logits": (rows, 2)},
        "three": {"logits": (rows, 3)},
        "regression": {"logits": (rows, 1)},
        "tokens": {"logits": (rows, tokens, 3)},
        "masked": {"logits": (rows, tokens, 24)},
        "spans": {"start_logits": (rows, tokens), "end_logits": (rows, tokens)},
    }[kind]
    return {
        name: torch.randn(shape, generator=generator, dtype=torch.float64) * spread for name, shape in shapes.items()
    }


def rows_of(kind: str, batch: dict[str, Tensor], outputs: dict[str, Tensor]) -> list[list[np.ndarray]]:
    """The logits of each distribution that counts, example by example, padding cut away; written out plainly."""
    found = []
    for row in range(len(batch["input_ids"])):
        if kind == "spans":
            real = batch["attention_mask"][row].bool()
            found.append([outputs[name][row][real].numpy() for name in ("start_logits", "end_logits")])
        elif kind in {"tokens", "masked"}:
            labelled = batch["labels"][row] != -100
            found += [[logits.numpy()] for logits in outputs["logits"][row][labelled]]
        else:
            found.append([outputs["logits"][row].numpy()])
    return found


@pytest.mark.parametrize("name", sorted(DIVERGENCES))
@pytest.mark.parametrize("kind", KINDS)
@given(seeds=st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), padding=st.integers(0, 3))
def test_divergences_are_scipy_s_mean_over_the_rows_that_count(
    kind: str, name: str, seeds: tuple[int, int], padding: int
) -> None:
    batch = batch_of(kind, padding=padding)
    clean, perturbed = (outputs_of(kind, batch, seed) for seed in seeds)
    found = divergence(read_answers(clean, batch), read_answers(perturbed, batch), name)
    expected = []
    for ours, others in zip(rows_of(kind, batch, clean), rows_of(kind, batch, perturbed), strict=True):
        if kind == "regression" or name == "squared-error":
            expected.append(sum(((one - two) ** 2).sum() for one, two in zip(ours, others, strict=True)))
        else:
            pairs = zip(ours, others, strict=True)
            expected.append(sum(SCIPY[name](softmax(one), softmax(two)) for one, two in pairs))
    assert float(found) == pytest.approx(np.mean(expected), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_outputs_are_read_as_the_model_gives_them(kind: str) -> None:
    batch = batch_of(kind)
    answers = read_answers(small_bert(kind)(**batch), batch)
    rows, tokens = batch["input_ids"].shape
    assert answers.is_regression is (kind == "regression")
    assert len(answers.logits) == (2 if kind == "spans" else 1)
    if kind == "spans":
        probabilities = torch.stack(answers.logits).softmax(-1)
        assert (probabilities[:, batch["attention_mask"] == 0] == 0).all()
        assert answers.rows() == rows
    elif kind in {"tokens", "masked"}:
        assert answers.logits[0].shape[:2] == (rows, tokens)
        assert answers.counts is not None
        assert torch.equal(answers.counts, batch["labels"] != -100)
        assert answers.rows() == (batch["labels"] != -100).sum()
    else:
        assert answers.counts is None
        assert answers.rows() == rows


def test_token_outputs_without_labels_count_real_tokens() -> None:
    batch = batch_of("tokens")
    labels = batch.pop("labels")
    answers = read_answers({"logits": torch.zeros(*labels.shape, 3)}, batch)
    assert answers.counts is not None
    assert torch.equal(answers.counts, batch["attention_mask"].bool())


@pytest.mark.parametrize("kind", ["tokens", "masked"])
def test_rows_that_do_not_count_change_nothing_and_learn_nothing(kind: str) -> None:
    batch = batch_of(kind)
    clean, perturbed = (outputs_of(kind, batch, seed)["logits"].requires_grad_() for seed in (1, 2))
    uncounted = batch["labels"] == -100
    value = divergence(read_answers({"logits": clean}, batch), read_answers({"logits": perturbed}, batch))
    value.backward()
    assert perturbed.grad is not None
    assert not perturbed.grad[uncounted].any()
    assert perturbed.grad[~uncounted].any(-1).all()
    other = torch.where(uncounted[..., None], perturbed.detach() * 3 + 1, perturbed.detach())
    assert divergence(read_answers({"logits": clean}, batch), read_answers({"logits": other}, batch)) == value


def test_no_row_that_counts_is_a_divergence_of_zero() -> None:
    batch = batch_of("tokens")
    batch["labels"] = torch.full_like(batch["labels"], -100)
    one, two = (read_answers(outputs_of("tokens", batch, seed), batch) for seed in (1, 2))
    assert float(divergence(one, two)) == 0.0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", sorted(DIVERGENCES))
def test_no_change_is_exactly_zero_in_every_precision(kind: str, name: str) -> None:
    batch = batch_of(kind)
    for kept in (torch.float64, torch.float32, torch.bfloat16, torch.float16):
        outputs = {key: value.to(kept) for key, value in outputs_of(kind, batch, 3).items()}
        assert float(divergence(read_answers(outputs, batch), read_answers(outputs, batch), name)) == 0.0


@pytest.mark.parametrize("name", sorted({*DIVERGENCES} - {"kl"}))  # whose terms cancel, a sum of both signs
def test_a_small_divergence_is_no_rounding_error(name: str) -> None:
    """In float32, at changes a thousandth as long as the logits, as small radii make them."""
    generator = torch.Generator().manual_seed(0)
    clean = torch.randn(500, 3, generator=generator, dtype=torch.float64)
    perturbed = clean + 1e-3 * torch.randn(500, 3, generator=generator, dtype=torch.float64)
    exact = DIVERGENCES[name](clean.float().double(), perturbed.float().double())
    found = DIVERGENCES[name](clean.float(), perturbed.float())
    assert ((found - exact).abs() <= 0.01 * exact.mean()).all()


def gradients(kind: str, name: str, stop: str, size: float) -> tuple[Tensor, Tensor]:
    """With respect to clean and perturbed outputs that differ by `size`; zero where nothing learns."""
    batch = batch_of(kind)
    clean = outputs_of(kind, batch, 1)
    change = outputs_of(kind, batch, 2, size)
    perturbed = {key: (value + change[key]).requires_grad_() for key, value in clean.items()}
    for value in clean.values():
        value.requires_grad_()
    divergence(read_answers(clean, batch), read_answers(perturbed, batch), name, stop).backward()
    ours, others = (
        torch.cat([(torch.zeros_like(v) if v.grad is None else v.grad).flatten() for v in side.values()])
        for side in (clean, perturbed)
    )
    return ours, others


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", sorted(DIVERGENCES))
def test_a_held_clean_side_does_not_learn_and_the_other_learns_as_before(kind: str, name: str) -> None:
    both, held = gradients(kind, name, "none", 1.0), gradients(kind, name, "clean", 1.0)
    assert both[0].any()
    assert both[1].any()
    assert not held[0].any()
    assert torch.equal(held[1], both[1])


@pytest.mark.parametrize("kind", ["two", "three", "tokens", "spans", "masked"])
def test_held_targets_halve_the_gradient_near_no_change_on_both_sides(kind: str) -> None:
    for size, tolerance in ((1e-5, 1e-4), (1e-2, 1e-1)):
        for none, targets in zip(
            gradients(kind, "symmetric-kl", "none", size), gradients(kind, "symmetric-kl", "targets", size), strict=True
        ):
            assert (targets - none / 2).norm() <= tolerance * none.norm()
            assert targets.norm() > 0
    # Far from there it is no half: what is left out is the other distribution's own change.
    none, targets = (gradients(kind, "symmetric-kl", stop, 2.0)[1] for stop in ("none", "targets"))
    assert (targets - none / 2).norm() > 0.05 * none.norm()


def test_held_targets_give_the_difference_of_the_probabilities() -> None:
    generator = torch.Generator().manual_seed(0)
    clean, perturbed = (torch.randn(4, 3, generator=generator, dtype=torch.float64) for _ in range(2))
    ours, others = clean.clone().requires_grad_(), perturbed.clone().requires_grad_()
    value = divergence(Outputs((ours,)), Outputs((others,)), stop_gradient="targets")
    assert torch.equal(value, divergence(Outputs((clean,)), Outputs((perturbed,))))
    value.backward()
    difference = (perturbed.softmax(-1) - clean.softmax(-1)) / 4
    torch.testing.assert_close(others.grad, difference)
    torch.testing.assert_close(ours.grad, -difference)


def test_held_targets_are_about_the_symmetric_kl() -> None:
    answers = Outputs((torch.zeros(2, 3),))
    with pytest.raises(ValueError, match="two terms of symmetric-kl, not to js"):
        divergence(answers, answers, "js", "targets")


@pytest.mark.parametrize("kind", KINDS)
def test_the_fisher_gradient_is_the_jacobian_times_p_minus_a_sampled_label(kind: str) -> None:
    """Jᵀ v, J by a backward for each output, v from the same draws, one example and one row after the other."""
    model, batch = small_bert(kind).double(), double(batch_of(kind))
    embed = model.get_input_embeddings()
    inputs = {key: batch[key] for key in ("attention_mask", "position_ids")}
    delta = torch.zeros(*batch["input_ids"].shape, 8, dtype=torch.float64, requires_grad=True)
    outputs = model(inputs_embeds=embed(batch["input_ids"]).detach() + delta, **inputs)
    generator = torch.Generator().manual_seed(6)
    draws: list[Tensor] = []

    def uniform(count: int) -> Tensor:
        draws.append(torch.rand(len(batch["input_ids"]), count, generator=generator, dtype=torch.float64))
        return draws[-1]

    answers = read_answers(outputs, batch)
    found = fisher_gradient(answers, delta, uniform)
    assert len(draws) == 1
    expected = torch.zeros_like(delta)
    for example in range(len(batch["input_ids"])):
        if kind == "spans":
            rows = [outputs.start_logits[example], outputs.end_logits[example]]
            real = batch["attention_mask"][example].bool()
            rows = [row[real] for row in rows]
        elif kind in {"tokens", "masked"}:
            rows = list(outputs.logits[example][batch["labels"][example] != -100])
        else:
            rows = [outputs.logits[example]]
        for row, draw in zip(rows, draws[0][example], strict=False):
            p = row.detach().softmax(-1)
            vector = p.clone()
            vector[int(torch.searchsorted(p.cumsum(-1), draw))] -= 1
            if kind == "regression":
                vector = torch.where(draw < 0.5, -1.0, 1.0).reshape(1).double()
            expected += torch.autograd.grad(row, delta, vector, retain_graph=True)[0]
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)
    assert found.any()


def test_the_sampled_vectors_have_the_fisher_matrix_as_their_covariance() -> None:
    """E[v] = 0 and E[v vᵀ] = diag(p) − p pᵀ, which is what lets Jᵀ v stand in for Jᵀ F J δ₀."""
    count, logits = 40_000, torch.tensor([0.2, -1.0, 1.5, 0.4], dtype=torch.float64)
    delta = torch.zeros(count, 1, 4, dtype=torch.float64, requires_grad=True)
    draws = torch.rand(count, 1, generator=torch.Generator().manual_seed(0))
    vectors = fisher_gradient(Outputs((logits + delta[:, 0],)), delta, lambda _: draws)[:, 0]
    p = logits.softmax(-1)
    assert vectors.mean(0).abs().max() < 0.01
    assert (vectors.T @ vectors / count - (p.diag() - p[:, None] * p)).abs().max() < 0.01
    ones = fisher_gradient(Outputs((delta[:, 0, :1],)), delta, lambda _: draws)[:, 0, 0]
    assert set(ones.tolist()) == {-1.0, 1.0}, "a regression's vector is a sign"
    assert abs(float(ones.mean())) < 0.02

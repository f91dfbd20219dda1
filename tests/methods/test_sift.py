"""SiFT: blind to the scale of the embeddings, and with no trace of its LayerNorm in the model."""

from __future__ import annotations

import pytest
import torch
from transformers import GPT2Config, GPT2ForSequenceClassification

from alumbench.adversary import Perturbation
from alumbench.errors import AlumbenchError
from alumbench.methods import make_method
from alumbench.methods.sift import NormalizedEmbeddings
from tests.methods.tiny import batch_of, gradients, learn, step_of, tiny_classifier


@pytest.mark.parametrize("method", ["sift", "alum"])
def test_the_regularizer_does_not_see_the_embeddings_scale(method: str) -> None:
    """Times ten, the LayerNorm behind takes all of it away; an absolute δ before it would count a tenth."""
    values = {"noise": 0.1} if method == "sift" else {"relative": False, "epsilon": 0.1}
    seen = []
    for scale in (1.0, 10.0):
        model = tiny_classifier(dropout=0.0)
        for table in model.bert.embeddings.children():
            if hasattr(table, "num_embeddings"):
                table.weight.data *= scale
        seen.append(float(learn(make_method(method, values), model).parts["regularizer"]))
    assert seen[0] > 1e-4
    assert (seen[1] == pytest.approx(seen[0], rel=1e-3)) is (method == "sift")


def test_the_clean_pass_is_the_plain_models_to_rounding() -> None:
    model = tiny_classifier(dropout=0.0)
    plain = model(**batch_of()).loss
    torch.testing.assert_close(learn(make_method("sift", {}), model).parts["task"], plain.detach())


def test_delta_is_cut_noise_and_a_step_of_largest_component_eta_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    model, deltas, plain = tiny_classifier(dropout=0.0), [], NormalizedEmbeddings.added

    def spy(self: NormalizedEmbeddings, delta: torch.Tensor) -> object:
        deltas.append(delta.detach().clone())
        return plain(self, delta)

    monkeypatch.setattr(NormalizedEmbeddings, "added", spy)
    learn(make_method("sift", {"noise": 0.01, "step_size": 0.003}), model)
    clean, start, final = deltas
    free = step_of().perturbation(model, batch_of()).perturbable
    assert not clean.any() and start.abs().max() <= 0.02 * 1.0001
    torch.testing.assert_close((final - start).abs().amax(-1), 0.003 * free, rtol=1e-3, atol=1e-8)
    assert torch.equal(start.ne(0).any(-1), free)


def test_the_step_goes_uphill() -> None:
    values = {"noise": 0.01, "step_size": 0.2}
    near, far = (
        learn(make_method("sift", values | {"num_steps": steps}), tiny_classifier(dropout=0.0)).parts["regularizer"]
        for steps in (0, 1)
    )
    assert far > 10 * near


def test_targets_have_the_gradient_of_the_codes_cross_entropies() -> None:
    model = tiny_classifier(dropout=0.0)
    learn(make_method("sift", {"stop_gradient": "targets", "num_steps": 0, "noise": 0.3, "alpha": 2}), model)
    ours, other = gradients(model), tiny_classifier(dropout=0.0)
    step = step_of()
    space = Perturbation(
        other, batch_of(), step.special_ids, step.seed, step.number, step.examples, True, NormalizedEmbeddings(other)
    )
    noise = space.noise().clamp(-2, 2) * 0.3
    clean = space.forward(torch.zeros_like(noise), labels=True)
    p, q = (a.logits[0].log_softmax(-1) for a in (clean.answers, space.forward(noise).answers))
    entropies = -(p.exp().detach() * q).sum(-1) - (q.exp().detach() * p).sum(-1)
    (clean.loss + 2 * entropies.mean()).backward()
    for name, gradient in gradients(other).items():
        torch.testing.assert_close(ours[name], gradient, rtol=1e-4, atol=1e-6)


def test_a_family_without_the_place_is_refused_before_training() -> None:
    config = GPT2Config(vocab_size=12, n_positions=8, n_embd=8, n_layer=1, n_head=2, pad_token_id=1)
    with pytest.raises(AlumbenchError, match="GPT2ForSequenceClassification has no LayerNorm at the end"):
        make_method("sift", {}).prepare(GPT2ForSequenceClassification(config))


def test_alpha_zero_is_standard_bit_for_bit() -> None:
    kept = []
    for name, values in (("standard", {}), ("sift", {"alpha": 0})):
        model = tiny_classifier()
        torch.manual_seed(4)
        kept.append((learn(make_method(name, values), model).total, gradients(model)))
    assert torch.equal(kept[0][0], kept[1][0])
    assert all(torch.equal(kept[0][1][name], kept[1][1][name]) for name in kept[0][1])

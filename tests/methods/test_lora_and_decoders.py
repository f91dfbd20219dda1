"""LoRA around an encoder and a decoder, and decoders that read a text at its last token, under a method as it is."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from alumbench.adversary import WordEmbeddings
from alumbench.methods import StepContext, make_method
from tests.adversary.families import BATCHES, FAMILIES, PAD
from tests.small_bert import recorded

peft = pytest.importorskip("peft")

LABELS = {"labels": torch.tensor([0, 2, 1])}
TARGETS = {
    "bert": ["query", "value"],
    "gpt2": ["c_attn"],
    "llama": ["q_proj", "v_proj"],
}


def plain(family: str) -> nn.Module:
    """A tiny classifier without dropout, in training mode."""
    return next(one for one in FAMILIES if one.type == family).make().train()


def with_lora(family: str, words: str = "") -> nn.Module:
    """The same with adapters that are not 0 from the start; on the word embeddings too where they are named."""
    torch.manual_seed(3)
    config = peft.LoraConfig(
        task_type="SEQ_CLS",
        r=2,
        lora_dropout=0.0,
        target_modules=TARGETS[family] + ([words] if words else []),
        init_lora_weights=False,
        fan_in_fan_out=family == "gpt2",
    )
    return peft.get_peft_model(plain(family), config).train()


MODELS: dict[str, Callable[[], nn.Module]] = {
    "gpt2": lambda: plain("gpt2"),
    "llama": lambda: plain("llama"),
    "lora-bert": lambda: with_lora("bert"),
    "lora-bert-words": lambda: with_lora("bert", "word_embeddings"),
    "lora-gpt2": lambda: with_lora("gpt2"),
    "lora-llama": lambda: with_lora("llama"),
}
each_model = pytest.mark.parametrize("name", MODELS)


@pytest.mark.parametrize("where", ["right", "left", "inside"])
@each_model
def test_a_delta_of_zero_changes_no_bit_and_padding_is_not_perturbed(
    monkeypatch: pytest.MonkeyPatch, name: str, where: str
) -> None:
    model, batch = MODELS[name](), BATCHES[where] | LABELS
    words = WordEmbeddings(model)
    with torch.no_grad():
        clean = model(**batch)
        with words.added(torch.zeros_like(words(batch["input_ids"]))):
            same = model(**batch)
    assert torch.equal(clean.logits, same.logits) and torch.equal(clean.loss, same.loss)
    with recorded(monkeypatch) as deltas:
        loss = make_method("alum", {"epsilon": 0.5}).loss(model, batch, StepContext.start([0, 2]).next(batch))
    found = deltas[-1].ne(0).any(-1)
    assert found.any() and not found[batch["input_ids"] == PAD].any()
    assert torch.equal(loss.parts["task"], clean.loss) and float(loss.parts["regularizer"]) > 0


def symmetric_kl(one: Tensor, two: Tensor) -> Tensor:
    p, q = one.softmax(-1), two.softmax(-1)
    return ((p - q) * (p / q).log()).sum(-1).mean()


@each_model
def test_gradients_equal_finite_differences_with_delta_frozen(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    model, batch = MODELS[name]().double(), BATCHES["right"] | LABELS
    with recorded(monkeypatch) as deltas:
        loss = make_method("alum", {"epsilon": 0.3, "alpha": 2.0}).loss(
            model, batch, StepContext.start([0, 2]).next(batch)
        )
    loss.total.backward()

    def frozen() -> Tensor:
        clean = model(**batch)
        with WordEmbeddings(model).added(deltas[-1]):
            perturbed = model(**batch)
        return clean.loss + 2 * symmetric_kl(clean.logits, perturbed.logits)

    learned = [weight for weight in model.parameters() if weight.grad is not None]
    if name.startswith("lora"):
        assert all("lora_" in n or "modules_to_save" in n for n, p in model.named_parameters() if p.grad is not None)
    generator = torch.Generator().manual_seed(5)
    along = [
        torch.randn(weight.shape, generator=generator, dtype=torch.float64) + weight.grad / weight.grad.norm()
        for weight in learned
    ]
    for weight, one in zip(learned, along, strict=True):
        if weight is WordEmbeddings(model).module.weight:
            one[PAD] = 0.0  # torch learns nothing for the padding's own row
    values, h = [], 1e-5
    with torch.no_grad():
        torch.testing.assert_close(frozen(), loss.total)
        for shift in (h, -2 * h, h):
            torch._foreach_add_(learned, along, alpha=shift)
            values.append(float(frozen()))
    numeric = (values[0] - values[1]) / (2 * h)
    analytic = float(sum((weight.grad * one).sum() for weight, one in zip(learned, along, strict=True)))
    # Llama takes softmax and norms in single precision even in a double model.
    assert numeric == pytest.approx(analytic, rel=2e-3 if "llama" in name else 1e-5)


@pytest.mark.parametrize("name", ["lora-bert", "lora-llama"])
@pytest.mark.parametrize("method", ["alum", "freelb", "smart", "tavat", "sift"])
def test_a_loop_with_lora_learns_and_leaves_the_base_as_it_was(name: str, method: str) -> None:
    if (name, method) == ("lora-llama", "sift"):
        pytest.skip("sift needs a LayerNorm behind the embeddings")
    model, batch, made = MODELS[name](), BATCHES["right"] | LABELS, make_method(method, {})
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    made.prepare(model)
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    context, losses = StepContext.start([0, 2], total=10), []
    for _ in range(10):
        context = context.next(batch)
        loss = made.loss(model, batch, context).total
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
    made.finish(model)
    assert losses[-1] < losses[0]
    changed = {n for n, p in model.named_parameters() if not torch.equal(p, before[n])}
    assert changed and all("lora_" in n or "modules_to_save" in n for n in changed)
    assert before.keys() == {n for n, _ in model.named_parameters()}

"""δ is where it should be in 25 model families, seen from outside: it does what other word embeddings would do."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from alumbench.adversary.embedding_hook import WordEmbeddings
from tests.adversary.families import BATCHES, FAMILIES, LONG, MARKED, SPARSE_BIG_BIRD, VOCABULARY, Family

#: Of the finite differences. Many families take softmax or norms in single precision even in a double model: their
#: rounding is most of the error below this step, and the curvature above.
STEP = 1e-2

every_family = pytest.mark.parametrize("family", FAMILIES, ids=repr)
every_batch = pytest.mark.parametrize("where", BATCHES)


def marked_delta(module: nn.Module, batch: dict[str, Tensor], row: Tensor) -> Tensor:
    """A δ that is `row`, as the module scales it, at the MARKED token alone."""
    scale = getattr(module, "embed_scale", 1.0)
    return torch.where((batch["input_ids"] == MARKED)[..., None], row * scale, torch.zeros(()))


def test_there_are_25() -> None:
    assert len({family.type for family in FAMILIES}) == 25


def changes_as_other_word_embeddings(family: Family, model: PreTrainedModel, batch: dict[str, Tensor]) -> bool:
    """Asserts that a token of embedding 0, plus δ, is that token with embedding δ: bit by bit, in the encoder alone.

    Also asserts that a zero δ is nothing, other sentences stay, and nothing is left behind. Returns whether δ changed
    the answer.
    """
    module = family.word_embeddings(model)
    module.weight.data[MARKED] = 0
    row = torch.randn(module.weight.shape[1])
    other, reference = copy.deepcopy(module), copy.deepcopy(model)
    other.weight.data[MARKED] = row
    family.replace_word_embeddings(reference, other)
    words = WordEmbeddings(model)
    with torch.no_grad():
        plain = model(**batch).logits
        with words.added(torch.zeros_like(words(batch["input_ids"]))):
            assert torch.equal(model(**batch).logits, plain)
        with words.added(marked_delta(module, batch, row)):
            perturbed = model(**batch).logits
        assert torch.equal(perturbed, reference(**batch).logits)
        assert torch.equal(perturbed[1:], plain[1:])
        assert torch.equal(model(**batch).logits, plain), "δ was left behind"
    return bool((perturbed - plain)[0].abs().max() > 1e-4)


@every_batch
@every_family
def test_delta_does_what_other_word_embeddings_do(family: Family, where: str) -> None:
    changed = changes_as_other_word_embeddings(family, family.make(), BATCHES[where])
    # Longformer's first token, which classifies, is padding on the left, and then sees nothing.
    assert changed is ((family.type, where) != ("longformer", "left"))


def test_sparse_big_bird_which_pads_to_its_blocks_is_perturbed_before_the_padding() -> None:
    model = SPARSE_BIG_BIRD.make()
    assert changes_as_other_word_embeddings(SPARSE_BIG_BIRD, model, LONG)
    assert model.bert.attention_type == "block_sparse"


def test_a_bart_whose_vocabulary_was_resized_is_perturbed_in_its_encoder() -> None:
    """Its encoder and decoder share one module from then on, which fires twice."""
    bart = next(family for family in FAMILIES if family.type == "bart")
    model = bart.make()
    model.resize_token_embeddings(VOCABULARY + 2)
    assert model.model.encoder.embed_tokens is model.model.decoder.embed_tokens
    assert changes_as_other_word_embeddings(bart, model, BATCHES["right"])


@every_family
def test_the_clean_embeddings_are_batch_first_and_scaled_as_the_encoder_sees_them(family: Family) -> None:
    model, ids = family.make(), BATCHES["right"]["input_ids"]
    module = family.word_embeddings(model)
    expected = module.weight[ids] * getattr(module, "embed_scale", 1.0)
    assert torch.equal(WordEmbeddings(model)(ids), expected)
    assert not WordEmbeddings(model)(ids).requires_grad


@every_family
def test_the_gradient_at_delta_is_the_finite_difference(family: Family) -> None:
    model, batch = family.make().double(), BATCHES["right"]
    words = WordEmbeddings(model)
    generator = torch.Generator().manual_seed(2)
    embeddings = words(batch["input_ids"])
    start, along = (torch.randn(embeddings.shape, generator=generator, dtype=torch.double) for _ in range(2))
    start, along = 0.1 * start, along / along.norm()

    def value(delta: Tensor) -> Tensor:
        with words.added(delta):
            return (model(**batch).logits * torch.tensor([1.0, -2.0, 0.5])).sum()

    delta = start.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(value(delta), delta)
    with torch.no_grad():
        difference = (value(start + STEP * along) - value(start - STEP * along)) / (2 * STEP)
    assert abs(float(difference)) > 1e-3
    assert float((gradient * along).sum()) == pytest.approx(float(difference), rel=1e-3)


def gradients(model: PreTrainedModel, batch: dict[str, Tensor]) -> list[Tensor]:
    """To a zero δ through the clean pass, then to the parameters through both passes: what one ALUM step takes."""
    words = WordEmbeddings(model)
    zero = torch.zeros_like(words(batch["input_ids"]), requires_grad=True)
    with words.added(zero):
        clean = model(**batch).logits
    (gradient,) = torch.autograd.grad(clean[:, 0].sum(), zero, retain_graph=True)
    with words.added(0.1 * gradient.sign()):
        perturbed = model(**batch).logits
    (clean.square().mean() + (perturbed - clean).square().mean()).backward()
    return [gradient, *(p.grad for p in model.parameters() if p.grad is not None)]


@every_family
def test_checkpointed_layers_give_the_same_gradients(family: Family) -> None:
    plain = family.make().train()
    if not plain.supports_gradient_checkpointing:
        pytest.skip("this family has no gradient checkpointing")
    checkpointed = copy.deepcopy(plain)
    checkpointed.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    for one, other in zip(gradients(plain, BATCHES["right"]), gradients(checkpointed, BATCHES["right"]), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("family", [f for f in FAMILIES if f.type in {"bert", "modernbert", "llama"}], ids=repr)
def test_sdpa_gives_the_gradients_of_eager_attention(family: Family) -> None:
    eager, sdpa = (gradients(family.make(kind), BATCHES["right"])[0] for kind in ("eager", "sdpa"))
    assert (eager - sdpa).abs().max() <= 1e-6 * eager.abs().max()

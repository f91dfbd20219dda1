"""δ is added once and kept nowhere, in plain, copied, checkpointed and compiled models, or the pass is refused."""

from __future__ import annotations

import copy
import os
import pickle
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._dynamo.utils import counters
from transformers import (
    BertForSequenceClassification,
    CanineConfig,
    CanineForSequenceClassification,
    PerceiverConfig,
    PerceiverForSequenceClassification,
    PreTrainedModel,
)

from alumbench.adversary.embedding_hook import WordEmbeddings, perturbable_mask
from tests.adversary.families import BATCHES, BERT_SIZES, FAMILIES

IDS = torch.tensor([[0, 5, 6, 7, 2], [0, 8, 2, 1, 1]])
MASK = (IDS != 1).long()
BATCH = {"input_ids": IDS, "attention_mask": MASK}
ONES = torch.ones(*IDS.shape, 16)


def bert() -> PreTrainedModel:
    return FAMILIES[0].make()


class Words(nn.Module):
    """A model that calls its word embeddings as often as told, on real tokens alone if told."""

    def __init__(self, times: int = 1, unpads: bool = False) -> None:
        super().__init__()
        self.words, self.times, self.unpads = nn.Embedding(20, 16), times, unpads

    def get_input_embeddings(self) -> nn.Module:
        return self.words

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> list[Tensor]:
        tokens = input_ids[attention_mask.bool()] if self.unpads else input_ids
        return [self.words(tokens) for _ in range(self.times)]


SIZES = {name: size for name, size in BERT_SIZES.items() if name != "max_position_embeddings"}
CANINE = {**SIZES, "num_hash_functions": 4, "num_hash_buckets": 32, "max_position_embeddings": 32}
LATENTS = {"num_latents": 4, "d_latents": 16, "num_blocks": 1, "num_self_attends_per_block": 1}
PERCEIVER = {**LATENTS, "d_model": 16, "num_self_attention_heads": 2, "num_cross_attention_heads": 2}


@pytest.mark.parametrize(
    "make",
    [
        lambda: CanineForSequenceClassification(CanineConfig(**CANINE)),
        lambda: PerceiverForSequenceClassification(PerceiverConfig(**PERCEIVER)),
        lambda: nn.Linear(2, 2),
    ],
    ids=["canine-hashes-characters", "perceiver-embeds-in-a-preprocessor", "no-language-model"],
)
def test_a_model_without_word_embeddings_is_refused_by_name(make: Any) -> None:
    model = make()
    with pytest.raises(ValueError, match=f"{type(model).__name__} has no word-embedding module to perturb"):
        WordEmbeddings(model)


@pytest.mark.parametrize("times", [0, 2])
def test_a_model_that_calls_its_word_embeddings_not_once_is_refused(times: int) -> None:
    model = Words(times)
    with (
        pytest.raises(RuntimeError, match=f"Words: the word embeddings fired {times} times .* expected 1"),
        WordEmbeddings(model).added(ONES),
    ):
        model(**BATCH)
    assert torch.equal(model.words(IDS), model.words.weight[IDS])


def test_the_clean_embeddings_are_clean_and_uncounted_even_while_delta_is_added() -> None:
    model = Words()
    words = WordEmbeddings(model)
    with words.added(ONES):
        assert torch.equal(words(IDS), model.words.weight[IDS])
        assert torch.equal(model(**BATCH)[0], model.words.weight[IDS] + 1)


def test_a_bare_inputs_embeds_is_refused() -> None:
    model = bert()
    words = WordEmbeddings(model)
    with pytest.raises(RuntimeError, match="fired 0 times"), words.added(ONES):
        model(inputs_embeds=words(IDS), attention_mask=MASK)


@pytest.mark.parametrize(
    ("model", "delta", "message"),
    [
        (Words(), ONES[:1], r"are \(2, 5, 16\), δ is \(1, 5, 16\)"),
        (Words(unpads=True), ONES, r"are \(8, 16\), δ is \(2, 5, 16\).* rearranges its tokens"),
        (Words(), ONES[:, :4], r"are \(2, 5, 16\), δ is \(2, 4, 16\)"),
    ],
    ids=["other-batch", "tokens-unpadded-as-by-flash-attention", "padded-by-no-known-family"],
)
def test_a_delta_of_another_shape_is_refused_and_not_kept(model: Words, delta: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message), WordEmbeddings(model).added(delta):
        model(**BATCH)
    assert torch.equal(model.words(IDS), model.words.weight[IDS])


def test_one_delta_at_a_time() -> None:
    model = Words()
    with (
        pytest.raises(RuntimeError, match="Words: another δ is already being added"),
        WordEmbeddings(model).added(ONES),
        WordEmbeddings(model).added(ONES),
    ):
        pass
    with WordEmbeddings(model).added(ONES):
        assert torch.equal(model(**BATCH)[0], model.words.weight[IDS] + 1)


def test_an_error_inside_the_pass_is_not_hidden_by_the_count() -> None:
    with pytest.raises(KeyError, match="mine"), WordEmbeddings(Words()).added(ONES):
        raise KeyError("mine")


def test_delta_takes_the_precision_of_the_model() -> None:
    model = Words().bfloat16()
    delta = ONES.clone().requires_grad_()
    with WordEmbeddings(model).added(delta):
        (output,) = model(**BATCH)
    assert output.dtype == torch.bfloat16
    (gradient,) = torch.autograd.grad(output.sum(), delta)
    assert torch.equal(gradient, ONES)


def test_a_model_has_one_hook_however_often_it_is_perturbed() -> None:
    model = Words()
    for _ in range(3):
        with WordEmbeddings(model).added(ONES):
            model(**BATCH)
    assert len(model.words._forward_hooks) == 1


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["copy", "pickle"])
def test_a_copy_has_a_delta_of_its_own(copied: Any) -> None:
    model = Words()
    with WordEmbeddings(model).added(ONES.clone().requires_grad_().exp()):  # no leaf: could not be copied itself
        other = copied(model)
        assert torch.equal(other(**BATCH)[0], model.words.weight[IDS])
        with WordEmbeddings(other).added(3 * ONES):
            assert torch.equal(other(**BATCH)[0], model.words.weight[IDS] + 3)
        assert torch.equal(model(**BATCH)[0], model.words.weight[IDS] + ONES.exp())
    assert len(other.words._forward_hooks) == 1


def test_a_perturbed_model_is_saved_as_any_other(tmp_path: Any) -> None:
    model = bert()
    names = set(model.state_dict())
    with WordEmbeddings(model).added(ONES):
        model(**BATCH)
        model.save_pretrained(tmp_path)
    assert set(model.state_dict()) == names
    loaded = BertForSequenceClassification.from_pretrained(tmp_path, attn_implementation="eager").eval()
    with torch.no_grad():
        assert torch.equal(loaded(**BATCH).logits, model(**BATCH).logits)


def test_reentrant_checkpoints_are_refused_by_torch_and_not_silently_wrong() -> None:
    model = bert().train()
    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": True})
    zero = torch.zeros_like(ONES, requires_grad=True)
    with WordEmbeddings(model).added(zero):
        logits = model(**BATCH).logits
    with pytest.raises(RuntimeError, match="use_reentrant"):
        torch.autograd.grad(logits.sum(), zero)


@pytest.fixture
def compiler() -> Iterator[None]:
    torch._dynamo.reset()
    counters.clear()
    yield
    torch._dynamo.reset()


def three_passes(model: PreTrainedModel, batch: dict[str, Tensor]) -> list[Tensor]:
    """One with a zero δ that requires a gradient, one with δ, one with none: answers, and all gradients."""
    words = WordEmbeddings(model)
    model.zero_grad()
    zero = torch.zeros_like(words(batch["input_ids"]), requires_grad=True)
    with words.added(zero):
        clean = model(**batch).logits
    (gradient,) = torch.autograd.grad(clean, zero, clean.detach().softmax(-1), retain_graph=True)
    with words.added(gradient / gradient.norm()):
        perturbed = model(**batch).logits
    (clean.logsumexp(-1).mean() + (perturbed - clean).square().mean()).backward()
    with torch.no_grad():
        untouched = model(**batch).logits
    return [gradient, clean, perturbed, untouched, *(p.grad.clone() for p in model.parameters() if p.grad is not None)]


#: inductor takes half a minute: `python -m tests.benchmarks families` asks for it.
BACKENDS = ("aot_eager", "inductor") if "INDUCTOR" in os.environ else ("aot_eager",)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_compiled_model_gives_the_same_and_is_compiled_once_for_each_kind_of_pass(
    compiler: None, backend: str
) -> None:
    model = bert()
    compiled = copy.deepcopy(model)
    WordEmbeddings(compiled)
    compiled.compile(backend=backend)
    # The second length that is met makes the graphs fit any.
    for tokens, graphs in ((8, 3), (8, 3), (10, 6), (12, 6), (14, 6), (10, 6), (8, 6)):
        batch = {name: values.repeat(1, 2)[:, :tokens].roll(tokens, 0) for name, values in BATCHES["right"].items()}
        for expected, got in zip(three_passes(model, batch), three_passes(compiled, batch), strict=True):
            torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-6)
        assert counters["stats"]["unique_graphs"] == graphs, f"{tokens} tokens compiled anew"


def test_a_compiled_model_that_ran_before_its_first_delta_is_refused(compiler: None) -> None:
    model = bert()
    model.compile(backend="eager")
    model(**BATCH)
    with (
        pytest.raises(RuntimeError, match="fired 0 times .* a compiled model that ran before its first δ"),
        WordEmbeddings(model).added(ONES),
    ):
        model(**BATCH)


def test_a_compiled_model_refuses_what_a_plain_one_refuses(compiler: None) -> None:
    model = bert()
    words = WordEmbeddings(model)
    model.compile(backend="eager")
    with pytest.raises(ValueError, match=r"are \(2, 5, 16\), δ is \(1, 5, 16\)"), words.added(ONES[:1]):
        model(**BATCH)


@pytest.mark.parametrize(
    ("special", "expected"),
    [
        (torch.tensor([0, 2]), [[False, True, True, True, False], [False, True, False, False, False]]),
        (None, [[True] * 5, [True, True, True, False, False]]),
    ],
    ids=["words", "specials-too"],
)
def test_free_tokens(special: torch.Tensor | None, expected: list[list[bool]]) -> None:
    assert perturbable_mask(IDS, MASK, special).tolist() == expected

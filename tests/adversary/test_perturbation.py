"""Passes of one batch: what they share, what they leave alone, and the backward that is taken early."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from tests.small_bert import (
    BEGIN,
    END,
    HIDDEN,
    KINDS,
    PAD,
    VOCABULARY,
    batch_of,
    double,
    small_bert,
    space_of,
    step_of,
)


def gradients(model: nn.Module) -> dict[str, Tensor | None]:
    """Each parameter's, taken away."""
    found = {name: parameter.grad for name, parameter in model.named_parameters()}
    model.zero_grad(set_to_none=True)
    return found


def plain_at(model: PreTrainedModel, batch: dict[str, Tensor], delta: Tensor) -> Tensor:
    """The task's loss at x + δ by `inputs_embeds`, which is right for a BERT."""
    embeddings = model.get_input_embeddings()(batch["input_ids"]) + delta
    return model(inputs_embeds=embeddings, **{k: v for k, v in batch.items() if k != "input_ids"}).loss


@pytest.mark.parametrize("kind", KINDS)
def test_a_pass_at_x_is_the_model_itself_and_labels_are_kept_from_it_until_they_are_asked_for(kind: str) -> None:
    model, batch = small_bert(kind), batch_of(kind)
    space = space_of(model, batch)
    expected = model(**batch)
    for delta in (None, torch.zeros(*batch["input_ids"].shape, HIDDEN)):
        found = space.forward(delta)
        assert found.loss is None
        assert found.gradient is None
        assert torch.equal(space.forward(delta, labels=True).loss, expected.loss)
        for ours, theirs in zip(found.answers.logits, expected.to_tuple()[1:], strict=True):
            real = batch["attention_mask"].bool() if kind == "spans" else torch.ones_like(ours, dtype=torch.bool)
            assert torch.equal(ours[real], theirs[real])


@pytest.mark.parametrize("kind", KINDS)
def test_a_pass_at_delta_is_that_of_the_shifted_embeddings(kind: str) -> None:
    model, batch = small_bert(kind).double(), double(batch_of(kind))
    space = space_of(model, batch)
    delta = space.noise().double()
    torch.testing.assert_close(space.forward(delta, labels=True).loss, plain_at(model, batch, delta))
    assert space.forward(delta, labels=True).loss != space.forward(labels=True).loss


def test_free_tokens_are_the_words_and_lengths_are_measured_on_them() -> None:
    model, batch = small_bert("two"), batch_of("two", padding=2)
    space = space_of(model, batch)
    ids = batch["input_ids"]
    words = (ids != PAD) & (ids != BEGIN) & (ids != END)
    assert torch.equal(space.perturbable, words)
    assert torch.equal(step_of().perturbation(model, batch, special_tokens=True).perturbable, ids != PAD)
    table = model.get_input_embeddings().weight
    expected = [table[row[mask]].square().sum(-1).mean().sqrt() for row, mask in zip(ids, words, strict=True)]
    torch.testing.assert_close(space.rms.flatten(), torch.stack(expected))
    assert not space.embeddings.requires_grad


@pytest.mark.parametrize("replay", [True, False])
def test_later_passes_drop_the_units_of_the_first_unless_they_should_not(replay: bool) -> None:
    model, batch = small_bert("three", dropout=0.3), batch_of("three")
    torch.manual_seed(8)
    space = step_of().perturbation(model, batch, replay_dropout=replay)
    first = space.forward(labels=True)
    after = torch.get_rng_state()
    again = [
        space.forward(space.zero(), labels=True).loss,
        space.forward_backward(space.zero()).loss,
        space.forward(labels=True).loss,
    ]
    assert all(torch.equal(loss, first.loss) is replay for loss in again)
    assert torch.equal(torch.get_rng_state(), after) is replay
    torch.manual_seed(8)
    assert torch.equal(model(**batch).loss, first.loss), "the first pass is that of standard training"


@pytest.mark.parametrize("keep_graph", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_learning_gives_the_gradients_of_a_plain_backward(kind: str, keep_graph: bool) -> None:
    """To δ at once, to the parameters in the outer backward: scaled as it is, summed over passes, None where unused."""
    model, batch = small_bert(kind).double(), double(batch_of(kind))
    model.unused = nn.Linear(2, 2)
    model.bert.encoder.layer[0].requires_grad_(False)
    space = space_of(model, batch)
    one, two = (space.noise(draw).double().requires_grad_() for draw in (torch.randn, torch.rand))
    (0.25 * plain_at(model, batch, one) + 3 * plain_at(model, batch, two)).backward()
    expected, to_delta = gradients(model), (one.grad / 0.25, two.grad / 3)
    passes = [space.forward_backward(delta.detach(), keep_graph) for delta in (one, two)]
    assert all(parameter.grad is None for parameter in model.parameters()), "nothing is learned before the backward"
    (0.25 * passes[0].loss + 3 * passes[1].loss).backward()
    for name, gradient in gradients(model).items():
        assert (gradient is None) is (expected[name] is None), name
        if gradient is not None:
            torch.testing.assert_close(gradient, expected[name])
    for found, theirs in zip(passes, to_delta, strict=True):
        torch.testing.assert_close(found.gradient, theirs)
        assert found.answers.logits[0].requires_grad is keep_graph


def test_answers_that_keep_their_graph_still_learn() -> None:
    model, batch = small_bert("three"), batch_of("three")
    kept = space_of(model, batch).forward_backward(torch.zeros(*batch["input_ids"].shape, HIDDEN), keep_graph=True)
    kept.answers.logits[0].square().sum().backward()
    found = gradients(model)
    model(**batch).logits.square().sum().backward()
    for name, gradient in gradients(model).items():
        torch.testing.assert_close(found[name], gradient)


def test_learning_under_bf16_is_a_plain_backward_under_bf16() -> None:
    model, batch = small_bert("three"), batch_of("three")
    with torch.autocast("cpu", torch.bfloat16):
        learned = space_of(model, batch).forward_backward(torch.zeros(*batch["input_ids"].shape, HIDDEN))
        learned.loss.backward()
        found = gradients(model)
        model(**batch).loss.backward()
    for name, gradient in gradients(model).items():
        assert gradient is not None and found[name] is not None
        assert (found[name] - gradient).norm() <= 0.02 * gradient.norm() + 1e-6, name


@pytest.mark.parametrize("draw", [torch.randn, torch.rand])
def test_noise_and_labels_belong_to_seed_step_and_example(draw) -> None:
    model, batch = small_bert("two"), batch_of("two", [2, 4])
    space = space_of(model, batch, [2, 4])
    other = space_of(model, batch_of("two", [4, 0, 2], padding=3, on_the_left=True), [4, 0, 2])
    for row, elsewhere in ((0, 2), (1, 0)):
        assert torch.equal(
            space.noise(draw)[row][space.perturbable[row]], other.noise(draw)[elsewhere][other.perturbable[elsewhere]]
        )
        # more draws begin with the same ones: rows of a token output keep theirs whatever a batch is padded to
        assert torch.equal(space.uniform(7)[row], other.uniform(40)[elsewhere][:7])
    assert not space.noise(draw)[~space.perturbable].any()
    later = step_of([2, 4], number=4).perturbation(model, batch)
    assert not torch.equal(later.uniform(), space.uniform())
    assert (later.noise(draw) != space.noise(draw))[space.perturbable].all()


def test_a_batch_of_special_tokens_alone_has_nothing_free() -> None:
    model, batch = small_bert("two"), batch_of("two")
    space = step_of(special=torch.arange(VOCABULARY)).perturbation(model, batch)
    assert not space.perturbable.any()
    assert not space.rms.any()
    assert not space.noise().any()

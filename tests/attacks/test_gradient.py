"""Gradients for attacks that rank words: right, and without a trace in the model; and the attack that asks for them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from alumbench.attacks import load_recipe
from alumbench.attacks.gradient import WithGradient, loss_of_answers
from alumbench.attacks.search import Searcher
from alumbench.attacks.victim import Victim
from alumbench.attacks.victim_wrapper import VictimWrapper
from alumbench.data import Example
from alumbench.errors import AlumbenchError


def test_the_gradient_is_that_of_the_answers_loss_and_leaves_nothing_behind(victim: Victim) -> None:
    text = "the film was warm and funny"
    found = WithGradient(VictimWrapper(victim)).get_grad(text)
    assert not victim.model.training
    assert all(parameter.grad is None for parameter in victim.model.parameters())
    batch = victim.encode([(text,)])
    table = victim.model.get_input_embeddings()
    embedded = table(batch["input_ids"]).detach().requires_grad_()
    outputs = victim.model(inputs_embeds=embedded, attention_mask=batch["attention_mask"])
    loss = torch.nn.functional.cross_entropy(outputs.logits, outputs.logits.argmax(-1))
    (expected,) = torch.autograd.grad(loss, embedded)
    np.testing.assert_allclose(found["gradient"], expected[0].numpy(), rtol=1e-4, atol=1e-7)
    assert np.abs(found["gradient"]).max() > 0


@pytest.mark.parametrize("factor", [1e-6, 3.0, 30.0, 1e6], ids=str)
def test_large_logits_leave_the_gradients_direction(victim: Victim, factor: float) -> None:
    """Of two labels there is one direction. Cross entropy's is 0 at a softmax of 1, and short of digits before."""
    texts = ["the film was warm and funny", "a dull plot", "the actors were not good"]
    wrapper = WithGradient(VictimWrapper(victim))
    before = [found["gradient"] for found in wrapper.get_grads(texts)]
    with torch.no_grad():
        victim.model.classifier.weight *= factor
        victim.model.classifier.bias *= factor
    for old, new in zip(before, wrapper.get_grads(texts), strict=True):
        one, other = (gradient / np.abs(gradient).max() for gradient in (old, new["gradient"]))
        np.testing.assert_allclose(other, one, rtol=1e-2, atol=1e-3)


def test_where_the_answer_is_sure_the_gradient_is_cross_entropys_divided_by_the_doubt() -> None:
    logits = torch.tensor([[1.0, 13.0, 3.0], [2.0, -8.0, 9.5]], dtype=torch.float64, requires_grad=True)
    (precise,) = torch.autograd.grad(
        torch.nn.functional.cross_entropy(logits, logits.argmax(-1), reduction="sum"), logits
    )
    (lasting,) = torch.autograd.grad(loss_of_answers(logits), logits)
    doubt = 1 - logits.softmax(-1).amax(-1, keepdim=True)
    assert (doubt[:, 0] < 1e-4).tolist() == [True, False]
    torch.testing.assert_close(lasting, precise / torch.tensor([[float(doubt[0])], [1.0]]))


def test_tokens_match_the_gradients_rows_and_lose_their_prefixes(victim: Victim) -> None:
    wrapper = WithGradient(VictimWrapper(victim))
    text = "unbelievable film"
    (marked,), (bare,) = wrapper.tokenize([text]), wrapper.tokenize([text], strip_prefix=True)
    assert len(marked) == len(bare) == len(wrapper.get_grad(text)["gradient"])
    assert "".join(bare[1:-1]) == "unbelievablefilm"
    assert any(token.startswith("##") for token in marked)


def test_a2t_without_its_vectors_names_what_is_missing(
    victim: Victim, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setenv("TA_CACHE_DIR", str(tmp_path))
    with pytest.raises(AlumbenchError, match="recipe a2t needs .*counter-fitted-vectors: run once while online"):
        Searcher(load_recipe("a2t"), victim, 1)


def test_its_offline_sibling_swaps_words_for_published_neighbours(
    pair_victim: Victim, right: list[Example], mirror: object
) -> None:
    recipe = load_recipe("a2t-jia-minilm")
    if recipe.missing():
        pytest.skip("; ".join(recipe.missing()))
    searcher = Searcher(recipe, pair_victim, 1)
    outcomes = [searcher.run(example) for example in right[:12]]
    assert not [outcome.message for outcome in outcomes if outcome.message]
    assert any(outcome.queries > 1 for outcome in outcomes), "no candidate got past the constraints"
    for example, outcome in zip(right, outcomes, strict=False):
        if outcome.adversarial is not None:
            columns = dict(zip(pair_victim.task.columns, example.texts, strict=True))
            assert {name for name in columns if columns[name] != outcome.adversarial[name]} == {"hypothesis"}
            assert 1 <= outcome.words_changed <= 4
    again = Searcher(recipe, pair_victim, 1).run(right[0])
    assert (again.outcome, again.queries, again.adversarial) == (
        outcomes[0].outcome,
        outcomes[0].queries,
        outcomes[0].adversarial,
    )

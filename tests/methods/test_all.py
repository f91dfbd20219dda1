"""What every method owes: a finite loss that can be learned from, a model left as it was, and words for its numbers."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields

import pytest
import torch

from alumbench.adversary import WordEmbeddings
from alumbench.errors import AlumbenchError
from alumbench.methods import load_method, make_method, method_names
from tests.methods.tiny import IDS, batch_of, context_for, learn, step_of, tiny_classifier


@pytest.mark.parametrize("labels", [1, 2, 3], ids=["regression", "two", "three"])
@pytest.mark.parametrize("name", method_names())
def test_a_padded_batch_gives_a_finite_loss_that_can_be_learned_from(name: str, labels: int) -> None:
    method, model = make_method(name, {}), tiny_classifier(labels)
    plain = set(model.state_dict())
    WordEmbeddings(model)  # its hook stays for good
    method.prepare(model)
    model(input_ids=IDS, output_hidden_states=True)  # version 5 leaves hooks of its own at the first
    hooks = [(len(m._forward_hooks), len(m._forward_pre_hooks), m.training) for m in model.modules()]
    try:
        for number in (3, 4):
            model.zero_grad()
            loss = method.loss(model, batch_of(labels), context_for(method, step_of(number), labels))
            loss.total.backward()
    except (ValueError, AlumbenchError) as error:
        assert labels == 1 and str(error), "only a regression may be refused, with a reason"
        return
    assert loss.total.dim() == 0 and loss.total.isfinite()
    assert loss.finite is None or bool(loss.finite)
    for part in loss.parts.values():
        assert part.dim() == 0 and part.isfinite() and not part.requires_grad
    for parameter_name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), parameter_name
    assert sum(float(p.grad.abs().sum()) for p in model.parameters()) > 0
    assert [(len(m._forward_hooks), len(m._forward_pre_hooks), m.training) for m in model.modules()] == hooks
    method.finish(model)
    assert set(model.state_dict()) == plain


@pytest.mark.parametrize("name", method_names())
def test_it_stands_on_no_number_of_the_batch_but_its_examples_and_step(name: str) -> None:
    """Neither the global generator's state nor an earlier call decides a loss without dropout."""
    values = []
    for seed in (4, 5):
        method, model = make_method(name, {}), tiny_classifier(dropout=0.0)
        with torch.random.fork_rng():
            method.prepare(model)
            torch.manual_seed(seed)
            values.append(float(learn(method, model).total.detach()))
            state = torch.get_rng_state()
            torch.manual_seed(seed)
            assert torch.equal(state, torch.get_rng_state()), "it drew from the global generator"
    assert values[0] == values[1]


@pytest.mark.parametrize("name", method_names())
def test_every_parameter_is_explained(name: str) -> None:
    cls = load_method(name)
    docs = "\n".join(inspect.getdoc(base) or "" for base in cls.__mro__ if base.__module__.startswith("alumbench"))
    explained = {
        line.split(":")[0].strip()
        for section in docs.split("Attributes:")[1:]
        for line in section.splitlines()
        if re.match(r"^ +[a-z_]+: ", line)
    }
    assert {item.name for item in fields(cls)} <= explained  # type: ignore[arg-type]

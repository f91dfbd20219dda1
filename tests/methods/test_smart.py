"""SMART: a teacher that follows the weights once a step, and two halves that can each be switched off."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel

from alumbench.adversary import divergence, read_answers
from alumbench.methods import Method, make_method
from alumbench.methods.smart import TEACHER, Teacher
from tests.methods.tiny import batch_of, gradients, learn, step_of, tiny_classifier


def prepared(values: dict[str, Any], dropout: float = 0.1, labels: int = 3) -> tuple[Method, PreTrainedModel]:
    model = tiny_classifier(labels, dropout)
    method = make_method("smart", values)
    method.prepare(model)
    return method, model


def shift(model: PreTrainedModel, amount: float) -> None:
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += amount


def head(weights: dict[str, Tensor]) -> Tensor:
    return weights["classifier.weight"]


def test_the_teacher_begins_at_the_weights_and_then_follows_them_slowly() -> None:
    model = tiny_classifier()
    teacher = Teacher(model)
    shift(model, 1.0)  # standard steps before the method sets in
    first = model.classifier.weight.detach().clone()
    teacher.follow(model, 5, 0.9)
    assert torch.equal(head(teacher.weights()), first)
    shift(model, 2.0)
    teacher.follow(model, 6, 0.9)
    torch.testing.assert_close(head(teacher.weights()), first + 0.2)
    shift(model, 2.0)
    teacher.follow(model, 6, 0.9)  # the same step again: accumulation
    torch.testing.assert_close(head(teacher.weights()), first + 0.2)


def test_the_teacher_averages_no_weights_of_its_own_and_is_taken_away() -> None:
    method, model = prepared({})
    plain = tiny_classifier()
    assert set(getattr(model, TEACHER).weights()) == {name for name, _ in plain.named_parameters()}
    assert {name for name, _ in model.named_parameters()} == {name for name, _ in plain.named_parameters()}
    assert set(model.state_dict()) > set(plain.state_dict())
    method.finish(model)
    assert set(model.state_dict()) == set(plain.state_dict())


@pytest.mark.parametrize("labels", [1, 3], ids=["regression", "three"])
def test_the_proximal_term_is_zero_at_the_teacher_and_its_divergence_elsewhere(labels: int) -> None:
    method, model = prepared({"mu": 2.0}, labels=labels)
    loss = learn(method, model, step_of(0), labels)
    assert float(loss.parts["proximal"]) == 0.0  # with dropout: its masks are replayed
    shift(model, 0.05)
    model.eval()
    teacher = tiny_classifier(labels).eval()
    teacher.load_state_dict({k: v * 0.99 + 0.01 * model.state_dict()[k] for k, v in teacher.state_dict().items()})
    loss = learn(method, model, step_of(0 + 1, total=100), labels)
    with torch.no_grad():
        answers = [read_answers(m(**batch_of(labels)), batch_of(labels)) for m in (model, teacher)]
    expected = divergence(*answers)
    assert expected > 1e-4
    torch.testing.assert_close(loss.parts["proximal"], expected, rtol=1e-3, atol=1e-6)
    total = loss.parts["task"] + loss.parts["regularizer"] + 2 * loss.parts["proximal"]
    torch.testing.assert_close(loss.total.detach(), total)


def test_beta_is_the_early_one_in_the_first_tenth_of_the_run() -> None:
    moved = []
    for number in (4, 60):
        method, model = prepared({"alpha": 0}, dropout=0.0)
        learn(method, model, step_of(number - 1, total=100))
        before = head(getattr(model, TEACHER).weights()).clone()
        shift(model, 1.0)
        learn(method, model, step_of(number, total=100))
        moved.append(float((head(getattr(model, TEACHER).weights()) - before).mean()))
    assert moved == pytest.approx([0.01, 0.001], rel=1e-3)


def test_without_a_half_the_other_is_what_is_left() -> None:
    def result(name: str, values: dict[str, Any]) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        model = tiny_classifier()
        method = make_method(name, values)
        method.prepare(model)
        torch.manual_seed(4)
        total = learn(method, model).total
        return total, gradients(model), torch.get_rng_state()

    pairs = [
        (("smart", {"mu": 0}), ("alum", {"direction": "vat"})),
        (("smart", {"mu": 0, "alpha": 0}), ("standard", {})),
    ]
    for ours, other in pairs:
        (total, grads, state), (expected, others, after) = result(*ours), result(*other)
        assert torch.equal(total, expected)
        assert all(torch.equal(grads[name], others[name]) for name in others)
        assert torch.equal(state, after)


def test_the_teachers_pass_leaves_dropout_where_standard_training_does_and_teaches_no_buffer() -> None:
    states = []
    for name, values in (("standard", {}), ("smart", {}), ("smart", {"alpha": 0})):
        model = tiny_classifier()
        method = make_method(name, values)
        method.prepare(model)
        torch.manual_seed(4)
        learn(method, model)
        states.append(torch.get_rng_state())
        assert not any(buffer.requires_grad for buffer in model.buffers())
    assert torch.equal(states[0], states[1]) and torch.equal(states[0], states[2])


def test_a_model_that_was_not_prepared_is_refused() -> None:
    with pytest.raises(RuntimeError, match="prepare"):
        learn(make_method("smart", {}), tiny_classifier())

"""When a method is used and on how much of a batch: at the boundaries, whatever the order, and after a kill."""

from __future__ import annotations

import math
import multiprocessing
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from alumbench.methods import Loss, Method, StepContext, make_method
from alumbench.training.curriculum import Curriculum
from alumbench.training.fine_tuning import fine_tune
from alumbench.training.request import FineTuning
from tests.small_bert import SPECIAL, batch_of, double, small_bert, step_of
from tests.training.test_resuming import die_at_call, quiet, train_and_die


def used(schedule: Curriculum, total: int) -> list[int]:
    """The steps in which the method is used."""
    return [number for number in range(total) if schedule.is_on(StepContext(number, 1, [0], SPECIAL, total))]


@pytest.mark.parametrize(
    ("schedule", "total", "expected"),
    [
        (Curriculum(), 4, [0, 1, 2, 3]),
        (Curriculum(after=0.5), 4, [2, 3]),
        (Curriculum(after=0.5), 5, [3, 4]),
        (Curriculum(after=1.0), 4, []),
        (Curriculum(after=0.99), 4, []),
        (Curriculum(after=0.01), 4, [1, 2, 3]),
        (Curriculum(every=2), 5, [0, 2, 4]),
        (Curriculum(every=9), 5, [0]),
        (Curriculum(after=0.2, every=3), 10, [2, 5, 8]),
        (Curriculum(after=0.07), 100, list(range(7, 100))),
        (Curriculum(after=0.29), 100, list(range(29, 100))),
    ],
    ids=str,
)
def test_the_steps_in_which_the_method_is_used(schedule: Curriculum, total: int, expected: list[int]) -> None:
    assert used(schedule, total) == expected


@given(
    percent=st.integers(0, 100),
    every=st.integers(1, 7),
    total=st.integers(1, 300),
)
def test_the_number_of_dear_steps_is_what_the_shares_say(percent: int, every: int, total: int) -> None:
    steps = used(Curriculum(after=percent / 100, every=every), total)
    first = -(-percent * total // 100)
    assert len(steps) == math.ceil((total - first) / every)
    assert steps == sorted({*steps})
    assert not steps or (steps[0] == first and steps[-1] < total)


@dataclass(frozen=True)
class Watched(Method):
    """Standard training that notes which examples it is given, weighted so that they are told from the others."""

    name: ClassVar[str] = "watched"
    source: ClassVar[str] = "this test"
    seen: list[list[int]] = field(default_factory=list)
    weight: float = 1.0

    def loss(self, model: nn.Module, batch: Mapping[str, Tensor], step: StepContext) -> Loss:
        assert len(step.examples) == len(batch["input_ids"]) == len(batch["labels"])
        self.seen.append(list(step.examples))
        total = self.weight * model(**batch).loss
        return Loss(total, {"watched": total.detach()})


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_the_chosen_examples_do_not_depend_on_the_order_of_a_batch(share: float) -> None:
    model, chosen = small_bert("three").double(), set()
    for order in ([0, 1, 2, 3, 4], [4, 2, 0, 3, 1], [1, 0, 4, 3, 2]):
        method = Watched()
        Curriculum(fraction=share).loss(method, model, double(batch_of("three", order)), step_of(order))
        chosen.add(frozenset(method.seen[0]))
        assert len(method.seen[0]) == round(share * 5)
    assert len(chosen) == 1
    others = Watched()
    for number in range(4, 12):
        Curriculum(fraction=share).loss(others, model, double(batch_of("three")), step_of(number=number))
    assert len({frozenset(seen) for seen in others.seen}) > 1, "each step draws anew"


def test_a_fraction_is_the_mean_over_all_examples() -> None:
    model, batch = small_bert("three").double(), double(batch_of("three"))
    each = [float(model(**double(batch_of("three", [number]))).loss) for number in range(5)]
    for share, weight in ((0.4, 1.0), (0.4, 10.0), (1.0, 10.0), (0.01, 10.0)):
        method = Watched(weight=weight)
        loss = Curriculum(fraction=share).loss(method, model, batch, step_of())
        expected = sum(value * (weight if number in method.seen[0] else 1) for number, value in enumerate(each)) / 5
        assert float(loss.total) == pytest.approx(expected, rel=1e-9)
        assert len(method.seen[0]) == max(1, round(share * 5))
        assert set(loss.parts) == {"watched"}


def test_an_example_s_delta_does_not_depend_on_the_share_that_is_perturbed() -> None:
    """What is searched for a fraction is what would be searched for it in a batch of its own."""
    model, batch = small_bert("three").double(), double(batch_of("three"))
    watched = Watched()
    Curriculum(fraction=0.4).loss(watched, model, batch, step_of())
    chosen = watched.seen[0]
    method = make_method("alum", {"epsilon": 0.3, "direction": "vat"})
    parts = Curriculum(fraction=0.4).loss(method, model, batch, step_of()).parts
    alone = method.loss(model, double(batch_of("three", chosen)), step_of(chosen)).parts
    torch.testing.assert_close(parts["regularizer"], alone["regularizer"])
    assert parts["regularizer"] > 0


def test_a_step_without_the_method_is_standard() -> None:
    model, batch = small_bert("three"), batch_of("three")
    method = Watched()
    loss = Curriculum(after=0.5).loss(method, model, batch, step_of(number=3))
    assert not method.seen
    assert torch.equal(loss.total, model(**batch).loss)
    Curriculum(after=0.5).loss(method, model, batch, step_of(number=5))
    assert method.seen


def test_a_killed_run_on_a_schedule_goes_on_where_it_stood(
    small_request: Callable[..., FineTuning], tmp_path: Path
) -> None:
    schedule = Curriculum(after=0.25, every=2, fraction=0.5)
    request = small_request(epochs=2.0, method="alum", schedule=schedule, trainer={"logging_steps": 1})
    record = fine_tune(request, tmp_path / "unbroken", quiet)
    told = [entry["step"] - 1 for entry in record["loss"] if "loss_regularizer" in entry]
    assert told == used(schedule, 24) == list(range(6, 24, 2))

    def death() -> None:
        die_at_call(torch.optim.AdamW, "step", 16)

    arguments: Any = (request, tmp_path / "out", death)
    child = multiprocessing.get_context("fork").Process(target=train_and_die, args=arguments)
    child.start()
    child.join(120)
    assert child.exitcode == -signal.SIGKILL
    resumed = fine_tune(request, tmp_path / "out", quiet)
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("unbroken", "out")]
    assert weights[0] == weights[1]
    assert resumed["loss"] == record["loss"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"after": -0.1}, "starts after -0.1 of the run: must be from 0 to 1"),
        ({"after": 1.1}, "starts after 1.1 of the run: must be from 0 to 1"),
        ({"after": float("nan")}, "starts after nan"),
        ({"every": 0}, "used every 0 steps: must be 1 or more"),
        ({"fraction": 0.0}, "sees 0 of each batch: must be above 0, at most 1"),
        ({"fraction": 1.5}, "sees 1.5 of each batch"),
    ],
    ids=str,
)
def test_what_is_no_schedule_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Curriculum(**values)

"""Flipped training labels: how many, which, and that none at all leaves everything as it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from alumbench.data import Example, Task
from alumbench.errors import AlumbenchError
from alumbench.parsing import read_json
from alumbench.storage import write_json
from alumbench.training.fine_tuning import fine_tune, load_data
from alumbench.training.label_noise import flip_labels
from alumbench.training.request import REQUEST, FineTuning

Make = Callable[..., FineTuning]
LABELS = ("entailment", "neutral", "contradiction")
EXAMPLES = [Example(str(i), (f"text {i}",), LABELS[i % 3]) for i in range(300)]


def quiet(line: str) -> None:
    """Takes a line of progress and drops it."""


def changed(share: float) -> dict[str, str | float]:
    flipped = flip_labels(EXAMPLES, LABELS, share)
    return {after.id: after.label for before, after in zip(EXAMPLES, flipped, strict=True) if before != after}


def test_a_share_of_the_labels_becomes_another_one_evenly_and_nothing_else_changes() -> None:
    flipped = flip_labels(EXAMPLES, LABELS, 0.4)
    assert [(e.id, e.texts) for e in flipped] == [(e.id, e.texts) for e in EXAMPLES]
    assert len(changed(0.4)) == 120
    steps = [
        (LABELS.index(str(label)) - LABELS.index(str(EXAMPLES[int(i)].label))) % 3 for i, label in changed(0.4).items()
    ]
    assert set(steps) == {1, 2} and 40 <= steps.count(1) <= 80


def test_more_noise_is_the_same_noise_and_more_of_it() -> None:
    assert changed(0.0) == {}
    assert changed(0.2).items() < changed(0.4).items()


def test_labels_are_flipped_after_the_training_subset_was_drawn_and_not_on_dev(small_request: Make) -> None:
    clean, clean_dev, before = load_data(small_request(), quiet)
    lines: list[str] = []
    noisy, dev, data = load_data(small_request(label_noise=0.25), lines.append)
    assert [example.id for example in noisy] == [example.id for example in clean] and dev == clean_dev
    assert sum(a.label != b.label for a, b in zip(clean, noisy, strict=True)) == data["train"]["flipped"] == 24
    assert data["train"]["sha256"] != before["train"]["sha256"] and "flipped" not in before["train"]
    assert "note: 24 of 96 training labels are flipped (--label-noise)" in lines
    assert load_data(small_request(label_noise=0.25, seed=2), quiet)[0] == noisy


def test_the_record_tells_and_rows_of_other_noise_are_other_rows(small_request: Make, tmp_path: Path) -> None:
    records = {}
    for share in (0.0, 0.25):
        fine_tune(small_request(label_noise=share), tmp_path / str(share), quiet)
        records[share] = read_json(tmp_path / str(share) / "training.json")
    assert records[0.25]["settings"].pop("label_noise") == 0.25
    assert records[0.25]["settings"] == records[0.0]["settings"]
    first, other = (record["data"]["train"]["sha256"] for record in records.values())
    assert first != other, "so they are no rows of one name"


def test_no_noise_resumes_what_an_alumbench_without_it_began(small_request: Make, tmp_path: Path) -> None:
    fine_tune(small_request(), tmp_path / "run", quiet)
    before = read_json(tmp_path / "run" / REQUEST)
    write_json(tmp_path / "run" / REQUEST, {k: v for k, v in before.items() if k != "label_noise"})
    lines: list[str] = []
    fine_tune(small_request(), tmp_path / "run", lines.append)
    assert "finished already" in lines[0]
    with pytest.raises(AlumbenchError, match="holds a run that differs in label noise .0.0 there, 0.5 requested"):
        fine_tune(small_request(label_noise=0.5), tmp_path / "run", quiet)


@pytest.mark.parametrize(
    ("share", "says"),
    [
        (-0.1, "must be from 0 to below 1"),
        (1.0, "must be from 0 to below 1"),
        (float("nan"), "expected a finite number"),
    ],
)
def test_what_is_no_share_is_refused(small_request: Make, share: float, says: str) -> None:
    with pytest.raises(AlumbenchError, match=f"--label-noise .*: {says}"):
        small_request(label_noise=share)


def test_a_regression_has_no_labels_to_flip() -> None:
    task = Task("scores", "numbers", ("text",), metrics=("pearson",))
    FineTuning(task, "model")
    with pytest.raises(AlumbenchError, match="task scores is a regression"):
        FineTuning(task, "model", label_noise=0.1)

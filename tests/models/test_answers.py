"""What functions and endpoints answer: read as what it is, or refused with the row."""

from __future__ import annotations

import math

import numpy as np
import pandas
import pytest
import torch

from alumbench.errors import AlumbenchError, ClassifierStopped
from alumbench.models.answers import AnswerReader, hard, named_scores

LABELS = ("negative", "positive")
ROWS = [[0.25, 0.75], [1.0, 0.0]]


def reader(scores: str = "auto", hard_labels: bool = False, said: list[str] | None = None) -> AnswerReader:
    return AnswerReader("f", LABELS, scores, hard_labels, (said if said is not None else []).append)


@pytest.mark.parametrize(
    "answer",
    [ROWS, np.array(ROWS), np.array(ROWS, np.float32), torch.tensor(ROWS), pandas.DataFrame(ROWS), tuple(ROWS)],
    ids=["lists", "float64", "float32", "torch", "pandas", "tuples"],
)
def test_probabilities_come_back_as_they_were(answer: object) -> None:
    said: list[str] = []
    read = reader(said=said)
    logits = read.logits(answer, 2)
    assert logits.dtype == torch.float32 and logits.isfinite().all()
    assert torch.allclose(logits.softmax(-1), torch.tensor(ROWS), rtol=0, atol=1e-7)
    assert logits.softmax(-1)[1].tolist() == [1.0, 0.0]
    assert read.scores == "probabilities" and len(said) == 1 and "probabilities" in said[0]
    read.logits(answer, 2)
    assert len(said) == 1


def test_logits_stay_as_they_are() -> None:
    said: list[str] = []
    rows = [[-1.5, 2.0], [0.5, 3.0]]
    assert reader(said=said).logits(rows, 2).tolist() == rows
    assert "logits" in said[0]


def test_what_was_said_is_not_found_out() -> None:
    said: list[str] = []
    assert reader("logits", said=said).logits(ROWS, 2).tolist() == ROWS and not said
    with pytest.raises(ClassifierStopped, match=r"row 1 is \[0.7, 0.4\].*it was said"):
        reader("probabilities").logits([[0.5, 0.5], [0.7, 0.4]], 2)
    assert reader("probabilities").logits([[0.33, 0.66]], 1).isfinite().all()  # rounded to two decimals


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ([[0.5, 0.5], [2.0, -1.5]], "row 1 .* does not sum to 1"),
        ([[0.5, 0.5]], r"shape \(1, 2\), expected \(2, 2\)"),
        ([[0.5, 0.3, 0.2]] * 2, r"shape \(2, 3\), expected \(2, 2\)"),
        ([[0.7], [0.2]], r"\[1 - p, p\]"),
        ([0.7, 0.2], "a row for each"),
        (0.7, "a row for each"),
        (["positive", "negative"], "--hard-labels"),
        ([1, 0], "--hard-labels"),
        ([[0.5, 0.5], [0.5]], "rows of 2 scores"),
        ([["a", "b"], ["c", "d"]], "expected numbers"),
        (None, "expected numbers"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_another_answer_is_refused(answer: object, message: str) -> None:
    with pytest.raises(ClassifierStopped, match=message):
        reader().logits(answer, 2)


def test_later_rows_are_held_to_what_the_first_were() -> None:
    read = reader()
    read.logits(ROWS, 2)
    with pytest.raises(ClassifierStopped, match="those before were"):
        read.logits([[3.0, -1.0]], 1)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_no_number_is_named_and_counts_against_its_texts_alone(value: float) -> None:
    with pytest.raises(AlumbenchError, match="row 1 is .*not finite") as caught:
        reader().logits([[0.5, 0.5], [value, 0.5]], 2)
    assert not isinstance(caught.value, ClassifierStopped)


@pytest.mark.parametrize("answer", [["Positive", "negative"], [1, 0], np.array([1, 0]), [[0.2, 0.8], [5.0, 4.0]]])
def test_labels_alone_become_one_and_zero(answer: object) -> None:
    logits = reader(hard_labels=True).logits(answer, 2)
    assert logits.softmax(-1).tolist() == [[0.0, 1.0], [1.0, 0.0]]


@pytest.mark.parametrize("answer", [["neutral"], [2], [-1], [True]])
def test_a_label_that_is_none_is_refused(answer: object) -> None:
    if answer == [True]:  # a truth value is no place
        pytest.skip("bool arrays are numbers to NumPy and have no row")
    with pytest.raises(ClassifierStopped, match="not one of negative, positive"):
        reader(hard_labels=True).logits(answer, 1)


def test_hard_labels_hide_no_broken_score() -> None:
    assert hard(torch.tensor([[math.nan, 1.0], [1.0, 2.0]])).isfinite().all(-1).tolist() == [False, True]
    assert hard(torch.tensor([[1.0, 1.0]])).softmax(-1).tolist() == [[1.0, 0.0]]


def test_named_scores_are_matched_by_name() -> None:
    row = [{"label": "POSITIVE", "score": 0.9}, {"label": "LABEL_0", "score": 0.1}]
    assert named_scores([row], LABELS, "f") == [[0.1, 0.9]]
    for wrong, message in (
        (row[:1], "1 of 2 labels"),
        ([*row, row[0]], "twice, out of"),
        ([{"label": "neutral", "score": 1.0}], "not one of"),
    ):
        with pytest.raises(ClassifierStopped, match=message):
            named_scores([wrong], LABELS, "f")

"""Labels of a user's file: names first, positions where they were said, never a guess; what is left out is told."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from alumbench.data import Task, load_task
from alumbench.data.dataset import load_examples_from
from alumbench.data.from_files import own_examples, task_from_files
from alumbench.data.kept import HELD_OUT, in_folder, keep_digests, keep_held_out, trained_on
from alumbench.data.labels import parse_labels
from alumbench.errors import AlumbenchError

POS, NEG = "positive", "negative"


def write(path: Path, labels: list[Any], texts: list[Any] | None = None) -> Path:
    texts = texts or [f"text {number}" for number in range(len(labels))]
    rows = [{"text": text, "label": label} for text, label in zip(texts, labels, strict=True)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def read(task: Task, split: str = "train") -> tuple[list[str | float], str]:
    """The labels in order, and what was told."""
    lines: list[str] = []
    examples, _ = load_examples_from(getattr(task, split), task.columns, task.labels, say=lines.append)
    return [example.label for example in examples], lines[0]


def options(text: str) -> list[str]:
    return text.split(",") if text else []


@pytest.mark.parametrize(
    ("given", "labels", "read_as", "told"),
    [
        ([POS, NEG, POS], "", [POS, NEG, POS], "3 rows; labels: negative (1), positive (2)"),
        (["Positive ", NEG, "POSITIVE"], "", ["Positive", NEG, "Positive"], "labels: Positive (2), negative (1)"),
        ([0, 1, 1], "negative,positive", [NEG, POS, POS], "labels: negative (1), positive (2)"),
        ([0.0, 1.0, "1"], "negative,positive", [NEG, POS, POS], "labels: negative (1), positive (2)"),
        ([-1, 1, 1], "-1=negative,1=positive", [NEG, POS, POS], "labels: negative (1), positive (2)"),
        ([-1, 0, 1], "negative,positive,-1=", [NEG, POS], "3 rows, 1 without label, left out; labels"),
        ([1, 2, 2], "1=negative,2=positive", [NEG, POS, POS], "labels: negative (1), positive (2)"),
        ([True, False, True], "", ["True", "False", "True"], "labels: False (1), True (2)"),
        ([True, False, True], "True,False", ["True", "False", "True"], "labels: True (2), False (1)"),
        (["true", "false"], "True,False", ["True", "False"], "labels: True (1), False (1)"),
        ([True, False], "False=negative,True=positive", [POS, NEG], "labels: negative (1), positive (1)"),
        (["", None, POS, NEG], "", [POS, NEG], "4 rows, 2 without label, left out"),
        ([POS, NEG, "n/a"], "negative,positive,n/a=", [POS, NEG], "3 rows, 1 without label, left out"),
        ([POS] * 20 + [NEG] * 20 + ["mixed"], "negative,positive,mixed", None, "mixed (1)"),
    ],
)  # fmt: skip
def test_a_label_is_what_the_file_says(tmp_path: Path, given: list[Any], labels: str, read_as: Any, told: str) -> None:
    task = task_from_files(write(tmp_path / "a.jsonl", given), None, columns=["text"], labels=options(labels))
    found, line = read(task)
    assert read_as is None or found == read_as
    assert told in line and line.startswith("a.jsonl: ")
    assert Task.from_dict(json.loads(json.dumps(task.to_dict()))) == task


@pytest.mark.parametrize(
    ("given", "labels", "message"),
    [
        ([1, -1], "negative,positive", "row 2: label '-1' is not one of negative, positive; say what each value means: "
         "--labels -1=NAME,1=NAME (-1= if it says that there is no label)"),
        ([0, 1, -1], "negative,positive", "row 3: label '-1' is not one of"),
        ([1, -1], "", "labels -1, 1 are numbers; name them one by one: --labels -1=NAME,1=NAME"),
        ([0, 1], "", "labels 0, 1 are numbers; name them in order: --labels name0,name1,… or one by one"),
        ([1, 2, 1], "a,b,c", "its labels are 1, 2, but --labels names 0 to 2; say what each value means"),
        ([True, False], "negative,positive", "row 1: label 'True' is not one of"),
        ([POS, 0, NEG], "negative,positive", "row 1 has a label's name, row 2 a number"),
        ([POS, NEG, 1], "", "row 3: labels 1 are numbers"),
        ([POS] * 9 + ["postive"] + [NEG] * 9, "", "row 10: label 'postive' occurs once (did you mean"),
        ([POS, NEG, "postive"], "negative,positive", "label 'postive' is not one of negative, positive (did you mean"),
        ([POS] * 9 + ["pósitive"] + [NEG] * 9, "", "did you mean 'positive'?"),
        ([POS] * 9 + ["positive\u200b"] + [NEG] * 9, "", "did you mean 'positive'?"),
        ([POS] * 10 + [NEG] * 9 + ["other"], "", "row 20: label 'other' occurs only once, too rare to learn"),
        ([POS, NEG, "nan"], "", "row 3: label 'nan' looks like a missing value; fix the file"),
        ([0.5, 1.5], "a,b", "row 1: label '0.5' is not one of a, b"),
        ([None, ""], "a,b", "no example in 2 rows: 0 have no text, 2 no label"),
        ([POS, POS], "", "the only label is positive"),
        ([1, 2], "1,2", "names cannot be numbers"),
        ([POS, NEG], "negative,negative", "lists a label twice"),
        ([POS, NEG], "negative,positive,0=neutral", "'neutral' is not one of negative, positive"),
    ],
)  # fmt: skip
def test_a_label_that_is_not_sure_is_refused(tmp_path: Path, given: list[Any], labels: str, message: str) -> None:
    with pytest.raises(AlumbenchError, match=re.escape(message)):
        task_from_files(write(tmp_path / "a.jsonl", given), None, columns=["text"], labels=options(labels))


def test_integers_of_one_file_are_not_paired_with_names_of_another(tmp_path: Path) -> None:
    names = write(tmp_path / "names.jsonl", ["World", "Sports", "Business"])
    numbers = write(tmp_path / "numbers.jsonl", [0, 1, 2])
    with pytest.raises(
        AlumbenchError, match=r"numbers.jsonl, row 1: label '0' is not one of Business, Sports, World; say"
    ):
        task_from_files(names, numbers, columns=["text"])
    task = task_from_files(names, numbers, columns=["text"], labels=["World", "Sports", "Business"])
    assert read(task, "dev")[0] == read(task)[0] == ["World", "Sports", "Business"]


def test_a_dev_label_that_training_lacks_is_refused_before_training(tmp_path: Path) -> None:
    train, dev = write(tmp_path / "a.jsonl", [POS, NEG]), write(tmp_path / "b.jsonl", [POS, "neutral"])
    with pytest.raises(AlumbenchError, match=r"b.jsonl, row 2: label 'neutral' is not one of negative, positive"):
        task_from_files(train, dev, columns=["text"])


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        (["a", "", "b"], "3 rows, 1 empty, left out"),
        (["a", " \u200b\n", "b"], "1 empty, left out"),
        (["a", None, "b"], "1 empty, left out"),
    ],
)
def test_rows_without_a_text_are_left_out_and_told(tmp_path: Path, texts: list[Any], told: str) -> None:
    task = task_from_files(write(tmp_path / "a.jsonl", [POS, NEG, NEG], texts), None, columns=["text"])
    assert told in read(task)[1] and len(read(task)[0]) == 2
    (origin,) = load_examples_from(task.train, task.columns, task.labels)[1]
    assert (origin.empty, origin.without_label, origin.labels) == (1, 0, {NEG: 1, POS: 1})


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["a", 5], "row 2: column 'text' holds 5, expected text"),
        (["a", "b\ud800"], "row 2: column 'text' holds half a surrogate pair"),
        (["1", "-2.5"], "column 'text' holds only numbers, expected texts"),
        (["", " "], "no example in 2 rows: 2 have no text, 0 no label"),
    ],
)
def test_a_text_that_is_none_is_refused(tmp_path: Path, texts: list[Any], message: str) -> None:
    with pytest.raises(AlumbenchError, match=message):
        task_from_files(write(tmp_path / "a.jsonl", [POS, NEG], texts), None, columns=["text"])


@pytest.mark.parametrize(
    ("columns", "protected", "message"),
    [
        (["text", "other"], [], "a.jsonl: no column 'other'; it has label, text."),
        (["txt"], [], "no column 'txt'; it has label, text. Did you mean 'text'?"),
        (["text", "text"], [], "expected one column, or two for pairs"),
        (["text"], ["txt"], "--protected txt: is not one of the text columns text. Did you mean 'text'?"),
        (["text"], ["text"], "--protected text: leaves no text column that can be attacked"),
    ],
)
def test_columns_are_checked_before_training(
    tmp_path: Path, columns: list[str], protected: list[str], message: str
) -> None:
    with pytest.raises(AlumbenchError, match=re.escape(message)):
        task_from_files(write(tmp_path / "a.jsonl", [POS, NEG]), None, columns=columns, protected=protected)


def test_columns_of_the_dev_file_are_checked_before_training(tmp_path: Path) -> None:
    (tmp_path / "dev.csv").write_text("texts,label\na,positive\n")
    with pytest.raises(AlumbenchError, match=r"dev.csv: no column 'text'; it has label, texts. Did you mean 'texts'\?"):
        task_from_files(write(tmp_path / "a.jsonl", [POS, NEG]), tmp_path / "dev.csv", columns=["text"])


@pytest.mark.parametrize(
    ("trained", "labels", "given", "values", "read_as"),
    [
        (None, "", [0, 1], "", [NEG, POS]),
        (None, "", ["Negative", POS], "", [NEG, POS]),
        (None, "", [-1, 1], "", "label '-1' is not one of negative, positive"),
        (None, "", [-1, 1], "-1=negative", [NEG, POS]),
        ([1, -1], "-1=negative,1=positive", [-1, 1], "", [NEG, POS]),
        ([0, 1], "negative,positive", [0, 1], "", [NEG, POS]),
        ([POS, NEG], "", [0, 1], "", "label '0' is not one of negative, positive; say what each value means"),
        ([POS, NEG], "", [0, 1], "0=negative,1=positive", [NEG, POS]),
    ],
)
def test_own_examples_are_read_as_the_training_file_was(
    tmp_path: Path, trained: list[Any] | None, labels: str, given: list[Any], values: str, read_as: Any
) -> None:
    task = load_task("sst2")
    if trained:
        task = task_from_files(write(tmp_path / "a.jsonl", trained), None, columns=["text"], labels=options(labels))
    source = own_examples(
        task, write(tmp_path / "b.jsonl", given), columns=["text"], values=parse_labels(options(values))[1]
    )
    if isinstance(read_as, str):
        with pytest.raises(AlumbenchError, match=read_as):
            load_examples_from([source], task.columns, task.labels)
    else:
        assert [example.label for example in load_examples_from([source], task.columns, task.labels)[0]] == read_as


def test_one_column_for_a_pair_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AlumbenchError, match=r"--text-columns text: 1 column given, 2 needed \(premise, hypothesis\)"):
        own_examples(load_task("nli"), tmp_path / "one.jsonl", columns=["text"])


def test_held_out_examples_stay_with_the_checkpoint_wherever_it_goes(tmp_path: Path) -> None:
    task = task_from_files(write(tmp_path / "a.jsonl", [POS, NEG, POS], ["a", "b\u2028c", "d"]), None, columns=["text"])
    examples, _ = load_examples_from(task.train, task.columns, task.labels)
    folder = tmp_path / "checkpoint"
    recorded = keep_held_out(folder, task, examples[:2]).to_dict()
    keep_digests(folder, examples[2:])
    folder.rename(tmp_path / "moved")
    (tmp_path / "a.jsonl").unlink()
    again = in_folder(Task.from_dict(json.loads(json.dumps(recorded))), tmp_path / "moved")
    assert load_examples_from(again.dev, again.columns, again.labels)[0] == examples[:2]
    assert again.to_dict() == recorded and recorded["dev"][0]["file"] == HELD_OUT, "no path of a machine is recorded"
    assert (trained_on(tmp_path / "moved", examples), trained_on(tmp_path, examples)) == (1, 0)

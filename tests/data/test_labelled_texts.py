"""`load_data`: the texts and labels of a task or of a file, in the order that a model's outputs have."""

from __future__ import annotations

from pathlib import Path

import pytest

import alumbench as ab
from alumbench.data import load_task, miniature
from alumbench.errors import AlumbenchError


def test_a_task_s_splits_are_its_tables() -> None:
    for split, size in (("train", 2400), ("dev", 400)):
        data, rows = ab.load_data("mini-sentiment", split), miniature.rows(f"sentiment/{split}")
        assert (data.texts, data.labels) == (rows["sentence"], rows["label"]) and len(data) == size
        assert data.label_names == load_task("mini-sentiment").labels
        assert [data.label_names[at] for at in data.label_ids] == data.labels
    assert ab.load_data("mini-sentiment").texts == data.texts, "without a split it is dev"


def test_pairs_are_tuples() -> None:
    rows = miniature.rows("nli/dev")
    assert ab.load_data("mini-nli", "dev").texts == list(zip(rows["premise"], rows["hypothesis"], strict=True))


def test_a_file_s_columns_are_found_and_said(tmp_path: Path) -> None:
    file, lines = tmp_path / "films.csv", list[str]()
    file.write_text("id,review,sentiment\n1,a good film,1\n2,a dull one,0\n3,fun,1\n")
    data = ab.load_data(file, labels=["bad", "good"], say=lines.append)
    assert data.texts == ["a good film", "a dull one", "fun"] and data.labels == ["good", "bad", "good"]
    assert data.label_ids == [1, 0, 1] and repr(data) == "<LabelledTexts: 3 examples, labels bad, good>"
    assert len(lines) == 1 and "texts in review, labels in sentiment" in lines[0]
    named = ab.load_data(file, columns=["review"], label_column="sentiment", labels=["bad", "good"], say=lines.append)
    assert named == data and len(lines) == 1


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        ("mini-sentiment", {"split": "test"}, "unknown split 'test'"),
        ("mini-sentimnt", {}, "Did you mean 'mini-sentiment'"),
        ("mini-sentiment", {"columns": ["text"]}, "a task has its own"),
        ("films.csv", {"split": "train"}, "a file has no splits"),
        ("none.csv", {}, "none.csv: no such file"),
    ],
    ids=str,
)
def test_what_is_not_there_is_named(
    given: str, options: dict[str, object], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("films.csv").write_text("text,label\na,x\nb,y\n")
    with pytest.raises(AlumbenchError, match=message):
        ab.load_data(given, **options)


def test_a_task_without_a_dev_table_has_no_dev_split(tmp_path: Path) -> None:
    (tmp_path / "films.csv").write_text("text,label\na,x\nb,y\n")
    task = ab.task_from_files(tmp_path / "films.csv", columns=["text"])
    with pytest.raises(AlumbenchError, match="task films: has no dev split"):
        ab.load_data(task)
    assert ab.load_data(task, "train").labels == ["x", "y"]

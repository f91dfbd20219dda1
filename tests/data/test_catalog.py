"""The catalog parses, names its sources exactly, and finds them in the mirror."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import alumbench.data
from alumbench.data import Source, Task, load_task, task_names
from alumbench.data import mirror as mirror_folder
from alumbench.data.dataset import load_examples_from
from alumbench.errors import AlumbenchError


def test_every_file_is_a_task_and_every_task_a_file() -> None:
    files = {path.stem for path in (Path(alumbench.data.__file__).parent / "catalog").iterdir()}
    assert {*task_names()} == files
    assert {"sst2", "nli", "stsb", "mini-sentiment", "mini-nli"} <= files


@pytest.mark.parametrize("name", task_names())
def test_each_task_is_whole(name: str) -> None:
    task = load_task(name)
    assert task.name == name
    assert task.title
    assert len(task.columns) in {1, 2}
    assert {*task.protected} < {*task.columns}
    assert task.train
    assert task.dev
    assert len({*task.labels}) == len(task.labels) != 1
    assert {"pearson", "spearman"}.isdisjoint(task.metrics) is not task.is_regression
    assert Task.from_dict(task.to_dict()) == task


@pytest.mark.parametrize("name", task_names())
def test_each_table_names_one_place_and_a_verified_commit(name: str) -> None:
    for source in (*load_task(name).train, *load_task(name).dev):
        assert sum(map(bool, (source.hub, source.generated, source.file))) == 1
        if source.hub:
            assert re.fullmatch(r"[0-9a-f]{40}", source.revision)
            assert source.split
            assert "hub when needed" in source.missing_reason()
        else:
            assert source.missing_reason() == ""


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"titel": "x"}, "unknown key 'titel'. Did you mean 'title'?"),
        ({"metrics": ["acuracy"]}, "unknown metric 'acuracy'. Did you mean 'accuracy'?"),
        ({"protected": ["b"]}, "protected column 'b' is not one of a"),
        ({"train": [{"hubb": "x"}]}, "task: train[0]: unknown key 'hubb'. Did you mean 'hub'?"),
        ({"columns": None}, "task: columns is missing"),
    ],
    ids=["key", "metric", "protected", "source", "missing"],
)
def test_a_task_with_a_mistake_is_refused(values: dict[str, Any], message: str) -> None:
    whole = {"name": "t", "title": "x", "columns": ["a"], "labels": ["x", "y"]} | values
    with pytest.raises(AlumbenchError, match=re.escape(message)):
        Task.from_dict({key: value for key, value in whole.items() if value is not None})


def test_an_unknown_task_offers_the_nearest() -> None:
    with pytest.raises(AlumbenchError, match=r"unknown task 'sst-2'. Did you mean 'sst2'\? 'alumbench tasks'"):
        load_task("sst-2")


def test_without_a_network_the_way_out_is_named() -> None:
    with pytest.raises(AlumbenchError, match=r"nyu-mll/glue/sst2/train: the hub request failed .* ALUMBENCH_MIRROR"):
        load_task("sst2").train[0].load()


def test_a_mirror_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ALUMBENCH_MIRROR", str(tmp_path))
    with pytest.raises(AlumbenchError, match="not a folder with data/ or models/ in it"):
        mirror_folder()


def test_a_table_that_the_mirror_lacks_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("ALUMBENCH_MIRROR", str(tmp_path))
    for source, message in (
        (Source(hub="a/b", split="train"), "the mirror has no a/b/train; unset ALUMBENCH_MIRROR"),
        (Source(hub="a/b", split="train", mirror="b.csv"), "data/b.csv does not exist; unset ALUMBENCH_MIRROR"),
    ):
        assert message in source.missing_reason()
        with pytest.raises(AlumbenchError, match=message):
            source.load()


def numbered(tmp_path: Path, **changes: Any) -> Source:
    (tmp_path / "ten.csv").write_text("text,label,kind\n" + "".join(f"t{i},{i % 3},{'ab'[i % 2]}\n" for i in range(10)))
    return Source(file=str(tmp_path / "ten.csv"), **changes)


@pytest.mark.parametrize(
    ("changes", "left"),
    [
        ({"take": ":-7"}, "t0 t1 t2"),
        ({"take": "-2:"}, "t8 t9"),
        ({"where": {"kind": ["a"]}}, "t0 t2 t4 t6 t8"),
        ({"where": {"kind": ["a"], "label": ["0", "2"]}, "take": "1:"}, "t2 t6 t8"),
    ],
)
def test_a_part_of_a_table_is_taken_and_told(tmp_path: Path, changes: dict[str, Any], left: str) -> None:
    rows, origin = numbered(tmp_path, **changes).load()
    assert " ".join(rows["text"]) == left and len(rows["label"]) == len(left.split())
    assert {name: getattr(origin, name) for name in changes} == changes


def test_a_part_that_cannot_be_taken_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AlumbenchError, match="take = '5' is not a slice of rows"):
        numbered(tmp_path, take="5").load()
    with pytest.raises(AlumbenchError, match="no column 'sort'; it has kind, label, text"):
        numbered(tmp_path, where={"sort": ["a"]}).load()


def test_a_source_that_says_none_of_it_is_recorded_as_before() -> None:
    source = load_task("sst2").to_dict()["train"][0]
    assert "take" not in source and "where" not in source
    assert load_task("sst2-tuning").to_dict()["dev"][0]["take"] == "-2000:"


@pytest.mark.parametrize(
    ("name", "split", "count"),
    [
        ("sst2", "dev", 872),
        ("nli", "train", 38_000),
        ("stsb", "dev", 1500),
        ("sst2-tuning", "train", 65_349),
        ("sst2-tuning", "dev", 2000),
    ],
)
def test_sizes_in_the_mirror(mirror: Path, name: str, split: str, count: int) -> None:
    task = load_task(name)
    examples, origins = load_examples_from(getattr(task, split), task.columns, task.labels)
    assert len(examples) == count
    assert sum(origin.examples or 0 for origin in origins) == count
    assert all(re.fullmatch(r"[0-9a-f]{64}", origin.sha256 or "") for origin in origins)
    assert {example.label for example in examples} <= {*task.labels} or task.is_regression


@pytest.mark.parametrize("name", [name for name in task_names() if name.endswith("-tuning")])
def test_settings_are_chosen_on_nothing_that_is_trained_on_or_published(mirror: Path, name: str) -> None:
    """`TASK-tuning` cuts its dev set from the training tables of `TASK`: together they are those, row for row."""
    tuning, task = load_task(name), load_task(name.removesuffix("-tuning"))

    def texts(sources: Sequence[Source]) -> list[tuple[str, ...]]:
        return [example.texts for example in load_examples_from(sources, task.columns, task.labels)[0]]

    train, dev = texts(tuning.train), texts(tuning.dev)
    assert Counter(train + dev) == Counter(texts(task.train)) and len(dev) == 2000
    assert len(task.columns) == 1 or not set(train) & set(dev)
    assert not set(dev) & set(texts(task.dev)) or len(task.columns) == 1


def test_the_order_of_labels_is_that_of_the_data(mirror: Path) -> None:
    """A table whose integers stood for other names would make every figure wrong without a sign."""
    task = load_task("sst2")
    examples, _ = load_examples_from(task.dev, task.columns, task.labels)
    label = {example.texts[0].strip(): example.label for example in examples}
    assert label["it 's a charming and often affecting journey ."] == "positive"
    assert label["unflinchingly bleak and desperate"] == "negative"

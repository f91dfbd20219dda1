"""What a maintainer's CI refuses: each way in which a contribution can be wrong is named, and all of them at once."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alumbench.errors import AlumbenchError
from alumbench.leaderboard.board import build, outdated
from alumbench.leaderboard.submit import add
from alumbench.leaderboard.validate import check
from alumbench.leaderboard.verify import replay_board

Entry = dict[str, Any]


@pytest.fixture
def filled(board: Path, evaluated: list[Path]) -> Path:
    for folder in evaluated:
        add(board, folder)
    return board


def entry_of(board: Path, name: str = "standard-seed1") -> Path:
    return board / f"results/{name}.json"


def change(path: Path, how: Callable[[Entry], Any]) -> None:
    content = json.loads(path.read_text())
    how(content)
    path.write_text(json.dumps(content))


def rewrite_records(path: Path, how: Callable[[list[Entry]], list[Entry]]) -> None:
    """Changes an entry's records and gives the entry the new file's hash and count, as one who cheats would."""
    content = json.loads(path.read_text())
    file = path.parent.parent / content["records"]["file"]
    records = how([json.loads(line) for line in gzip.decompress(file.read_bytes()).splitlines()])
    packed = gzip.compress("".join(json.dumps(record) + "\n" for record in records).encode(), mtime=0)
    file.write_bytes(packed)
    content["records"] |= {"sha256": hashlib.sha256(packed).hexdigest(), "n": len(records)}
    path.write_text(json.dumps(content))


def test_a_sound_board_passes(filled: Path) -> None:
    assert check(filled) == []
    assert outdated(filled) == [], "nothing was built yet"
    build(filled)
    assert check(filled) == outdated(filled) == []


def measures(entry: Entry) -> Entry:
    found: Entry = entry["entries"]["clean"]["summary"]["measures"]["accuracy"]
    return found


CHANGES: dict[str, tuple[Callable[[Entry], Any], str]] = {
    "a-figure": (lambda e: measures(e).update(value=0.99), "entry clean: its measures do not follow from its records"),
    "an-interval": (lambda e: measures(e).update(low=0.0), "entry clean: its measures do not follow from its records"),
    "nan": (lambda e: measures(e).update(value=float("nan")), "NaN is not a JSON number"),
    "infinity": (lambda e: measures(e).update(high=float("inf")), "Infinity is not a JSON number"),
    "limit": (lambda e: e["evaluations"][0].update(limit=50), "was made with --limit"),
    "limit-hidden": (
        lambda e: e["entries"]["clean"].update(signature=e["entries"]["clean"]["signature"] + "|limit:50"),
        "was made with --limit",
    ),
    "suite": (
        lambda e: e["evaluations"][0]["suite"].update(version=2),
        "comes from suite smoke@2; this board takes smoke@1",
    ),
    "task": (lambda e: e["task"].update(name="sst2"), "was trained for sst2; this board is for mini-sentiment"),
    "unfinished": (lambda e: e["entries"]["clean"].update(complete=False), "entry clean: is not finished"),
    "schema": (lambda e: e.update(schema=7), "schema 7 is unknown"),
    "no-seed": (lambda e: e["training"].pop("training_seed"), "training: training_seed is missing"),
    "path": (lambda e: e["records"].update(file="../../etc/passwd"), "records.file: expected"),
    "no-records": (lambda e: e["records"].update(file="records/none.jsonl.gz"), "are missing"),
    "count": (lambda e: e["records"].update(n=3), "does not have the 3 records that it states"),
    "groups": (lambda e: e["entries"].pop("clean"), "has records of clean, which"),
    "settings": (lambda e: e["training"]["settings"].update(lr=1.0), "mixes checkpoints that differ in settings"),
    "seed-twice": (lambda e: e["training"].update(training_seed=2), "has seed 2 twice"),
    "protocol": (lambda e: e["entries"]["clean"].update(signature="smoke@1|clean|other"), "was made in two ways"),
    "no-object": (lambda e: e.update(entries=[]), "entries: expected a table, found an empty list"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_wrong_with_an_entry_is_named(filled: Path, name: str) -> None:
    how, message = CHANGES[name]
    change(entry_of(filled), how)
    assert [line for line in check(filled) if message in line]
    with pytest.raises(AlumbenchError, match="results|row|entry|board"):
        build(filled)


def test_two_versions_of_the_white_box_attack_are_no_column(tmp_path: Path) -> None:
    """Rows of `embedding-pgd@1` stay sound among themselves."""
    board = tmp_path / "board"
    shutil.copytree(Path(__file__).parents[2] / "leaderboards/claims-scratch", board)
    assert check(board) == []
    path = entry_of(board, "ALUM-pre-training-seed2")
    path.write_text(
        path.read_text().replace(
            "embedding-pgd@1:l2-sentence:0.1:5", "embedding-pgd@2:l2-sentence:0.1:5:cross-entropy+margin:restarts=1"
        )
    )
    found = [line for line in check(board) if "entry embedding-pgd-0.1 was made in two ways" in line]
    assert found and "embedding-pgd@1" in found[0] and "embedding-pgd@2" in found[0]


def test_attacks_that_asked_different_models_are_no_column(filled: Path) -> None:
    """One that does not say, as earlier versions, is held against none."""
    for path, words in zip(sorted((filled / "results").glob("*.json"))[1:], "ab", strict=False):
        model = {"weights_sha256": "0" * 64, "configuration": {"vocab.txt": words, "config.json": {"vocab_size": "c"}}}
        change(path, lambda e, model=model: e["entries"]["clean"].update(models={"masked_lm": model}))
    found = [line for line in check(filled) if "different models" in line]
    assert len(found) == 1
    assert found[0].endswith("entry clean was made with different models: masked_lm: vocab.txt")


def test_all_that_is_wrong_is_said_at_once(filled: Path) -> None:
    change(entry_of(filled), CHANGES["a-figure"][0])
    change(entry_of(filled, "alum-seed1"), CHANGES["limit"][0])
    (filled / "records/stray.jsonl.gz").write_bytes(b"")
    problems = "\n".join(check(filled))
    for message in ("standard-seed1.json: entry clean: its measures", "alum-seed1.json: was made with --limit"):
        assert message in problems
    assert "stray.jsonl.gz: belongs to no entry" in problems


def test_the_same_weights_twice_are_a_duplicate(filled: Path) -> None:
    shutil.copy(entry_of(filled), entry_of(filled, "copy"))
    change(entry_of(filled, "copy"), lambda entry: entry.update(row="mine"))
    assert [line for line in check(filled) if "are the same weights: a duplicate" in line]


def wrong_to_right(records: list[Entry]) -> list[Entry]:
    wrong = next(record for record in records if record["outcome"] == "wrong")
    wrong.update(outcome="correct", prediction=wrong["label"])
    if "scores" in wrong:
        wrong["scores"] = wrong["scores"][::-1]
    return records


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (wrong_to_right, "its measures do not follow from its records"),
        (lambda records: records[:-1], "records missing"),
        (lambda records: [records[0], *records[1:-1], records[0]], "occurs 2 times"),
    ],
    ids=["changed", "missing", "twice"],
)
def test_records_that_were_changed_with_their_hash_are_found(
    filled: Path, how: Callable[[list[Entry]], list[Entry]], message: str
) -> None:
    rewrite_records(entry_of(filled), how)
    assert [line for line in check(filled) if message in line]


@pytest.mark.parametrize("content", [None, b"", b"[1]\n", b'{"entry": NaN}\n'], ids=["no-gzip", "empty", "list", "nan"])
def test_records_that_are_none_are_named(filled: Path, content: bytes | None) -> None:
    data = b"no gzip" if content is None else gzip.compress(content)
    path = entry_of(filled)
    (filled / json.loads(path.read_text())["records"]["file"]).write_bytes(data)
    change(path, lambda entry: entry["records"].update(sha256=hashlib.sha256(data).hexdigest()))
    assert [line for line in check(filled) if "records/standard-seed1.jsonl.gz" in line]


def test_a_bomb_is_not_unpacked(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alumbench.leaderboard.reading.MOST_BYTES", 1000)
    assert [line for line in check(filled) if "unpacks to more than 1000 bytes" in line]


def test_a_built_file_that_was_edited_is_named(filled: Path) -> None:
    build(filled)
    page = filled / "README.md"
    page.write_text(page.read_text().replace("standard", "mine", 1))
    (filled / "table.csv").unlink()
    found = outdated(filled)
    assert [path.split(":")[0].rpartition("/")[2] for path in found] == ["README.md", "table.csv"]
    assert all("run 'alumbench leaderboard build" in line for line in found)


def test_every_adversarial_text_is_replayed_and_a_swapped_checkpoint_refused(
    filled: Path, evaluated: list[Path], tiny_model: Path
) -> None:
    found, *_ = replay_board(filled, [str(evaluated[0])], "cpu")
    (verdict,) = found.verdicts
    assert found.entry.path == entry_of(filled) and verdict.texts == verdict.hold > 0 and not found.fallen
    with pytest.raises(AlumbenchError, match="belong to no entry of"):
        list(replay_board(filled, [str(tiny_model)], "cpu"))


def test_a_text_that_breaks_nothing_is_found(filled: Path, evaluated: list[Path]) -> None:
    def tame(records: list[Entry]) -> list[Entry]:
        broken = [record for record in records if record["outcome"] == "broken"]
        right = next(r for r in broken if r["label"] != broken[0]["label"])
        broken[0]["adversarial"] = {"sentence": "bad " * 9 if broken[0]["label"] == "negative" else "good " * 9}
        assert right
        return records

    rewrite_records(entry_of(filled), tame)
    assert check(filled) == [], "no figure tells: only the checkpoint does"
    found, *_ = replay_board(filled, [str(evaluated[0])], "cpu")
    assert found.fallen and len(found.verdicts[0].fallen) == 1


def test_another_choice_of_examples_is_found(filled: Path) -> None:
    """An id that is not the others' (an easier example, say), though hash, count and figures fit."""

    def swapped(records: list[Entry]) -> list[Entry]:
        next(record for record in records if record["entry"] == "clean")["id"] = "000000000000"
        return records

    rewrite_records(entry_of(filled), swapped)
    assert [line for line in check(filled) if "entry clean: the examples of" in line]


def test_an_entry_of_another_suite_is_named(filled: Path) -> None:
    change(entry_of(filled), lambda e: e["entries"]["clean"].update(signature="mine@1|clean"))
    assert [line for line in check(filled) if "entry clean: comes from suite mine@1" in line]


def test_a_regression_has_no_gradients_of_right_answers(filled: Path) -> None:
    change(entry_of(filled), lambda entry: entry["model_checks"][0].update(zero_gradients=None, right_answers=None))
    assert check(filled) == []
    build(filled)

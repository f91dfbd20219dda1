"""R24: a board whose records were changed, with hashes and figures made anew, is refused by `check` or by `verify`."""

from __future__ import annotations

import gzip
import hashlib
import itertools
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alumbench.data import Task
from alumbench.errors import AlumbenchError
from alumbench.evaluation.degrees import summarize_within
from alumbench.evaluation.rescoring import Sample
from alumbench.evaluation.seeds import main_records
from alumbench.evaluation.summary import summarize
from alumbench.evaluation.thresholds import Thresholds
from alumbench.evaluation.validity import summarize_validity
from alumbench.leaderboard.submit import add
from alumbench.leaderboard.validate import check
from alumbench.leaderboard.verify import replay_board
from alumbench.records import as_json, make_record
from alumbench.storage import finite
from tests.cli.test_commands import invoke

Record = dict[str, Any]
Content = dict[str, Any]
LABELS = ["negative", "positive"]
ATTACK = "deepwordbug-all-words"


@pytest.fixture
def filled(board: Path, evaluated: list[Path]) -> Path:
    for folder in evaluated[:2]:
        add(board, folder)
    return board


def forge(
    board: Path, records: Callable[[Record], Any], entry: Callable[[Content], Any] = lambda _: None, seed: int = 1
) -> None:
    """Changes an entry and makes its figures and hashes anew, as one who cheats would."""
    path = board / f"results/standard-seed{seed}.json"
    content = json.loads(path.read_text())
    file = board / content["records"]["file"]
    found = [json.loads(line) for line in gzip.decompress(file.read_bytes()).splitlines()]
    for record in found:
        records(record)
    entry(content)
    save(board, path, content, found)


def save(board: Path, path: Path, content: Content, records: list[Record]) -> None:
    task = Task.from_dict(content["task"], "task")
    for name, described in content["entries"].items():
        mine, summary = [r for r in records if r["entry"] == name], described["summary"]
        typed = [make_record(record, described["kind"], (), name) for record in mine]
        summary.update(finite(as_json(summarize(described["kind"], task, main_records(typed), described["goal"]))))
        if summary.get("validity"):
            told = summarize_validity(typed, Thresholds(**summary["validity"]["thresholds"]))
            summary["validity"].update(finite(as_json(told)))
        if described.get("threat_model"):
            main = main_records(typed)
            summary["within"] = finite(as_json(summarize_within(main, described["threat_model"]["signature"])))
    packed = gzip.compress("".join(json.dumps(r, sort_keys=True) + "\n" for r in records).encode(), mtime=0)
    (board / content["records"]["file"]).write_bytes(packed)
    content["records"] |= {"sha256": hashlib.sha256(packed).hexdigest(), "n": len(records)}
    path.write_text(json.dumps(content))


def robust(record: Record, **more: Any) -> None:
    for name in ("changed", "validity"):
        record.pop(name, None)
    record.update(outcome="robust", adversarial=None, adversarial_scores=None, similarity=None, words_changed=0, **more)


def half_robust(record: Record) -> None:
    if record["outcome"] == "broken" and int(record["id"][:12], 16) % 2:
        robust(record)


def all_robust_after_one_query(record: Record) -> None:
    if record["outcome"] == "broken":
        robust(record, queries=1, queries_unique=1)


def answered_right(record: Record) -> None:
    if record["outcome"] == "wrong":
        record.update(outcome="correct", prediction=record["label"], scores=record["scores"][::-1])


def labelled_as_answered(record: Record) -> None:
    if record["outcome"] == "wrong":
        record.update(outcome="correct", label=record["prediction"])


def called_right(record: Record) -> None:
    if record["outcome"] == "wrong":
        record["outcome"] = "correct"


def called_right_with_its_prediction(record: Record) -> None:
    if record["outcome"] == "wrong":
        record.update(outcome="correct", prediction=record["label"])


def broken_by_what_breaks_nothing(record: Record) -> None:
    if record["outcome"] == "broken":
        record["adversarial_scores"] = [float(record["label"] == label) for label in LABELS]


def over_budget(record: Record) -> None:
    if record["entry"] == ATTACK:
        record["queries"] = 10**6


def broken_by_one_query(record: Record) -> None:
    if record["outcome"] == "broken":
        record.update(queries=1, queries_unique=1)


def cheap_robust(record: Record) -> None:
    if record["outcome"] == "robust":
        record.update(queries=3, queries_unique=3)


def few_words_said(record: Record) -> None:
    if record["outcome"] == "broken":
        record["adversarial"] = {"sentence": "this was never scored"}


def other_scores(record: Record) -> None:
    if record["entry"] == "clean":
        best = max(record["scores"])
        record["scores"] = [0.5 + (score - 0.5) * 0.5 if best < 1 else score for score in record["scores"]]


def without_scores(record: Record) -> None:
    if record["outcome"] == "wrong":
        record.update(outcome="correct", prediction=record["label"], scores=None)


def timed_out(record: Record) -> None:
    if record["outcome"] == "broken":
        robust(record)
        record["outcome"] = "timeout"


def in_error(record: Record) -> None:
    if record["outcome"] == "broken":
        robust(record)
        record["outcome"] = "error"


def answers_swapped(record: Record) -> None:
    """All answers of the fixed set the other way round, which no record alone contradicts."""
    if record["entry"] == "adversarial":
        record["prediction"] = LABELS[1 - LABELS.index(record["prediction"])]
        record["outcome"] = "correct" if record["prediction"] == record["label"] else "wrong"


SEEN_BY_CHECK = {
    "no scores": (without_scores, "outcome correct without scores"),
    "outcome against prediction": (called_right, "outcome correct with label"),
    "prediction against scores": (called_right_with_its_prediction, "with scores"),
    "broken, and the label wins": (broken_by_what_breaks_nothing, "outcome broken with adversarial scores"),
    "over the budget": (over_budget, "1000000 queries, the budget is 200"),
    "broken by one query": (broken_by_one_query, "outcome broken after 1 queries"),
}
SEEN_BY_VERIFY = {
    "half of the broken": (half_robust, "recorded robust, the same attack breaks it"),
    "no attack at all": (all_robust_after_one_query, "recorded robust, the same attack breaks it"),
    "broken called an error": (in_error, "recorded error, the same attack breaks it"),
    "wrong answers turned right": (answered_right, "the model says"),
    "labels of the whole board": (labelled_as_answered, "its label is"),
    "answers of a fixed set swapped": (answers_swapped, "its scores say"),
    "queries of failed attacks": (cheap_robust, "recorded robust after 3 queries, the same attack needs"),
    "texts that were never scored": (few_words_said, ""),
    "scores": (other_scores, "the model says"),
}


@pytest.mark.parametrize("name", SEEN_BY_CHECK)
def test_what_contradicts_itself_is_seen_without_the_model(filled: Path, name: str) -> None:
    how, message = SEEN_BY_CHECK[name]
    forge(filled, how)
    found = check(filled)
    assert [line for line in found if message in line and "standard-seed1.jsonl.gz, line" in line], found


@pytest.mark.parametrize("name", SEEN_BY_VERIFY)
def test_what_is_not_what_the_model_does_is_seen_with_it(filled: Path, evaluated: list[Path], name: str) -> None:
    how, message = SEEN_BY_VERIFY[name]
    for seed in (1, 2):
        forge(filled, how, seed=seed)
    assert check(filled) == [], "the records alone cannot tell"
    found = next(iter(replay_board(filled, [str(evaluated[0])], "cpu", Sample(20, 7))))
    lines = [line for one in found.rescored for line in one.fallen]
    assert found.fallen
    assert any(message in line for line in lines) if message else any(v.fallen for v in found.verdicts)


def test_an_untouched_board_is_what_its_checkpoints_do(filled: Path, evaluated: list[Path]) -> None:
    first, second = replay_board(filled, [str(folder) for folder in evaluated[:2]], "cpu", Sample(5, 7))
    for found in (first, second):
        assert not found.fallen and found.training == []
        assert all(one.answers > 0 and not one.lacking for one in found.rescored)
    of_attack = next(one for one in first.rescored if one.entry == ATTACK)
    robust = [r for r in first.entry.records[ATTACK] if r.outcome == "robust"]
    assert of_attack.again == min(5, len(robust)) > 0


@pytest.mark.parametrize(
    ("how", "field"),
    [
        (lambda training: training.update(seconds=0.02, cpu_seconds=0.02), "seconds"),
        (lambda training: training.update(device="abacus"), "device"),
        (lambda training: training["versions"].update(torch="99"), "versions"),
        (lambda training: training["data"]["train"].update(examples=1), "data"),
    ],
    ids=["cost", "device", "versions", "data"],
)
def test_a_training_record_is_the_checkpoints(
    filled: Path, evaluated: list[Path], how: Callable[[Content], Any], field: str
) -> None:
    forge(filled, lambda _: None, lambda content: how(content["training"]))
    assert check(filled) == []
    found = next(iter(replay_board(filled, [str(evaluated[0])], "cpu")))
    assert found.fallen and field in (found.training or [])


def test_off_a_cpu_some_attacks_may_end_otherwise_and_are_told(filled: Path, evaluated: list[Path]) -> None:
    """A third of a sample: near ties. All of it is no accident, whatever device is named."""

    def on_cuda(content: Content) -> None:
        for evaluation in content["evaluations"]:
            evaluation["device"] = "NVIDIA H200"

    def forged(number: int) -> Any:
        left = itertools.count()
        forge(filled, lambda r: robust(r) if r["outcome"] == "broken" and next(left) < number else None, on_cuda)
        found = next(iter(replay_board(filled, [str(evaluated[0])], "cpu", Sample(100, 7))))
        return next(one for one in found.rescored if one.entry == ATTACK)

    few = forged(3)
    assert not few.fallen and 0 < len(few.differ) <= few.again / 3
    many = forged(1000)
    assert many.fallen and not many.differ


def test_a_board_that_takes_any_suite_is_refused(filled: Path) -> None:
    """Else a keeper could mix suites, each row with the one that suits it."""
    settings = filled / "board.toml"
    settings.write_text(settings.read_text().replace('suites = ["smoke@1"]', "suites = []"))
    with pytest.raises(AlumbenchError, match="suites: none"):
        check(filled)


def test_a_timeout_that_ends_otherwise_is_told_and_no_accusation(filled: Path, evaluated: list[Path]) -> None:
    """It counts as not robust, and was perhaps made on a slower machine."""
    forge(filled, timed_out)
    found = next(iter(replay_board(filled, [str(evaluated[0])], "cpu", Sample(20, 7))))
    (attack,) = [one for one in found.rescored if one.entry == ATTACK]
    assert not found.fallen
    assert [line for line in attack.differ if "recorded timeout, the same attack breaks it" in line]


def test_another_suite_of_the_same_name_accuses_nobody(filled: Path, evaluated: list[Path]) -> None:
    def other(content: Content) -> None:
        for evaluation in content["evaluations"]:
            evaluation["suite"]["sha256"] = "0" * 64
        for described in content["entries"].values():
            described["data_sha256"] = "1" * 64

    forge(filled, lambda _: None, other)
    found = next(iter(replay_board(filled, [str(evaluated[0])], "cpu", Sample(5, 7))))
    assert not found.fallen
    assert all("suite smoke@1 is not the one that was run" in one.lacking for one in found.rescored)


def test_without_a_time_limit_nothing_runs_out_of_time(filled: Path) -> None:
    def no_limit(content: Content) -> None:
        described = content["entries"][ATTACK]
        described["signature"] = re.sub(r"\|s:[^|]*\|", "|s:inf|", described["signature"])

    forge(filled, timed_out, no_limit)
    assert [line for line in check(filled) if "outcome timeout in an attack without a time limit" in line]


def test_answers_of_a_fixed_set_are_labels_of_it_in_one_way(filled: Path) -> None:
    forge(filled, lambda r: called_right_with_its_prediction(r) if r["entry"] == "adversarial" else None)
    assert [line for line in check(filled) if "entry adversarial: the answer" in line and "in record" in line]


def test_a_seed_that_is_a_copy_of_another_is_refused(filled: Path) -> None:
    first, second = (json.loads((filled / f"results/standard-seed{seed}.json").read_text()) for seed in (1, 2))
    for evaluation in first["evaluations"]:
        evaluation["model"] = second["evaluations"][0]["model"]
    shutil.copy(filled / first["records"]["file"], filled / second["records"]["file"])
    first["training"]["training_seed"], first["records"]["file"] = 2, second["records"]["file"]
    (filled / "results/standard-seed2.json").write_text(json.dumps(first))
    assert [line for line in check(filled) if "name different weights, but have equal scores on all of clean" in line]


def test_a_row_of_a_model_that_nobody_has_is_named_and_fails_where_all_are_wanted(
    filled: Path, evaluated: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = filled / "results/standard-seed2.json"
    content = json.loads(path.read_text())
    content["row"] = "mine"
    for evaluation in content["evaluations"]:
        evaluation["model"] = hashlib.sha256(b"nobody").hexdigest()
    path.write_text(json.dumps(content))
    assert check(filled) == [], "the records alone cannot tell"
    line = ("leaderboard", "verify", str(filled), str(evaluated[0]), "--sample", "0", "--device", "cpu")
    for options, expected in (((), 0), (("--all",), 1)):
        status, text = invoke(*line, *options, monkeypatch=monkeypatch, capsys=capsys)
        assert status == expected, text
        assert "standard-seed2.json: not verified: its checkpoint was not given" in text
        assert "standard-seed1.json (" in text and text.count("all as recorded") == 3


def test_without_the_data_set_its_part_is_left_out_and_said(
    filled: Path, evaluated: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(*_: Any) -> Any:
        raise AlumbenchError("not here")

    monkeypatch.setattr("alumbench.evaluation.material.load_entry", absent)
    found = next(iter(replay_board(filled, [str(evaluated[0])], "cpu", Sample(5, 7))))
    assert not found.fallen and all(one.answers == one.again == 0 for one in found.rescored)
    assert all(one.lacking == "answers, labels, failed attacks: not here" for one in found.rescored)
    assert found.verdicts[0].texts > 0, "adversarial texts are the board's own"


@pytest.mark.parametrize("scores", [[], [1.0], [0.2, 0.3, 0.5]], ids=len)
def test_as_many_scores_as_labels_are_wanted(filled: Path, scores: list[float]) -> None:
    forge(filled, lambda record: record.update(scores=scores) if record["entry"] == "clean" else None)
    assert [line for line in check(filled) if f"{len(scores)} scores for 2 labels" in line]

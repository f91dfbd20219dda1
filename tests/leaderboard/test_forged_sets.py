"""A board with attacks within threat models, forged: `check` sees what contradicts itself, `verify` the rest.

The figures and hashes are made anew after each forgery, as one who cheats would.
"""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alumbench.attacks.execution.job import Job
from alumbench.attacks.execution.run import run_job
from alumbench.attacks.threat_models.threat_model import digest
from alumbench.attacks.victim import Victim
from alumbench.errors import AlumbenchError
from alumbench.evaluation.evaluate import Request, evaluate
from alumbench.evaluation.rescoring import Sample
from alumbench.evaluation.stored import Stored
from alumbench.evaluation.suite import load_suite
from alumbench.leaderboard.board import BUILT, build
from alumbench.leaderboard.report import write_report
from alumbench.leaderboard.submit import add
from alumbench.leaderboard.validate import check
from alumbench.leaderboard.verify import Replayed, replay_board
from alumbench.models.checkpoint import checkpoint_task, find_model
from tests.conftest import REPOSITORY
from tests.leaderboard.test_forgeries import Content, Record, forge, robust

SUITE = REPOSITORY / "tests/evaluation/sets.toml"
BOARD = """
title = "Threat models"
tasks = ["mini-sentiment"]
suites = ["sets@1"]
rank = "exact"
[[columns]]
title = "clean"
entry = "clean"
measure = "accuracy"
[[columns]]
title = "exact"
entry = "exact"
measure = "accuracy_under_attack"
[[columns]]
title = "typos"
entry = "typos"
measure = "accuracy_under_attack"
[[columns]]
title = "optimality of typos"
entry = "typos"
measure = "optimality"
[[columns]]
title = "queries of typos"
entry = "typos"
measure = "query_share"
[[columns]]
title = "two typos"
entry = "two"
measure = "accuracy_under_attack"
[[columns]]
title = "one of two typos"
entry = "two"
measure = "accuracy_within_1"
"""


@pytest.fixture(scope="module")
def evaluated_in_sets(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sets") / "standard"
    shutil.copytree(checkpoint, folder)
    files = find_model(str(folder))
    victim = Victim(files, checkpoint_task(files), "cpu")
    evaluate(Request(load_suite(str(SUITE))), victim, folder / "evaluations/sets", lambda *_: None)
    return folder


@pytest.fixture
def filled(evaluated_in_sets: Path, tmp_path: Path) -> Path:
    board = tmp_path / "board"
    board.mkdir()
    (board / "board.toml").write_text(BOARD)
    add(board, evaluated_in_sets)
    return board


def replayed(board: Path, folder: Path, sample: int = 0) -> Replayed:
    drawn = Sample(sample, 7) if sample else None
    return next(iter(replay_board(board, [str(folder)], "cpu", drawn, [load_suite(str(SUITE))])))


def lines(found: Replayed) -> list[str]:
    return [line for one in found.rescored for line in one.fallen]


def of(entry: str, outcome: str, change: Callable[[Record], Any], most: int = 10**6) -> Callable[[Record], None]:
    """Changes an entry's records of that outcome, at most so many."""
    left = iter(range(most))

    def changed(record: Record) -> None:
        if record["entry"] == entry and record["outcome"] == outcome and next(left, None) is not None:
            change(record)

    return changed


def searched(**values: Any) -> Callable[[Record], None]:
    return lambda record: record["searched"].update(values)


def called_robust(record: Record) -> None:
    robust(record)
    record["searched"].update(degree=None, exhausted=True)
    del record["searched"]["queries_to_success"]


def without_searched(record: Record) -> None:
    del record["searched"]


def other_alphabet(content: Content) -> None:
    """In the entry alone, or also in its signature: one who cheats would think of it."""
    content["entries"]["two"]["threat_model"]["facts"]["alphabet"] += "é"


def other_alphabet_signed(content: Content) -> None:
    described = content["entries"]["two"]
    before = digest(described["threat_model"]["facts"])
    other_alphabet(content)
    after = digest(described["threat_model"]["facts"])
    described["signature"] = described["signature"].replace(before, after)


def larger_set(content: Content) -> None:
    """`typos` was run with one edit, and is said to have had two."""
    described = content["entries"]["typos"]
    described["threat_model"]["signature"] = "chars-2@1"
    described["signature"] = described["signature"].replace("set:chars-1@1", "set:chars-2@1")


Forgery = tuple[Callable[[Record], Any], Callable[[Content], Any], str]
NOTHING: Callable[..., None] = lambda _: None  # noqa: E731
SEEN_BY_CHECK: dict[str, Forgery] = {
    "no degree": (of("typos", "broken", searched(degree=None)), NOTHING, "outcome broken without a degree"),
    "no steps": (of("typos", "broken", searched(degree=0)), NOTHING, "degree 0, the largest of its set is 1"),
    "too large": (of("two", "broken", searched(largest=9)), NOTHING, "largest degree 9, chars-2@1 allows 2"),
    "broken, and all scored": (of("two", "broken", searched(exhausted=True)), NOTHING, "outcome broken with all"),
    "nothing said": (of("two", "robust", without_searched), NOTHING, "without what was searched of chars-2@1"),
    "over the budget per word": (
        of("typos", "broken", lambda record: record.update(queries=10**5)),
        NOTHING,
        "100000 queries, the budget is",
    ),
    "other alphabet": (NOTHING, other_alphabet, "entry two: its threat model and the facts of the data in it"),
    "exact where another breaks": (of("exact", "broken", called_robust, 1), NOTHING, "none misclassified, and typos"),
    "larger set than was searched": (NOTHING, larger_set, "its set has 1 steps, in entry two 2"),
    "set of another size": (of("typos", "robust", searched(largest=0)), NOTHING, "its set has"),
}
SEEN_BY_VERIFY: dict[str, Forgery] = {
    "text outside of the set": (
        of("two", "broken", lambda record: record["adversarial"].update(sentence="awful, awful, and dull")),
        NOTHING,
        "its adversarial text is not in the set of chars-2@1",
    ),
    "text with a character of no alphabet": (
        of("two", "broken", lambda r: r["adversarial"].update(sentence=r["adversarial"]["sentence"] + "\u0416")),
        NOTHING,
        "its adversarial text is not in the set of chars-2@1",
    ),
    "smaller degree": (
        of("two", "broken", lambda r: r["adversarial"].update(sentence=r["adversarial"]["sentence"] + "e")),
        NOTHING,
        "recorded degree 1, its adversarial text is 2 steps from the original",
    ),
    "larger degree": (of("two", "broken", searched(degree=2)), NOTHING, "recorded degree 2, its adversarial text is 1"),
    "smaller set": (
        of("two", "robust", searched(largest=1)),
        NOTHING,
        "recorded largest degree 1, its set has 2",
    ),
    "alphabet, and its hash": (NOTHING, other_alphabet_signed, "the facts of its data (alphabet) are not those of"),
    "all scored in few queries": (
        of("two", "robust", searched(exhausted=True)),
        NOTHING,
        "queries, it takes at least",
    ),
    "words for a larger budget": (
        of("typos", "robust", lambda record: record.update(words=500)),
        NOTHING,
        "recorded 500 words, it has",
    ),
    "fewer words changed": (
        of("two", "broken", lambda record: record.update(words_changed=0)),
        NOTHING,
        "changed words",
    ),
    "more alike": (
        of("two", "broken", lambda record: record.update(similarity=1.0)),
        NOTHING,
        "recorded similarity 1.0",
    ),
}


def test_an_untouched_board_is_accepted_and_each_text_held_against_its_set(
    filled: Path, evaluated_in_sets: Path
) -> None:
    assert check(filled) == []
    found = replayed(filled, evaluated_in_sets, sample=3)
    assert lines(found) == [] and not found.fallen
    assert all(not one.lacking for one in found.rescored)
    within = {one.entry: one.within for one in found.rescored}
    texts = {verdict.entry: verdict.texts for verdict in found.verdicts}
    assert within == {"clean": None, **texts} and min(texts.values()) > 0


def test_failed_attacks_are_repeated_in_the_recorded_sets(
    filled: Path, evaluated_in_sets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few examples have fewer characters than all of them."""
    jobs: list[Job] = []

    def noted(job: Job, *arguments: Any) -> Any:
        jobs.append(job)
        return run_job(job, *arguments)

    monkeypatch.setattr("alumbench.attacks.execution.run.run_job", noted)
    found = replayed(filled, evaluated_in_sets, sample=1)
    document = Stored.read(evaluated_in_sets / "evaluations/sets").document
    recorded = [entry.threat_model.facts for entry in document.entries.values() if entry.threat_model]
    assert sum(one.again for one in found.rescored) == len(jobs) > 0 and not lines(found)
    assert all(job.facts in recorded for job in jobs)


@pytest.mark.parametrize("name", SEEN_BY_CHECK)
def test_what_contradicts_itself_is_seen_without_the_data(filled: Path, name: str) -> None:
    records, entry, message = SEEN_BY_CHECK[name]
    forge(filled, records, entry)
    found = check(filled)
    assert [line for line in found if message in line], found


@pytest.mark.parametrize("name", SEEN_BY_VERIFY)
def test_what_is_not_so_is_seen_with_the_data(filled: Path, evaluated_in_sets: Path, name: str) -> None:
    records, entry, message = SEEN_BY_VERIFY[name]
    forge(filled, records, entry)
    assert check(filled) == [], "the records alone cannot tell"
    found = replayed(filled, evaluated_in_sets)
    assert found.fallen and [line for line in lines(found) if message in line], lines(found)


def test_figures_by_degree_follow_from_the_records(filled: Path) -> None:
    path = filled / "results/standard-seed1.json"
    content = json.loads(path.read_text())
    content["entries"]["two"]["summary"]["within"]["accuracy_by_degree"]["1"]["value"] = 1.0
    path.write_text(json.dumps(content))
    assert [line for line in check(filled) if "entry two: its within do not follow from its records" in line]


def test_what_is_missing_is_said_and_accuses_nobody(
    filled: Path, evaluated_in_sets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alumbench.attacks.threat_models.chars import Chars

    monkeypatch.setattr(Chars, "missing", lambda self: ["a list: alumbench doctor says how to get it"])
    found = replayed(filled, evaluated_in_sets)
    assert not found.fallen
    lacking = {one.entry: one.lacking for one in found.rescored}
    needs = "needs a list: alumbench doctor says how to get it"
    assert lacking["clean"] == "" and lacking["two"] == f"membership in chars-2@1: {needs}"
    assert all(one.within == 0 for one in found.rescored if one.entry != "clean")


def test_a_set_that_is_a_file_is_not_run_because_a_board_names_it(filled: Path, evaluated_in_sets: Path) -> None:
    """The record could name any file of this machine."""

    def named(content: Content) -> None:
        described = content["entries"]["two"]
        described["threat_model"]["signature"] = "./mine.py-2@1"
        described["signature"] = described["signature"].replace("set:chars-2@1", "set:./mine.py-2@1")

    (filled.parent / "mine.py").write_text("raise SystemExit('run')")
    forge(filled, NOTHING, named)
    found = replayed(filled, evaluated_in_sets)
    assert [
        one.lacking for one in found.rescored if "it is a file, which only a suite that you name runs" in one.lacking
    ]


def test_tables_and_pages_show_the_figures(filled: Path, tmp_path: Path) -> None:
    table = build(filled)
    page = (filled / "index.html").read_text()
    rows = {row["column"]: row for row in csv.DictReader((filled / "table.csv").open())}
    assert rows["exact"]["threat_model"] == "chars-1@1" and rows["two typos"]["threat_model"] == "chars-2@1"
    assert rows["typos"]["optimality"] == rows["optimality of typos"]["value"] != ""
    assert rows["typos"]["query_share"] == rows["queries of typos"]["value"] != ""
    assert int(rows["exact"]["exhausted"]) == int(rows["exact"]["robust"])
    assert rows["exact"]["optimality"] == "" and rows["clean"]["threat_model"] == ""
    assert float(rows["one of two typos"]["value"]) >= float(rows["two typos"]["value"])
    notes = "\n".join(table.notes)
    assert "**typos**, within `chars-1@1`: `standard` median degree 1" in notes
    for words in ("Accuracy against degree", "typos, chars-1@1", "steps that the attacker may take", "median degree"):
        assert words in page
    assert "optimality" in (filled / "table.tex").read_text()
    before = {name: (filled / name).read_bytes() for name in BUILT}
    build(filled)
    assert before == {name: (filled / name).read_bytes() for name in BUILT}
    write_report(filled, tmp_path / "report.html")
    report = (tmp_path / "report.html").read_text()
    assert "threat model chars-1@1" in report and "query budget per word 20" in report


def test_an_unknown_measure_by_degree_is_refused(filled: Path) -> None:
    settings = filled / "board.toml"
    settings.write_text(BOARD.replace("accuracy_within_1", "accuracy_within_one"))
    with pytest.raises(AlumbenchError, match="unknown measure 'accuracy_within_one'"):
        check(filled)

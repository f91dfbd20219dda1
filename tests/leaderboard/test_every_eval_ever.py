"""Boards' entries in the schema of Every Eval Ever: as its validator wants them, and back as they were."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from alumbench.cli import group
from alumbench.errors import AlumbenchError
from alumbench.leaderboard.board import build
from alumbench.leaderboard.every_eval_ever import from_log, to_log
from alumbench.leaderboard.exchange import export, import_
from alumbench.leaderboard.submission import make_submission
from tests.leaderboard.test_committed_boards import BOARDS
from tests.leaderboard.test_protocol import board, evaluated  # noqa: F401 - fixtures

SST2 = Path(__file__).parents[2] / "leaderboards/sst2-minilm"
ENTRIES = sorted(path for folder in BOARDS for path in (folder / "results").glob("*.json"))
VALIDATE = """
import json, sys
from pathlib import Path
from every_eval_ever.validator.validation_core import validate_file
root = Path(sys.argv[1])
found = []
for path in sorted((root / "data").rglob("*.json")):
    report = validate_file(path, repo_path=str(path.relative_to(root)), run_semantic_checks=True)
    found.append([report.valid, [str(error) for error in report.errors], [str(w) for w in report.warnings]])
print(json.dumps(found))
"""


def _validate(ecosystem: Callable[..., str], out: Path) -> list[Any]:
    needs = "import every_eval_ever.validator.validation_core"
    return json.loads(ecosystem(needs, VALIDATE, out))  # type: ignore[no-any-return]


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Two entries of a committed board, as a board of its own."""
    folder = tmp_path / "small"
    (folder / "results").mkdir(parents=True)
    (folder / "records").mkdir()
    shutil.copy(SST2 / "board.toml", folder)
    for name in ("alum-seed1", "standard-seed1"):
        shutil.copy(SST2 / f"results/{name}.json", folder / "results")
        shutil.copy(SST2 / f"records/{name}.jsonl.gz", folder / "records")
    return folder


def _empty(folder: Path, like: Path) -> Path:
    folder.mkdir()
    shutil.copy(like / "board.toml", folder)
    return folder


def under_present_names(path: Path) -> Any:
    """An entry's content; the seeds of earlier versions under their names in this one."""
    content = json.loads(path.read_text())
    training = content["training"] or {}
    pretraining = training.get("model", {}).get("pretraining", {})
    renamed = [(training, "training_seed"), (pretraining, "training_seed")]
    for table, name in [*renamed, *((each, "attack_seed") for each in content["evaluations"])]:
        if "seed" in table:
            table[name] = table.pop("seed")
    return content


@pytest.mark.parametrize("path", ENTRIES, ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_every_committed_entry_comes_back_as_it_was(path: Path) -> None:
    submission = make_submission(json.loads(path.read_text()), path.name)
    content = under_present_names(path)
    assert json.loads(json.dumps(submission.to_json())) == content, "nothing is lost on reading"
    log = json.loads(json.dumps(to_log(submission, "board", "alumbench", 0), allow_nan=False))
    assert from_log(log, "log") == content
    assert json.dumps(from_log(log, "log")) == json.dumps(submission.to_json()), "in the same order too"


def test_a_figure_has_score_interval_n_attack_and_budget_in_their_fields() -> None:
    content = json.loads((SST2 / "results/alum-seed1.json").read_text())
    log: Any = to_log(make_submission(content, "alum"), "sst2-minilm", "alumbench", 1_700_000_000)
    result = next(
        r for r in log["evaluation_results"] if r["evaluation_result_id"] == "entry:deepwordbug/attack_success_rate"
    )
    figure = content["entries"]["deepwordbug"]["summary"]["measures"]["attack_success_rate"]
    score, uncertainty = result["score_details"], result["score_details"]["uncertainty"]
    assert score["score"] == figure["value"] and uncertainty["num_samples"] == figure["n"]
    interval = uncertainty["confidence_interval"]
    assert (interval["lower"], interval["upper"], interval["method"]) == (figure["low"], figure["high"], "Wilson")
    p, n = figure["value"], figure["n"]
    assert uncertainty["standard_error"]["value"] == pytest.approx((p * (1 - p) / n) ** 0.5)
    metric = result["metric_config"]
    assert metric["lower_is_better"] is True and metric["metric_id"] == "alumbench.attack_success_rate"
    details = metric["additional_details"]
    assert (details["attack"], details["query_budget"]) == ("deepwordbug@1", "1000")
    assert details["signature"] == content["entries"]["deepwordbug"]["signature"]
    assert score["details"]["outcome_broken"] == str(figure["count"])
    assert result["source_data"]["hf_repo"] == "nyu-mll/glue" and result["source_data"]["samples_number"] == 200
    fixed = next(r for r in log["evaluation_results"] if r["evaluation_name"] == "advglue-sst2")
    assert fixed["source_data"]["hf_repo"] == "AI-Secure/adv_glue"
    assert "attack" not in fixed["metric_config"]["additional_details"]


def test_there_and_back_a_board_has_the_same_bytes(small: Path, tmp_path: Path) -> None:
    export(small, tmp_path / "out", "alumbench")
    back = _empty(tmp_path / "back", small)
    assert len(import_(back, tmp_path / "out")) == 2
    for path in small.rglob("*-seed1*"):
        there, here = back / path.relative_to(small), path
        if path.suffix == ".json":  # keys have this version's names and order
            assert json.loads(there.read_text()) == under_present_names(here)
        else:
            assert there.read_bytes() == here.read_bytes(), path.name
    build(back)
    assert import_(back, tmp_path / "out") == [], "what is there already is not taken again"


def test_worst_cases_validity_and_attack_seeds_go_there_and_back(
    board: Path,  # noqa: F811
    tmp_path: Path,
    ecosystem: Callable[..., str],
) -> None:
    export(board, tmp_path / "out", "alumbench")
    back = _empty(tmp_path / "back", board)
    import_(back, tmp_path / "out")
    for path in (board / "results").glob("*.json"):
        assert json.loads((back / "results" / path.name).read_text()) == json.loads(path.read_text())
    logs = [json.loads(path.read_text()) for path in (tmp_path / "out/data").rglob("*.json")]
    names = {result["evaluation_result_id"] for log in logs for result in log["evaluation_results"]}
    assert {"worst:both@3/accuracy_under_attack", "valid:typos/accuracy_under_valid_attack"} <= names
    build(back)
    assert all(report == [True, [], []] for report in _validate(ecosystem, tmp_path / "out"))


@pytest.mark.parametrize("folder", BOARDS, ids=lambda path: path.name)
def test_its_own_validator_finds_neither_error_nor_warning(
    ecosystem: Callable[..., str], folder: Path, tmp_path: Path
) -> None:
    """every-eval-ever 0.3, in an interpreter of its own."""
    for path in (folder / "results").glob("*.json"):
        content = json.loads(path.read_text())
        model = tmp_path / "data" / folder.name / "alumbench" / path.stem
        model.mkdir(parents=True)
        log = to_log(make_submission(content, path.name), folder.name, "alumbench", 1_700_000_000)
        (model / "11111111-1111-4111-8111-111111111111.json").write_text(json.dumps(log))
    reports = _validate(ecosystem, tmp_path)
    assert reports and all(report == [True, [], []] for report in reports), reports[:1]


def test_export_gives_the_same_bytes_at_a_given_time(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    written = [[path.relative_to(tmp_path / name) for path in export(small, tmp_path / name, "me")] for name in "ab"]
    assert written[0] == written[1] and len(written[0]) == 2
    for path in written[0]:
        assert (tmp_path / "a" / path).read_bytes() == (tmp_path / "b" / path).read_bytes()


def _changed_score(log: dict[str, Any]) -> None:
    log["evaluation_results"][0]["score_details"]["score"] += 0.01


def _foreign(log: dict[str, Any]) -> None:
    log["eval_library"] = {"name": "lm_eval", "version": "0.4"}


def _newer(log: dict[str, Any]) -> None:
    log["schema_version"] = "9.0.0"


def _without_details(log: dict[str, Any]) -> None:
    del log["eval_library"]["additional_details"]


def _lost_figure(log: dict[str, Any]) -> None:
    log["evaluation_results"].pop()


def _outside(log: dict[str, Any]) -> None:
    details = log["eval_library"]["additional_details"]
    entry = json.loads(details["entry"])
    entry["records"]["file"] = "../../records/alum-seed1.jsonl.gz"
    details["entry"] = json.dumps(entry)


DAMAGE = {
    "a changed score": (_changed_score, "do not follow from its records"),
    "another library": (_foreign, "made by 'lm_eval'"),
    "a newer schema": (_newer, "'9.0.0' is unknown"),
    "no entry": (_without_details, "export it again"),
    "a figure less": (_lost_figure, "measures.attack_success_rate: expected a table, found null"),
    "a path outside": (_outside, "records.file: expected"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_what_does_not_follow_from_records_enters_no_board(small: Path, tmp_path: Path, case: str) -> None:
    first, _ = export(small, tmp_path / "out", "alumbench")
    log = json.loads(first.read_text())
    damage, message = DAMAGE[case]
    damage(log)
    first.write_text(json.dumps(log))
    back = _empty(tmp_path / "back", small)
    with pytest.raises(AlumbenchError, match=message):
        import_(back, tmp_path / "out")
    assert not (back / "results").exists(), "not one of the two"


def test_an_entry_without_its_records_is_refused(small: Path, tmp_path: Path) -> None:
    export(small, tmp_path / "out", "alumbench")
    (tmp_path / "out/records/alum-seed1.jsonl.gz").unlink()
    with pytest.raises(AlumbenchError, match="are missing"):
        import_(_empty(tmp_path / "back", small), tmp_path / "out")


def test_another_entry_of_the_same_name_is_not_replaced(small: Path, tmp_path: Path) -> None:
    export(small, tmp_path / "out", "alumbench")
    path = small / "results/alum-seed1.json"
    content = json.loads(path.read_text())
    other = copy.deepcopy(content)
    other["training"]["seconds"] += 1
    path.write_text(json.dumps(other))
    with pytest.raises(AlumbenchError, match="another entry 'alum-seed1'"):
        import_(small, tmp_path / "out")


def test_from_the_command_line(small: Path, tmp_path: Path) -> None:
    def run(*arguments: object) -> Any:
        return CliRunner().invoke(group, ["leaderboard", *map(str, arguments)])

    result = run("export", small, "--organization", "alumbench", "--out", tmp_path / "out")
    assert result.exit_code == 0 and "data/small/alumbench/alum-seed1/" in result.output
    result = run("import", _empty(tmp_path / "back", small), tmp_path / "out")
    assert result.exit_code == 0 and "next: alumbench leaderboard build" in result.output
    result = run("export", small, "--organization", "a/b", "--out", tmp_path / "out")
    assert isinstance(result.exception, AlumbenchError) and "--organization 'a/b'" in str(result.exception)
    result = run("import", small, tmp_path)
    assert "alumbench leaderboard export" in str(result.exception)

"""No folder of the machine is published: by an entry, its records, a page, a report, an export, a card or a push."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alumbench.errors import AlumbenchError
from alumbench.hub.metadata import Given
from alumbench.hub.model_card import write_card
from alumbench.hub.upload_files import belongings
from alumbench.leaderboard.board import build
from alumbench.leaderboard.exchange import export
from alumbench.leaderboard.report import write_report
from alumbench.leaderboard.strip_paths import record_without_places, without_places
from alumbench.leaderboard.submit import add
from alumbench.parsing import read_json
from alumbench.storage import write_json
from tests.leaderboard.conftest import move
from tests.typed import attacked, changed

MARK = "secret-folder"
FORMS = {
    "absolute": f"/home/me/{MARK}/thing",
    "relative": f"{MARK}/thing",
    "above": f"../{MARK}/thing",
    "home": f"~/{MARK}/thing",
    "file-url": f"file:///home/me/{MARK}/thing",
    "windows": f"C:\\Users\\me\\{MARK}\\thing",
    "share": f"\\\\server\\{MARK}\\thing",
    "blanks": f"/home/me/{MARK}/with blanks/thing",
}


@pytest.mark.parametrize("form", FORMS)
def test_a_path_in_any_input_reaches_nothing_that_is_published(
    board: Path, evaluated: list[Path], tmp_path: Path, form: str
) -> None:
    """Planted as model, files of the task, origins, a part, a trainer's field and a reason, as records have them."""
    checkpoint, place = shutil.copytree(evaluated[0], tmp_path / "standard-1"), FORMS[form]
    record = read_json(checkpoint / "training.json")
    document = read_json(checkpoint / "evaluations/smoke/evaluation.json")
    for training in (record, document["checkpoint"]["training"]):
        training["model"] |= {"name": place, "revision": ""}
        training["settings"]["trainer"] = {"logging_dir": place}
        for part in ("train", "dev"):
            training["data"][part]["sources"] = [{"from": "file", "path": place, "sha256": "0" * 64, "examples": 9}]
    for task in (record["task"], document["task"]):
        for part in ("train", "dev"):
            task[part][0] |= {"file": place, "generated": ""}
    document["checkpoint"]["path"] = place
    for entry in document["entries"].values():
        entry["sources"] = [{"from": "file", "path": place, "sha256": "0" * 64, "examples": 9, "without_label": 0}]
        if form != "relative":  # nothing tells it from a hub id, and no signature is written with one
            entry["signature"] += f"|masked_lm:{place}:0123456789ab"
    if form not in ("relative", "blanks"):
        document["model_checks"]["reason"] = f"OSError: no such file: '{place}'"
    write_json(checkpoint / "training.json", record)
    write_json(checkpoint / "evaluations/smoke/evaluation.json", document)
    config = read_json(checkpoint / "config.json")
    write_json(checkpoint / "config.json", config | {"_name_or_path": place})
    path = add(board, checkpoint)
    build(board)
    write_report(board, board / "report.html")
    export(board, tmp_path / "out", "me")
    write_card(checkpoint, Given())
    sent = {f"push {file.path}": file.content for file in belongings(checkpoint)}
    published = sent | {str(at): at for folder in (board, tmp_path / "out") for at in folder.rglob("*") if at.is_file()}
    assert len(published) > 15 and json.loads(path.read_text())["training"]["model"]["name"] == "thing"
    for name, content in published.items():
        data = content if isinstance(content, bytes) else content.read_bytes()
        assert MARK.encode() not in data, name


def test_what_is_no_path_stays() -> None:
    kept: dict[str, Any] = {
        "url": "https://github.com/a/b and http://x.y/z",
        "text": "and/or, 1/2, a / b, </s>, s:60|a/b, km/h: n/a",
        "records": {"file": "records/a-seed1.jsonl.gz", "sha256": "0", "n": 3},
        "mirror": {"from": "mirror", "path": "glue/dev.parquet"},
        "model": {"name": "owner/name", "revision": "abc"},
    }
    assert without_places(kept) == kept
    record = attacked(adversarial={"sentence": "see /home/me/x"}, message="broken by /home/me/x")
    assert record_without_places(record) == changed(record, message="broken by x")


def test_the_boards_of_this_repository_name_no_absolute_place() -> None:
    from alumbench.leaderboard.strip_paths import without_absolute

    paths = sorted((Path(__file__).parents[2] / "leaderboards").glob("*/results/*.json"))
    assert len(paths) > 200
    for path in paths:
        content = json.loads(path.read_text())
        assert without_absolute(content) == content, path


def test_other_weights_take_no_entrys_place_unless_told_to(board: Path, evaluated: list[Path], tmp_path: Path) -> None:
    path = add(board, evaluated[0])
    before = path.read_bytes()
    assert add(board, evaluated[0]) == path and path.read_bytes() == before, "the same weights are taken again"
    other = shutil.copytree(evaluated[0], tmp_path / "other")
    move(other, 5)
    document = read_json(other / "evaluations/smoke/evaluation.json")
    mine, theirs = "a" * 64, document["identity"]["model"]
    document["identity"]["model"] = mine
    write_json(other / "evaluations/smoke/evaluation.json", document)
    with pytest.raises(AlumbenchError, match=f"{theirs[:12]}.*{mine[:12]}.*--row.*--replace"):
        add(board, other)
    assert path.read_bytes() == before
    assert add(board, other, row="another").name == "another-seed1.json"
    add(board, other, replace=True)
    assert json.loads(path.read_text())["evaluations"][0]["model"] == mine


def _file(folder: Path, secret: Path) -> None:
    (folder / "vocab.txt").unlink()
    (folder / "vocab.txt").symlink_to(secret)


def _within(folder: Path, secret: Path) -> None:
    (folder / ".env").write_text("secret")
    (folder / "merges.txt").symlink_to(".env")


def _folder(folder: Path, secret: Path) -> None:
    shutil.move(folder / "evaluations", secret.parent / "elsewhere")
    (folder / "evaluations").symlink_to(secret.parent / "elsewhere")


@pytest.mark.parametrize("how", [_file, _within, _folder])
def test_push_follows_no_link(evaluated: list[Path], tmp_path: Path, how: Callable[[Path, Path], None]) -> None:
    checkpoint = shutil.copytree(evaluated[0], tmp_path / "standard-1")
    write_card(checkpoint, Given())
    (tmp_path / "id_rsa").write_text("secret")
    how(checkpoint, tmp_path / "id_rsa")
    with pytest.raises(AlumbenchError, match="is a link out of the checkpoint"):
        belongings(checkpoint)


def test_push_takes_a_snapshot_of_the_hubs_cache_whose_files_are_links(evaluated: list[Path], tmp_path: Path) -> None:
    snapshot = shutil.copytree(evaluated[0], tmp_path / "models--me--x/snapshots/abc")
    write_card(snapshot, Given())
    blobs = tmp_path / "models--me--x/blobs"
    blobs.mkdir()
    shutil.move(snapshot / "model.safetensors", blobs / "123")
    (snapshot / "model.safetensors").symlink_to("../../blobs/123")
    assert "model.safetensors" in {file.path for file in belongings(snapshot)}


def test_push_sends_finished_entries_alone(evaluated: list[Path], tmp_path: Path) -> None:
    checkpoint = shutil.copytree(evaluated[0], tmp_path / "standard-1")
    path = checkpoint / "evaluations/smoke/evaluation.json"
    document = read_json(path)
    document["entries"]["deepwordbug-all-words"] |= {"complete": False, "summary": None}
    write_json(path, document)
    write_card(checkpoint, Given())
    sent = {file.path: file.content for file in belongings(checkpoint) if isinstance(file.content, bytes)}
    assert set(json.loads(sent["evaluations/smoke/evaluation.json"])["entries"]) == {"clean", "adversarial"}
    names = {json.loads(line)["entry"] for line in sent["evaluations/smoke/records.jsonl"].splitlines()}
    assert names == {"clean", "adversarial"}
    for entry in document["entries"].values():
        entry["complete"] = False
    write_json(path, document)
    assert not [file.path for file in belongings(checkpoint) if file.path.startswith("evaluations")]

"""R23: 300 seeded mutations of an entry and its records: each is found, or harms neither check nor build; in a line."""

from __future__ import annotations

import copy
import gzip
import hashlib
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alumbench.errors import AlumbenchError
from alumbench.leaderboard.board import build
from alumbench.leaderboard.submit import add
from alumbench.leaderboard.validate import check

Board = tuple[Path, Path, dict[str, Any], list[str]]
#: Values that are of a wrong type, absurd, or obeyed by a terminal, a page or a file system.
WEIRD: list[Any] = [
    *(-1, 0, 1, 2**63, 10**30, 1.5, 1e308, -1e308, True, False, None),
    *(
        "",
        "1",
        "²",
        "__proto__",
        "<script>alert(1)</script>",
        "../../x",
        "x\ny",
        "\u202eabc",
        "\x1b[31m",
        "a" * 100_000,
    ),
    *([], [[]], [1], ["a"], [{"a": 1}], {}, {"a": 1}, {"name": []}),
]
RAW_LINES = ["null", "[]", '"x"', "{}", '{"entry":[1]}', '{"entry":"clean"}', "", "NaN", "[" * 100_000, '{"id":1e999}']
RAW_BYTES = [b"NaN", b"9" * 5000, b"\xff", b'{"a":' * 5000, b'"']


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [at] if at else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return found + [place for key, item in items for place in places(item, (*at, key))]


def mutated(value: Any, draw: random.Random) -> Any:
    """The value with one or two places set to something else, taken out, or moved by a little."""
    value = copy.deepcopy(value)
    for _ in range(draw.choice([1, 1, 2])):
        every = places(value)
        shallow = [place for place in every if len(place) <= 3]
        place = draw.choice(draw.choice([every, shallow or every]))
        within = value
        for key in place[:-1]:
            within = within[key]
        how = draw.choice(["set", "set", "set", "take", "move", "add"])
        if how == "take":
            del within[place[-1]]
        elif how == "add" and isinstance(within, dict):
            within[draw.choice(["reference", "seed", "seeds", "group", "extra"])] = copy.deepcopy(draw.choice(WEIRD))
        elif how == "move" and isinstance(within[place[-1]], int | float):
            within[place[-1]] += draw.choice([1, -1, 0.1, 1e-7])
        else:
            within[place[-1]] = copy.deepcopy(draw.choice(WEIRD))
    return value


def in_entry(board: Board, draw: random.Random) -> None:
    _, path, entry, _ = board
    path.write_text(json.dumps(mutated(entry, draw)))


def in_bytes(board: Board, draw: random.Random) -> None:
    _, path, entry, _ = board
    data = json.dumps(entry).encode()
    at = draw.randrange(len(data))
    path.write_bytes(draw.choice([data[:at], data[:at] + draw.choice(RAW_BYTES) + data[at:], b"[" * 100_000]))


def in_records(board: Board, draw: random.Random) -> None:
    """Changed with the entry's hash and count, as one who cheats would."""
    folder, path, entry, lines = board
    lines = list(lines)
    at = draw.randrange(len(lines))
    how = draw.choice(["change", "change", "change", "raw", "twice", "less"])
    if how == "change":
        lines[at] = json.dumps(mutated(json.loads(lines[at]), draw))
    elif how == "raw":
        lines[at] = draw.choice(RAW_LINES)
    else:
        lines[at : at + 1] = [lines[at]] * 2 if how == "twice" else []
    packed = gzip.compress(("\n".join(lines) + "\n").encode(errors="surrogatepass"), mtime=0)
    (folder / entry["records"]["file"]).write_bytes(packed)
    told = {**entry["records"], "sha256": hashlib.sha256(packed).hexdigest(), "n": len(lines)}
    path.write_text(json.dumps({**entry, "records": told}))


@pytest.fixture(scope="module")
def small(evaluated: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Board:
    """A board of one checkpoint."""
    folder = tmp_path_factory.mktemp("fuzz") / "board"
    folder.mkdir()
    columns = '[[columns]]\ntitle = "clean"\nentry = "clean"\nmeasure = "accuracy"\n'
    (folder / "board.toml").write_text(
        f'title = "Fuzzed"\ntasks = ["mini-sentiment"]\nsuites = ["smoke@1"]\n\n{columns}'
    )
    path = add(folder, evaluated[0])
    entry = json.loads(path.read_text())
    lines = gzip.decompress((folder / entry["records"]["file"]).read_bytes()).decode().splitlines()
    return folder, path, entry, lines


@pytest.mark.parametrize(("how", "seed"), [(how, seed) for how in (in_entry, in_bytes, in_records) for seed in (1, 2)])
def test_a_mutated_entry_is_found_in_a_line_or_does_no_harm(
    small: Board, how: Callable[[Board, random.Random], None], seed: int
) -> None:
    folder, path, entry, _ = small
    records = folder / entry["records"]["file"]
    whole, content = records.read_bytes(), json.dumps(entry)
    draw, found = random.Random(seed), 0
    for _ in range(50):
        how(small, draw)
        problems = check(folder)
        assert all("\n" not in line and line.isprintable() and len(line) < 600 for line in problems), problems
        assert all(str(folder) in line for line in problems)
        found += bool(problems)
        if problems:
            with pytest.raises(AlumbenchError) as refused:
                build(folder)
            assert "\n" not in str(refused.value) and len(str(refused.value)) < 2100
        else:
            build(folder)
        records.write_bytes(whole)
        path.write_text(content)
    assert found >= 15 and check(folder) == []


def test_a_bad_entry_hides_nothing_about_the_others(board: Path, evaluated: list[Path], tmp_path: Path) -> None:
    first, second, third = (add(board, folder) for folder in evaluated)
    content = json.loads(first.read_text())
    content["task"]["train"] = [1.5]
    first.write_text(json.dumps(content))
    second.unlink()
    second.mkdir()
    content = json.loads(third.read_text())
    content["entries"]["clean"]["summary"]["measures"]["accuracy"]["value"] = 0.99
    third.write_text(json.dumps(content))
    (board / "records/stray.jsonl.gz").write_bytes(b"")
    problems = check(board)
    for name, message in (
        (first.name, "task.train"),
        (second.name, "not a file"),
        (third.name, "its measures do not follow"),
        ("stray.jsonl.gz", "belongs to no entry"),
    ):
        assert [line for line in problems if name in line and message in line], (message, problems)
    assert len(problems) == 4
    shutil.rmtree(second)
    with pytest.raises(AlumbenchError, match=f"{third.name}|{first.name}"):
        build(board)


@pytest.mark.parametrize("name", ["results", "records"])
def test_a_link_out_of_the_board_is_not_followed(board: Path, evaluated: list[Path], tmp_path: Path, name: str) -> None:
    path = add(board, evaluated[0])
    at = path if name == "results" else board / json.loads(path.read_text())["records"]["file"]
    shutil.move(at, tmp_path / at.name)
    at.symlink_to(tmp_path / at.name)
    assert [line for line in check(board) if "is a link out of" in line]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": 3}, "id: expected text, found a number"),
        ({"label": "sideways"}, "label is not one of negative, positive"),
        ({"outcome": "won"}, "outcome: expected"),
        ({"scores": [1.0]}, "1 scores for 2 labels"),
        ({"scores": ["a", "b"]}, "scores"),
        ({"queries": -1}, "queries: expected a whole number"),
        ({"outcome": "already_wrong"}, "outcome already_wrong with label"),
        ({"words": None}, "words: expected a whole number"),
    ],
    ids=lambda value: str(value)[:20] if isinstance(value, dict) else "",
)
def test_a_record_that_is_none_of_its_kind_is_named_by_its_line(
    small: Board, change: dict[str, Any], message: str
) -> None:
    folder, path, entry, lines = small
    records = folder / entry["records"]["file"]
    whole, content = records.read_bytes(), path.read_text()
    at = next(at for at, line in enumerate(lines) if '"outcome": "broken"' in line)
    changed = [*lines[:at], json.dumps(json.loads(lines[at]) | change), *lines[at + 1 :]]
    packed = gzip.compress(("\n".join(changed) + "\n").encode(), mtime=0)
    records.write_bytes(packed)
    path.write_text(json.dumps(entry | {"records": entry["records"] | {"sha256": hashlib.sha256(packed).hexdigest()}}))
    (found,) = check(folder)
    records.write_bytes(whole)
    path.write_text(content)
    assert f"line {at + 1}: " in found and message in found

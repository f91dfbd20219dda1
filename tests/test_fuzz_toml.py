"""R23: a thousand damaged suites, boards, plans and claims, each read or refused with one line of bounded length."""

from __future__ import annotations

import copy
import json
import random
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from alumbench.data import Task, load_task
from alumbench.errors import AlumbenchError
from alumbench.evaluation.suite import load_suite
from alumbench.leaderboard.config import Board
from alumbench.studies.plan import Plan
from alumbench.studies.study import check_plan, jobs_of
from experiments.claims.settings import Claims

REPOSITORY = Path(__file__).parent.parent
MUTATIONS = 250
WEIRD: list[Any] = [
    *(-1, 0, 2**63, 10**30, 1.5, float("nan"), float("inf"), -0.0, True, False),
    *("", "\u202e", "\x1b[31m", "<script>", "../../etc/passwd", "²", "٣", "a" * 100_000, "x@y", "@", "a@²", "|", "\n"),
    *("chars-2@1", "chars", "chars-2", "chars-0@1", "chars-9999999@1", "chars-30%@1", "chars-٣@1", "synonyms-200%@1"),
    *("chars-2@" + "9" * 5000, "-2@1", "./none.py-2@1", "embedding-0.1@1", "exhaustive@1", "input-reduction@1"),
    *([], [[]], [1, 2], ["a", 1], {}, {"a": 1}, [{"a": 1}], {"name": "x"}, [{"name": ["x"]}], [True], "1:2:3"),
]
KEYS = [
    *("foo", "__class__", "", "seed", "file", "parts", "take", "where", "ensemble", "seeds", "collapse", "candidates"),
    *("threat_model", "queries_per_word", "recipe", "attack"),
]
RAW = [b"[", b"[[", b'"', b"'''", b"=", b"\n", b"\xff", b"\x00", b"{", b"9" * 5000, b"[" * 3000]


def read_suite(folder: Path) -> None:
    suite = load_suite(str(folder / "suite.toml"))
    suite.digest()
    for task in ("sst2", "nli", "mini-sentiment"):
        try:
            suite.entries_for(load_task(task))
            suite.ensembles_for(load_task(task))
        except AlumbenchError:
            pass


def read_plan(folder: Path) -> None:
    plan = Plan.read(folder)
    check_plan(plan)
    jobs_of(plan, folder / "runs")


KINDS: dict[str, tuple[str, str, Callable[[Path], Any]]] = {
    "suite": ("suites/*.toml", "suite.toml", read_suite),
    "sets": ("tests/evaluation/sets.toml", "suite.toml", read_suite),
    "board": ("leaderboards/*/board.toml", "board.toml", Board.read),
    "plan": ("leaderboards/*/runs.toml", "runs.toml", read_plan),
    "claims": ("leaderboards/claims/claims.toml", "claims.toml", Claims.read),
}


def toml(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {toml(item)}" for key, item in value.items()) + "}"
    return repr(value) if isinstance(value, float) else json.dumps(value)


def places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield from [place] if place else []
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(item, (*place, key))


def mutated(values: dict[str, Any], draw: random.Random) -> dict[str, Any]:
    values = copy.deepcopy(values)
    for _ in range(draw.choice([1, 1, 1, 2])):
        *way, last = draw.choice([*places(values)] or [("x",)])
        holder: Any = values
        for key in way:
            holder = holder[key]
        what = draw.random()
        if what < 0.6 or last not in (holder if isinstance(holder, dict) else range(len(holder))):
            holder[last] = copy.deepcopy(draw.choice(WEIRD))
        elif what < 0.75:
            del holder[last]
        elif what < 0.9 or isinstance(holder, dict):
            (holder if isinstance(holder, dict) else values)[draw.choice(KEYS)] = copy.deepcopy(draw.choice(WEIRD))
        else:
            holder.append(copy.deepcopy(holder[last]))
    return values


def damaged(content: bytes, draw: random.Random) -> bytes:
    data = bytearray(content)
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(data))
        data[at : at + draw.choice([0, 1, 30])] = draw.choice([*RAW, bytes([draw.randrange(256)])])
    return bytes(data)


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_a_file_says_is_taken_or_refused_in_a_line(kind: str, tmp_path: Path) -> None:
    pattern, name, read = KINDS[kind]
    draw = random.Random(f"{kind} 1")
    sources = sorted(REPOSITORY.glob(pattern))
    taken, told = 0, []
    for number in range(MUTATIONS):
        source = draw.choice(sources)
        for other in ("board.toml", "runs.toml"):
            if (source.parent / other).exists():
                (tmp_path / other).write_bytes((source.parent / other).read_bytes())
        changed = mutated(tomllib.loads(source.read_text()), draw)
        whole = "\n".join(f"{json.dumps(key)} = {toml(value)}" for key, value in changed.items()).encode()
        (tmp_path / name).write_bytes(whole if number % 5 else damaged(source.read_bytes(), draw))
        try:
            read(tmp_path)
            taken += 1
        except AlumbenchError as error:
            told.append(str(error))
    assert taken > 20 and len(told) > 80  # it is neither that all is taken nor that nothing is read
    assert [line for line in told if not line.isprintable() or len(line) > 2000] == []


@pytest.mark.parametrize("path", sorted((REPOSITORY / "alumbench/data/catalog").glob("*.toml")), ids=lambda p: p.stem)
def test_a_damaged_task_is_taken_or_refused_in_a_line(path: Path) -> None:
    draw = random.Random(path.stem)
    for _ in range(20):
        try:
            Task.from_dict({"name": "x", **mutated(tomllib.loads(path.read_text()), draw)}, "task x")
        except AlumbenchError as error:
            assert str(error).isprintable() and len(str(error)) <= 2000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("examples = -1", "entry[0] (clean).examples: expected a whole number from 0 to"),
        ("seconds = 1e400", "entry[0].seconds: expected a finite number, found inf"),
        ("name = '../../x'", "name: expected a name without '/'"),
        (f"name = '{'a' * 10**5}'", "name: expected a name without '/'"),
        ("name = ''", "name: expected a name without '/'"),
        ("source = {take = 'x', file = 'a.csv'}", "source: source: take = 'x' is not a slice of rows"),
        ("source = {}", "source: names no table: give hub, file, generated or mirror"),
        ("source = {mirror = '../../x'}", "source: mirror = '../../x' points outside the mirror's data/"),
        ("threat_model = 'chars-2@1'", "threat_model is for attacks, this entry is of kind clean"),
        ("queries_per_word = 50", "queries_per_word is for attacks, this entry is of kind clean"),
        ("kind = 'cleen'", "unknown kind 'cleen'. Did you mean 'clean'?"),
    ],
    ids=lambda text: text[:20],
)
def test_a_value_without_sense_is_refused(change: str, message: str, tmp_path: Path) -> None:
    entry = {"name": "'clean'", "kind": "'clean'"} | dict([change.split(" = ", 1)])
    body = "\n".join(f"{key} = {value}" for key, value in entry.items())
    (tmp_path / "s.toml").write_text(f"name = 's'\nversion = 1\ntitle = 'S'\n[[entry]]\n{body}\n")
    with pytest.raises(AlumbenchError) as error:
        load_suite(str(tmp_path / "s.toml"))
    assert message in str(error.value)

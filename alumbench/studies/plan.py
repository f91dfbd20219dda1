"""What a board's `runs.toml` says: the rows to train and evaluate, and how their settings are chosen."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alumbench.errors import AlumbenchError
from alumbench.storage import file_name
from alumbench.tasks.task import build

RUNS = "runs.toml"
#: A row's model that an earlier `[[pretrain]]` of the same file makes.
PRETRAINED = "pretrained:"

Options = Mapping[str, Any]


@dataclass(frozen=True)
class Sweep:
    """How settings are chosen, the same for every row that has candidates.

    Attributes:
        suite: evaluates a candidate.
        score: groups of `entry:measure`; a candidate's score is the mean over groups of each group's mean.
        train: options of `alumbench train` that differ from those of the rows.
        attack: options of `alumbench attack`.
        seed: the training seed of all candidates.
        keep: '' or an `entry:measure` that must not fall by more than `at_most_below` under the first candidate's.
        at_most_below: by how much it may.
        at_most_cost: training time that a candidate may take, in those of the first; 0 for any.
    """

    suite: str
    score: tuple[tuple[str, ...], ...]
    train: Options = field(default_factory=dict)
    attack: Options = field(default_factory=dict)
    seed: int = 1
    keep: str = ""
    at_most_below: float = 0.0
    at_most_cost: float = 0.0

    @property
    def figures(self) -> list[str]:
        """The `entry:measure` that a candidate must have."""
        return [name for group in self.score for name in group] + ([self.keep] if self.keep else [])

    @property
    def limited(self) -> bool:
        """Whether candidates are held against the first."""
        return bool(self.keep or self.at_most_cost)


@dataclass(frozen=True)
class Row:
    """A row of the board.

    Attributes:
        name: as the table shows it.
        train: options of `alumbench train` by name, with those that all rows share.
        candidates: options to choose between; () where there is nothing to choose.
    """

    name: str
    train: Options
    candidates: tuple[Options, ...] = ()

    @property
    def slug(self) -> str:
        """The name as a folder's."""
        return file_name(self.name)

    @property
    def pretrained(self) -> str:
        """Name of the `[[pretrain]]` that makes its model; '' for a model that is there."""
        model = str(self.train.get("model", ""))
        return model.removeprefix(PRETRAINED) if model.startswith(PRETRAINED) else ""


@dataclass(frozen=True)
class Plan:
    """A `runs.toml`.

    Attributes:
        board: the folder it is in.
        rows: what to train.
        seeds: training seeds of each row.
        suites: what each checkpoint is evaluated with.
        attack: options of `alumbench attack`.
        pretrain: options of `alumbench pretrain` by the name that rows call its model; `tokenizer` may be a table of
            options of `alumbench tokenizer learn`, which then runs before it.
        sweep: how settings are chosen, where rows have candidates.
    """

    board: Path
    rows: tuple[Row, ...]
    seeds: tuple[int, ...]
    suites: tuple[str, ...]
    attack: Options
    pretrain: Mapping[str, Options]
    sweep: Sweep | None

    @classmethod
    def read(cls, board: Path) -> Plan:
        """Reads a board's plan.

        Raises:
            AlumbenchError: There is none, a key is unknown or missing, or rows have unequal numbers of candidates.
        """
        path = board / RUNS
        if not path.is_file():
            raise AlumbenchError(
                f"{path}: no such file. It says what is trained: seeds, suites, [train] with options of 'alumbench "
                f"train', and [[rows]] with a row's name and its own"
            )
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as error:
            raise AlumbenchError(f"{path}: {error}") from None
        for key in ("rows", "seeds", "suites"):
            if not values.get(key):
                raise AlumbenchError(f"{path}: {key} is missing")
        shared = values.pop("train", {})
        pretrain: dict[str, Options] = {}
        for options in values.pop("pretrain", []):
            name = str(_pop(options, "name", path))
            if name in pretrain:
                raise AlumbenchError(f"{path}: two [[pretrain]] have the name {name}")
            pretrain[name] = options
        rows = tuple(_row(row, shared, pretrain, path) for row in values.pop("rows"))
        sweep = values.pop("sweep", None)
        if sweep is not None:
            sweep = _sweep(sweep, rows, path)
        defaults: dict[str, Any] = {"attack": {}}
        plan = cls(
            **build(
                cls,
                {**defaults, **values, "rows": rows, "pretrain": pretrain, "sweep": sweep, "board": board},
                str(path),
            )
        )
        counts = {len(row.candidates) for row in rows if row.candidates}
        if len(counts) > 1:
            raise AlumbenchError(
                f"{path}: rows have {sorted(counts)} candidates; one budget for all is what makes them comparable"
            )
        if counts and sweep is None:
            raise AlumbenchError(f"{path}: rows have candidates, and no [sweep] says how to choose")
        if len({row.slug for row in rows}) < len(rows):
            raise AlumbenchError(f"{path}: two rows have the same name, or names that make the same folder's")
        return plan


def arguments(options: Options) -> Iterator[str]:
    """Options by name as a command line: a table is NAME=VALUE pairs, a list is the option repeated, true is a flag."""
    for name, value in options.items():
        option = f"--{name.replace('_', '-')}"
        if isinstance(value, Mapping):
            for key, item in value.items():
                yield from (option, f"{key}={item if isinstance(item, str) else json.dumps(item)}")
        elif isinstance(value, list):
            for item in value:
                yield from (option, str(item))
        elif value is True:
            yield option
        elif value is not False:
            yield from (option, str(value))


def merged(*parts: Options) -> dict[str, Any]:
    """Options over options; tables such as `set` are merged too."""
    out: dict[str, Any] = {}
    for part in parts:
        for name, value in part.items():
            before = out.get(name)
            out[name] = {**before, **value} if isinstance(before, Mapping) and isinstance(value, Mapping) else value
    return out


def _sweep(values: Mapping[str, Any], rows: Iterable[Row], path: Path) -> Sweep:
    score = values.get("score")
    groups = score if isinstance(score, list) and all(isinstance(group, list) and group for group in score) else []
    if not groups:
        raise AlumbenchError(f'{path}, sweep: score = {score!r}: give groups of entries, [["ENTRY:MEASURE", ...], ...]')
    sweep = Sweep(**build(Sweep, {**values, "score": tuple(map(tuple, groups))}, f"{path}, sweep"))
    for name in sweep.figures:
        if not all(str(name).partition(":")):
            raise AlumbenchError(f"{path}, sweep: {name!r} is not ENTRY:MEASURE")
    for row in rows:
        for both in sorted({option for candidate in row.candidates for option in candidate} & sweep.train.keys()):
            raise AlumbenchError(f"{path}: {both} is in [sweep] train, so row {row.name} cannot choose it")
    return sweep


def _row(values: dict[str, Any], shared: Options, pretrain: Mapping[str, Options], path: Path) -> Row:
    name, candidates = str(_pop(values, "row", path)), tuple(values.pop("candidates", ()))
    train = merged(shared, values)
    row = Row(name, train, candidates)
    if row.pretrained and row.pretrained not in pretrain:
        raise AlumbenchError(f"{path}: row {name}: no [[pretrain]] has the name {row.pretrained}")
    return row


def _pop(values: dict[str, Any], key: str, path: Path) -> Any:
    if key not in values:
        raise AlumbenchError(f"{path}: a [[{'rows' if key == 'row' else 'pretrain'}]] has no {key}")
    return values.pop(key)

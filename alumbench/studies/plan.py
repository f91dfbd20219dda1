"""What a board's `runs.toml` says: the rows to train and evaluate, and how their settings are chosen."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alumbench.config import Amount, Count, Name, check, convert
from alumbench.errors import AlumbenchError
from alumbench.parsing import read_toml
from alumbench.storage import file_name

RUNS = "runs.toml"
#: A row's model that an earlier `[[pretrain]]` of the same file makes.
PRETRAINED = "pretrained:"

Options = Mapping[str, Any]
#: What an option may be: arguments are made of these (see `arguments`).
Value = str | float | bool | list[str | float | bool]


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

    suite: Name
    score: tuple[tuple[str, ...], ...]
    train: Options = field(default_factory=dict)
    attack: Options = field(default_factory=dict)
    seed: Count = 1
    keep: str = ""
    at_most_below: Amount = 0.0
    at_most_cost: Amount = 0.0

    def check(self) -> None:
        """Looks its values through.

        Raises:
            AlumbenchError: The score has no groups, a figure is not ENTRY:MEASURE, or an option is none.
        """
        if not self.score or not all(self.score):
            raise AlumbenchError('score: give groups of entries, [["ENTRY:MEASURE", ...], ...]')
        for name in self.figures:
            if not all(name.partition(":")):
                raise AlumbenchError(f"'{name}' is not ENTRY:MEASURE")
        for part in ("train", "attack"):
            _options(getattr(self, part), part)

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
        file = convert(_File, read_toml(path), str(path))
        try:
            pretrain = {options["name"]: _without(options, "name") for options in file.pretrain}
            rows = tuple(_row(row, file.train, pretrain) for row in file.rows)
            _check_candidates(rows, file.sweep)
        except AlumbenchError as error:
            raise AlumbenchError(f"{path}: {error}") from None
        return cls(board, rows, file.seeds, file.suites, file.attack, pretrain, file.sweep)


@dataclass(frozen=True)
class _File:
    """The tables of a `runs.toml`; those of rows and pre-training have options of commands beside their name."""

    rows: tuple[Options, ...]
    seeds: tuple[Count, ...]
    suites: tuple[Name, ...]
    attack: Options = field(default_factory=dict)
    train: Options = field(default_factory=dict)
    pretrain: tuple[Options, ...] = ()
    sweep: Sweep | None = None

    def check(self) -> None:
        """Looks its values through.

        Raises:
            AlumbenchError: Nothing is asked for, something twice, a table lacks its name, or an option is none.
        """
        for part in ("rows", "seeds", "suites"):
            if not getattr(self, part):
                raise AlumbenchError(f"{part} is empty")
        for part, values in (("seeds", self.seeds), ("suites", self.suites)):
            if len(set(values)) < len(values):
                raise AlumbenchError(f"{part}: one is there twice")
        names = [_named(options, "name", "pretrain") for options in self.pretrain]
        for name in names:
            if names.count(name) > 1:
                raise AlumbenchError(f"two [[pretrain]] have the name {name}")
        rows = [_named(row, "row", "rows") for row in self.rows]
        if len({file_name(row) for row in rows}) < len(rows):
            raise AlumbenchError("two rows have the same name, or names that make the same folder's")
        for part, options in (("attack", self.attack), ("train", self.train)):
            _options(options, part)
        for options in self.pretrain:
            tokenizer = options.get("tokenizer")
            if isinstance(tokenizer, Mapping):
                _options(tokenizer, "pretrain.tokenizer")
            _options(options, "pretrain")


def _named(options: Options, key: str, table: str) -> str:
    """The name of a table, which names folders too."""
    if key not in options:
        raise AlumbenchError(f"a [[{table}]] has no {key}")
    name: str = check(Name, options[key], f"{table}: {key}")
    if not file_name(name).strip("."):
        raise AlumbenchError(f"{table}: {key} '{name}' has no letter or digit to name a folder by")
    return name


def _options(options: Options, where: str) -> None:
    """Raises an `AlumbenchError` where a value is none that a command line can carry."""
    for name, value in options.items():
        if not isinstance(value, Mapping):
            check(Value, value, f"{where}.{name}")


def _without(options: Options, *names: str) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name not in names}


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


def _row(values: Options, shared: Options, pretrain: Mapping[str, Options]) -> Row:
    name = values["row"]
    candidates = values.get("candidates", [])
    candidates = [candidates] if isinstance(candidates, Mapping) else candidates
    check(list[Options], candidates, f"row {name}, candidates")
    own = _without(values, "row", "candidates")
    for options in (own, *candidates):
        _options(options, f"row {name}")
    row = Row(name, merged(shared, own), tuple(candidates))
    if row.pretrained and row.pretrained not in pretrain:
        raise AlumbenchError(f"row {name}: no [[pretrain]] has the name {row.pretrained}")
    return row


def _check_candidates(rows: Sequence[Row], sweep: Sweep | None) -> None:
    counts = {len(row.candidates) for row in rows if row.candidates}
    if len(counts) > 1:
        raise AlumbenchError(f"rows have {sorted(counts)} candidates; one budget for all is what makes them comparable")
    if counts and sweep is None:
        raise AlumbenchError("rows have candidates, and no [sweep] says how to choose")
    for row in rows:
        chosen = {option for candidate in row.candidates for option in candidate}
        for both in sorted(chosen & (sweep.train.keys() if sweep else set())):
            raise AlumbenchError(f"{both} is in [sweep] train, so row {row.name} cannot choose it")

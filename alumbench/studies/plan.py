"""The contents of a board's `runs.toml`: the rows to train and evaluate, and how to choose their settings."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from alumbench.config import Amount, Count, Name, check, convert
from alumbench.errors import AlumbenchError
from alumbench.old_names import ATTACK, PARAMETERS, TRAINING, comparable, renamed, silent
from alumbench.parsing import read_toml
from alumbench.storage import file_name

RUNS = "runs.toml"
#: Prefix of a row's model that a `[[pretrain]]` of the same file makes.
PRETRAINED = "pretrained:"

#: Options of a command by name. `_options` checks that a command line can express their values.
Options: TypeAlias = Mapping[str, object]
#: Types of an option's value, from which `arguments` makes a command line.
Value = str | float | bool | list[str | float | bool]


@dataclass(frozen=True)
class Sweep:
    """The rule for choosing settings, the same for every row with candidates.

    Attributes:
        suite: the suite that evaluates a candidate.
        score: groups of `entry:measure`; a candidate's score is the mean over groups of each group's mean.
        train: options of `alumbench train` that override the rows'.
        attack: options of `alumbench attack`.
        seed: the training seed of all candidates.
        keep: an `entry:measure` that must not be more than `at_most_below` below the first candidate's, or ''.
        at_most_below: the allowed drop of `keep`.
        at_most_cost: most training time of a candidate, as a multiple of the first's; 0 for any.
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
        """Checks the values.

        Raises:
            AlumbenchError: The score has no groups, a figure is not ENTRY:MEASURE, or an option has an invalid value.
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
        """Every `entry:measure` that a candidate must have."""
        return [name for group in self.score for name in group] + ([self.keep] if self.keep else [])

    @property
    def limited(self) -> bool:
        """True if candidates are limited by the first one's figures or cost."""
        return bool(self.keep or self.at_most_cost)


@dataclass(frozen=True)
class Row:
    """A row of the board.

    Attributes:
        name: its name in the table.
        train: options of `alumbench train` by name, including those that all rows share.
        candidates: options to choose from; () without a choice.
    """

    name: str
    train: Options
    candidates: tuple[Options, ...] = ()

    @property
    def slug(self) -> str:
        """The name as a folder name."""
        return file_name(self.name)

    @property
    def pretrained(self) -> str:
        """Name of the `[[pretrain]]` that makes its model; '' for an existing model."""
        model = str(self.train.get("model", ""))
        return model.removeprefix(PRETRAINED) if model.startswith(PRETRAINED) else ""


@dataclass(frozen=True)
class Plan:
    """A `runs.toml`.

    Attributes:
        board: the folder it is in.
        rows: the rows to train.
        seeds: training seeds of each row.
        suites: the suites that evaluate each checkpoint.
        attack: options of `alumbench attack`.
        pretrain: options of `alumbench pretrain` by the name that rows use for its model; `tokenizer` may be a table of
            options of `alumbench tokenizer learn`, which then runs before it.
        sweep: how to choose settings, if rows have candidates.
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
            AlumbenchError: There is none, a key is unknown or missing, or rows have different numbers of candidates.
        """
        path = board / RUNS
        if not path.is_file():
            raise AlumbenchError(
                f"{path}: no such file. It says what is trained: seeds, suites, [train] with options of 'alumbench "
                f"train', and [[rows]] with a row's name and its own"
            )
        file = convert(_File, read_toml(path), str(path))
        try:
            pretrain = {str(options["name"]): _without(options, "name") for options in file.pretrain}
            rows = tuple(_row(row, file.train, pretrain) for row in file.rows)
            _check_candidates(rows, file.sweep)
        except AlumbenchError as error:
            raise AlumbenchError(f"{path}: {error}") from None
        return cls(board, rows, file.seeds, file.suites, file.attack, pretrain, file.sweep)


@dataclass(frozen=True)
class _File:
    """The tables of a `runs.toml`; those of rows and pre-training have a name and command options."""

    rows: tuple[Options, ...]
    seeds: tuple[Count, ...]
    suites: tuple[Name, ...]
    attack: Options = field(default_factory=dict)
    train: Options = field(default_factory=dict)
    pretrain: tuple[Options, ...] = ()
    sweep: Sweep | None = None

    def check(self) -> None:
        """Checks the values.

        Raises:
            AlumbenchError: A list is empty or repeats an item, a table lacks its name, or an option's value is invalid.
        """
        for part in ("rows", "seeds", "suites"):
            if not getattr(self, part):
                raise AlumbenchError(f"{part} is empty")
        for part, values in (("seeds", self.seeds), ("suites", self.suites)):
            if len(set(values)) < len(values):
                raise AlumbenchError(f"{part}: one occurs twice")
        names = [_named(options, "name", "pretrain") for options in self.pretrain]
        for name in names:
            if names.count(name) > 1:
                raise AlumbenchError(f"two [[pretrain]] have the name {name}")
        rows = [_named(row, "row", "rows") for row in self.rows]
        if len({file_name(row) for row in rows}) < len(rows):
            raise AlumbenchError("two rows have the same name, or names that give the same folder name")
        for part, options in (("attack", self.attack), ("train", self.train)):
            _options(options, part)
        for options in self.pretrain:
            tokenizer = options.get("tokenizer")
            if isinstance(tokenizer, Mapping):
                _options(tokenizer, "pretrain.tokenizer")
            _options(options, "pretrain")


def _named(options: Options, key: str, table: str) -> str:
    """The name of a table, which must also be usable as a folder name."""
    if key not in options:
        raise AlumbenchError(f"a [[{table}]] has no {key}")
    name: str = check(Name, options[key], f"{table}: {key}")
    if not file_name(name).strip("."):
        raise AlumbenchError(f"{table}: {key} '{name}' has no letter or digit to name a folder by")
    return name


def _options(options: Options, where: str) -> None:
    """Raises an `AlumbenchError` if a command line cannot express a value."""
    for name, value in options.items():
        if not isinstance(value, Mapping):
            check(Value, value, f"{where}.{name}")


def _without(options: Options, *names: str) -> dict[str, object]:
    return {name: value for name, value in options.items() if name not in names}


def arguments(options: Options) -> Iterator[str]:
    """Options by name as a command line: a table gives NAME=VALUE pairs, a list repeats the option, true is a flag."""
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


def merged(*parts: Options) -> dict[str, object]:
    """Options merged, later ones overriding earlier ones; tables such as `set` are merged too."""
    out: dict[str, object] = {}
    for part in parts:
        for name, value in part.items():
            before = out.get(name)
            out[name] = {**before, **value} if isinstance(before, Mapping) and isinstance(value, Mapping) else value
    return out


def old_names_in(plan: Plan) -> list[str]:
    """A line for each old name in a plan's options; the commands that get them accept them too.

    Raises:
        AlumbenchError: An option has both its names, or a method whose parameters have old names is unknown.
    """
    from alumbench.methods.method import present_parameters

    notes: dict[str, None] = {}
    trained = [merged(row.train, *some) for row in plan.rows for some in ((), *((one,) for one in row.candidates))]
    for options in [*plan.pretrain.values(), *trained, *([plan.sweep.train] if plan.sweep else [])]:
        renamed(options, TRAINING, notes.setdefault)
        given = options.get("set")
        if isinstance(given, Mapping) and PARAMETERS.keys() & given.keys():
            present_parameters(str(options.get("method", "standard")), given, notes.setdefault)
    for options in [plan.attack, *([plan.sweep.attack] if plan.sweep else [])]:
        renamed(options, ATTACK, notes.setdefault)
    return [f"{plan.board / RUNS}: {note.removeprefix('note: ')}" for note in notes]


def same_options(one: Options, other: Options) -> bool:
    """True if two tables of options differ at most in old and present names."""
    return _present(one) == _present(other)


def _present(options: Options) -> dict[str, object]:
    given = options.get("set")
    names = {old: new for old, new in TRAINING.items() if new not in options}
    return renamed(options, names, silent) | ({"set": comparable(given)} if isinstance(given, Mapping) else {})


def _row(values: Options, shared: Options, pretrain: Mapping[str, Options]) -> Row:
    name = str(values["row"])
    given = values.get("candidates", [])
    given = [given] if isinstance(given, Mapping) else given
    candidates: Sequence[Options] = check(list[Options], given, f"row {name}, candidates")
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

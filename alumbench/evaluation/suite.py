"""A versioned list of adversarial sets and attacks, of which a checkpoint takes those of its task."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from alumbench.attacks import load_recipe
from alumbench.attacks.recipe import Recipe
from alumbench.errors import AlumbenchError, unknown
from alumbench.tasks import Source, Task
from alumbench.tasks.task import build

KINDS = ("clean", "fixed", "attack", "embedding")
ALL_TASKS = "*"


@dataclass(frozen=True)
class Entry:
    """One column of a table.

    Attributes:
        name: how tables call it.
        kind: `clean` (the task's own dev set), `fixed` (examples made beforehand), `attack` (a search for a text) or
            `embedding` (a search for a δ in embedding space).
        tasks: names of tasks it is for; `*` for every task.
        source: where a fixed set's examples come from, or an attack's if not from the task's dev set.
        group: column that parts the set (HANS: `heuristic`).
        collapse: for a set with fewer labels: which label of the set each label of the task counts as.
        recipe: `name@version` of an attack.
        examples: how many to attack, drawn once for everybody; 0 for all.
        queries: model answers an example may cost, 0 for no limit.
        seconds: time an example may take, 0 for no limit.
        radius: of an embedding attack, in units of a sentence's token RMS length.
        steps: gradient steps of an embedding attack.
        note: what to know before comparing.
    """

    name: str
    kind: str
    tasks: tuple[str, ...] = (ALL_TASKS,)
    source: tuple[Source, ...] = field(default=())
    group: str = ""
    collapse: Mapping[str, str] = field(default_factory=dict)
    recipe: str = ""
    examples: int = 0
    queries: int = 0
    seconds: float = 0.0
    radius: float = 0.0
    steps: int = 0
    note: str = ""

    def is_for(self, task: Task) -> bool:
        """Whether a checkpoint of that task takes it."""
        if self.kind in {"attack", "embedding"} and task.is_regression:
            return False
        return ALL_TASKS in self.tasks or task.name in self.tasks

    def load_recipe(self) -> Recipe:
        """The recipe of an attack."""
        return load_recipe(self.recipe.partition("@")[0])


@dataclass(frozen=True)
class Suite:
    """Entries under one name and version; a suite that is out is not edited, it gets a new version."""

    name: str
    version: int
    title: str
    entries: tuple[Entry, ...]

    def digest(self) -> str:
        """A hash of all it says, so that an edited suite is not taken for the one that was run."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    def entries_for(self, task: Task, only: Sequence[str] = (), own_data: bool = False) -> list[Entry]:
        """The entries a checkpoint of that task takes, or those of them named in `only`.

        Args:
            task: the checkpoint's task.
            only: names of entries, all when empty.
            own_data: the user's examples stand in for the suite's: one clean entry and the attacks are left.

        Raises:
            AlumbenchError: There are none.
        """
        chosen = [entry for entry in self.entries if entry.is_for(task)]
        if task.is_regression and chosen:
            return [entry for entry in chosen if not only or entry.name in only]  # its dev set, which no attack is for
        if not any(entry.kind != "clean" for entry in chosen):
            fitting = sorted({name for entry in self.entries if entry.kind != "clean" for name in entry.tasks})
            raise AlumbenchError(
                f"suite '{self.name}' has no entry for task '{task.name}'; it is for {', '.join(fitting)}. "
                f"'alumbench suites' shows what fits"
            )
        if own_data:
            chosen = [Entry("clean", "clean"), *(entry for entry in chosen if entry.kind == "attack")]
        for name in only:
            if name not in {entry.name for entry in chosen}:
                raise unknown(f"entry of suite {self.name} for task {task.name}", name, [e.name for e in chosen])
        return [entry for entry in chosen if not only or entry.name in only]


def suite_names() -> list[str]:
    """The suites that come with the package, sorted."""
    return sorted(p.name.removesuffix(".toml") for p in _folder().iterdir() if p.name.endswith(".toml"))


def load_suite(name: str) -> Suite:
    """A suite by name, or from a TOML file.

    Raises:
        AlumbenchError: There is none of that name, or the file says something it cannot.
    """
    if name.endswith(".toml"):
        path = Path(name)
        if not path.is_file():
            raise AlumbenchError(f"{path}: no such file")
        text, where = path.read_text(encoding="utf-8"), str(path)
    elif name in suite_names():
        text, where = (_folder() / f"{name}.toml").read_text(encoding="utf-8"), f"suite {name}"
    else:
        raise unknown("suite", name, suite_names(), "alumbench suites")
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise AlumbenchError(f"{where}: {error}") from None
    entries = []
    for number, entry in enumerate(values.pop("entry", []), start=1):
        entries.append(_entry(entry, f"{where}, entry {entry.get('name', number)}"))
    suite = Suite(**build(Suite, {**values, "entries": entries}, where))
    names = [entry.name for entry in suite.entries]
    if len(set(names)) != len(names):
        raise AlumbenchError(f"{where}: two entries have the same name")
    return suite


def _entry(values: Mapping[str, Any], where: str) -> Entry:
    sources = values.get("source", [])
    parts = build(Entry, values, where)
    parts["source"] = tuple(
        Source(**build(Source, source, f"{where}, source"))
        for source in (sources if isinstance(sources, list) else [sources])
    )
    entry = Entry(**parts)
    if entry.kind not in KINDS:
        raise AlumbenchError(f"{where}: {unknown('kind', entry.kind, KINDS)}")
    for name in ("examples", "queries", "seconds"):
        if getattr(entry, name) < 0:
            raise AlumbenchError(f"{where}: {name} = {getattr(entry, name)} is negative; 0 is for no limit")
    if entry.collapse and entry.kind != "fixed":
        raise AlumbenchError(f"{where}: collapse is for fixed sets, this entry is of kind {entry.kind}")
    if entry.kind == "attack":
        name, _, version = entry.recipe.partition("@")
        recipe = load_recipe(name)
        if version != str(recipe.version):
            raise AlumbenchError(
                f"{where}: asks for {entry.recipe}, this alumbench has {recipe.signature}; "
                f"a suite names the version it was made for"
            )
    if entry.kind == "embedding" and not (entry.radius > 0 and entry.steps > 0):
        raise AlumbenchError(f"{where}: an embedding attack needs a radius and steps above 0")
    if entry.kind == "fixed" and not entry.source:
        raise AlumbenchError(f"{where}: a fixed set needs a [[entry.source]]")
    return entry


def _folder() -> Any:
    return resources.files("alumbench.suites")

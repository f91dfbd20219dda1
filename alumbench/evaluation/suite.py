"""A versioned list of adversarial sets and attacks, of which a checkpoint takes those of its task."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any

from alumbench.attacks.embedding_protocol import LOSSES
from alumbench.config import Positive, Slug, convert
from alumbench.errors import AlumbenchError, unknown
from alumbench.evaluation.ensembles import Ensemble
from alumbench.evaluation.entry import Entry
from alumbench.evaluation.thresholds import Thresholds
from alumbench.parsing import parse_toml, read_toml
from alumbench.tasks import Source, Task

#: Keys that came after suites were out: a suite that says nothing of them has the digest that it always had.
LATER = {
    **{"parts": {}, "seeds": 1, "seed_examples": 0, "ensembles": (), "validity": asdict(Thresholds())},
    **{"losses": LOSSES, "restarts": 1},
}


@dataclass(frozen=True)
class Suite:
    """Entries under one name and version; a suite that is out is not edited, it gets a new version.

    Attributes:
        name: how commands call it.
        version: raised with every change.
        title: one line for people.
        entries: what it runs, in that order.
        ensembles: attacks over which the worst case counts.
        validity: what an adversarial text has to keep, to be counted by the measures that ask for it.
    """

    name: Slug
    version: Positive
    title: str
    entries: tuple[Entry, ...] = field(metadata={"key": "entry"})
    ensembles: tuple[Ensemble, ...] = field(default=(), metadata={"key": "ensemble"})
    validity: Thresholds = Thresholds()

    def check(self) -> None:
        """Looks its entries through.

        Raises:
            AlumbenchError: There are none, or two entries or ensembles have the same name.
        """
        if not self.entries:
            raise AlumbenchError("a suite needs an [[entry]]")
        for kind, names in (
            ("entries", [entry.name for entry in self.entries]),
            ("ensembles", [ensemble.signature for ensemble in self.ensembles]),
        ):
            for name in names:
                if names.count(name) > 1:
                    raise AlumbenchError(f"two {kind} are called {name}")

    def digest(self) -> str:
        """A hash of all it says, so that an edited suite is not taken for the one that was run."""
        said = asdict(self)
        for part in [said, *said["entries"]]:
            for name, before in LATER.items():
                if name in part and part[name] == before:
                    del part[name]
        for entry in said["entries"]:
            entry["source"] = [Source.without_later(source) for source in entry["source"]]
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()

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

    def ensembles_for(self, task: Task) -> list[Ensemble]:
        """The ensembles whose members a checkpoint of that task takes."""
        members = {entry.name for entry in self.entries if entry.is_for(task)}
        return [ensemble for ensemble in self.ensembles if members.issuperset(ensemble.entries)]

    def ensemble_to_skip_by(self, task: Task) -> Ensemble:
        """The ensemble whose members an example passes one after the other, until one breaks it.

        Raises:
            AlumbenchError: The suite has none for that task, or several.
        """
        found = self.ensembles_for(task)
        if len(found) != 1:
            listed = f": {', '.join(ensemble.signature for ensemble in found)}" if found else ""
            raise AlumbenchError(
                f"--skip-broken needs one ensemble for task '{task.name}', suite '{self.name}' has "
                f"{len(found) or 'none'}{listed}; run it without --skip-broken"
            )
        return found[0]


def suite_names() -> list[str]:
    """The suites that come with the package, sorted."""
    return sorted(p.name.removesuffix(".toml") for p in _folder().iterdir() if p.name.endswith(".toml"))


def load_suite(name: str) -> Suite:
    """A suite by name, or from a TOML file.

    Raises:
        AlumbenchError: There is none of that name, or the file says something it cannot.
    """
    if name.endswith(".toml"):
        values, where = read_toml(Path(name)), name
    elif name in suite_names():
        where = f"suite {name}"
        values = parse_toml((_folder() / f"{name}.toml").read_text(encoding="utf-8"), where)
    else:
        raise unknown("suite", name, suite_names(), "alumbench suites")
    suite = convert(Suite, values, where)
    ensembles = []
    for ensemble in suite.ensembles:
        try:
            ensembles.append(ensemble.among(suite.entries))
        except AlumbenchError as error:
            raise AlumbenchError(f"{where}: ensemble {ensemble.name}: {error}") from None
    return replace(suite, ensembles=tuple(ensembles))


def _folder() -> Any:
    return resources.files("alumbench.suites")

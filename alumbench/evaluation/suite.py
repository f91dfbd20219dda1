"""A versioned list of adversarial sets and attacks; a checkpoint runs those for its task."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from alumbench.attacks.recipes.embedding_pgd import LOSSES
from alumbench.attacks.threat_models.references import without_degree
from alumbench.config import Positive, Slug, convert
from alumbench.data import Source, Task
from alumbench.errors import AlumbenchError, unknown
from alumbench.evaluation.ensembles import Ensemble
from alumbench.evaluation.results import OneAttack
from alumbench.evaluation.suite_entry import SuiteEntry
from alumbench.evaluation.thresholds import Thresholds
from alumbench.origins import Origin
from alumbench.parsing import parse_toml
from alumbench.registry import RECIPES, SUITES, THREAT_MODELS, find, is_path, names

#: Keys added after suites were published: a suite that does not set them keeps its old digest.
LATER = {
    **{"parts": {}, "seeds": 1, "seed_examples": 0, "ensembles": (), "validity": asdict(Thresholds())},
    **{"losses": LOSSES, "restarts": 1, "settings": {}, "threat_model": "", "queries_per_word": 0},
}


@dataclass(frozen=True)
class Suite:
    """Entries under one name and version; a published suite is not edited but gets a new version.

    Attributes:
        name: its name in commands.
        version: raised with every change.
        title: one line of description.
        entries: its entries, in the order in which they run.
        ensembles: groups of attacks with a common worst case.
        validity: bounds that an adversarial text must meet to count in the valid-attack measures.
        origin: its origin, if not this package; not part of its digest.
        path: its file, if it was loaded from one.
        attack: the only attack of a suite that was made for it; not part of its digest, which covers its entry.
    """

    name: Slug
    version: Positive
    title: str
    entries: tuple[SuiteEntry, ...] = field(metadata={"key": "entry"})
    ensembles: tuple[Ensemble, ...] = field(default=(), metadata={"key": "ensemble"})
    validity: Thresholds = Thresholds()
    origin: Origin = Origin()
    path: str = ""
    attack: OneAttack | None = None

    def check(self) -> None:
        """Checks its entries.

        Raises:
            AlumbenchError: There are none, or two entries or ensembles have the same name.
        """
        if not self.entries:
            raise AlumbenchError("a suite needs an [[entry]]")
        for kind, called in (
            ("entries", [entry.name for entry in self.entries]),
            ("ensembles", [ensemble.signature for ensemble in self.ensembles]),
        ):
            for name in called:
                if called.count(name) > 1:
                    raise AlumbenchError(f"two {kind} are called {name}")

    def digest(self) -> str:
        """A hash of its content, so that an edited suite is not mistaken for the one that was run."""
        said = asdict(self)
        del said["origin"], said["path"], said["attack"]
        for entry in said["entries"]:
            entry["parts"] = entry.pop("models")  # digests of published suites have the old name
        for part in [said, *said["entries"]]:
            for name, before in LATER.items():
                if name in part and part[name] == before:
                    del part[name]
        for entry, own in zip(said["entries"], self.entries, strict=True):
            entry["source"] = [Source.without_later(source) for source in entry["source"]]
            entry["recipe"] = own.said_recipe
            if own.threat_model:
                entry["threat_model"] = own.said_threat_model
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()

    def entries_for(self, task: Task, only: Sequence[str] = (), own_data: bool = False) -> list[SuiteEntry]:
        """The entries for a checkpoint of that task, or those of them named in `only`.

        Args:
            task: the checkpoint's task.
            only: names of entries, all when empty.
            own_data: True if the user's examples replace the suite's: one clean entry and the attacks remain.

        Raises:
            AlumbenchError: There are none.
        """
        chosen = [entry for entry in self.entries if entry.is_for(task)]
        if task.is_regression and chosen:
            return [entry for entry in chosen if not only or entry.name in only]  # its dev set; no attack applies
        if not any(entry.kind != "clean" for entry in chosen):
            fitting = sorted({name for entry in self.entries if entry.kind != "clean" for name in entry.tasks})
            raise AlumbenchError(
                f"suite '{self.name}' has no entry for task '{task.name}'; it is for {', '.join(fitting)}. "
                f"'alumbench suites' shows what fits"
            )
        if own_data:
            chosen = [SuiteEntry("clean", "clean"), *(entry for entry in chosen if entry.kind == "attack")]
        for name in only:
            if name not in {entry.name for entry in chosen}:
                raise unknown(f"entry of suite {self.name} for task {task.name}", name, [e.name for e in chosen])
        return [entry for entry in chosen if not only or entry.name in only]

    def ensembles_for(self, task: Task) -> list[Ensemble]:
        """The ensembles whose members all apply to that task."""
        members = {entry.name for entry in self.entries if entry.is_for(task)}
        return [ensemble for ensemble in self.ensembles if members.issuperset(ensemble.entries)]

    def ensemble_to_skip_by(self, task: Task) -> Ensemble:
        """The ensemble whose members attack an example in turn until one breaks it.

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
    """The names of all registered suites, sorted."""
    return names(SUITES)


def load_suite(name: str, run_files: bool = True) -> Suite:
    """A suite by name, or from a TOML file.

    A path of a recipe or threat model in it is relative to the TOML's folder; so is a source's `file`, if it exists
    there.

    Args:
        name: a name or a path.
        run_files: run the Python files that a TOML file names; only if the user named the suite, never because
            somebody else's record or board does.

    Raises:
        AlumbenchError: There is no suite of that name, or the file is invalid.
    """
    found = find(SUITES, name)
    where = f"suite {name}" if found.built_in else name if not found.package else found.where
    values = parse_toml(found.text(), where)
    folder = found.file().resolve().parent
    if not found.built_in:
        values = _placed(values, folder, where, run_files)
    path = "" if found.package else str(found.file().resolve())
    suite = convert(Suite, values, where, origin=found.origin(), path=path, attack=None)
    if found.package:
        found.named(suite.name)
    ensembles = []
    for ensemble in suite.ensembles:
        try:
            ensembles.append(ensemble.among(suite.entries))
        except AlumbenchError as error:
            raise AlumbenchError(f"{where}: ensemble {ensemble.name}: {error}") from None
    entries = suite.entries if found.built_in else tuple(_beside(entry, folder) for entry in suite.entries)
    return replace(suite, entries=entries, ensembles=tuple(ensembles))


def _placed(values: dict[str, object], folder: Path, where: str, run_files: bool) -> dict[str, object]:
    """A suite's values with complete paths of its Python files; malformed values are left to `convert`."""
    entries = values.get("entry")
    listed = [entries] if isinstance(entries, dict) else entries if isinstance(entries, list) else []
    for entry in listed:
        named = {key: entry.get(key) if isinstance(entry, dict) else None for key in ("recipe", "threat_model")}
        for key, value in named.items():
            if not isinstance(value, str) or not _is_file(key, value):
                continue
            if not run_files:
                raise AlumbenchError(f"{where}: names the Python file {value}, which runs only if you name the suite")
            entry[key] = str(folder / Path(value).expanduser())
    return values


def _is_file(key: str, value: str) -> bool:
    """True if a recipe or a threat model is named by its path."""
    if key == "recipe":
        return is_path(RECIPES, value.partition("@")[0])
    return is_path(THREAT_MODELS, without_degree(value))


def _beside(entry: SuiteEntry, folder: Path) -> SuiteEntry:
    """The entry, with the suite's folder set for those of its source files that lie there."""
    here = [replace(s, folder=str(folder)) if s.file and (folder / s.file).is_file() else s for s in entry.source]
    return replace(entry, source=tuple(here))

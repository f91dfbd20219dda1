"""Is what a board's entries record what their checkpoints do?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from alumbench.attacks.victim import Victim
from alumbench.checkpoints import PROVENANCE, ModelFiles, find_model
from alumbench.errors import AlumbenchError
from alumbench.evaluation.rescoring import Rescored, Sample, is_exact, of_suite, rescore
from alumbench.evaluation.verify import Verdict, check_model, replay, victim_of
from alumbench.leaderboard.checking import load
from alumbench.leaderboard.entries import Entry
from alumbench.leaderboard.places import without_places
from alumbench.storage import read_json
from alumbench.tasks import Task


@dataclass(frozen=True)
class Replayed:
    """One entry's texts against one checkpoint.

    Attributes:
        entry: whose texts.
        checkpoint: what they were scored with, None for a reference, which has none and no texts.
        verdicts: one an attack.
        rescored: one an entry of the suite.
        training: what the checkpoint's own training record says otherwise; None where it has none.
    """

    entry: Entry
    checkpoint: Path | None
    verdicts: list[Verdict] = field(default_factory=list)
    rescored: list[Rescored] = field(default_factory=list)
    training: list[str] | None = None

    @property
    def fallen(self) -> bool:
        """Whether anything is not as recorded."""
        fallen = [one.fallen for one in self.verdicts] + [one.fallen for one in self.rescored]
        return bool(self.training) or any(fallen)


def replay_board(
    folder: Path, checkpoints: Sequence[str], device: str = "auto", sample: Sample | None = None
) -> Iterator[Replayed]:
    """Replays each checkpoint's entry, found by the hash of the weights; then names the entries that nothing replays.

    Args:
        folder: the board.
        checkpoints: folders or hub ids.
        device: where to score.
        sample: of the failed attacks that are made again; None for none.

    Raises:
        AlumbenchError: The board does not pass its own checks, or a checkpoint's weights are in none of its entries.
    """
    board, entries = load(folder)
    seen = set()
    by_weights = {digest: entry for entry in entries for digest in entry.weights}
    for name in checkpoints:
        files = find_model(name)
        digest = files.weights_sha256()
        if digest not in by_weights:
            raise AlumbenchError(
                f"{name}: its weights ({digest[:12]}) are those of no entry of {folder}: this is not a checkpoint that "
                f"the board was made with"
            )
        entry = by_weights[digest]
        identity = entry.content["evaluations"][0]
        for one in entry.content["evaluations"]:
            check_model(one, files, str(entry.path))
        task = Task.from_dict(entry.content["task"], str(entry.path))
        victim = victim_of(files, task, device, identity)
        seen.add(entry.path)
        yield _replayed(entry, victim, sample)
    yield from (Replayed(entry, None) for entry in entries if entry.path not in seen)


def _replayed(entry: Entry, victim: Victim, sample: Sample | None) -> Replayed:
    of_suites = {f"{one['suite']['name']}@{one['suite']['version']}": one for one in entry.content["evaluations"]}
    first = entry.content["evaluations"][0]
    originals, rescored = {}, []
    for name, described in entry.content["entries"].items():
        identity = of_suites.get(described["signature"].partition("|")[0], first)
        material = of_suite(identity, described, name, victim.task)
        originals[name] = {example.id: example.texts for example in material.examples.values()}
        records = entry.records.get(name, [])
        rescored.append(rescore(name, described, records, material, victim, sample, is_exact(identity, victim)))
    every = [record for records in entry.records.values() for record in records]
    verdicts = replay(entry.content["entries"], every, victim, originals)
    return Replayed(entry, victim.files.path, verdicts, rescored, _training(entry, victim.files))


def _training(entry: Entry, files: ModelFiles) -> list[str] | None:
    """Fields in which a board's training record is not the checkpoint's; None where that has none."""
    path = files.path / PROVENANCE
    if not path.exists():
        return None
    own = without_places(read_json(path))
    return [name for name, value in entry.training.items() if without_places({name: value})[name] != own.get(name)]

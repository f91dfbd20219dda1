"""Checks that a board's entries record what their checkpoints do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from msgspec.structs import replace

from alumbench.attacks.victim import Victim
from alumbench.config import typed
from alumbench.errors import AlumbenchError
from alumbench.evaluation.material import of_suite
from alumbench.evaluation.rescoring import Rescored, Sample, is_exact, rescore
from alumbench.evaluation.suite import Suite
from alumbench.evaluation.verify import Verdict, check_model, replay, victim_of
from alumbench.leaderboard.entries import BoardEntry
from alumbench.leaderboard.strip_paths import without_places
from alumbench.leaderboard.validate import load
from alumbench.models.checkpoint import PROVENANCE, ModelFiles, find_model
from alumbench.models.checkpoint.provenance import Training
from alumbench.parsing import read_json
from alumbench.records import as_json


@dataclass(frozen=True)
class Replayed:
    """The result of scoring one entry's texts again with one checkpoint.

    Attributes:
        entry: the entry of the texts.
        checkpoint: the checkpoint that scored them; None if nothing replayed the entry, as for any reference.
        verdicts: one per attack.
        rescored: one per entry of the suite.
        training: fields that differ from the checkpoint's own training record; None if it has none.
    """

    entry: BoardEntry
    checkpoint: Path | None
    verdicts: list[Verdict] = field(default_factory=list)
    rescored: list[Rescored] = field(default_factory=list)
    training: list[str] | None = None

    @property
    def fallen(self) -> bool:
        """True if anything is not as recorded."""
        fallen = [one.fallen for one in self.verdicts] + [one.fallen for one in self.rescored]
        return bool(self.training) or any(fallen)


def replay_board(
    folder: Path,
    checkpoints: Sequence[str],
    device: str = "auto",
    sample: Sample | None = None,
    suites: Sequence[Suite] = (),
) -> Iterator[Replayed]:
    """Replays each checkpoint's entry, found by the hash of the weights; then yields the entries not replayed.

    Args:
        folder: the board.
        checkpoints: folders or hub ids.
        device: the device for scoring.
        sample: the sample of failed attacks to repeat; None for none.
        suites: suites that the user gave, in addition to those known by name.

    Raises:
        AlumbenchError: The board does not pass its own checks, or a checkpoint's weights are in none of its entries.
    """
    board, entries = load(folder)
    seen = set()
    by_weights = {digest: entry for entry in entries for digest in entry.weights}
    for name in checkpoints:
        files = find_model(name, adapters=True)
        digest = files.weights_sha256()
        if digest not in by_weights:
            raise AlumbenchError(
                f"{name}: its weights ({digest[:12]}) belong to no entry of {folder}: this is not a checkpoint that "
                f"the board was made with"
            )
        entry = by_weights[digest]
        identity = entry.content.evaluations[0]
        for one in entry.content.evaluations:
            check_model(one, files, str(entry.path))
        victim = victim_of(files, entry.content.task, device, identity)
        seen.add(entry.path)
        yield _replayed(entry, victim, sample, suites)
    yield from (Replayed(entry, None) for entry in entries if entry.path not in seen)


def _replayed(entry: BoardEntry, victim: Victim, sample: Sample | None, suites: Sequence[Suite]) -> Replayed:
    of_suites = {one.suite.signature: one for one in entry.content.evaluations}
    first = entry.content.evaluations[0]
    originals, rescored = {}, []
    for name, described in entry.content.entries.items():
        identity = of_suites.get(described.signature.partition("|")[0], first)
        material = of_suite(identity, described, name, victim.task, suites)
        originals[name] = {example.id: example.texts for example in material.examples.values()}
        records = entry.records.get(name, [])
        rescored.append(rescore(name, described, records, material, victim, sample, is_exact(identity, victim)))
    every = [record for records in entry.records.values() for record in records]
    verdicts = replay(entry.content.entries, every, victim, originals)
    return Replayed(entry, victim.files.path, verdicts, rescored, _training(entry, victim.files))


def _training(entry: BoardEntry, files: ModelFiles) -> list[str] | None:
    """Fields in which a board's training record differs from the checkpoint's; None if that has none."""
    path, training = files.path / PROVENANCE, entry.training
    if training is None or not path.exists():
        return None
    there = typed(Training, without_places(read_json(path)), str(path))
    mine = typed(Training, without_places(as_json(training)), str(entry.path))
    mine, there = (replace(one, method=one.method.comparable) for one in (mine, there))
    said = [name for name in Training.__struct_fields__ if getattr(mine, name) is not None]
    return [name for name in said if getattr(mine, name) != getattr(there, name)]

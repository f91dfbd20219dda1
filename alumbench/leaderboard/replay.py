"""Do the adversarial texts of a board's entries still break the checkpoints that they are said to have broken?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from alumbench.attacks.victim import Victim
from alumbench.checkpoints import find_model
from alumbench.errors import AlumbenchError
from alumbench.evaluation.verify import Verdict, check_model, replay, scorer_of
from alumbench.leaderboard.checking import load
from alumbench.leaderboard.entries import Entry
from alumbench.tasks import Task


@dataclass(frozen=True)
class Replayed:
    """One entry's texts against one checkpoint.

    Attributes:
        entry: whose texts.
        checkpoint: what they were scored with, None for a reference, which has none and no texts.
        verdicts: one an attack.
    """

    entry: Entry
    checkpoint: Path | None
    verdicts: list[Verdict]

    @property
    def fallen(self) -> bool:
        """Whether a text no longer does what was recorded."""
        return any(verdict.fallen for verdict in self.verdicts)


def replay_board(folder: Path, checkpoints: Sequence[str], device: str = "auto") -> Iterator[Replayed]:
    """Replays each checkpoint's entry, found by the hash of the weights; then names the board's references.

    Args:
        folder: the board.
        checkpoints: folders or hub ids.
        device: where to score.

    Raises:
        AlumbenchError: The board does not pass its own checks, or a checkpoint's weights are in none of its entries.
    """
    board, entries = load(folder)
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
        victim = Victim(files, task, device, identity["labels"], identity["batch_size"], scorer_of(identity))
        every = [record for records in entry.records.values() for record in records]
        yield Replayed(entry, files.path, replay(entry.content["entries"], every, victim))
    yield from (Replayed(entry, None, []) for entry in entries if entry.reference is not None)

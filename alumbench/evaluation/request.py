"""What an evaluation is asked to do."""

from __future__ import annotations

from dataclasses import dataclass, field

from alumbench.attacks.engine.run import Schedule
from alumbench.evaluation.suite import Suite
from alumbench.tasks import Source


@dataclass(frozen=True)
class Request:
    """What decides an evaluation's records; the same request again resumes it.

    Attributes:
        suite: what to run.
        seed: seeds the attacks, with each example's id.
        limit: examples an entry is cut to, 0 for none; a cut run can enter no leaderboard.
        only: names of entries to run now, all when empty. Not part of the evaluation's identity.
        data: the user's own examples in place of the task's dev set, or None.
        labels: names of the checkpoint's outputs, where it has none.
        protect: whether context columns are protected from attacks.
        schedule: where searches run and how many at a time. Not part of the identity, since no result depends on it.
        skip_broken: whether an example that one member of the suite's ensemble broke is spared the others.
    """

    suite: Suite
    seed: int = 1
    limit: int = 0
    only: tuple[str, ...] = ()
    data: Source | None = None
    labels: tuple[str, ...] = ()
    protect: bool = True
    schedule: Schedule = field(default_factory=Schedule)
    skip_broken: bool = False

"""The request for an evaluation."""

from __future__ import annotations

from dataclasses import dataclass, field

from alumbench.attacks.execution.run import ExecutionConfig
from alumbench.data import Source
from alumbench.evaluation.suite import Suite


@dataclass(frozen=True)
class Request:
    """All settings that decide an evaluation's records; the same request again resumes it.

    Attributes:
        suite: what to run.
        attack_seed: seeds the attacks, with each example's id.
        limit: examples an entry is cut to, 0 for none; a cut run cannot enter a leaderboard.
        only: names of entries to run now, all when empty. Not part of the evaluation's identity.
        data: the user's own examples instead of the task's dev set, or None.
        labels: names of the checkpoint's outputs, if it has none.
        protect: protect context columns from attacks.
        schedule: location and number of parallel searches. Not part of the identity, since no result depends on it.
        skip_broken: skip an example in later members of the suite's ensemble once one member broke it.
    """

    suite: Suite
    attack_seed: int = 1
    limit: int = 0
    only: tuple[str, ...] = ()
    data: Source | None = None
    labels: tuple[str, ...] = ()
    protect: bool = True
    schedule: ExecutionConfig = field(default_factory=ExecutionConfig)
    skip_broken: bool = False

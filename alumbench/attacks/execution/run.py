"""Runs a job's searches in this process, in workers that query it, or on a cluster; the results are the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from alumbench.attacks.execution.job import Job
from alumbench.attacks.outcome import Outcome
from alumbench.attacks.search import IN_FLIGHT
from alumbench.attacks.victim import Victim
from alumbench.data import Example
from alumbench.errors import AlumbenchError


@dataclass(frozen=True)
class ExecutionConfig:
    """The place where searches run, and their number at a time. Outcomes do not depend on it.

    Attributes:
        in_flight: examples at a time, over all workers or per process of a cluster.
        workers: processes that search and query this one, 0 for none.
        ray: address of a Ray cluster, empty for none.
    """

    in_flight: int = IN_FLIGHT
    workers: int = 0
    ray: str = ""

    def __post_init__(self) -> None:
        """Checks the values."""
        if self.in_flight < 1 or self.workers < 0:
            raise AlumbenchError(
                f"{self.in_flight} examples in flight, {self.workers} workers: give 1 or more, and 0 or more"
            )


def run_job(
    job: Job, victim: Victim, examples: Sequence[Example], how: ExecutionConfig
) -> Iterator[tuple[Example, Outcome]]:
    """Attacks examples and yields each as it ends.

    Args:
        job: what to run.
        victim: the checkpoint, loaded here; a cluster loads its own.
        examples: the examples to attack.
        how: where searches run, and how many at a time.

    Raises:
        AlumbenchError: A resource is missing, or the workers or the cluster cannot start.
    """
    if how.ray:
        from alumbench.attacks.execution.ray_cluster import RayCluster

        return RayCluster(job, how.ray, how.in_flight).run_all(examples)
    if how.workers:
        from alumbench.attacks.execution.workers import Workers

        return Workers(job, victim, how.workers, how.in_flight).run_all(examples)
    return job.searcher(victim).run_all(examples, how.in_flight)

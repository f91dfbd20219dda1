"""Searches over the nodes of a Ray cluster: shards of examples, each attacked whole where there is room.

A node that is lost gives its shards back, and another attacks them again: an outcome depends on nothing but the
example. What counts is in the records of the process that asked.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from alumbench.attacks.engine.job import Job
from alumbench.attacks.outcome import ERROR, Outcome
from alumbench.errors import AlumbenchError
from alumbench.tasks import Example

#: Examples of a shard: enough to fill batches, few enough that a lost node costs little.
SHARD = 16
#: Times that a shard is begun again when its process or node is lost; then its examples go one by one.
RETRIES = 3


@functools.lru_cache(maxsize=1)
def _searcher(job: _Hashed) -> Any:
    torch.set_num_threads(job.job.threads)
    return job.job.searcher(job.job.victim())


class _Hashed:
    """A job as a key: the same one keeps its model loaded between shards."""

    def __init__(self, job: Job) -> None:
        self.job = job

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Hashed) and self.job == other.job

    def __hash__(self) -> int:
        return hash((str(self.job.files.path), self.job.recipe))


def attack_shard(job: Job, shard: Sequence[Example], in_flight: int) -> list[tuple[str, Outcome]]:
    """The outcomes of a shard, by example id, on the node that runs this."""
    return [(example.id, outcome) for example, outcome in _searcher(_Hashed(job)).run_all(shard, in_flight)]


class RayCluster:
    """Runs a job's searches on a cluster."""

    def __init__(self, job: Job, address: str, in_flight: int) -> None:
        """Connects.

        Args:
            job: what to run; its checkpoint has the same path on every node.
            address: of the cluster (`auto`, `HOST:PORT` or `ray://HOST:PORT`), or `local` for one on this machine.
            in_flight: examples at a time in each process.

        Raises:
            AlumbenchError: Ray is not installed, or no cluster answers there.
        """
        try:
            import ray
        except ImportError:
            raise AlumbenchError("--ray needs Ray: pip install 'alumbench[ray]'") from None
        if not ray.is_initialized():
            try:
                ray.init(address, logging_level="error", log_to_driver=False)
            except Exception as error:  # of many kinds, plain ones among them
                raise AlumbenchError(f"--ray {address}: no cluster answers ({error})") from None
        self._ray, self._job, self._in_flight = ray, job, in_flight

    def run_all(self, examples: Sequence[Example]) -> Iterator[tuple[Example, Outcome]]:
        """Attacks examples and yields each as its shard ends, with the outcomes of a single process.

        Raises:
            AlumbenchError: A node cannot run the job: it misses the checkpoint or a resource.
        """
        ray = self._ray
        task = ray.remote(
            num_cpus=1, num_gpus=1 if self._job.device == "cuda" else 0, max_retries=RETRIES, retry_exceptions=False
        )(attack_shard)
        by_id = {example.id: example for example in examples}
        shards = [examples[at : at + SHARD] for at in range(0, len(examples), SHARD)]
        pending = {task.remote(self._job, shard, self._in_flight): shard for shard in shards}
        try:
            while pending:
                (ready,), _ = ray.wait(list(pending), num_returns=1)
                shard = pending.pop(ready)
                try:
                    found = ray.get(ready)
                except ray.exceptions.RayTaskError as error:
                    raise AlumbenchError(f"--ray: a node cannot run the attack: {error.cause}") from None
                except ray.exceptions.RayError as error:  # its process died, again and again
                    if len(shard) > 1:
                        pending |= {task.remote(self._job, [example], 1): [example] for example in shard}
                        continue
                    message = f"its process died {1 + RETRIES} times ({type(error).__name__})"
                    found = [(shard[0].id, Outcome(ERROR, None, None, None, 0, 0, 0, 0, None, message, 0.0))]
                for identity, outcome in found:
                    yield by_id[identity], outcome
        finally:
            for reference in pending:
                ray.cancel(reference, force=True)

"""Searches over the nodes of a Ray cluster: shards of examples, each sent to a node with free resources.

If a node is lost, another node attacks its shards again: outcomes do not depend on the node. The records of the
calling process are the authoritative ones.
"""

from __future__ import annotations

import functools
import pickle
from collections.abc import Iterator, Sequence

import torch

from alumbench.attacks.execution.job import Job
from alumbench.attacks.outcome import ERROR, Outcome
from alumbench.attacks.search import Searcher
from alumbench.data import Example
from alumbench.errors import AlumbenchError, ClassifierStopped

#: Examples per shard: enough to fill batches, few enough that a lost node costs little.
SHARD = 16
#: Retries of a shard whose process or node is lost; then its examples are attacked one by one.
RETRIES = 3


@functools.lru_cache(maxsize=1)
def _searcher(packed: bytes) -> Searcher:
    """The attack of a job; the same job keeps its model loaded between shards."""
    job: Job = pickle.loads(packed)  # noqa: S301 - of our own process, through Ray
    torch.set_num_threads(job.threads)
    return job.searcher(job.victim())


def attack_shard(packed: bytes, shard: Sequence[Example], in_flight: int) -> list[tuple[str, Outcome]]:
    """The outcomes of a shard, by example id, on the node that runs this."""
    return [(example.id, outcome) for example, outcome in _searcher(packed).run_all(shard, in_flight)]


class RayCluster:
    """Runs a job's searches on a cluster."""

    def __init__(self, job: Job, address: str, in_flight: int) -> None:
        """Connects.

        Args:
            job: what to run; its checkpoint has the same path on every node.
            address: of the cluster (`auto`, `HOST:PORT` or `ray://HOST:PORT`), or `local` for one on this machine.
            in_flight: examples at a time per process.

        Raises:
            AlumbenchError: The classifier cannot be sent, Ray is not installed, or no cluster responds there.
        """
        packed = job.packed()
        try:
            import ray
        except ImportError:
            raise AlumbenchError("--ray needs Ray: pip install 'alumbench[ray]'") from None
        if not ray.is_initialized():
            try:
                ray.init(address, logging_level="error", log_to_driver=False)
            except Exception as error:  # of many kinds, plain ones among them
                raise AlumbenchError(f"--ray {address}: no cluster responds ({error})") from None
        self._ray, self._packed, self._in_flight = ray, ray.put(packed), in_flight
        self._gpus = 1 if job.device == "cuda" else 0

    def run_all(self, examples: Sequence[Example]) -> Iterator[tuple[Example, Outcome]]:
        """Attacks examples and yields each as its shard ends, with the outcomes of a single process.

        Raises:
            ClassifierStopped: The classifier no longer answers.
            AlumbenchError: A node cannot run the job: something that it needs is missing there.
        """
        ray = self._ray
        task = ray.remote(num_cpus=1, num_gpus=self._gpus, max_retries=RETRIES, retry_exceptions=False)(attack_shard)
        by_id = {example.id: example for example in examples}
        shards = [examples[at : at + SHARD] for at in range(0, len(examples), SHARD)]
        pending = {task.remote(self._packed, shard, self._in_flight): shard for shard in shards}
        try:
            while pending:
                (ready,), _ = ray.wait(list(pending), num_returns=1)
                shard = pending.pop(ready)
                try:
                    found = ray.get(ready)
                except ray.exceptions.RayTaskError as error:
                    kind = ClassifierStopped if isinstance(error.cause, ClassifierStopped) else AlumbenchError
                    raise kind(f"--ray: a node cannot run the attack: {error.cause}") from None
                except ray.exceptions.RayError as error:  # its process died, again and again
                    if len(shard) > 1:
                        pending |= {task.remote(self._packed, [example], 1): [example] for example in shard}
                        continue
                    message = f"its process died {1 + RETRIES} times ({type(error).__name__})"
                    found = [(shard[0].id, Outcome(ERROR, None, None, None, 0, 0, 0, 0, None, message, 0.0))]
                for identity, outcome in found:
                    yield by_id[identity], outcome
        finally:
            for reference in pending:
                ray.cancel(reference, force=True)

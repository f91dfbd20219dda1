"""Searches in several processes that ask one: for devices that one Python core cannot keep busy.

Each worker runs searches and sends what they ask to this process, which holds the models. A worker that dies or hangs
takes no example along: those it had begun are searched again, one at a time in a process of their own, so that the one
that brought it down is found and becomes an outcome.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any

import numpy as np
import torch

from alumbench.attacks.engine.broker import Broker
from alumbench.attacks.engine.flight import Question
from alumbench.attacks.engine.job import Job
from alumbench.attacks.engine.rows import Row, RowModel
from alumbench.attacks.engine.scoring import Answer, Scorer
from alumbench.attacks.outcome import ERROR, TIMEOUT, Outcome
from alumbench.attacks.victim import Victim
from alumbench.errors import AlumbenchError
from alumbench.tasks import Example

#: Seconds that a search may be silent beyond its time limit before its process is ended.
GRACE = 10.0


class Distant(Scorer):
    """Scores nothing itself: sends rows to the process that has the models."""

    def __init__(self, pipe: Connection) -> None:
        """Takes the way there."""
        super().__init__()
        self._pipe = pipe

    def ripe(self, rows: Mapping[RowModel, Iterable[Row]]) -> dict[RowModel, list[Row]]:
        """All of them: the other process sees those of other workers too."""
        return {model: list(every) for model, every in rows.items() if every}

    def answers(self, model: RowModel, rows: Sequence[Row]) -> list[Answer]:
        """One answer a row, or the exception that the row led to."""
        self._pipe.send(("ask", model, list(rows)))
        return [torch.from_numpy(a) if isinstance(a, np.ndarray) else a for a in self._pipe.recv()]


def work(pipe: Connection, job: Job, width: int) -> None:
    """What a worker does until it is told that nothing is left."""
    torch.set_num_threads(1)  # it scores nothing
    try:
        victim = Victim(job.files, job.task, "cpu", job.labels, scorer=Distant(pipe))
        searcher = job.searcher(victim)
    except AlumbenchError as error:
        pipe.send(("failed", str(error)))
        return

    def given() -> Iterator[Example]:
        while True:
            pipe.send(("next",))
            example = pipe.recv()
            if example is None:
                return
            yield example

    pipe.send(("ready",))
    with contextlib.suppress(EOFError, BrokenPipeError):  # the process that gives the work is gone
        while pipe.recv():
            for example, outcome in searcher.run_all(given(), width):
                pipe.send(("done", example.id, outcome))
            pipe.send(("ready",))


class _Worker:
    def __init__(self, job: Job, width: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=work, args=(theirs, job, width), daemon=True)
        self.process.start()
        theirs.close()
        self.begun: dict[str, Example] = {}
        self.ready = self.alone = False
        self.heard: float | None = None  # None until its first word

    def silent(self, limit: float | None, now: float) -> bool:
        """Whether it should have said something by now; one that waits for work or answers has nothing to say."""
        return self.heard is not None and limit is not None and bool(self.begun) and now - self.heard > limit + GRACE


class Workers:
    """Runs a job's searches in processes of their own."""

    def __init__(self, job: Job, victim: Victim, workers: int, in_flight: int) -> None:
        """Prepares them.

        Args:
            job: what to run.
            victim: the model, which this process scores.
            workers: processes.
            in_flight: examples at a time over all of them.
        """
        self._job, self._scorer, self._count = job, victim.scorer, workers
        self._scorer.models |= victim.named()
        self._width = max(1, in_flight // workers)
        self._suspects: deque[Example] = deque()

    def run_all(self, examples: Iterable[Example]) -> Iterator[tuple[Example, Outcome]]:
        """Attacks examples and yields each as it ends, with the outcomes of a single process.

        Raises:
            AlumbenchError: A worker cannot begin.
        """
        upcoming = iter(examples)
        self._upcoming: deque[Example] = deque()

        def more() -> bool:
            if not self._upcoming:
                self._upcoming.extend(e for e in [next(upcoming, None)] if e is not None)
            return bool(self._upcoming)

        workers = [_Worker(self._job, self._width) for _ in range(self._count)]
        broker = Broker(self._scorer)
        asks: dict[_Worker, Question] = {}
        try:
            while more() or self._suspects or any(worker.begun for worker in workers):
                for worker in workers:  # those that wait for work
                    if worker.ready and (more() or self._suspects):
                        worker.ready = False
                        worker.pipe.send(True)
                # As long as somebody has something to say that costs no scoring, listen.
                while heard := wait([w.pipe for w in workers], timeout=0 if asks else 1.0):
                    for worker in [w for w in workers if w.pipe in heard]:
                        try:
                            kind, *rest = worker.pipe.recv()
                        except (EOFError, ConnectionResetError):
                            asks.pop(worker, None)
                            workers[workers.index(worker)] = self._replace(worker)
                            yield from self._taken_along(worker, ERROR, "its process died")
                            continue
                        worker.heard = time.monotonic()
                        if kind == "failed":
                            raise AlumbenchError(rest[0])
                        if kind == "ready":
                            worker.ready, worker.alone = True, False
                            if more() or self._suspects:
                                worker.ready = False
                                worker.pipe.send(True)
                        elif kind == "next":
                            worker.pipe.send(self._next(worker, more))
                        elif kind == "ask":
                            asks[worker] = Question(*rest)
                        else:
                            yield worker.begun.pop(rest[0]), rest[1]
                if asks:
                    for worker, answers in zip(list(asks), broker(list(asks.values())), strict=True):
                        worker.heard = time.monotonic()
                        if answers is not None:
                            del asks[worker]
                            with contextlib.suppress(BrokenPipeError):
                                worker.pipe.send([a.numpy() if isinstance(a, torch.Tensor) else a for a in answers])
                for worker in list(workers):
                    if worker.silent(self._job.seconds, time.monotonic()):
                        workers[workers.index(worker)] = self._replace(worker)
                        yield from self._taken_along(worker, TIMEOUT, f"no end after {self._job.seconds:g} s")
        finally:
            for worker in workers:
                worker.process.kill()
                worker.process.join()
                worker.pipe.close()

    def _next(self, worker: _Worker, more: Any) -> Example | None:
        """An example for a worker; a suspect only for one that has no other, and then no other beside it."""
        if worker.alone:
            return None
        if self._suspects and not worker.begun:
            worker.alone, example = True, self._suspects.popleft()
        elif more():
            example = self._upcoming.popleft()
        else:
            return None
        worker.begun[example.id] = example
        return example

    def _replace(self, worker: _Worker) -> _Worker:
        worker.process.kill()
        worker.process.join()
        worker.pipe.close()
        if worker.heard is None:
            raise AlumbenchError(f"a worker ended before it began (exit code {worker.process.exitcode})")
        return _Worker(self._job, self._width)

    def _taken_along(self, worker: _Worker, outcome: str, message: str) -> Iterator[tuple[Example, Outcome]]:
        """What a lost worker had begun: suspects, or, where it was one alone, that one's end."""
        if worker.alone and len(worker.begun) == 1:
            (example,) = worker.begun.values()
            yield example, Outcome(outcome, None, None, None, 0, 0, 0, 0, None, f"{message}, twice", 0.0)
        else:
            self._suspects.extend(worker.begun.values())
        worker.begun.clear()

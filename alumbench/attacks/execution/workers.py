"""Searches in several processes that query one: for devices that one Python core cannot keep busy.

Each worker runs searches and sends their queries to this process, which holds the models. If a worker dies or hangs,
no example is lost: those it had started are searched again, one at a time in their own process, so that the example
at fault is found and gets an outcome.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from multiprocessing import resource_tracker, spawn
from multiprocessing.connection import Connection, wait
from multiprocessing.reduction import ForkingPickler
from typing import Any

import numpy as np
import torch

from alumbench.attacks.execution.job import Job
from alumbench.attacks.gradient import models_of
from alumbench.attacks.outcome import ERROR, TIMEOUT, Outcome, OutcomeName
from alumbench.attacks.victim import Victim
from alumbench.data import Example
from alumbench.devices import call_under_parent
from alumbench.engine.batcher import Batcher
from alumbench.engine.scheduler import Question
from alumbench.engine.scorer import Answer, Scorer
from alumbench.engine.token_rows import BatchedModel, TokenizedText
from alumbench.errors import AlumbenchError

#: Seconds that a search may be silent beyond its time limit before its process is ended.
GRACE = 10.0
#: Seconds that a process may take to load its libraries and send its first message.
START = 300.0


class RemoteScorer(Scorer):
    """Scores nothing itself: sends rows to the process that has the models."""

    def __init__(self, pipe: Connection, precision: str) -> None:
        """Stores the connection, and the run's precision: searches look at it."""
        super().__init__(precision=precision)
        self._pipe = pipe

    def ready_batches(
        self, rows: Mapping[BatchedModel, Iterable[TokenizedText]]
    ) -> dict[BatchedModel, list[TokenizedText]]:
        """All of them: the other process sees those of other workers too."""
        return {model: list(every) for model, every in rows.items() if every}

    def answers(self, model: BatchedModel, rows: Sequence[TokenizedText]) -> list[Answer]:
        """One answer per row, or the exception that the row caused."""
        self._pipe.send(("ask", model, list(rows)))
        answers, self.spent = self._pipe.recv()
        return [torch.from_numpy(a) if isinstance(a, np.ndarray) else a for a in answers]


def work(job: Job, width: int, pipe: Connection) -> None:
    """Runs a worker until no work is left or the parent process is gone."""
    with contextlib.suppress(EOFError, ConnectionError):
        _work(job, width, pipe)


def _work(job: Job, width: int, pipe: Connection) -> None:
    torch.set_num_threads(1)  # it scores nothing
    try:
        victim = job.victim(RemoteScorer(pipe, job.precision), "cpu")
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

    said = 0.0

    def alive() -> None:
        nonlocal said
        if time.monotonic() - said > 1.0:
            said = time.monotonic()
            pipe.send(("alive",))

    pipe.send(("ready",))
    while pipe.recv():
        for example, outcome in searcher.run_all(given(), width, alive):
            pipe.send(("done", example.id, outcome))
        pipe.send(("ready",))


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """Processes started here ignore Ctrl-C, which a terminal sends to all its processes; their parent ends them."""
    resource_tracker.ensure_running()  # which the first process would start, and let interrupts through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def orphan_command(stock: Callable[..., list[str]]) -> Callable[..., list[str]]:
    """Python's command line of a new process that ends silently if its parent is gone before it starts.

    Python's own ends in a traceback then: the parent should have sent the work, and our code is not loaded yet.

    Args:
        stock: `multiprocessing.spawn.get_command_line`.
    """

    def command(**handles: int) -> list[str]:
        line = stock(**handles)
        if "-c" in line:  # a frozen program has no other command than itself
            at = line.index("-c") + 1
            line[at] = f"try:\n    exec({line[at]!r})\nexcept EOFError:\n    raise SystemExit(1)"
        return line

    return command


@contextlib.contextmanager
def _orphans_quiet() -> Iterator[None]:
    """Processes started here use `orphan_command`."""
    stock = spawn.get_command_line
    spawn.get_command_line = orphan_command(stock)
    try:
        yield
    finally:
        spawn.get_command_line = stock


class _Worker:
    """One process, and the examples that it works on."""

    def __init__(self, job: Job, width: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        called = bytes(ForkingPickler.dumps((work, job, width)))
        self.process = context.Process(target=call_under_parent, args=(called, theirs), daemon=True)
        with _interrupts_held(), _orphans_quiet():
            self.process.start()
        theirs.close()
        self.begun: dict[str, Example] = {}
        self.question: Question | None = None
        self.idle = self.alone = False
        self.heard: float | None = None  # on the clock of `Workers`; None until its first word
        self._started = time.monotonic()

    def say(self, word: Any) -> None:
        """Sends a message; a dead process is noticed only when it is read from."""
        with contextlib.suppress(ConnectionError):
            self.pipe.send(word)

    def silent(self, limit: float | None, now: float) -> bool:
        """True if it has been silent for too long; a worker that waits for an answer may be silent."""
        if self.heard is None or limit is None or not self.begun or self.question is not None or self.pipe.poll():
            return False
        return now - self.heard > limit + GRACE

    def stuck(self) -> bool:
        """True if it did not start in time."""
        return self.heard is None and time.monotonic() - self._started > START and not self.pipe.poll()

    def end(self) -> None:
        """Ends the process, whatever it is doing."""
        self.process.kill()
        self.process.join()
        self.pipe.close()


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
        self._job, self._scorer, self._count = job.without_model(), victim.scorer, workers
        self._scorer.models |= models_of(victim)
        self._device = str(victim.device)  # a worker's own models are on the CPU: it scores nothing
        self._width = max(1, in_flight // workers)
        self._upcoming: deque[Example] = deque()
        self._suspects: deque[Example] = deque()
        self._workers: list[_Worker] = []
        self._away = 0.0  # seconds in which nobody was listened to

    def _now(self) -> float:
        """A clock that stops while this process scores or its caller writes."""
        return time.monotonic() - self._away

    @contextlib.contextmanager
    def _not_listening(self) -> Iterator[None]:
        start = time.monotonic()
        try:
            yield
        finally:
            self._away += time.monotonic() - start

    def run_all(self, examples: Sequence[Example]) -> Iterator[tuple[Example, Outcome]]:
        """Attacks examples and yields each as it ends, with the outcomes of a single process.

        Raises:
            AlumbenchError: A worker cannot start.
        """
        self._upcoming.extend(examples)
        batcher = Batcher(self._scorer)
        try:
            if examples:
                self._workers += [_Worker(self._job, self._width) for _ in range(self._count)]
            while self._upcoming or self._suspects or any(worker.begun for worker in self._workers):
                for worker in [w for w in self._workers if w.idle]:
                    self._begin(worker)
                # Listen as long as there are messages that need no scoring.
                while heard := wait([w.pipe for w in self._workers], timeout=0 if self._asking() else 1.0):
                    for worker in [w for w in self._workers if w.pipe in heard]:
                        yield from self._listen(worker)
                self._answer(batcher)
                if any(worker.stuck() for worker in self._workers):
                    raise AlumbenchError(f"a worker said nothing in its first {START:g} s; run it without --workers")
                for worker in [w for w in self._workers if w.silent(self._job.seconds, self._now())]:
                    yield from self._lost(worker, TIMEOUT, f"no end after {self._job.seconds:g} s")
        finally:
            for worker in self._workers:
                worker.end()
            self._workers.clear()

    def _begin(self, worker: _Worker) -> None:
        worker.idle = not (self._upcoming or self._suspects)
        if not worker.idle:
            worker.say(True)

    def _asking(self) -> list[_Worker]:
        return [worker for worker in self._workers if worker.question is not None]

    def _listen(self, worker: _Worker) -> Iterator[tuple[Example, Outcome]]:
        try:
            said = worker.pipe.recv_bytes()
        except (EOFError, OSError):
            yield from self._lost(worker, ERROR, "its process died")
            return
        kind, *rest = ForkingPickler.loads(said)  # an error here does not come from a dead process
        worker.heard = self._now()
        if kind == "failed":
            raise AlumbenchError(rest[0])
        if kind == "ready":
            worker.alone = False
            self._begin(worker)
        elif kind == "next":
            worker.say(self._next(worker))
        elif kind == "ask":
            model, rows = rest
            worker.question = Question(model.on(self._device), rows)
        elif kind == "done":
            with self._not_listening():
                yield worker.begun.pop(rest[0]), rest[1]

    def _answer(self, batcher: Batcher) -> None:
        asking = self._asking()
        questions = [worker.question for worker in asking if worker.question is not None]
        with self._not_listening():
            given = batcher(questions)
        for worker, one in zip(asking, given, strict=True):
            if one is not None:
                worker.question, worker.heard = None, self._now()
                answers = [a.numpy() if isinstance(a, torch.Tensor) else a for a in one.answers]
                worker.say((answers, one.seconds))

    def _next(self, worker: _Worker) -> Example | None:
        """The next example for a worker; a suspect only if the worker has no other, and then alone."""
        if worker.alone:
            return None
        if self._suspects and not worker.begun:
            worker.alone, example = True, self._suspects.popleft()
        elif self._upcoming:
            example = self._upcoming.popleft()
        else:
            return None
        worker.begun[example.id] = example
        return example

    def _lost(self, worker: _Worker, outcome: OutcomeName, message: str) -> Iterator[tuple[Example, Outcome]]:
        """Replaces a worker. Its started examples become suspects; a suspect that ran alone gets its outcome."""
        worker.end()
        if worker.heard is None:
            raise AlumbenchError(f"a worker exited before it started (exit code {worker.process.exitcode})")
        self._workers[self._workers.index(worker)] = _Worker(self._job, self._width)
        if worker.alone and len(worker.begun) == 1:
            (example,) = worker.begun.values()
            yield example, Outcome(outcome, None, None, None, 0, 0, 0, 0, None, f"{message}, twice", 0.0)
        else:
            self._suspects.extend(worker.begun.values())

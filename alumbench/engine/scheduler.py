"""Searches as greenlets: each runs until it queries a model, then waits while the others reach their queries."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import FrameType
from typing import Any, NamedTuple

import torch
from greenlet import getcurrent, greenlet
from torch import Tensor

from alumbench.engine.rng_state import RngState, globals_kept
from alumbench.engine.scorer import Answer, Scorer
from alumbench.engine.token_rows import BatchedModel, TokenizedText


class TimeLimit(BaseException):
    """The example's time is up. Not an `Exception`, so that no library catches it and continues."""


class Question(NamedTuple):
    """Rows that a search wants answered."""

    model: BatchedModel
    rows: Sequence[TokenizedText]


class Given(NamedTuple):
    """A question's answers, and its rows' share of the batches' seconds."""

    answers: Sequence[Answer]
    seconds: float


#: Takes the questions of all waiting searches; answers some and leaves the others (None) for later.
Answerer = Callable[[Sequence[Question]], Sequence[Given | None]]


def query_model(model: BatchedModel, rows: Sequence[TokenizedText], alone: Scorer) -> list[Tensor]:
    """A model's answers, from wherever in a search they are needed.

    Args:
        model: the model.
        rows: the rows to answer.
        alone: answers if no search is in flight.

    Raises:
        Exception: The exception of the first row that failed.
    """
    task = getcurrent()
    answers = task.wait_for(Question(model, rows)) if isinstance(task, SearchTask) else alone.answers(model, rows)
    found = []
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
        found.append(answer)
    return found


class Ended(NamedTuple):
    """The result of a search: its value, or the exception (`TimeLimit` among them) that ended it."""

    value: Any
    error: BaseException | None


class SearchTask(greenlet):  # type: ignore[misc]
    """One search in flight.

    Attributes:
        seconds: time used so far: its own turns, and its share of the batches that answered it.
        over: whether its work is done, so that a late alarm is ignored.
    """

    def __init__(self, work: Callable[[], Any], key: str, limit: float | None) -> None:
        """Prepares a search.

        Args:
            work: the search.
            key: seed of its generators.
            limit: time limit in seconds, None for no limit. At the limit, `TimeLimit` is raised in it, and again each
                second in case something swallows it.
        """
        super().__init__(self._run)
        self._work, self.seconds, self._limit, self.over = work, 0.0, limit, False
        self._generators = RngState(key)
        self._grad = torch.is_grad_enabled()

    def _run(self) -> Ended:
        try:
            try:
                return Ended(self._work(), None)
            finally:
                self.over = True
        except (Exception, TimeLimit) as error:
            return Ended(None, error)

    def turn(self, *value: Any) -> Any:
        """Runs it to its next question or its end, with its own states of the global generators."""
        left = None if self._limit is None else self._limit - self.seconds
        self._generators.put()
        before = torch.is_grad_enabled()
        torch.set_grad_enabled(self._grad)  # belongs to the thread, and a search may ask inside `no_grad`
        start = time.perf_counter()
        try:
            with _Alarm(left):
                return self.throw(TimeLimit) if left is not None and left <= 0 else self.switch(*value)
        finally:
            self.seconds += time.perf_counter() - start
            self._grad = torch.is_grad_enabled()
            torch.set_grad_enabled(before)
            self._generators.take()

    def wait_for(self, question: Question) -> list[Answer]:
        """Hands the question to the caller of `turn` and returns its answers."""
        return list(self.parent.switch(question))


def run_searches(
    tasks: Iterable[SearchTask], width: int, answer: Answerer, on_turn: Callable[[], None] = lambda: None
) -> Iterator[tuple[SearchTask, Ended]]:
    """Runs searches, `width` at a time, and yields each with its result, in the order in which they end.

    Args:
        tasks: searches not yet started; taken when there is room.
        width: maximum searches in flight.
        answer: called repeatedly with the questions of all waiting searches.
        on_turn: called before each turn of a search.
    """
    waiting: dict[SearchTask, Question] = {}
    upcoming = iter(tasks)
    if width < 1:
        raise ValueError(f"width = {width}: must be 1 or more")
    while True:
        while len(waiting) < width:
            task = next(upcoming, None)
            if task is None:
                break
            yield from _take_turn(task, waiting, on_turn)
        if not waiting:
            return
        for task, given in zip(list(waiting), answer(list(waiting.values())), strict=True):
            if given is not None:
                task.seconds += given.seconds
                yield from _take_turn(task, waiting, on_turn, given.answers)


def _take_turn(
    task: SearchTask, waiting: dict[SearchTask, Question], on_turn: Callable[[], None], *answers: Sequence[Answer]
) -> Iterator[tuple[SearchTask, Ended]]:
    """Runs one turn; a result is yielded before any other search's turn, so that a kill loses little."""
    on_turn()
    with globals_kept():
        result = task.turn(*answers)
    waiting.pop(task, None)
    if task.dead:
        yield task, result
    else:
        waiting[task] = result


class _Alarm:
    """Raises `TimeLimit` in the current search after some seconds, and then each second.

    It interrupts Python code and waits; a hang inside one call of a C library ends only when that call does. Outside
    the main thread there are no alarms: time limits are checked only between turns.
    """

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds if threading.current_thread() is threading.main_thread() else None

    def __enter__(self) -> None:
        if self._seconds is not None:
            self._start = time.monotonic()
            self._before = signal.signal(signal.SIGALRM, _ring)
            self._left = signal.setitimer(signal.ITIMER_REAL, max(self._seconds, 1e-6), 1.0)

    def __exit__(self, *_: object) -> None:
        if self._seconds is not None:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, self._before)
            left, interval = self._left
            if left:  # another timer (a test runner's) continues with its remaining time
                left = max(0.001, left - (time.monotonic() - self._start))
                signal.setitimer(signal.ITIMER_REAL, left, interval)


def _ring(_signal: int, _frame: FrameType | None) -> None:
    task = getcurrent()
    if isinstance(task, SearchTask) and not task.over:
        raise TimeLimit

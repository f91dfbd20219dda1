"""Searches as greenlets: each runs until it asks a model, then waits while the others come to their questions."""

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

from alumbench.attacks.engine.generators import Generators, globals_kept
from alumbench.attacks.engine.rows import Row, RowModel
from alumbench.attacks.engine.scoring import Answer, Scorer
from alumbench.attacks.engine.shortcuts import shortcuts


class TimeLimit(BaseException):
    """The example's time is over. No `Exception`, so that no library takes it for an error of its own and goes on."""


class Question(NamedTuple):
    """Rows that a search wants answered."""

    model: RowModel
    rows: Sequence[Row]


class Given(NamedTuple):
    """A question's answers, and the seconds that its rows took of the batches they were in."""

    answers: Sequence[Answer]
    seconds: float


#: Takes the questions of all that wait, and answers those that it does not leave for later.
Answerer = Callable[[Sequence[Question]], Sequence[Given | None]]


def ask(model: RowModel, rows: Sequence[Row], alone: Scorer) -> list[Tensor]:
    """A model's answers, from wherever in a search they are needed.

    Args:
        model: whom.
        rows: what.
        alone: answers when no search is in flight.

    Raises:
        Exception: What the first row without an answer led to.
    """
    flight = getcurrent()
    answers = flight.wait_for(Question(model, rows)) if isinstance(flight, Flight) else alone.answers(model, rows)
    found = []
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
        found.append(answer)
    return found


class Ended(NamedTuple):
    """What a search came to: its value, or the exception (`TimeLimit` among them) that ended it."""

    value: Any
    error: BaseException | None


class Flight(greenlet):  # type: ignore[misc]
    """One search in flight.

    Attributes:
        seconds: time it took so far: its own turns, and its share of the batches that answered it.
        over: whether its work is done, so that an alarm comes too late to mean anything.
    """

    def __init__(self, work: Callable[[], Any], key: str, limit: float | None) -> None:
        """Prepares a search.

        Args:
            work: the search.
            key: seeds its generators.
            limit: seconds it may take, None for no limit. `TimeLimit` is raised in it then, and again each second in
                case something swallows it.
        """
        super().__init__(self._fly)
        self._work, self.seconds, self._limit, self.over = work, 0.0, limit, False
        self._generators = Generators(key)
        self._grad = torch.is_grad_enabled()

    def _fly(self) -> Ended:
        try:
            try:
                return Ended(self._work(), None)
            finally:
                self.over = True
        except (Exception, TimeLimit) as error:
            return Ended(None, error)

    def turn(self, *value: Any) -> Any:
        """Lets it run to its next question, or to its end; leaves the global generators as it left them."""
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
        """Gives the question to whoever runs the flights and comes back with its answers."""
        return list(self.parent.switch(question))


def fly(
    flights: Iterable[Flight], width: int, answer: Answerer, on_turn: Callable[[], None] = lambda: None
) -> Iterator[tuple[Flight, Ended]]:
    """Runs searches, so many at a time, and yields each with what it came to, in the order in which they end.

    Args:
        flights: searches not begun; taken when there is room.
        width: searches in flight at most.
        answer: called with the questions of all that wait, again and again.
        on_turn: called before each turn of a search.
    """
    waiting: dict[Flight, Question] = {}
    upcoming = iter(flights)
    if width < 1:
        raise ValueError(f"width = {width}: no search could begin")
    with shortcuts():
        while True:
            while len(waiting) < width:
                flight = next(upcoming, None)
                if flight is None:
                    break
                yield from _take_turn(flight, waiting, on_turn)
            if not waiting:
                return
            for flight, given in zip(list(waiting), answer(list(waiting.values())), strict=True):
                if given is not None:
                    flight.seconds += given.seconds
                    yield from _take_turn(flight, waiting, on_turn, given.answers)


def _take_turn(
    flight: Flight, waiting: dict[Flight, Question], on_turn: Callable[[], None], *answers: Sequence[Answer]
) -> Iterator[tuple[Flight, Ended]]:
    """One turn; what it comes to is handed on before any other search has one, so that a kill loses little."""
    on_turn()
    with globals_kept():
        result = flight.turn(*answers)
    waiting.pop(flight, None)
    if flight.dead:
        yield flight, result
    else:
        waiting[flight] = result


class _Alarm:
    """Rings after some seconds, and then each second; in the search whose turn it is that is a `TimeLimit`.

    It interrupts Python code and waits; a hang inside one call of a C library ends only when that call does. Outside
    the main thread there are no alarms: a time limit is looked at between turns only.
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
            if left:  # somebody else's timer (a test runner's) goes on with what is left of it
                left = max(0.001, left - (time.monotonic() - self._start))
                signal.setitimer(signal.ITIMER_REAL, left, interval)


def _ring(_signal: int, _frame: FrameType | None) -> None:
    flight = getcurrent()
    if isinstance(flight, Flight) and not flight.over:
        raise TimeLimit

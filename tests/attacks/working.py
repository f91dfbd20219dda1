"""Attacks a checkpoint with some workers whose searches never end: a program of its own for `test_engine.py`."""

from __future__ import annotations

import signal
import sys

from alumbench.attacks.execution.job import Job
from alumbench.attacks.execution.workers import Workers
from alumbench.attacks.search import Searcher
from alumbench.attacks.victim import Victim
from alumbench.data import Example
from alumbench.models.checkpoint import checkpoint_task, find_model
from tests.attacks.test_engine import hang
from tests.attacks.test_search import misbehaving


def say_and_hang() -> None:
    print("searching", flush=True)
    hang()


class Endless(Job):
    """Its attack tells when it meets the trigger, and never ends."""

    def searcher(self, victim: Victim) -> Searcher:
        return Searcher(misbehaving(say_and_hang, "stop here"), victim, self.seed, self.query_budget)


def main() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
    files = find_model(sys.argv[1])
    task = checkpoint_task(files)
    job = Endless(files, task, recipe="", seed=1, query_budget=20)
    examples = [Example(str(n), ("a", "stop here"), task.labels[0]) for n in range(8)]
    workers = Workers(job, Victim(files, task, "cpu"), int(sys.argv[2]), 4)
    try:
        print("begun", flush=True)
        list(workers.run_all(examples))
    except KeyboardInterrupt:
        print("stopped", flush=True)

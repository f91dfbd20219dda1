"""Commands of a study in processes forked from one that has imported torch: seconds less for each than a new Python.

Real processes, each with its environment, output and exit status. That a study begins `python -m alumbench` is for
`tests/studies/test_jobs.py` and the first test of `tests/studies/test_study.py`, which do without.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from multiprocessing import forkserver
from types import SimpleNamespace
from typing import IO

import pytest
import torch

import alumbench.attacks.execution.run
import alumbench.training.fine_tuning  # noqa: F401 - imported here so that the children have it
from tests.conftest import REPOSITORY

FORKS = multiprocessing.get_context("forkserver")
#: The process that imported this module: the server, or the test's own.
IMPORTED_BY = os.getpid()


@pytest.fixture
def forked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Studies begin their commands by a fork."""
    FORKS.set_forkserver_preload([__name__])
    with monkeypatch.context() as there:
        there.chdir(REPOSITORY)  # where the server looks for this module
        forkserver.ensure_running()
    monkeypatch.setattr("alumbench.studies.jobs.subprocess", SimpleNamespace(Popen=Forked, DEVNULL=subprocess.DEVNULL))


class Forked:
    """What `alumbench.studies.jobs` asks of `subprocess.Popen`."""

    def __init__(
        self, line: Sequence[str], *, stdout: IO[bytes], stderr: IO[bytes], stdin: int, env: Mapping[str, str]
    ) -> None:
        assert line[:3] == [sys.executable, "-m", "alumbench"] and stdout is stderr
        self.process = FORKS.Process(target=_command, args=(list(line[3:]), stdout.name, dict(env), os.getcwd()))
        self.process.start()

    def wait(self) -> int:
        self.process.join()
        assert self.process.exitcode is not None
        return self.process.exitcode

    def terminate(self) -> None:
        self.process.terminate()


def _command(arguments: list[str], log: str, environment: Mapping[str, str], folder: str) -> None:
    from alumbench.cli import main

    assert os.getpid() != IMPORTED_BY, "the server has not imported this module, so that each command did"
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    torch.set_num_threads(int(environment.get("OMP_NUM_THREADS", "1")))
    with open(log, "ab", buffering=0) as out, open(os.devnull, "rb") as empty:
        for stream, number in ((empty, 0), (out, 1), (out, 2)):
            os.dup2(stream.fileno(), number)
    sys.argv = ["alumbench", *arguments]
    main()

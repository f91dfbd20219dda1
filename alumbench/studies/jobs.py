"""Chains of alumbench commands, several at a time in processes of their own; what was finished is not run again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from alumbench.errors import AlumbenchError
from alumbench.storage import read_json, write_json

COMMAND = [sys.executable, "-m", "alumbench"]


@dataclass(frozen=True)
class Job:
    """Commands that follow one another.

    Attributes:
        name: of its log, and of the list of what it has finished.
        commands: arguments of `alumbench`, one list a command.
    """

    name: str
    commands: Sequence[Sequence[str]]


def run_jobs(jobs: Sequence[Job], folder: Path, slots: int, say: Callable[[str], None]) -> None:
    """Runs what is not finished, in the order given.

    Beside `NAME.log` each job leaves `NAME.done.json`, the commands that ended well; a command that has changed since
    is run again, and refuses by itself where its folder holds something else.

    Args:
        jobs: what to run.
        folder: takes logs and lists.
        slots: how many run at a time. Each gets its share of the cores, and of `CUDA_VISIBLE_DEVICES` where that names
            several.
        say: takes a line of progress.

    Raises:
        AlumbenchError: Jobs failed; the others were run to their end.
    """
    pool = _Pool(folder, slots, say, jobs)
    failed = pool.run(jobs)
    if failed:
        listed = "\n".join(f"  {folder / job.name}.log: {line}" for job, line in failed)
        raise AlumbenchError(f"{len(failed)} of {len(jobs)} jobs failed; the same command runs them again:\n{listed}")


def _stop(number: int, frame: object) -> None:
    raise KeyboardInterrupt  # so that the commands in flight are stopped too


class _Pool:
    def __init__(self, folder: Path, slots: int, say: Callable[[str], None], jobs: Sequence[Job]) -> None:
        self.folder, self.say, self.slots = folder, say, slots
        self.free: SimpleQueue[int] = SimpleQueue()
        for slot in range(slots):
            self.free.put(slot)
        self.running: set[subprocess.Popen[bytes]] = set()
        self.stopped = threading.Event()
        self.total = sum(len(job.commands) for job in jobs)
        self.finished, self.spent, self.lock = 0, 0, threading.Lock()
        self.begun = time.monotonic()

    def run(self, jobs: Sequence[Job]) -> list[tuple[Job, str]]:
        self.folder.mkdir(parents=True, exist_ok=True)
        failed: list[tuple[Job, str]] = []
        before = signal.signal(signal.SIGTERM, _stop) if threading.current_thread() is threading.main_thread() else None
        with ThreadPoolExecutor(self.slots) as executor:
            futures: dict[Future[str], Job] = {executor.submit(self._run, job): job for job in jobs}
            try:
                wait(futures, return_when=FIRST_EXCEPTION)
                failed = [(job, future.result()) for future, job in futures.items() if future.result()]
            except BaseException:
                self.stopped.set()
                for process in list(self.running):
                    process.terminate()
                raise
            finally:
                if before is not None:
                    signal.signal(signal.SIGTERM, before)
        return failed

    def _run(self, job: Job) -> str:
        """'' or the last line of a command that failed."""
        slot = self.free.get()
        try:
            stamp, log = self.folder / f"{job.name}.done.json", self.folder / f"{job.name}.log"
            done = read_json(stamp) if stamp.exists() else []
            for command in job.commands:
                if self.stopped.is_set():
                    return ""
                if list(command) in done:
                    self._tell(None)
                    continue
                begun = time.monotonic()
                with log.open("ab") as out:
                    out.write(f"$ alumbench {' '.join(command)}\n".encode())
                    out.flush()
                    line = [*COMMAND, *command]
                    process = subprocess.Popen(  # noqa: S603 - our own command line, without a shell
                        line, stdout=out, stderr=out, stdin=subprocess.DEVNULL, env=self.environment(slot)
                    )
                    self.running.add(process)
                    status = process.wait()
                    self.running.discard(process)
                if self.stopped.is_set():
                    return ""
                if status:
                    last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1]
                    self.say(f"failed: {job.name}: {last[:300]}")
                    return last[:300]
                done.append(list(command))
                write_json(stamp, done)
                self._tell(f"{job.name}: {command[0]} in {time.monotonic() - begun:.0f} s")
            return ""
        finally:
            self.free.put(slot)

    def environment(self, slot: int) -> dict[str, str]:
        """A process's environment in that slot."""
        env = dict(os.environ)
        env.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // self.slots)))
        devices = env.get("CUDA_VISIBLE_DEVICES", "").split(",")
        if len(devices) > 1:
            env["CUDA_VISIBLE_DEVICES"] = devices[slot % len(devices)]
        return env

    def _tell(self, line: str | None) -> None:
        with self.lock:
            self.finished += 1
            if line is None:
                return
            self.spent += 1
            left = (time.monotonic() - self.begun) / self.spent * (self.total - self.finished)
            self.say(f"[{self.finished}/{self.total}] {line}; about {left / 60:.0f} min left")

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

from alumbench.config import check
from alumbench.errors import AlumbenchError
from alumbench.parsing import read_json
from alumbench.storage import write_json

COMMAND = [sys.executable, "-m", "alumbench"]


@dataclass(frozen=True)
class Job:
    """Commands that follow one another.

    Attributes:
        name: of its log, and of the list of what it has finished.
        commands: arguments of `alumbench`, one list a command.
        result: a file that the last command makes, if it is one that may be taken away; then the command is run again.
    """

    name: str
    commands: Sequence[Sequence[str]]
    result: Path | None = None

    def unfinished(self, done: Sequence[Sequence[str]]) -> Sequence[Sequence[str]]:
        """The commands from the first that has not ended well: those behind it follow from what it makes."""
        gone = self.result is not None and not self.result.exists()
        for at, command in enumerate(self.commands):
            if list(command) not in done or (gone and at == len(self.commands) - 1):
                return self.commands[at:]
        return []


def run_jobs(
    jobs: Sequence[Job],
    folder: Path,
    slots: int,
    say: Callable[[str], None],
    ended: Callable[[Job], None] = lambda job: None,
) -> dict[str, str]:
    """Runs what is not finished, in the order given.

    Beside `NAME.log` each job leaves `NAME.done.json`, the commands that ended well; a command that has changed since
    is run again with all that follow it, and refuses by itself where its folder holds something else.

    Args:
        jobs: what to run.
        folder: takes logs and lists.
        slots: how many run at a time. Each gets its share of the cores, and of `CUDA_VISIBLE_DEVICES` where that names
            several.
        say: takes a line of progress.
        ended: takes each job that is through, one at a time; where it raises an `AlumbenchError`, the job has failed.

    Returns:
        The jobs that failed, by name, each with its last line; the others were run to their end.
    """
    return _Pool(folder, slots, say, jobs, ended).run(jobs)


def _stop(number: int, frame: object) -> None:
    raise KeyboardInterrupt  # so that the commands in flight are stopped too


class _Pool:
    def __init__(
        self,
        folder: Path,
        slots: int,
        say: Callable[[str], None],
        jobs: Sequence[Job],
        ended: Callable[[Job], None] = lambda job: None,
    ) -> None:
        self.folder, self.say, self.slots, self.ended = folder, say, slots, ended
        self.free: SimpleQueue[int] = SimpleQueue()
        for slot in range(slots):
            self.free.put(slot)
        self.running: set[subprocess.Popen[bytes]] = set()
        self.stopped = threading.Event()
        self.total = sum(len(job.commands) for job in jobs)
        self.finished, self.spent, self.lock = 0, 0, threading.Lock()
        self.begun = time.monotonic()

    def run(self, jobs: Sequence[Job]) -> dict[str, str]:
        self.folder.mkdir(parents=True, exist_ok=True)
        failed: dict[str, str] = {}
        before = signal.signal(signal.SIGTERM, _stop) if threading.current_thread() is threading.main_thread() else None
        with ThreadPoolExecutor(self.slots) as executor:
            futures: dict[Future[str], Job] = {executor.submit(self._run, job): job for job in jobs}
            try:
                wait(futures, return_when=FIRST_EXCEPTION)
                failed = {job.name: future.result() for future, job in futures.items() if future.result()}
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
            done = check(list[list[str]], read_json(stamp), str(stamp)) if stamp.exists() else []
            left = job.unfinished(done)
            # What followed from an earlier first command followed from another checkpoint, whatever board it was for.
            done = [] if len(left) == len(job.commands) else [c for c in done if c not in [list(x) for x in left]]
            with self.lock:
                self.finished += len(job.commands) - len(left)
            for command in left:
                if self.stopped.is_set():
                    return ""
                begun = time.monotonic()
                with log.open("ab") as out:
                    out.write(f"$ alumbench {' '.join(command)}\n".encode())
                    out.flush()
                    line = [*COMMAND, *command]
                    process = subprocess.Popen(  # noqa: S603 - our own command line, without a shell
                        line, stdout=out, stderr=out, stdin=subprocess.DEVNULL, env=self.environment(slot)
                    )
                    self.running.add(process)
                    if self.stopped.is_set():  # since it was looked at above
                        process.terminate()
                    status = process.wait()
                    self.running.discard(process)
                if self.stopped.is_set():
                    return ""
                if status:
                    how = f"ended by signal {-status}" if status < 0 else f"exit status {status}"
                    last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1]
                    self.say(f"failed: {job.name}: {command[0]}: {how}: {last[:300]}")
                    return f"{command[0]}: {how}: {last[:300]}"
                write_json(stamp, done := [*done, list(command)])
                self._tell(f"{job.name}: {command[0]} in {time.monotonic() - begun:.0f} s")
            with self.lock:
                try:
                    self.ended(job)
                except AlumbenchError as error:
                    self.say(f"failed: {job.name}: {error}")
                    return str(error)
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

    def _tell(self, line: str) -> None:
        with self.lock:
            self.finished += 1
            self.spent += 1
            left = (time.monotonic() - self.begun) / self.spent * (self.total - self.finished)
            self.say(f"[{self.finished}/{self.total}] {line}; about {left / 60:.0f} min left")

"""Chains of alumbench commands, several at a time in their own processes; finished ones are not run again."""

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
from alumbench.old_names import ATTACK, PARAMETERS, TRAINING
from alumbench.parsing import read_json
from alumbench.storage import write_json

COMMAND = [sys.executable, "-m", "alumbench"]


@dataclass(frozen=True)
class Job:
    """Commands that run one after the other.

    Attributes:
        name: the name of its log and of its list of finished commands.
        commands: arguments of `alumbench`, one list per command.
        result: a file that the last command makes and that may be removed later; then that command is run again.
    """

    name: str
    commands: Sequence[Sequence[str]]
    result: Path | None = None

    def unfinished(self, done: Sequence[Sequence[str]]) -> Sequence[Sequence[str]]:
        """The commands from the first that has not succeeded: the later ones depend on its output."""
        done = [_present(command) for command in done]
        gone = self.result is not None and not self.result.exists()
        for at, command in enumerate(self.commands):
            if _present(command) not in done or (gone and at == len(self.commands) - 1):
                return self.commands[at:]
        return []


def _present(command: Sequence[str]) -> list[str]:
    """A command with the present names of its options, to compare it with one that an earlier version ran."""
    options = {"train": TRAINING, "pretrain": TRAINING, "attack": ATTACK}.get(command[0], {})
    names = {f"--{old}": f"--{new}".replace("_", "-") for old, new in options.items()}
    words = [names.get(word, word) for word in command]
    for at, word in enumerate(words[:-1]):
        if word == "--set":
            name, equals, value = words[at + 1].partition("=")
            words[at + 1] = PARAMETERS.get(name, name) + equals + value
    return words


def run_jobs(
    jobs: Sequence[Job],
    folder: Path,
    slots: int,
    say: Callable[[str], None],
    ended: Callable[[Job], None] = lambda job: None,
) -> dict[str, str]:
    """Runs the unfinished commands, in the order given.

    Each job writes `NAME.log` and `NAME.done.json`, the commands that succeeded. A command that has changed since
    is run again with all that follow it; the command itself refuses if its folder holds something else.

    Args:
        jobs: the jobs to run.
        folder: the folder for logs and lists.
        slots: number of jobs at a time. Each gets its share of the cores, and of `CUDA_VISIBLE_DEVICES` if that names
            several.
        say: called with one line of progress.
        ended: called with each finished job, one at a time; if it raises an `AlumbenchError`, the job has failed.

    Returns:
        The failed jobs, by name, each with its last line; all others were run to the end.
    """
    return _Pool(folder, slots, say, jobs, ended).run(jobs)


def _stop(number: int, frame: object) -> None:
    raise KeyboardInterrupt  # so that running commands are stopped too


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
        """The last line of a command that failed, else ''."""
        slot = self.free.get()
        try:
            stamp, log = self.folder / f"{job.name}.done.json", self.folder / f"{job.name}.log"
            done = check(list[list[str]], read_json(stamp), str(stamp)) if stamp.exists() else []
            left = job.unfinished(done)
            # If the first command is new, later ones were run on another checkpoint, whatever board they were for.
            done = [] if len(left) == len(job.commands) else [c for c in done if _present(c) not in map(_present, left)]
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
                    if self.stopped.is_set():  # it may have been set since the check above
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
        """The environment of a process in that slot."""
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

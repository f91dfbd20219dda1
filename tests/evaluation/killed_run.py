"""Not a test: a process whose children run an evaluation and are killed, for `test_resume.py`.

It imports everything once and forks, so that a restart costs a fraction of a second.

    python killed_run.py CHECKPOINT SUITE OUT KILLS SEED
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import torch

from alumbench import storage
from alumbench.attacks import set_search
from alumbench.attacks.textattack import single_searches
from alumbench.attacks.textattack.loader import load_textattack
from alumbench.attacks.victim import Victim
from alumbench.evaluation.evaluate import EVALUATION, RECORDS, Request, evaluate
from alumbench.evaluation.suite import load_suite
from alumbench.models.checkpoint import checkpoint_task, find_model


def child(checkpoint: str, suite: str, out: Path, tear_at: float | None) -> None:
    """Runs the evaluation; with `tear_at`, kills itself half-way through the write that crosses that many bytes."""
    write = os.pwrite

    def torn(file: int, data: bytes, offset: int) -> int:
        if tear_at is not None and offset + len(data) > tear_at:
            write(file, data[: len(data) // 2], offset)
            os.kill(os.getpid(), signal.SIGKILL)
        return write(file, data, offset)

    def noted(search):
        def run(self):
            result = search(self)
            recipe = getattr(self, "_recipe", None)
            with (out / "searches").open("a") as file:
                file.write(f"{recipe.signature if recipe else ''}{self.example.id}\n")
            return result

        return run

    storage.os.pwrite = torn
    for searches in (set_search, single_searches):
        searches._Search.run = noted(searches._Search.run)
    files = find_model(checkpoint)
    evaluate(Request(load_suite(suite)), Victim(files, checkpoint_task(files), "cpu"), out, lambda *_: None)


def size(out: Path) -> int:
    records = out / RECORDS
    return records.stat().st_size if records.exists() else 0


def main(checkpoint: str, suite: str, out: Path, kills: int, rng: random.Random, total: int) -> None:
    """Kills `kills` runs, each at a point of its own, and lets the last one end."""
    points = sorted(rng.uniform(0, total) for _ in range(kills))
    done = []
    for number, point in enumerate([*points, None]):
        tear = point if number % 4 == 3 else None
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                child(checkpoint, suite, out, tear)
                status = 0
            finally:
                os._exit(status)
        if point is not None and tear is None:
            while size(out) < point and os.waitpid(pid, os.WNOHANG) == (0, 0):
                time.sleep(0.001)
            time.sleep(rng.uniform(0, 0.02))
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        whole = (out / EVALUATION).exists() and bool(json.loads((out / EVALUATION).read_text())["entries"])
        done.append({"killed": os.WIFSIGNALED(status), "exit": status, "bytes": size(out), "document": whole})
    print("RUNS" + json.dumps(done))


if __name__ == "__main__":
    torch.set_num_threads(1)
    load_textattack()
    folder, toml, where, kills, seed, total = sys.argv[1:]
    main(folder, toml, Path(where), int(kills), random.Random(int(seed)), int(total))

"""What size costs (R30): seconds to the first record and in all, and the most memory; small beside large in one run.

* `in_flight`: an attack on 5,000 texts, 128 and 1,024 of them in flight;
* `long_file`: a file of 1,000 and of 100,000 lines, scored; stopped `LONGEST` seconds after its first record;
* `records`: an evaluation of 1,000 and of 10,000 records, run again with nothing left to do, and verified;
* `board`: `check` and `build` of 20 and of 200 rows, copies of those of `leaderboards/sentiment`, and the page's size.

Each command is a process of its own, so seconds hold its start. Environment: `PARTS`, `LONGEST`, `CHECKPOINT`.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch

from alumbench.storage import file_name
from tests.benchmarks.model import RUNS, checkpoint

PARTS = os.environ.get("PARTS", "in_flight,long_file,records,board").split(",")
LONGEST = float(os.environ.get("LONGEST", "60"))
FOLDER = RUNS / "scale"
COMMITTED = Path(__file__).parents[2] / "leaderboards/sentiment"
WORDS = ("a", "the", "film", "story", "with", "but", "slow", "moving", "good", "great", "bad", "dull", "funny", "of")
SUITE = """
name = "scale"
version = 1
title = "Scale"

[[entry]]
name = "clean"
kind = "clean"

[[entry]]
name = "typos"
kind = "attack"
recipe = "deepwordbug-all-words@1"
queries = 200
"""


def run() -> dict[str, Any]:
    """Measures the parts that are named."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    (FOLDER / "scale.toml").write_text(SUITE)
    parts = {"in_flight": _in_flight, "long_file": _long_file, "records": _records, "board": _board}
    return {"device": "cpu", "torch": torch.__version__, **{name: parts[name]() for name in PARTS}}


def _in_flight() -> dict[str, Any]:
    data = _file(5000)
    return {
        str(width): _attack(data, f"flight-{width}", "--only", "typos", "--in-flight", str(width))
        for width in (128, 1024)
    }


def _long_file() -> dict[str, Any]:
    return {str(n): _attack(_file(n), f"long-{n}", "--only", "clean", until=LONGEST) for n in (1000, 100_000)}


def _records() -> dict[str, Any]:
    found = {}
    for n in (1000, 10_000):
        runs = [_attack(_file(n), f"records-{n}", "--only", "clean") for _ in range(2)]
        found[str(n)] = {"again": runs[1], "verify": _measured("verify", str(FOLDER / f"records-{n}"))}
    return found


def _board() -> dict[str, Any]:
    found = {}
    for n in (20, 200):
        board = FOLDER / f"board-{n}"
        _multiply(board, n)
        check, build = _measured("leaderboard", "check", str(board)), _measured("leaderboard", "build", str(board))
        found[str(n)] = {
            "check": check,
            "build": build,
            "page_mb": round((board / "index.html").stat().st_size / 1e6, 2),
        }
    return found


def _multiply(board: Path, rows: int) -> None:
    """The committed board's settings and baseline, and copies of its entries up to that many rows."""
    (board / "results").mkdir(parents=True)
    (board / "records").mkdir()
    shutil.copy(COMMITTED / "board.toml", board)
    sources = sorted((COMMITTED / "results").glob("*-seed1.json"))
    for number in range(rows):
        content = json.loads(sources[number % len(sources)].read_text())
        there = COMMITTED / content["records"]["file"]
        if content["row"] != "standard" or number >= len(sources):
            content["row"] += f", copy {number}"
            for evaluation in content["evaluations"]:
                evaluation["model"] = hashlib.sha256(content["row"].encode()).hexdigest()
        name = file_name(f"{content['row']}-seed1")
        content["records"]["file"] = f"records/{name}.jsonl.gz"
        shutil.copy(there, board / content["records"]["file"])
        (board / "results" / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n")


def _file(lines: int) -> Path:
    """Made-up sentences of 4 to 30 words, each another one."""
    path, draw = FOLDER / f"{lines}.csv", random.Random(0)
    if not path.exists():
        rows = (
            f"{' '.join(draw.choices(WORDS, k=draw.randint(4, 30)))} {i},{draw.choice(['negative', 'positive'])}\n"
            for i in range(lines)
        )
        path.write_text("sentence,label\n" + "".join(rows))
    return path


def _attack(data: Path, out: str, *options: str, until: float = math.inf) -> dict[str, Any]:
    """An evaluation, stopped `until` seconds after its first record."""
    suite = str(FOLDER / "scale.toml")
    command = ["attack", str(checkpoint()), "--data", str(data), "--suite", suite, "--out", str(FOLDER / out)]
    return _measured(*command, "--device", "cpu", *options, records=FOLDER / out / "records.jsonl", until=until)


def _measured(*command: str, records: Path | None = None, until: float = math.inf) -> dict[str, Any]:
    begun, first, stopped = time.monotonic(), math.inf, False
    with (FOLDER / "log").open("w+") as log:
        process = subprocess.Popen([sys.executable, "-m", "alumbench", *command], stdout=log, stderr=log)
        while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:
            if first == math.inf and records is not None and records.exists() and records.stat().st_size:
                first = time.monotonic()
            if time.monotonic() - first > until and not stopped:
                process.send_signal(signal.SIGTERM)
                stopped = True
            time.sleep(0.05)
        _, status, used = ended
        if status and not stopped:
            log.seek(0)
            raise RuntimeError(f"{' '.join(command)}: {log.read()[-500:]}")
    spent = {"seconds": round(time.monotonic() - begun, 1), "megabytes": round(used.ru_maxrss / 1024)}
    if records is None:
        return spent
    return spent | {"first_record": round(first - begun, 1), "records": records.read_bytes().count(b"\n")}

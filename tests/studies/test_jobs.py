"""Commands in processes of their own: what ended well is not run again, what failed is told, a stop stops them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from alumbench.errors import AlumbenchError
from alumbench.parsing import read_json
from alumbench.storage import write_json
from alumbench.studies.jobs import Job, run_jobs


def test_what_ended_well_is_not_run_again(tmp_path: Path) -> None:
    said: list[str] = []
    jobs = [Job("a", [["--version"], ["--help"]]), Job("b", [["--version"]])]
    run_jobs(jobs, tmp_path, 2, said.append)
    assert len(said) == 3 and said[-1].startswith("[3/3] ")
    assert read_json(tmp_path / "a.done.json") == [["--version"], ["--help"]]
    log = (tmp_path / "a.log").read_text()
    assert log.startswith("$ alumbench --version\n") and "Usage" in log

    run_jobs([Job("a", [["--version"], ["--help"], ["methods"]]), jobs[1]], tmp_path, 2, said.append)
    assert len(said) == 4 and "a: methods in" in said[-1]


def test_a_changed_command_is_run_with_all_that_follow_it(tmp_path: Path) -> None:
    said: list[str] = []
    first, second, third = ["--version"], ["methods"], ["--help"]
    run_jobs([Job("a", [first, second, third])], tmp_path, 1, said.append)
    run_jobs([Job("a", [first, ["suites"], third])], tmp_path, 1, said.append)
    assert [line.split()[2] for line in said[3:]] == ["suites", "--help"]
    # Another first command makes another checkpoint: what came of the earlier one is void, even if that comes back.
    run_jobs([Job("a", [["tasks"], second, third])], tmp_path, 1, said.append)
    assert read_json(tmp_path / "a.done.json") == [["tasks"], second, third]
    run_jobs([Job("a", [first, second, third])], tmp_path, 1, said.append)
    assert len(said) == 3 + 2 + 3 + 3


def test_what_follows_a_changed_command_does_not_count_before_it_was_run_again(tmp_path: Path) -> None:
    """A kill or failure between the two leaves the later one to be done."""
    quiet = lambda line: None  # noqa: E731
    run_jobs([Job("a", [["--version"], ["methods"], ["--help"]])], tmp_path, 1, quiet)
    kept = [["other", "board"]]
    write_json(tmp_path / "a.done.json", [*read_json(tmp_path / "a.done.json"), *kept])
    run_jobs([Job("a", [["--version"], ["tasks"], ["no-such-command"], ["--help"]])], tmp_path, 1, quiet)
    done = read_json(tmp_path / "a.done.json")
    assert ["tasks"] in done and ["--help"] not in done and kept[0] in done


def test_a_job_whose_end_cannot_be_taken_has_failed_and_keeps_no_other_back(tmp_path: Path) -> None:
    def ended(job: Job) -> None:
        if job.name == "a":
            raise AlumbenchError("has no such figure")

    jobs = [Job("a", [["--version"]]), Job("b", [["--version"]])]
    for _ in range(2):
        assert run_jobs(jobs, tmp_path, 1, lambda line: None, ended) == {"a": "has no such figure"}
        assert (tmp_path / "b.done.json").exists()


def test_a_result_that_was_taken_away_is_made_again(tmp_path: Path) -> None:
    said: list[str] = []
    job = Job("a", [["--version"], ["methods"]], result=tmp_path / "entry.json")
    run_jobs([job], tmp_path, 1, said.append)
    run_jobs([job], tmp_path, 1, said.append)
    assert [line.split()[2] for line in said] == ["--version", "methods", "methods"]
    (tmp_path / "entry.json").touch()
    run_jobs([job], tmp_path, 1, said.append)
    assert len(said) == 3


def test_a_failure_is_told_with_its_last_line_and_the_others_go_on(tmp_path: Path) -> None:
    jobs = [Job("bad", [["no-such-command"], ["--version"]]), Job("good", [["--version"]])]
    failed = run_jobs(jobs, tmp_path, 1, lambda line: None)
    assert list(failed) == ["bad"] and failed["bad"].startswith("no-such-command: exit status 2: ")
    assert not (tmp_path / "bad.done.json").exists() and (tmp_path / "good.done.json").exists()


def test_a_command_that_was_killed_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kill = "import os; print('step 3', flush=True); os.kill(os.getpid(), 9)"
    monkeypatch.setattr("alumbench.studies.jobs.COMMAND", [sys.executable, "-c", kill])
    assert run_jobs([Job("a", [["train"]])], tmp_path, 1, lambda line: None) == {
        "a": "train: ended by signal 9: step 3"
    }


def test_cores_are_shared_out_and_gpus_taken_in_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from alumbench.studies.jobs import _Pool

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,3")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 9)
    pool = _Pool(tmp_path, 3, lambda line: None, [])
    assert [pool.environment(slot)["CUDA_VISIBLE_DEVICES"] for slot in range(3)] == ["0", "3", "0"]
    assert pool.environment(0)["OMP_NUM_THREADS"] == "3"
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert pool.environment(0)["OMP_NUM_THREADS"] == "1"


STOPPED = """
import sys
from pathlib import Path
import alumbench.studies.jobs as jobs
jobs.COMMAND = [sys.executable, "-c", "import os, time; print(os.getpid(), flush=True); time.sleep(600)"]
jobs.run_jobs([jobs.Job("long", [["x"]]), jobs.Job("next", [["y"]])], Path(sys.argv[1]), 1, print)
"""


def test_a_stopped_run_stops_its_commands_and_begins_no_other(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", STOPPED, str(tmp_path)], stderr=subprocess.DEVNULL)
    log, deadline = tmp_path / "long.log", time.monotonic() + 60
    while not (log.exists() and "".join(log.read_text().splitlines()[-1:]).strip().isdigit()):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) != 0
    child = int(log.read_text().strip().splitlines()[-1])
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
    assert not (tmp_path / "long.done.json").exists() and not (tmp_path / "next.log").exists()

"""Shared fixtures: tiny real models that learn the miniature tasks in seconds, no network, no mirror by default."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import settings

from alumbench.data import load_task, miniature
from alumbench.training.fine_tuning import fine_tune
from alumbench.training.request import FineTuning
from alumbench.training.tiny_bert import make_tiny_bert

# Read by the libraries at their import, which alumbench puts off until they are needed.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_OFFLINE"] = "1"
os.environ["HF_DATASETS_DISABLE_PROGRESS_BARS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ.setdefault("OMP_NUM_THREADS", "1")
torch.set_num_threads(1)  # fixtures of a session or module come before the one below, and sums follow the threads
# Under another name for the processes of pytest-xdist, whose environment is this one's.
MIRROR = os.environ.pop("ALUMBENCH_MIRROR", "") or os.environ.get("ALUMBENCH_TESTS_MIRROR", "")
os.environ["ALUMBENCH_TESTS_MIRROR"] = MIRROR
os.environ.pop("NLTK_DATA", None)  # the mirror's NLTK data is found without it, here as on a machine that has none

settings.register_profile("alumbench", deadline=None, derandomize=True, max_examples=40)
settings.load_profile("alumbench")

REPOSITORY = Path(__file__).parent.parent
#: Files that take a minute or more. They begin first, so that no process ends long after the others.
LONG = (
    "attacks/test_engine.py",
    "leaderboard/test_committed_boards.py",
    "training/test_processes.py",
    "evaluation/test_resume.py",
    "studies/test_study.py",
    "adversary/test_hook.py",
    "methods/test_alpha_zero.py",
    "experiments/test_build.py",
    "test_next_lines.py",
    "evaluation/test_two_versions.py",
    "test_documented_commands.py",
    "test_package.py",
    "evaluation/test_schedules.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the long files first; each file's tests keep their order."""
    first = {REPOSITORY / "tests" / name: at for at, name in enumerate(LONG)}
    items.sort(key=lambda item: first.get(item.path, len(LONG)))


@pytest.fixture(autouse=True)
def quiet_machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One thread, no mirror, no network; generator, environment and NLTK's folders are given back as they were."""
    import nltk.data

    monkeypatch.delenv("ALUMBENCH_MIRROR", raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    torch.set_num_threads(1)
    state, folders, environment = torch.get_rng_state(), list(nltk.data.path), dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(environment)
    torch.set_rng_state(state)
    nltk.data.path[:] = folders


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The offline mirror of real data, switched on; skips where there is none."""
    folder = Path(MIRROR) if MIRROR else REPOSITORY.parent / "shared"
    if not (folder / "data").is_dir() or not (folder / "models").is_dir():
        pytest.skip(f"no mirror of real data: ALUMBENCH_MIRROR is unset and {folder} has no data/ and models/")
    monkeypatch.setenv("ALUMBENCH_MIRROR", str(folder))
    return folder


@pytest.fixture
def ecosystem() -> Callable[..., str]:
    """Runs code in the interpreter that `ALUMBENCH_ECOSYSTEM_PYTHON` names, with libraries that cannot be beside ours.

    huggingface_hub from 1.4 on, which transformers 4 excludes, and every-eval-ever, which asks for Python 3.12. Skips
    where the variable is unset or the library is not there.
    """
    interpreter = os.environ.get("ALUMBENCH_ECOSYSTEM_PYTHON", "")

    def run(needs: str, code: str, *arguments: object) -> str:
        if not interpreter:
            pytest.skip(f"no interpreter with {needs}: ALUMBENCH_ECOSYSTEM_PYTHON is unset")
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        if subprocess.run([interpreter, "-c", needs], env=clean, capture_output=True).returncode:
            pytest.skip(f"{interpreter} cannot '{needs}'")
        command = [interpreter, "-c", code, *map(str, arguments)]
        done = subprocess.run(command, env=clean, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained two-layer BERT with the vocabulary of the miniature sentiment task."""
    folder = tmp_path_factory.mktemp("tiny") / "tiny-bert"
    make_tiny_bert(folder, miniature.rows("sentiment/train")["sentence"], hidden=32)
    return folder


@pytest.fixture(scope="session")
def tiny_pair_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with the vocabulary of miniature entailment."""
    folder = tmp_path_factory.mktemp("tiny") / "tiny-pair-bert"
    rows = miniature.rows("nli/train")
    make_tiny_bert(folder, rows["premise"] + rows["hypothesis"], hidden=32)
    return folder


def _trained(out: Path, task: str, model: Path, **changes: Any) -> Path:
    request = FineTuning(load_task(task), str(model), lr=1e-3, device="cpu", max_length=64, **changes)
    fine_tune(request, out, say=lambda line: None)
    return out


@pytest.fixture(scope="session")
def checkpoint(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A miniature sentiment classifier, trained with method `standard`."""
    torch.set_num_threads(1)
    out = tmp_path_factory.mktemp("runs") / "mini-sentiment"
    return _trained(out, "mini-sentiment", tiny_model, epochs=4.0)


@pytest.fixture(scope="session")
def pair_checkpoint(tiny_pair_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A miniature three-way entailment classifier, trained with method `standard`."""
    torch.set_num_threads(1)
    out = tmp_path_factory.mktemp("runs") / "mini-nli"
    return _trained(out, "mini-nli", tiny_pair_model, epochs=4.0)


@pytest.fixture(scope="session")
def small_request(tiny_model: Path) -> Callable[..., FineTuning]:
    """Makes a request that trains twelve steps on 96 miniature examples; keywords change it."""

    def make(**changes: Any) -> FineTuning:
        values: dict[str, Any] = {
            "task": load_task("mini-sentiment"),
            "model": str(tiny_model),
            "train_size": 96,
            "held_out": 64,
            "epochs": 1.0,
            "batch_size": 8,
            "lr": 1e-3,
            "max_length": 64,
            "device": "cpu",
        }
        return FineTuning(**(values | changes))

    return make

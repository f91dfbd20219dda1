"""Invariant 6: neither accumulation nor a second process changes what is learned; two leave one checkpoint."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file
from torch import Tensor
from transformers import AutoModelForSequenceClassification

from alumbench.cli import group
from alumbench.parsing import read_json
from tests.conftest import REPOSITORY
from tests.training.sgd_runs import BATCH, CASES, PUBLIC, STEPS, UNNUMBERED, train


def torchrun(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Two processes of a script or module on this machine."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *arguments]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, cwd=REPOSITORY)


def command(model: Path) -> list[str]:
    """Twenty-four steps of four examples in each of two processes; checkpoints after 10, 20 and 24."""
    options = {"task": "mini-sentiment", "model": model, "method": "alum", "set": "epsilon=0.1", "train-size": 96}
    options |= {"held-out": 64, "epochs": 2, "batch-size": 4, "lr": 1e-3, "device": "cpu"}
    return ["train", *(text for name, value in options.items() for text in (f"--{name}", str(value)))]


@pytest.fixture(scope="module")
def two(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """What two processes leave and say until they are killed."""
    folder = tmp_path_factory.mktemp("two")
    script = Path(__file__).with_name("sgd_runs.py")
    done = torchrun(str(script), str(tiny_model), str(folder), *command(tiny_model))
    assert (folder / "killed" / "trainer" / "checkpoint-10").is_dir(), done.stderr[-3000:]
    assert done.returncode != 0
    return folder, done.stdout


@pytest.fixture(scope="module")
def runs(tiny_model: Path, two: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each case by one process, by one that accumulates, and by two."""
    folder = tmp_path_factory.mktemp("runs")
    for name in ("one", "accumulated"):
        (folder / name).mkdir()
    for name, case in CASES.items():
        train(case, tiny_model, folder / "one" / name, BATCH)
        train(case, tiny_model, folder / "accumulated" / name, BATCH // 4, accumulated=4)
        train(case, tiny_model, folder / "one" / f"{UNNUMBERED}-{name}", BATCH, trainer=UNNUMBERED)
    (folder / "two").symlink_to(two[0])
    return folder


def distance(one: dict[str, Tensor], two: dict[str, Tensor]) -> float:
    return float(torch.cat([(one[name].double() - two[name].double()).flatten() for name in one]).norm())


@pytest.mark.parametrize("how", ["accumulated", "two"])
@pytest.mark.parametrize("name", CASES)
def test_a_batch_in_parts_teaches_what_the_whole_batch_does(runs: Path, name: str, how: str) -> None:
    whole, parts = (load_file(runs / which / f"{name}.safetensors") for which in ("one", how))
    apart = distance(whole, parts)
    print(
        "APART",
        name,
        how,
        apart,
        distance(
            whole, load_file(runs / "one" / ("freelb.safetensors" if name == "standard" else "standard.safetensors"))
        ),
    )
    if name.endswith("-bf16"):  # no further than rounding has brought the whole batch from float64
        assert apart <= 1.5 * distance(whole, load_file(runs / "one" / f"{name.removesuffix('-bf16')}.safetensors"))
    else:  # against what another method would have made of the same batches
        other = "freelb" if name == "standard" else "standard"
        assert apart <= 1e-10 * distance(whole, load_file(runs / "one" / f"{other}.safetensors"))
    losses = [json.loads((runs / which / f"{name}.json").read_text()) for which in ("one", how)]
    assert len(losses[0]) == len(losses[1]) == STEPS
    for ours, theirs in zip(*losses, strict=True):
        assert ours == pytest.approx(theirs, abs=2e-2 if "bf16" in name else 1.1e-4)


@pytest.mark.parametrize("name", CASES)
def test_two_adversarial_trainers_learn_what_two_of_our_own_do(runs: Path, name: str) -> None:
    """`standard` is the plain Trainer's, which divides the loss in another place."""
    own, public = (load_file(runs / "two" / f"{of}{name}.safetensors") for of in ("", f"{PUBLIC}-"))
    other = load_file(runs / "two" / ("freelb.safetensors" if name == "standard" else "standard.safetensors"))
    assert own.keys() == public.keys() and distance(own, other) > 0
    if name == "standard":
        assert distance(own, public) <= 1e-10 * distance(own, other)
    else:
        assert all(torch.equal(own[weight], public[weight]) for weight in own)


@pytest.mark.parametrize("name", [name for name in CASES if not name.endswith("-bf16")])
def test_two_adversarial_trainers_learn_what_one_does(runs: Path, name: str) -> None:
    """Without numbered rows: noise is seeded by a row's place in the step, which processes share."""
    one, two = (load_file(runs / which / f"{UNNUMBERED}-{name}.safetensors") for which in ("one", "two"))
    other = "freelb" if name == "standard" else "standard"
    assert distance(one, two) <= 1e-10 * distance(one, load_file(runs / "one" / f"{UNNUMBERED}-{other}.safetensors"))


def test_weights_that_no_loss_reaches_stay_as_they_are(runs: Path) -> None:
    weights = [load_file(runs / how / "fisher.safetensors")["unused.weight"] for how in ("one", "two")]
    assert torch.equal(*weights)


def test_two_processes_leave_one_whole_checkpoint_and_speak_with_one_voice(two: tuple[Path, str]) -> None:
    folder, said = two
    out = folder / "unbroken"
    record = read_json(out / "training.json")
    assert record["settings"]["processes"] == 2
    assert record["settings"]["steps"] == 24
    assert record["data"]["dev"]["examples"] == 64
    assert [entry["epoch"] for entry in record["dev"]] == [1.0, 2.0]
    for entry in record["loss"]:
        assert entry["loss"] == pytest.approx(entry["loss_task"] + entry["loss_regularizer"], abs=2e-4), (
            "all ranks' mean"
        )
    model = AutoModelForSequenceClassification.from_pretrained(out)
    assert all(parameter.isfinite().all() for parameter in model.parameters())
    assert not (out / "trainer").exists()
    lines = [line for line in said.splitlines() if "unbroken" in line or line.startswith("step ")]
    assert sum("alum, 24 steps in" in line for line in lines) == 1
    assert sum(line.startswith("next: ") for line in lines) == 1
    steps = [line.split(":")[0] for line in lines if line.startswith("step ") and "dev" not in line]
    assert len(steps) > 2
    assert sorted(steps[: len(record["loss"])]) == sorted({*steps}), "one process tells each step"


def test_processes_draw_dropout_of_their_own(two: tuple[Path, str]) -> None:
    seeds = set()
    for rank in (0, 1):
        state = torch.load(
            two[0] / "killed" / "trainer" / "checkpoint-10" / f"rng_state_{rank}.pth", weights_only=False
        )
        generator = torch.Generator()
        generator.set_state(state["cpu"])
        seeds.add(generator.initial_seed())
    assert len(seeds) == 2


def test_two_killed_processes_go_on_with_the_same_command(two: tuple[Path, str], tiny_model: Path) -> None:
    folder, _ = two
    out = folder / "killed"
    assert not (out / "training.json").exists()
    alone = CliRunner().invoke(group, [*command(tiny_model), "--out", str(out)])
    assert "holds a run that differs in processes (2 there, 1 requested)" in str(alone.exception)
    done = torchrun("-m", "alumbench", *command(tiny_model), "--out", str(out))
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("resuming from") == 1
    assert done.stdout.count("24 steps in") == 1
    assert done.stdout.count("next: alumbench attack") == 1
    for name in ("model.safetensors", "config.json", "tokenizer.json"):
        assert (out / name).read_bytes() == (folder / "unbroken" / name).read_bytes(), name
    records = [read_json(folder / name / "training.json") for name in ("unbroken", "killed")]
    for part in ("dev", "data", "settings", "method"):
        assert records[0][part] == records[1][part]

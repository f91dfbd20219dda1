"""A killed pre-training run ends as an unbroken one; another request is not mixed into it."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import alumbench.training.run as run_module
from alumbench.data import miniature
from alumbench.errors import AlumbenchError
from alumbench.parsing import read_json
from alumbench.pretraining.corpus import named_corpus
from alumbench.pretraining.masked_lm import Architecture
from alumbench.pretraining.pretrain import Pretraining, pretrain
from alumbench.training.curriculum import Curriculum
from tests.pretraining.conftest import Make, killable, quiet


# 24 steps of 8 blocks; whole checkpoints after 10, 20 and 24.
def die_at_call(owner: Any, name: str, number: int, matches: Callable[..., bool] = lambda *args: True) -> None:
    """Makes this process kill itself at a call of a function, before the function does anything."""
    plain, calls = getattr(owner, name), []

    def deadly(*args: Any, **kwargs: Any) -> Any:
        if matches(*args):
            calls.append(1)
        if len(calls) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return plain(*args, **kwargs)

    setattr(owner, name, deadly)


DEATHS: dict[str, Callable[[], None]] = {
    "before-any-checkpoint": lambda: die_at_call(torch.optim.AdamW, "step", 4),
    "before-the-method-sets-in": lambda: die_at_call(torch.optim.AdamW, "step", 12),
    "in-the-second-epoch": lambda: die_at_call(torch.optim.AdamW, "step", 22),
    "before-the-record": lambda: die_at_call(run_module, "write_json", 1, lambda at, _: at.name == "pretraining.json"),
}


def pretrain_and_die(request: Pretraining, out: Path, death: Callable[[], None]) -> None:
    torch.set_num_threads(1)
    death()
    pretrain(request, out, quiet)


@pytest.mark.parametrize("death", DEATHS)
@pytest.mark.parametrize("method", ["standard", "alum"])
def test_a_killed_run_ends_with_the_weights_of_an_unbroken_one(
    make: Make, unbroken: dict[str, Path], tmp_path: Path, method: str, death: str
) -> None:
    request, out = killable(make, method), tmp_path / "out"
    child = multiprocessing.get_context("fork").Process(target=pretrain_and_die, args=(request, out, DEATHS[death]))
    child.start()
    child.join(120)
    assert child.exitcode == -signal.SIGKILL
    assert not (out / "pretraining.json").exists()
    lines: list[str] = []
    record = pretrain(request, out, lines.append)
    assert any("resuming from" in line for line in lines) is (death != "before-any-checkpoint")
    assert (out / "model.safetensors").read_bytes() == (unbroken[method] / "model.safetensors").read_bytes()
    expected = read_json(unbroken[method] / "pretraining.json")
    assert expected["dev"][-1]["epoch"] > 1, "or no second epoch was tried"
    for field in ("dev", "corpus", "settings", "method", "model", "tokens_seen"):
        assert record[field] == expected[field]
    assert [entry["step"] for entry in record["loss"]] == [entry["step"] for entry in expected["loss"]]


def test_the_same_request_again_does_nothing_and_another_is_refused(
    make: Make, unbroken: dict[str, Path], text_file: Path
) -> None:
    request, out, lines = killable(make, "standard"), unbroken["standard"], []
    assert pretrain(request, out, lines.append) == read_json(out / "pretraining.json")
    assert lines == [f"{out}: this run is finished already"]
    changes: list[tuple[dict[str, Any], str]] = [
        ({"lr": 1e-4}, "lr"),
        ({"schedule": Curriculum(0.25)}, "schedule"),
        ({"mask_rate": 0.2}, "mask rate"),
        ({"architecture": Architecture.named("bert-tiny")}, "architecture"),
        ({"method": "alum"}, "method"),
        ({"corpora": (named_corpus(str(text_file), column="text"),) * 2}, "corpora"),
    ]
    for change, field in changes:
        with pytest.raises(AlumbenchError, match=f"holds a run that differs in {field} .* give another --out"):
            pretrain(replace(request, **change), out, quiet)


def test_another_text_under_the_same_name_does_not_go_on(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("\n\n".join(miniature.rows("sentiment/train")["sentence"][:100]))
    request = make(corpora=(named_corpus(str(file)),), steps=2)
    with monkeypatch.context() as patch:
        patch.setattr(torch.optim.AdamW, "step", lambda *args, **kwargs: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            pretrain(request, tmp_path / "out", quiet)
    file.write_text("\n\n".join(miniature.rows("sentiment/train")["sentence"][100:200]))
    with pytest.raises(AlumbenchError, match="holds a run that differs in corpus"):
        pretrain(request, tmp_path / "out", quiet)

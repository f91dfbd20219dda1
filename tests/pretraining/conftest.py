"""Tiny pre-training runs that several files of tests look at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alumbench.data import miniature
from alumbench.pretraining.corpus import named_corpus
from alumbench.pretraining.masked_lm import Architecture
from alumbench.pretraining.pretrain import Pretraining, pretrain
from alumbench.pretraining.tokenizer import learn_tokenizer
from alumbench.training.curriculum import Curriculum

Make = Callable[..., Pretraining]


def quiet(line: str) -> None:
    """Takes a line of progress and drops it."""


@pytest.fixture(scope="session")
def text_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("corpus") / "sentences.txt"
    file.write_text("\n\n".join(miniature.rows("sentiment/train")["sentence"][:600]))
    return file


@pytest.fixture(scope="session")
def tokenizer_folder(text_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokenizer") / "learned"
    learn_tokenizer("word-piece", text_file.read_text().split("\n\n"), 200).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def make(text_file: Path, tokenizer_folder: Path) -> Make:
    """A request that trains 24 steps on blocks of 24 tokens; keywords change it."""

    def request(**changes: Any) -> Pretraining:
        values: dict[str, Any] = {
            "corpora": (named_corpus(str(text_file)),),
            "architecture": Architecture.named("bert-tiny", hidden=32),
            "tokenizer": str(tokenizer_folder),
            "steps": 24,
            "held_out": 0.1,
            "batch_size": 8,
            "lr": 3e-3,
            "max_length": 24,
            "device": "cpu",
        }
        return Pretraining(**(values | changes))

    return request


@pytest.fixture(scope="session")
def unbroken(make: Make, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A run of `standard` and one of `alum`, its mask rate rising; from the middle of an epoch into the next."""
    outs = {}
    for method in ("standard", "alum"):
        outs[method] = tmp_path_factory.mktemp("unbroken") / method
        pretrain(killable(make, method), outs[method], quiet)
    return outs


def killable(make: Make, method: str) -> Pretraining:
    # three quarters held out, so that 24 steps go into a second epoch
    return make(method=method, schedule=Curriculum(0.5), held_out=0.75, mask_rate_start=0.3, mask_rate=0.1)

"""`pretrain(…)` is `alumbench pretrain`: the same weights and record, and one line for each mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import alumbench as ab
from alumbench.cli import group
from alumbench.errors import AlumbenchError
from alumbench.parsing import read_json
from alumbench.pretraining.corpus import Corpus
from alumbench.pretraining.masked_lm import Architecture
from alumbench.pretraining.options import Pretraining
from tests.pretraining.conftest import quiet

OPTIONS: dict[str, Any] = {"seed": 3, "steps": 4, "batch_size": 4, "max_length": 24, "lr": 1e-3, "device": "cpu"}
TIMES = {"seconds", "cpu_seconds", "tokens_per_second"}


def record(folder: Path) -> dict[str, Any]:
    return {name: value for name, value in read_json(folder / "pretraining.json").items() if name not in TIMES}


def test_the_function_does_what_the_command_does(text_file: Path, tokenizer_folder: Path, tmp_path: Path) -> None:
    said = ["pretrain", "--corpus", text_file, "--config", "bert-tiny", "--hidden", 32, "--tokenizer", tokenizer_folder]
    said += ["--method", "alum", "--set", "epsilon=0.1", "--out", tmp_path / "command"]
    for name, value in OPTIONS.items():
        said += [f"--{name.replace('_', '-')}", value]
    ran = CliRunner().invoke(group, [*map(str, said)])
    assert ran.exit_code == 0, ran.output
    lines: list[str] = []
    done = ab.pretrain(
        text_file,
        config=Architecture.named("bert-tiny", hidden=32),
        tokenizer=tokenizer_folder,
        method="alum",
        set={"epsilon": 0.1},
        out=tmp_path / "call",
        say=lines.append,
        **OPTIONS,
    )
    assert record(tmp_path / "command") == record(tmp_path / "call")
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("command", "call")]
    assert weights[0] == weights[1]
    assert record(done.folder)["schedule"]["after"] == 0.5, "as in the paper, where a run begins from random weights"
    assert any("starts after half" in line for line in lines) and any("alpha is 10" in line for line in lines)
    assert (done.method, done.steps, done.tokens) == ("alum", 4, 4 * 4 * 24)
    assert {"loss", "perplexity", "accuracy"} == set(done.metrics)
    again = {
        "set": {"epsilon": 0.1},
        "tokenizer": tokenizer_folder,
        "config": Architecture.named("bert-tiny", hidden=32),
    }
    assert ab.pretrain(text_file, method="alum", out=done.folder, say=quiet, **again, **OPTIONS) == done


def seen(monkeypatch: pytest.MonkeyPatch, *given: Any, **options: Any) -> Pretraining:
    """The request that a call makes; nothing is trained."""
    requests: list[Pretraining] = []

    def stop(request: Pretraining, *rest: Any) -> None:
        requests.append(request)
        raise AlumbenchError("seen")

    monkeypatch.setattr("alumbench.pretraining.pretrain.pretrain", stop)
    with pytest.raises(AlumbenchError, match="seen"):
        ab.pretrain(*given, out="nowhere", say=quiet, **options)
    return requests[0]


def test_a_method_that_is_given_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """α = 10 is what the name means in pre-training; an object with α = 1 keeps it."""
    assert seen(monkeypatch, "a.txt", "model", method=ab.ALUM()).parameters == {"alpha": 1.0}
    assert seen(monkeypatch, "a.txt", "model", method=ab.ALUM(epsilon=0.2)).parameters == {"epsilon": 0.2, "alpha": 1.0}
    assert seen(monkeypatch, "a.txt", "model", method="alum").parameters == {}


def test_several_texts_are_taken_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    own = Corpus("mine", hub="org/mine", column="body")
    request = seen(monkeypatch, ["wikipedia_sample", own], "model", adversary_after=0.25)
    assert [one.name for one in request.corpora] == ["wikipedia_sample", "mine"] and request.corpora[1] is own
    assert request.schedule == ab.Curriculum(after=0.25)
    assert seen(monkeypatch, "a.txt", "model", method="alum").schedule == ab.Curriculum()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"config": "bert-tiny"}, "give --model"),
        ({"step": 3}, "unknown option 'step'. Did you mean 'steps'"),
        ({"steps": "many"}, "steps"),
        ({"method": "alumm"}, "Did you mean 'alum'"),
        ({"method": ab.ALUM}, "expected a name that 'alumbench methods' lists, or an instance such as ALUM()"),
        ({"method": "alum", "set": {"epsilom": 1}}, "Did you mean 'epsilon'"),
        ({"mask_rate": 2}, "mask_rate"),
    ],
    ids=str,
)
def test_a_wrong_option_is_one_line(options: dict[str, Any], message: str, text_file: Path, tmp_path: Path) -> None:
    with pytest.raises(AlumbenchError) as caught:
        ab.pretrain(text_file, "no-model", out=tmp_path / "out", say=quiet, **options)
    assert message in str(caught.value) and not (tmp_path / "out").exists()


def test_a_text_that_is_not_there_is_named(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(AlumbenchError, match=r"no-text\.txt: no such file"):
        ab.pretrain(tmp_path / "no-text.txt", tiny_model, out=tmp_path / "out", say=quiet)

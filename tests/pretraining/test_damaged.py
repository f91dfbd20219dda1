"""Pre-training runs and learned tokenizers whose files were changed or damaged: one line, never a wrong result."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from alumbench.cli import group
from alumbench.errors import AlumbenchError
from alumbench.pretraining.pretrain import pretrain
from tests.pretraining.conftest import Make, killable, quiet
from tests.training.test_damaged import DELETE, Change, content, cut, entry, without

PRETRAINED: dict[str, tuple[Change, str]] = {
    "record-list": (content("pretraining.json", "[]"), rf"pretraining.json: expected a table, .*{DELETE}"),
    "no-speed": (entry("pretraining.json", "tokens_per_second", to=...), rf"tokens_per_second is missing; {DELETE}"),
    "request-torn": (cut("request.json"), rf"request.json: cannot be read as JSON.*{DELETE}"),
    "steps-text": (entry("request.json", "steps", to="24"), r"that differs in steps \('24' there, 24 requested\)"),
    "corpora-text": (entry("request.json", "corpora", to="x"), "that differs in corpora"),
    "no-weights": (without("model.safetensors"), "model.safetensors is missing; delete"),
}


@pytest.mark.parametrize("name", PRETRAINED)
def test_a_pretraining_is_refused(unbroken: dict[str, Path], make: Make, tmp_path: Path, name: str) -> None:
    change, message = PRETRAINED[name]
    shutil.copytree(unbroken["standard"], tmp_path / "out")
    change(tmp_path / "out")
    with pytest.raises(AlumbenchError, match=message) as told:
        pretrain(killable(make, "standard"), tmp_path / "out", quiet)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (content("learned.json", "[]"), "learned.json: expected a table"),
        (content("learned.json", "{"), "learned.json: cannot be read as JSON"),
        (entry("learned.json", "vocab_size", to="200"), r"that differs in vocab size \('200' there, 200 requested\)"),
        (without("tokenizer_config.json"), "no tokenizer_config.json, so it holds no tokenizer"),
        (content("tokenizer.json", "{}"), "the tokenizer cannot be loaded"),
        (lambda out: shutil.rmtree(out) or out.write_text(""), "out: not empty; give another --out"),
    ],
    ids=["list", "torn", "text", "no-config", "damaged", "file"],
)
def test_a_tokenizer_is_refused(text_file: Path, tmp_path: Path, change: Change, message: str) -> None:
    command = ["tokenizer", "learn", "--corpus", text_file, "--vocab-size", 200, "--out", tmp_path / "out"]
    assert CliRunner().invoke(group, list(map(str, command))).exit_code == 0
    change(tmp_path / "out")
    again = CliRunner().invoke(group, list(map(str, command)))
    assert isinstance(again.exception, AlumbenchError)
    assert message.replace("\\", "") in str(again.exception) and "\n" not in str(again.exception)

"""`alumbench train --model ADAPTER`: a LoRA adapter is trained further as an adapter, attacked, published, replayed."""

from __future__ import annotations

import json
import multiprocessing
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file

from alumbench.cli import group
from alumbench.data import load_task
from alumbench.errors import AlumbenchError
from alumbench.evaluation.suite import load_suite
from alumbench.hub.metadata import Given
from alumbench.hub.model_card import write_card
from alumbench.hub.upload_files import belongings
from alumbench.leaderboard.board import build
from alumbench.leaderboard.submit import add
from alumbench.leaderboard.verify import replay_board
from alumbench.models.checkpoint import find_model
from alumbench.storage import sha256_of
from alumbench.training.fine_tuning import fine_tune
from alumbench.training.request import FineTuning
from tests.evaluation.conftest import run
from tests.training.test_resuming import die_at_call, quiet, train_and_die

peft = pytest.importorskip("peft")

Make = Callable[..., FineTuning]
SUITE = """
name = "pair-adapters"
version = 1
title = "a clean set and an attack"
[[entry]]
name = "clean"
kind = "clean"
examples = 12
[[entry]]
name = "attack"
kind = "attack"
recipe = "deepwordbug-all-words@1"
examples = 6
queries = 40
"""
BOARD = """
title = "Adapters"
tasks = ["mini-nli"]
suites = ["pair-adapters@1"]
"""


@pytest.fixture(scope="module")
def adapter(pair_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA of a trained pair classifier, as PEFT starts it, with a head for three labels and no names."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    folder = tmp_path_factory.mktemp("adapters") / "lora"
    torch.manual_seed(0)
    model = AutoModelForSequenceClassification.from_pretrained(pair_checkpoint, num_labels=3)
    targets = ["query", "value"]
    config = peft.LoraConfig(task_type="SEQ_CLS", r=4, lora_alpha=8, lora_dropout=0.1, target_modules=targets)
    peft.get_peft_model(model, config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(pair_checkpoint).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def pairs(adapter: Path) -> Make:
    """Makes a request that trains the adapter on 96 miniature pairs."""

    def make(**changes: Any) -> FineTuning:
        values: dict[str, Any] = {"task": load_task("mini-nli"), "model": str(adapter), "train_size": 96}
        values |= {"held_out": 64, "epochs": 2.0, "batch_size": 8, "lr": 1e-3, "max_length": 64, "device": "cpu"}
        return FineTuning(**(values | changes))

    return make


@pytest.fixture(scope="module")
def trained(pairs: Make, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The adapter trained further with ALUM."""
    out = tmp_path_factory.mktemp("runs") / "lora-alum"
    fine_tune(pairs(method="alum", parameters={"epsilon": 0.5}), out, quiet)
    return out


def test_only_the_adapter_learns_and_it_stays_one(trained: Path, adapter: Path, pair_checkpoint: Path) -> None:
    names = {path.name for path in trained.iterdir()}
    assert {"adapter_model.safetensors", "adapter_config.json", "config.json", "training.json"} <= names
    assert not names & {"model.safetensors", "README.md", "trainer"}
    before, after = (load_file(folder / "adapter_model.safetensors") for folder in (adapter, trained))
    assert before.keys() == after.keys() and all("lora_" in n or "classifier" in n for n in after)
    assert all(not torch.equal(before[name], after[name]) for name in before)
    old, new = (json.loads((folder / "adapter_config.json").read_text()) for folder in (adapter, trained))
    assert new == old | {"inference_mode": True}
    record = json.loads((trained / "training.json").read_text())
    model, base = record["model"], record["model"]["adapter_of"]
    assert base["name"] == str(pair_checkpoint)
    assert base["weights_sha256"] == sha256_of(pair_checkpoint / "model.safetensors")
    assert model["weights_sha256"] == find_model(str(adapter), adapters=True).weights_sha256()
    assert record["loss"][-1]["loss_regularizer"] > 0


def test_peft_alone_loads_it_with_the_same_answers(trained: Path, pair_checkpoint: Path) -> None:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    from alumbench.models import from_pretrained

    base = AutoModelForSequenceClassification.from_pretrained(pair_checkpoint, num_labels=3)
    model = peft.PeftModel.from_pretrained(base, trained).eval()
    batch = AutoTokenizer.from_pretrained(trained)("a man sleeps", "nobody sleeps", return_tensors="pt")
    classifier = from_pretrained(str(trained), device="cpu")
    assert classifier.labels == load_task("mini-nli").labels
    with torch.inference_mode():
        plain = model(**batch).logits
    assert torch.allclose(plain, classifier.predict([("a man sleeps", "nobody sleeps")]), rtol=0, atol=1e-5)


def test_alpha_of_0_is_standard_bit_for_bit(pairs: Make, tmp_path: Path) -> None:
    for name, changes in {"standard": {}, "alum": {"method": "alum", "parameters": {"alpha": 0}}}.items():
        fine_tune(pairs(**changes, epochs=1.0), tmp_path / name, quiet)
    weights = [(tmp_path / name / "adapter_model.safetensors").read_bytes() for name in ("standard", "alum")]
    assert weights[0] == weights[1]


@pytest.mark.parametrize("method", ["standard", "a2t"])
def test_a_killed_run_ends_with_the_weights_of_an_unbroken_one(
    pairs: Make, trained: Path, tmp_path: Path, method: str
) -> None:
    parameters = {"attack": "deepwordbug-all-words", "query_budget": 30} if method == "a2t" else {}
    request = pairs(model=str(trained), method=method, parameters=parameters)
    whole, out = tmp_path / "whole", tmp_path / "out"
    fine_tune(request, whole, quiet)
    die = lambda: die_at_call(torch.optim.AdamW, "step", 17)  # noqa: E731 - in the second epoch
    child = multiprocessing.get_context("fork").Process(target=train_and_die, args=(request, out, die))
    child.start()
    child.join(120)
    assert child.exitcode == -signal.SIGKILL and list((out / "trainer").glob("checkpoint-*"))
    fine_tune(request, out, quiet)
    assert (out / "adapter_model.safetensors").read_bytes() == (whole / "adapter_model.safetensors").read_bytes()
    lines: list[str] = []
    fine_tune(request, out, lines.append)
    assert lines == [f"{out}: this run is finished already"]


def test_another_number_of_labels_makes_a_new_head_and_says_so(pairs: Make, tmp_path: Path) -> None:
    lines: list[str] = []
    fine_tune(pairs(task=load_task("mini-sentiment"), epochs=1.0), tmp_path / "two", lines.append)
    assert any("new head, randomly initialized" in line and "classifier" in line for line in lines)
    head = [t for n, t in load_file(tmp_path / "two/adapter_model.safetensors").items() if n.endswith("er.weight")]
    assert [len(tensor) for tensor in head] == [2]


def test_another_base_is_refused(trained: Path, pair_checkpoint: Path, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    base, moved = tmp_path / "base", tmp_path / "moved"
    shutil.copytree(pair_checkpoint, base)
    shutil.copytree(trained, moved)
    values = json.loads((moved / "adapter_config.json").read_text())
    (moved / "adapter_config.json").write_text(json.dumps(values | {"base_model_name_or_path": str(base)}))
    command = [
        "attack",
        str(moved),
        "--suite",
        "smoke",
        "--only",
        "clean",
        "--limit",
        "4",
        "--out",
        str(tmp_path / "o"),
    ]
    assert CliRunner().invoke(group, command).exit_code == 0, "a moved base is the same"
    weights = load_file(base / "model.safetensors")
    save_file({name: tensor + 1 for name, tensor in weights.items()}, base / "model.safetensors", {"format": "pt"})
    from alumbench.models import from_pretrained

    with pytest.raises(AlumbenchError, match="its base .* has other weights"):
        from_pretrained(str(moved), device="cpu").predict([("a", "b")])


@pytest.fixture(scope="module")
def evaluated(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trained adapter with a finished evaluation in its folder."""
    folder = tmp_path_factory.mktemp("published") / "lora-alum"
    shutil.copytree(trained, folder)
    suite = folder.parent / "suite.toml"
    suite.write_text(SUITE)
    files = find_model(str(folder), adapters=True)
    from alumbench.attacks.victim import Victim
    from alumbench.models.checkpoint import checkpoint_task

    run(folder, folder / "evaluations/one", load_suite(str(suite)), Victim(files, checkpoint_task(files), "cpu"))
    return folder


def test_verify_scores_it_again_also_where_it_moved(evaluated: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(evaluated, moved)
    path = moved / "evaluations/one/evaluation.json"
    path.write_text(path.read_text().replace(str(evaluated), str(tmp_path / "gone")))
    suite = str(evaluated.parent / "suite.toml")
    result = CliRunner().invoke(group, ["verify", str(moved), "--sample", "2", "--sample-seed", "1", "--suite", suite])
    assert result.exit_code == 0, result.output
    assert "adversarial texts still hold" in result.output and "all as recorded" in result.output


def test_a_board_replays_it(evaluated: Path, tmp_path: Path) -> None:
    board = tmp_path / "board"
    board.mkdir()
    (board / "board.toml").write_text(BOARD)
    add(board, evaluated)
    build(board)
    (one,) = replay_board(board, [str(evaluated)], "cpu", suites=[load_suite(str(evaluated.parent / "suite.toml"))])
    assert one.checkpoint == evaluated and not one.fallen and one.training == []
    assert sum(verdict.texts for verdict in one.verdicts) > 0


def test_its_card_and_what_is_pushed(evaluated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import ModelCard

    folder = tmp_path / "lora-alum"
    shutil.copytree(evaluated, folder)
    write_card(folder, Given(base_model="me/pair-bert"))
    data = ModelCard.load(folder / "README.md").data
    assert (data.library_name, data.base_model) == ("peft", "me/pair-bert")
    assert "PEFT adapter" in (folder / "README.md").read_text()
    with pytest.raises(AlumbenchError, match=r"adapter_config\.json: its base model is a folder here"):
        belongings(folder)
    base = json.loads((folder / "adapter_config.json").read_text())["base_model_name_or_path"]
    shutil.copytree(base, tmp_path / "mirror/models/me/pair-bert")
    monkeypatch.setenv("ALUMBENCH_MIRROR", str(tmp_path / "mirror"))
    values = json.loads((folder / "adapter_config.json").read_text()) | {"base_model_name_or_path": "me/pair-bert"}
    (folder / "adapter_config.json").write_text(json.dumps(values))
    sent = {file.path: file for file in belongings(folder)}
    assert {"adapter_model.safetensors", "adapter_config.json", "README.md", "training.json"} <= sent.keys()
    assert {"evaluations/one/evaluation.json", "evaluations/one/records.jsonl"} <= sent.keys()
    assert "model.safetensors" not in sent
    for file in sent.values():
        content = file.content if isinstance(file.content, bytes) else file.content.read_bytes()
        assert str(base).encode() not in content, file.path

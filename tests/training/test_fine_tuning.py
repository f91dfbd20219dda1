"""What a run leaves behind, what it refuses, and what it learns from."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from alumbench.adversary import Perturbation
from alumbench.data import Source, Task, data_hash, load_task, miniature
from alumbench.errors import AlumbenchError
from alumbench.methods.standard import Standard
from alumbench.parsing import read_json
from alumbench.storage import sha256_of
from alumbench.training.curriculum import Curriculum
from alumbench.training.fine_tuning import _cut, fine_tune, load_data
from alumbench.training.request import FineTuning

Make = Callable[..., FineTuning]


def quiet(line: str) -> None:
    """Takes a line of progress and drops it."""


@pytest.fixture(scope="module")
def finished(small_request: Make, tmp_path_factory: pytest.TempPathFactory) -> tuple[FineTuning, Path]:
    request = small_request(method="alum", parameters={"epsilon": 0.1}, epochs=2.0, seed=7)
    out = tmp_path_factory.mktemp("finished") / "run"
    fine_tune(request, out, quiet)
    return request, out


def test_the_fixtures_learned_their_tasks(checkpoint: Path, pair_checkpoint: Path) -> None:
    for folder in (checkpoint, pair_checkpoint):
        assert read_json(folder / "training.json")["dev"][-1]["accuracy"] > 0.8


def test_training_json_says_how_the_checkpoint_came_to_be(finished: tuple[FineTuning, Path]) -> None:
    request, out = finished
    record = read_json(out / "training.json")
    train, dev, _ = load_data(request, quiet)
    assert record["method"]["name"] == "alum"
    assert record["method"]["parameters"]["epsilon"] == 0.1
    assert record["method"]["parameters"]["alpha"] == 1.0, "defaults are recorded too"
    assert Task.from_dict(record["task"]) == request.task
    assert record["model"]["weights_sha256"] == sha256_of(Path(request.model) / "model.safetensors")
    kept = {"truncated": 0}
    assert (
        record["data"]["train"] | {"sources": 0}
        == {
            "examples": 96,
            "sha256": data_hash(train),
            "sources": 0,
        }
        | kept
    )
    assert (
        record["data"]["dev"]
        == {
            "examples": 64,
            "sha256": data_hash(dev),
            "sources": [{"from": "held-out"}],
        }
        | kept
    )
    assert record["reading"] == {"padding": "[PAD]", "notes": []}
    assert record["training_seed"] == 7
    assert record["settings"]["steps"] == 24
    assert [entry["epoch"] for entry in record["dev"]] == [1.0, 2.0]
    assert all(0 <= entry["accuracy"] <= 1 and entry["loss"] > 0 for entry in record["dev"])
    assert all({"loss", "loss_task", "loss_regularizer"} <= set(entry) for entry in record["loss"])
    assert record["seconds"] > 0
    assert record["device"].startswith("cpu (")
    # a CUDA build calls itself 2.14.1+cu130, and its package 2.14.1
    assert record["versions"]["torch"] in {torch.__version__, torch.__version__.partition("+")[0]}
    assert not (out / "trainer").exists(), "intermediate checkpoints are cleared away"


def test_the_checkpoint_is_plain_transformers(finished: tuple[FineTuning, Path]) -> None:
    _, out = finished
    model, tokenizer = AutoModelForSequenceClassification.from_pretrained(out), AutoTokenizer.from_pretrained(out)
    assert model.config.id2label == {0: "negative", 1: "positive"}
    assert model.config.label2id == {"negative": 0, "positive": 1}
    assert model(**tokenizer("the film was good .", return_tensors="pt")).logits.shape == (1, 2)
    assert tokenizer.model_max_length == 64
    assert {path.suffix for path in out.iterdir()}.isdisjoint({".bin", ".pt", ".pth"})


def test_the_same_request_again_does_nothing(finished: tuple[FineTuning, Path]) -> None:
    request, out = finished
    before, lines = {path: path.stat().st_mtime_ns for path in out.iterdir()}, []
    assert fine_tune(request, out, lines.append) == read_json(out / "training.json")
    assert {path: path.stat().st_mtime_ns for path in out.iterdir()} == before
    assert "finished already" in lines[0]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"task": load_task("mini-nli")}, "task"),
        ({"model": "another"}, "model"),
        ({"method": "standard", "parameters": {}}, "method"),
        ({"parameters": {"epsilon": 0.2}}, "parameters"),
        ({"seed": 8}, "training seed"),
        ({"train_size": 95}, "train size"),
        ({"label_noise": 0.1}, "label noise"),
        ({"held_out": 63}, "held out"),
        ({"epochs": 3.0}, "epochs"),
        ({"batch_size": 16}, "batch size"),
        ({"lr": 2e-3}, "lr"),
        ({"max_length": 32}, "max length"),
        ({"precision": "bf16"}, "precision"),
        ({"trainer": {"max_steps": 2}}, "trainer"),
        ({"schedule": Curriculum(after=0.5)}, "schedule"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_another_request_into_the_same_folder_is_refused(
    finished: tuple[FineTuning, Path], change: dict[str, Any], field: str
) -> None:
    request, out = finished
    with pytest.raises(AlumbenchError, match=f"holds a run that differs in {field} .* give another --out"):
        fine_tune(replace(request, **change), out, quiet)


def test_a_folder_with_something_else_in_it_is_refused(small_request: Make, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(AlumbenchError, match="not empty and not a training run"):
        fine_tune(small_request(), tmp_path, quiet)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_loss_that_turns_nan_stops_the_run_and_keeps_the_checkpoint_before(
    small_request: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = Standard.loss

    def turns(self: Standard, model: Any, batch: Any, step: Any) -> Any:
        loss = plain(self, model, batch, step)
        return replace(loss, total=loss.total * float("nan")) if step.number == 13 else loss

    monkeypatch.setattr(Standard, "loss", turns)
    with pytest.raises(AlumbenchError, match="the loss is not finite since step 13 of 24"):
        fine_tune(small_request(epochs=2.0), tmp_path / "out", quiet)
    kept = list((tmp_path / "out" / "trainer").glob("checkpoint-*"))
    assert [path.name for path in kept] == ["checkpoint-10"]
    assert all(tensor.isfinite().all() for tensor in load_file(kept[0] / "model.safetensors").values())
    assert not (tmp_path / "out" / "training.json").exists()


@pytest.mark.parametrize(
    ("method", "parameters"),
    [("alum", {}), ("alum", {"direction": "label", "num_steps": 2}), ("fgm", {})],
    ids=["fisher", "label", "fgm"],
)
def test_a_gradient_that_turns_nan_in_the_ascent_stops_the_run_and_is_named(
    small_request: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, parameters: dict[str, Any]
) -> None:
    plain = Perturbation.zero

    def turns(self: Perturbation) -> torch.Tensor:
        delta = plain(self)
        if self._step == 13:
            delta.register_hook(lambda gradient: gradient * float("nan"))
        return delta

    monkeypatch.setattr(Perturbation, "zero", turns)
    with pytest.raises(AlumbenchError, match="gradient of the inner ascent is not finite since step 13 of 24"):
        fine_tune(small_request(epochs=2.0, method=method, parameters=parameters), tmp_path / "out", quiet)
    kept = list((tmp_path / "out" / "trainer").glob("checkpoint-*"))
    assert [path.name for path in kept] == ["checkpoint-10"]
    assert all(tensor.isfinite().all() for tensor in load_file(kept[0] / "model.safetensors").values())
    assert not (tmp_path / "out" / "model.safetensors").exists()


@pytest.mark.parametrize("trainer", [{}, {"logging_steps": 1000, "save_strategy": "no"}], ids=["plain", "unlogged"])
def test_an_absurd_learning_rate_ends_in_an_error_not_in_a_checkpoint(
    small_request: Make, tmp_path: Path, trainer: dict[str, Any]
) -> None:
    with pytest.raises(AlumbenchError, match=r"the loss is not finite since step \d+ of 12"):
        fine_tune(small_request(lr=1e20, trainer=trainer), tmp_path / "out", quiet)
    assert not (tmp_path / "out" / "model.safetensors").exists()


def test_regression_reports_its_correlations(tiny_model: Path, tmp_path: Path) -> None:
    rows = miniature.rows("sentiment/train")
    for name, part in (("train", slice(0, 96)), ("dev", slice(96, 160))):
        with (tmp_path / f"{name}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["sentence", "length"])
            writer.writerows((text, len(text.split()) / 10) for text in rows["sentence"][part])
    sources = {name: (Source(file=str(tmp_path / f"{name}.csv"), label_column="length"),) for name in ("train", "dev")}
    task = Task("length", "how long", ("sentence",), metrics=("pearson", "spearman"), **sources)
    request = FineTuning(task, str(tiny_model), epochs=4.0, batch_size=8, lr=3e-3, device="cpu")
    for method in ("standard", "alum"):
        record = fine_tune(replace(request, method=method), tmp_path / method, quiet)
        assert set(record["dev"][-1]) == {"epoch", "loss", "pearson", "spearman"}
        assert record["dev"][-1]["pearson"] > 0.5
        assert record["dev"][-1]["spearman"] > 0.5
        config = read_json(tmp_path / method / "config.json")
        assert config["problem_type"] == "regression"
        assert config["id2label"] == {"0": "score"}


@pytest.mark.parametrize("train_size", [0, 96, 1000])
def test_held_out_examples_come_from_the_training_set_and_are_not_trained_on(
    small_request: Make, train_size: int
) -> None:
    train, dev, data = load_data(small_request(train_size=train_size, held_out=200), quiet)
    table = load_data(small_request(train_size=0, held_out=0), quiet)[0]
    assert len(dev) == 200
    assert len(train) == (train_size or 2200)
    assert {example.id for example in train}.isdisjoint(example.id for example in dev)
    assert {*train, *dev} <= {*table}
    assert data["shared_by_train_and_dev"] == 0
    assert dev == load_data(small_request(train_size=5, held_out=200), quiet)[1], "the same for every --train-size"


def test_the_training_subset_does_not_depend_on_the_seed(small_request: Make) -> None:
    assert load_data(small_request(seed=1), quiet)[0] == load_data(small_request(seed=2), quiet)[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train_size": 2400, "held_out": 1}, "2400 training examples, 2401 are needed for"),
        ({"task": Task("t", "", ("a",), ("x", "y"))}, "no table is named for this split"),
        ({"model": "nobody/nothing"}, "model 'nobody/nothing': no such folder, and the hub request failed"),
        ({"method": "alumm"}, r"unknown method 'alumm'. Did you mean 'alum'\?"),
        ({"precision": "fp8"}, "unknown precision 'fp8'"),
        ({"trainer": {"warmup_step": 1}}, r"unknown TrainingArguments field 'warmup_step'. Did you mean 'warmup_st"),
        ({"trainer": {"learning_rate": 1}}, "--trainer learning_rate: this one has its own option"),
        ({"trainer": {"lr_scheduler_type": "zigzag"}}, "--trainer lr_scheduler_type=.zigzag.: expected one of"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_cannot_be_run_is_refused_and_leaves_the_folder_free_for_a_mended_request(
    small_request: Make, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(AlumbenchError, match=message):
        fine_tune(small_request(**change), tmp_path / "out", quiet)
    mended = small_request(trainer={"max_steps": 1})
    assert fine_tune(mended, tmp_path / "out", quiet)["settings"]["steps"] == 1


def test_texts_that_are_cut_are_counted(finished: tuple[FineTuning, Path]) -> None:
    tokenizer, examples, said = AutoTokenizer.from_pretrained(finished[1]), load_data(finished[0], quiet)[0], []
    lengths = [len(tokenizer(*example.texts)["input_ids"]) for example in examples]
    for limit in (min(lengths), 12, max(lengths)):
        assert _cut("train", examples, tokenizer, limit, said.append) == sum(length > limit for length in lengths)
    assert len(said) == 2 and "--max-length" in said[0]
    assert 0 < sum(length > 12 for length in lengths) < len(lengths)

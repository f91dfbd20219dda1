"""Pre-training: what it learns, what it leaves, and what it refuses."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoModelForMaskedLM, AutoTokenizer

from alumbench.errors import AlumbenchError
from alumbench.methods import method_names
from alumbench.methods.standard import Standard
from alumbench.models.checkpoint import checkpoint_task, find_model
from alumbench.parsing import read_json
from alumbench.pretraining.corpus import named_corpus
from alumbench.pretraining.masked_lm import FAMILIES, SIZES, Architecture
from alumbench.pretraining.masked_trainer import MaskedTrainer
from alumbench.pretraining.packing import pack
from alumbench.pretraining.pretrain import parameters_for_pretraining, pretrain
from alumbench.pretraining.tokenizer import learn_tokenizer
from alumbench.training.fine_tuning import fine_tune
from tests.pretraining.conftest import Make, killable, quiet


def test_a_masked_lm_learns_more_than_frequencies(make: Make, tmp_path: Path) -> None:
    words = ["ace", "bit", "cup", "dog", "elm", "fig", "gum", "hat"]
    texts = [" ".join(words[(start + at) % 8] for at in range(8)) for start in range(8)] * 60
    (tmp_path / "rounds.txt").write_text("\n\n".join(texts))
    learn_tokenizer("word-piece", texts, 47).save_pretrained(tmp_path / "tokenizer")
    asked = {"corpora": (named_corpus(str(tmp_path / "rounds.txt")),), "tokenizer": str(tmp_path / "tokenizer")}
    record = pretrain(make(**asked, steps=60, lr=1e-2, max_length=20), tmp_path / "out", quiet)
    first, last = record["dev"][0], record["dev"][-1]
    assert (first["step"], last["step"]) == (6, 60)
    assert last["loss"] < math.log(8) - 0.4 < first["loss"], "all words are equally frequent"
    assert last["accuracy"] > 1 / 8
    assert all(entry["perplexity"] == pytest.approx(math.exp(entry["loss"])) for entry in record["dev"])


def test_the_record_says_how_the_checkpoint_came_to_be(make: Make, unbroken: dict[str, Path]) -> None:
    record, request = read_json(unbroken["alum"] / "pretraining.json"), killable(make, "alum")
    tokenizer = AutoTokenizer.from_pretrained(request.tokenizer)
    blocks, corpus = pack(request.corpora, tokenizer, request.max_length, quiet)
    assert record["task"] == "masked-lm"
    assert record["model"] == {"family": "bert", "layers": 2, "hidden": 32, "heads": 2}
    assert record["method"]["name"] == "alum"
    assert record["method"]["parameters"]["alpha"] == 10
    assert record["schedule"] == {"after": 0.5, "every": 1, "fraction": 1.0}
    assert record["corpus"]["sha256"] == blocks.sha256() == corpus["sha256"]
    assert record["corpus"]["train_blocks"] + record["corpus"]["dev_blocks"] == len(blocks)
    settings = record["settings"]
    assert (settings["steps"], settings["warmup"], settings["decay"]) == (24, 2, "polynomial")
    assert (settings["mask_rate_start"], settings["mask_rate"]) == (0.3, 0.1)
    assert record["tokens_seen"] < 24 * 8 * 24, "the first epoch's last step is smaller"
    assert record["embedding_norm"]["before"] != record["embedding_norm"]["after"]
    assert record["tokens_per_second"] > 0 and record["seconds"] > 0 and record["device"].startswith("cpu (")
    assert [entry["step"] for entry in record["dev"]] == [*range(2, 25, 2)]
    assert ["loss_regularizer" in entry for entry in record["loss"]] == [False] * 6 + [True] * 6, "standard, then alum"
    assert not (unbroken["alum"] / "trainer").exists()


def test_the_checkpoint_is_a_plain_masked_lm(unbroken: dict[str, Path]) -> None:
    model, found = AutoModelForMaskedLM.from_pretrained(unbroken["standard"], output_loading_info=True)
    assert not found["missing_keys"] and not found["unexpected_keys"]
    tokenizer = AutoTokenizer.from_pretrained(unbroken["standard"])
    assert tokenizer.model_max_length == 24
    inputs = tokenizer("the film was [MASK] good .", return_tensors="pt")
    assert model(**inputs).logits.shape == (1, inputs["input_ids"].shape[1], 200)


@pytest.mark.parametrize("task", ["mini-sentiment", "mini-nli"])
def test_it_is_fine_tuned_by_the_same_tool(
    unbroken: dict[str, Path], small_request: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str], task: str
) -> None:
    from alumbench.data import load_task

    asked = small_request(model=str(unbroken["alum"]), max_length=24, task=load_task(task))
    record = fine_tune(asked, tmp_path / "out", quiet)
    assert record["model"]["weights_sha256"] == find_model(str(unbroken["alum"])).weights_sha256()
    assert "newly initialized" not in capfd.readouterr().err


def test_it_is_not_taken_for_a_trained_classifier(unbroken: dict[str, Path]) -> None:
    files = find_model(str(unbroken["standard"]))
    assert files.weights_sha256()
    with pytest.raises(AlumbenchError, match="no training.json, so its task is unknown"):
        checkpoint_task(files)


def test_pretraining_goes_on_from_a_checkpoint(make: Make, unbroken: dict[str, Path], tmp_path: Path) -> None:
    start = str(unbroken["standard"])
    lines: list[str] = []
    further = make(model=start, architecture=None, tokenizer="", steps=40, held_out=0.75)
    record = pretrain(further, tmp_path / "out", lines.append)
    assert record["model"]["weights_sha256"] == find_model(start).weights_sha256()
    assert record["dev"][-1]["loss"] < read_json(unbroken["standard"] / "pretraining.json")["dev"][-1]["loss"]
    assert not any("no complete masked-LM head" in line for line in lines)


def test_an_encoder_without_the_head_gets_one_and_that_is_said(make: Make, tiny_model: Path, tmp_path: Path) -> None:
    lines: list[str] = []
    asked = make(model=str(tiny_model), architecture=None, tokenizer="", steps=1)
    pretrain(asked, tmp_path / "out", lines.append)
    assert any("no complete masked-LM head" in line for line in lines)


@pytest.mark.parametrize("method", sorted({*method_names()} - {"a2t", "r4f", "standard", "alum"}))
def test_every_method_pre_trains(make: Make, tmp_path: Path, method: str) -> None:
    record = pretrain(make(method=method, steps=2), tmp_path / "out", quiet)
    assert record["loss"][-1]["loss"] < 20
    AutoModelForMaskedLM.from_pretrained(tmp_path / "out")


def test_alpha_is_ten_where_it_is_not_set(make: Make) -> None:
    lines: list[str] = []
    assert parameters_for_pretraining(make(method="alum"), lines.append) == {"alpha": 10.0}
    assert "note: alpha is 10" in lines[0]
    assert parameters_for_pretraining(make(method="alum", parameters={"alpha": 1}), lines.append) == {"alpha": 1}
    assert parameters_for_pretraining(make(), lines.append) == {}
    assert len(lines) == 1


def test_the_mask_rate_goes_evenly_from_start_to_end(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, counts, dev = make(steps=9, mask_rate_start=0.5, mask_rate=0.1, accumulation=2), [], set()
    plain = Standard.loss

    def noted(self: Standard, model: Any, batch: Any, step: Any) -> Any:
        assert batch["input_ids"].shape[1] == 24
        counts.append((step.number, batch["positions"].shape[1]))
        return plain(self, model, batch, step)

    monkeypatch.setattr(Standard, "loss", noted)
    predicted = MaskedTrainer.prediction_step

    def also_noted(self: MaskedTrainer, *args: Any, **kwargs: Any) -> Any:
        loss, logits, labels = predicted(self, *args, **kwargs)
        dev.add(labels.shape[1])
        return loss, logits, labels

    monkeypatch.setattr(MaskedTrainer, "prediction_step", also_noted)
    pretrain(asked, tmp_path / "out", quiet)
    expected = [round((0.5 - 0.4 * step / 8) * 22) for step in range(9)]
    assert counts == [(step, expected[step]) for step in range(9) for _ in range(2)]
    assert dev == {2}, "dev figures at the last rate alone"
    assert make(mask_rate=0.2).rate(3, 10) == 0.2


def test_accumulated_batches_hold_what_one_batch_holds(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, int, tuple[int, ...], tuple[int, ...]]] = []
    plain = Standard.loss

    def noted(self: Standard, model: Any, batch: Any, step: Any) -> Any:
        rows = zip(step.examples, batch["positions"].tolist(), batch["input_ids"].tolist(), strict=True)
        seen.extend((step.number, example, tuple(at), tuple(ids)) for example, at, ids in rows)
        return plain(self, model, batch, step)

    monkeypatch.setattr(Standard, "loss", noted)
    runs = []
    for name, size, accumulation in (("one", 8, 1), ("two", 4, 2), ("three", 2, 4)):
        record = pretrain(make(batch_size=size, accumulation=accumulation, steps=6), tmp_path / name, quiet)
        assert record["tokens_seen"] == 6 * 8 * 24
        runs.append(sorted(seen))
        seen.clear()
    assert runs[0] == runs[1] == runs[2]
    assert len({example for _, example, *_ in runs[0]}) == 48


def test_an_absurd_learning_rate_ends_in_an_error_not_in_a_checkpoint(make: Make, tmp_path: Path) -> None:
    with pytest.raises(AlumbenchError, match=r"the loss is not finite since step \d+ of 24"):
        pretrain(make(lr=1e30, warmup=0), tmp_path / "out", quiet)
    assert not (tmp_path / "out" / "model.safetensors").exists()


@pytest.mark.parametrize("name", [f"{family}-{size}" for family in FAMILIES for size in ("tiny", "mini")])
def test_architectures_take_the_tokenizer_and_the_whole_length(name: str, tokenizer_folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder)
    family, size = name.split("-")
    model = Architecture.named(name).make(tokenizer, 30)
    layers, hidden, heads = SIZES[size]
    config = model.config
    assert (config.model_type, config.num_hidden_layers, config.hidden_size) == (family, layers, hidden)
    assert (config.num_attention_heads, config.intermediate_size) == (heads, 4 * hidden)
    assert (config.vocab_size, config.pad_token_id) == (200, tokenizer.pad_token_id)
    pair = tokenizer("the film " * 8, "was good " * 8, truncation=True, max_length=30, return_tensors="pt")
    assert model(**pair).logits.shape == (1, 30, 200)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": "m"}, "give --model to continue from a checkpoint, or --config"),
        ({"architecture": None}, "give --model to continue from a checkpoint, or --config"),
        ({"tokenizer": ""}, "--config takes --tokenizer FOLDER"),
        ({"corpora": ()}, "no corpus: give --corpus"),
        ({"mask_rate": 0.0}, "--mask-rate 0: nothing would be learned"),
        ({"mask_rate_start": 1.0}, "--mask-rate-start 1: must be from 0 to below 1"),
        ({"held_out": 1.0}, "--held-out 1: must be"),
        ({"decay": "zigzag"}, "--decay zigzag: give one of linear"),
        ({"max_length": 4}, "--max-length 4: too short"),
        ({"max_length": 100_000}, "less than one block of 100000"),
        ({"tokenizer": "nowhere"}, "nowhere: no tokenizer_config.json"),
        ({"method": "alumm"}, "unknown method 'alumm'"),
        ({"method": "r4f"}, "--method r4f: .*; use it in 'alumbench train'"),
        ({"trainer": {"warmup_steps": 3}}, "--trainer warmup_steps: this one has its own option"),
        ({"trainer": {"warmup_step": 3}}, "unknown TrainingArguments field 'warmup_step'"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_what_cannot_be_run_is_refused(make: Make, tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(AlumbenchError, match=message):
        pretrain(make(**change), tmp_path / "out", quiet)
    assert not (tmp_path / "out" / "request.json").exists()


def test_unknown_and_impossible_sizes_are_refused() -> None:
    with pytest.raises(AlumbenchError, match="unknown --config 'bert-tinny'. Did you mean 'bert-tiny'"):
        Architecture.named("bert-tinny")
    with pytest.raises(AlumbenchError, match="--hidden 33 cannot be divided among 2 heads"):
        Architecture.named("bert-tiny", hidden=33)


def test_a_checkpoint_shorter_than_the_blocks_is_refused(make: Make, unbroken: dict[str, Path], tmp_path: Path) -> None:
    asked = make(model=str(unbroken["standard"]), architecture=None, tokenizer="", max_length=32)
    with pytest.raises(AlumbenchError, match="--max-length 32: .* takes 24 tokens; give that or less"):
        pretrain(asked, tmp_path / "out", quiet)

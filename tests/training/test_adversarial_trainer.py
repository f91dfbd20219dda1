"""`AdversarialTrainer`: the Trainer with `standard`, bit for bit, and with any method all that the Trainer does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from torch import nn
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    set_seed,
)

from alumbench.adversary import example_noise
from alumbench.data import miniature
from alumbench.errors import AlumbenchError
from alumbench.methods import make_method, method_names
from alumbench.methods.alum import Alum
from alumbench.training.adversarial_trainer import AdversarialTrainer, Diverged
from alumbench.training.curriculum import Curriculum
from tests.adversary.families import FAMILIES

Parts = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def tokenizer(tiny_model: Path) -> Any:
    return AutoTokenizer.from_pretrained(tiny_model)


@pytest.fixture(scope="module")
def rows(tokenizer: Any) -> Dataset:
    table = miniature.rows("sentiment/train")
    encoded = tokenizer(table["sentence"][:48])
    return Dataset.from_dict({**encoded, "labels": [int(label == "positive") for label in table["label"][:48]]})


@pytest.fixture
def parts(tiny_model: Path, tokenizer: Any, rows: Dataset, tmp_path: Path) -> Parts:
    """What any Trainer takes: six steps of eight rows; keywords are further `TrainingArguments`."""

    def make(dropout: float = 0.1, **changes: Any) -> dict[str, Any]:
        values = {"max_steps": 6, "per_device_train_batch_size": 8, "use_cpu": True, "report_to": [], "seed": 3}
        values |= {"save_strategy": "no", "learning_rate": 1e-3, "disable_tqdm": True, "logging_steps": 2}
        set_seed(0)
        off = {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": dropout}
        model = AutoModelForSequenceClassification.from_pretrained(tiny_model, num_labels=2, **off)
        arguments = TrainingArguments(str(tmp_path / "trainer"), **(values | changes))
        return {
            "model": model,
            "args": arguments,
            "train_dataset": rows,
            "eval_dataset": rows.select(range(16)),
            "processing_class": tokenizer,
        }

    return make


def weights(trainer: Trainer) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in trainer.model.state_dict().items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def figures(trainer: Trainer) -> list[dict[str, float]]:
    timed = ("runtime", "per_second")
    return [{k: v for k, v in entry.items() if not k.endswith(timed)} for entry in trainer.state.log_history]


@pytest.mark.parametrize(
    "changes",
    [
        {"eval_strategy": "steps", "eval_steps": 3},
        {"gradient_accumulation_steps": 2, "label_smoothing_factor": 0.1, "lr_scheduler_type": "cosine"},
        {"bf16": True},
    ],
    ids=["evaluation", "accumulation", "bf16"],
)
def test_with_standard_it_is_the_trainer_bit_for_bit(parts: Parts, changes: dict[str, Any]) -> None:
    plain = Trainer(**parts(**changes))
    plain.train()
    ours = AdversarialTrainer(method=make_method("standard", {}), **parts(**changes))
    ours.train()
    assert same(weights(plain), weights(ours))
    assert figures(plain) == figures(ours)
    assert plain.evaluate()["eval_loss"] == ours.evaluate()["eval_loss"]


def test_a_decoder_with_accumulation_too(tmp_path: Path) -> None:
    """Its forward takes `num_items_in_batch`, by which the Trainer scales."""
    ids = torch.randint(3, 40, (16, 6), generator=torch.Generator().manual_seed(1)).tolist()
    rows = Dataset.from_dict({"input_ids": ids, "attention_mask": [[1] * 6] * 16, "labels": [0, 1] * 8})
    found = []
    for make in (Trainer, lambda **parts: AdversarialTrainer(method=make_method("standard", {}), **parts)):
        model = next(family for family in FAMILIES if family.type == "llama").make()
        values = {"gradient_accumulation_steps": 2, "max_steps": 3, "use_cpu": True, "report_to": []}
        arguments = TrainingArguments(str(tmp_path), save_strategy="no", disable_tqdm=True, **values)
        trainer = make(model=model, args=arguments, train_dataset=rows)
        trainer.train()
        found.append(weights(trainer))
    assert same(*found)


def test_alpha_0_is_the_trainer_bit_for_bit(parts: Parts) -> None:
    plain = Trainer(**parts())
    plain.train()
    ours = AdversarialTrainer(method=Alum(alpha=0.0), **parts())
    ours.train()
    assert same(weights(plain), weights(ours))


@pytest.mark.parametrize("name", sorted({*method_names()} - {"a2t", "standard"}))
def test_every_method_trains_evaluates_and_leaves_a_plain_model(parts: Parts, name: str) -> None:
    given = parts(max_steps=2, eval_strategy="steps", eval_steps=2, logging_steps=1)
    before, plain = (
        {n: p.detach().clone() for n, p in given["model"].named_parameters()},
        set(given["model"].state_dict()),
    )
    trainer = AdversarialTrainer(method=make_method(name, {}), **given)
    trainer.train()
    assert set(trainer.model.state_dict()) == plain
    assert any(not torch.equal(p, before[n]) for n, p in trainer.model.named_parameters())
    entries = [entry for entry in trainer.state.log_history if "loss" in entry]
    assert len(entries) == 2 and all(entry["embedding_norm"] > 0 for entry in entries)
    assert trainer.state.log_history[-2]["eval_loss"] > 0
    if name == "alum":
        assert all({"loss_task", "loss_regularizer"} <= set(entry) for entry in entries)


def test_a_method_that_makes_its_own_data_says_so(parts: Parts) -> None:
    with pytest.raises(AlumbenchError, match="method a2t: generates training texts .* use 'alumbench train'"):
        AdversarialTrainer(method=make_method("a2t", {}), **parts()).train()


class _Stop(TrainerCallback):
    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        control.should_training_stop = state.global_step == 3


@pytest.mark.parametrize(
    ("name", "values"), [("alum", {"direction": "vat"}), ("smart", {}), ("tavat", {})], ids=["alum", "smart", "tavat"]
)
def test_a_resumed_run_is_the_unbroken_one(parts: Parts, tmp_path: Path, name: str, values: dict[str, Any]) -> None:
    saving = {"save_strategy": "steps", "save_steps": 3}
    whole = AdversarialTrainer(method=make_method(name, values), **parts(**saving))
    whole.train()
    halted = AdversarialTrainer(method=make_method(name, values), **parts(**saving), callbacks=[_Stop()])
    halted.train()
    resumed = AdversarialTrainer(method=make_method(name, values), **parts(**saving))
    resumed.train(resume_from_checkpoint=str(tmp_path / "trainer" / "checkpoint-3"))
    assert same(weights(whole), weights(resumed)) and not same(weights(halted), weights(resumed))


@pytest.mark.parametrize("direction", ["fisher", "vat"])
def test_four_times_two_accumulated_is_a_batch_of_eight(parts: Parts, direction: str) -> None:
    """Noise too: a row's place in the step is the same."""
    found = []
    for size, accumulated in ((8, 1), (2, 4)):
        changes = {"per_device_train_batch_size": size, "gradient_accumulation_steps": accumulated}
        method = Alum(direction=direction, epsilon=0.2)
        trainer = AdversarialTrainer(method=method, **parts(dropout=0.0, optim="sgd", learning_rate=0.1, **changes))
        trainer.train()
        found.append(weights(trainer))
    for name, weight in found[0].items():
        torch.testing.assert_close(weight, found[1][name], rtol=1e-3, atol=2e-5)


def test_noise_follows_the_examples_numbers_where_batches_have_them(
    parts: Parts, monkeypatch: pytest.MonkeyPatch, rows: Dataset
) -> None:
    seen: list[list[int]] = []

    def spy(free: Any, hidden: Any, seed: int, step: int, examples: Any, draw: Any) -> Any:
        seen.append(list(examples))
        return example_noise(free, hidden, seed, step, examples, draw)

    monkeypatch.setattr("alumbench.adversary.perturbation.example_noise", spy)
    numbered = rows.add_column("example", list(range(100, 148)))
    for dataset, kept in ((rows, True), (numbered, False)):
        given = parts(max_steps=1, remove_unused_columns=kept) | {"train_dataset": dataset}
        AdversarialTrainer(method=Alum(direction="vat"), **given).train()
    assert seen[0] == list(range(8))
    assert len(set(seen[1])) == 8 and min(seen[1]) >= 100


def test_a_schedule_keeps_the_first_steps_standard(parts: Parts) -> None:
    trainer = AdversarialTrainer(method=Alum(), schedule=Curriculum(after=0.5), **parts(logging_steps=1))
    trainer.train()
    told = ["loss_regularizer" in entry for entry in trainer.state.log_history if "loss" in entry]
    assert told == [False] * 3 + [True] * 3


def test_a_model_init_gets_what_the_method_keeps_beside_it(parts: Parts) -> None:
    given = parts(max_steps=1)
    model = given.pop("model")
    trainer = AdversarialTrainer(method=make_method("smart", {}), model_init=lambda: model, **given)
    trainer.train()
    assert not any("teacher" in name for name in trainer.model.state_dict())


def test_lora_trains_resumes_and_leaves_an_adapter(parts: Parts, tmp_path: Path) -> None:
    peft = pytest.importorskip("peft")

    def given(**changes: Any) -> dict[str, Any]:
        found = parts(save_strategy="steps", save_steps=3, **changes)
        config = peft.LoraConfig(task_type="SEQ_CLS", r=2, target_modules=["query", "value"])
        found["base"] = found["model"]
        set_seed(1)
        return found | {"model": peft.get_peft_model(found["model"], config)}

    def trained(resume: str | None = None, **more: Any) -> AdversarialTrainer:
        made = given()
        made.pop("base")
        before = {n: p.detach().clone() for n, p in made["model"].named_parameters()}
        trainer = AdversarialTrainer(method=Alum(), **made, **more)
        trainer.train(resume_from_checkpoint=resume)
        changed = {n for n, p in trainer.model.named_parameters() if not torch.equal(p, before[n])}
        assert changed and all("lora_" in n or "modules_to_save" in n for n in changed)
        return trainer

    whole = trained()
    trained(callbacks=[_Stop()])
    resumed = trained(str(tmp_path / "trainer" / "checkpoint-3"))
    assert same(weights(whole), weights(resumed))
    resumed.save_model(str(tmp_path / "adapter"))
    assert (tmp_path / "adapter" / "adapter_model.safetensors").exists()
    assert not (tmp_path / "adapter" / "model.safetensors").exists()


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "smoothing": ({"label_smoothing_factor": 0.1}, "use the method label-smoothing"),
    "neftune": ({"neftune_noise_alpha": 5.0}, "use the method noise"),
    "reentrant": ({"gradient_checkpointing": True}, 'give {"use_reentrant": False}'),
    "compile": ({"torch_compile": True}, "compiled=True"),
}


@pytest.mark.parametrize(("changes", "reason"), REFUSED.values(), ids=REFUSED)
def test_arguments_that_would_go_wrong_are_refused(parts: Parts, changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(AlumbenchError) as caught:
        AdversarialTrainer(method=Alum(), **parts(**changes))
    assert reason in str(caught.value)


def test_several_gpus_in_one_process_are_refused(parts: Parts) -> None:
    given = parts()
    given["args"]._n_gpu = 2
    with pytest.raises(AlumbenchError, match=r"use one GPU \(CUDA_VISIBLE_DEVICES=0\), or one process a GPU"):
        AdversarialTrainer(method=Alum(), **given)


def test_a_loss_of_one_s_own_is_refused(parts: Parts) -> None:
    with pytest.raises(AlumbenchError, match="compute_loss_func: the method owns the loss"):
        AdversarialTrainer(method=Alum(), compute_loss_func=lambda *a, **k: None, **parts())


def test_without_a_tokenizer_special_tokens_are_not_known(parts: Parts) -> None:
    given = parts()
    del given["processing_class"]
    with pytest.raises(AlumbenchError, match="give processing_class=tokenizer"):
        AdversarialTrainer(method=Alum(), **given)
    AdversarialTrainer(method=Alum(perturb_special_tokens=True), **given)


def test_a_run_that_diverges_stops(parts: Parts) -> None:
    given = parts(logging_steps=1)
    nn.init.constant_(given["model"].classifier.bias, float("nan"))
    with pytest.raises(Diverged, match="not finite since step 0 of 6; stopped"):
        AdversarialTrainer(method=Alum(), **given).train()

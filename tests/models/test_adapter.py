"""PEFT adapters: merged into the base that they name, held to the rules of any checkpoint."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from alumbench.attacks.victim import Victim
from alumbench.data import load_task
from alumbench.errors import AlumbenchError
from alumbench.models import from_pretrained
from alumbench.models.checkpoint import find_model
from alumbench.models.checkpoint.identity import configuration

LABELS = ("neutral", "entailment", "contradiction")
TEXTS = [("the film was good .", "it was bad"), ("dull", "fine , although nobody said so"), ("bad", "")]
NLI = load_task("mini-nli")


@pytest.fixture
def copy(lora: Path, tmp_path: Path) -> Callable[..., Path]:
    """A copy of the adapter with some of its configuration changed."""

    def make(**changes: object) -> Path:
        folder = tmp_path / "copy"
        shutil.copytree(lora, folder, dirs_exist_ok=True)
        values = json.loads((folder / "adapter_config.json").read_text()) | changes
        (folder / "adapter_config.json").write_text(json.dumps(values))
        return folder

    return make


def victim(folder: Path, labels: tuple[str, ...] = LABELS) -> Victim:
    return Victim(find_model(str(folder), adapters=True), NLI, "cpu", labels)


def test_its_scores_are_those_of_peft_alone(lora: Path, tiny_model: Path) -> None:
    import peft
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model = AutoModelForSequenceClassification.from_pretrained(tiny_model, num_labels=3)
    adapted = peft.PeftModel.from_pretrained(model, lora).eval()
    tokenizer = AutoTokenizer.from_pretrained(lora)
    with torch.inference_mode():
        rows = [adapted(**tokenizer(*([part] for part in text), return_tensors="pt")).logits[0] for text in TEXTS]
    own = torch.stack(rows)[:, [LABELS.index(label) for label in NLI.labels]]
    found = victim(lora).scores(TEXTS)
    assert torch.allclose(found, own, rtol=0, atol=1e-5) and found.std() > 0.001
    base = AutoModelForSequenceClassification.from_pretrained(tiny_model, num_labels=3)
    assert not torch.allclose(base(**tokenizer(*TEXTS[0], return_tensors="pt")).logits, rows[0], atol=1e-3)
    classifier = from_pretrained(str(lora), labels=LABELS, device="cpu")
    assert torch.allclose(classifier.predict(TEXTS)[:, [LABELS.index(label) for label in NLI.labels]], found, atol=1e-5)
    assert classifier.identity.kind == "peft" and classifier.gradient(TEXTS[:1], [[(0, 4, 8)]])[0].abs().max() > 0


def test_its_identity_covers_adapter_and_base(
    lora: Path, copy: Callable[..., Path], tiny_model: Path, tmp_path: Path
) -> None:
    files = find_model(str(lora), adapters=True)
    assert files.base is not None and files.base.path == tiny_model
    moved = find_model(str(copy()), adapters=True)
    assert moved.weights_sha256() == files.weights_sha256() and configuration(moved) == configuration(files)
    base = tmp_path / "base"
    shutil.copytree(tiny_model, base)
    weights = load_file(base / "model.safetensors")
    save_file({name: tensor + 1 for name, tensor in weights.items()}, base / "model.safetensors", {"format": "pt"})
    other = find_model(str(copy(base_model_name_or_path=str(base))), adapters=True)
    assert other.weights_sha256() != files.weights_sha256()
    assert configuration(find_model(str(copy(lora_alpha=3)), adapters=True)) != configuration(files)


def test_names_of_its_outputs_are_not_those_of_its_base(
    lora: Path, tiny_model: Path, copy: Callable[..., Path]
) -> None:
    with pytest.raises(AlumbenchError, match="no label names"):
        victim(lora, ())
    folder = copy()
    config = json.loads((tiny_model / "config.json").read_text())
    config |= {"id2label": dict(enumerate(LABELS)), "label2id": {name: at for at, name in enumerate(LABELS)}}
    (folder / "config.json").write_text(json.dumps(config))
    assert torch.equal(victim(folder, ()).scores(TEXTS), victim(lora).scores(TEXTS))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"peft_type": "PREFIX_TUNING"}, "peft_type is 'PREFIX_TUNING'"),
        ({"peft_type": None}, "peft_type is None"),
        ({"init_lora_weights": "pissa"}, "init_lora_weights is 'pissa', which changes the base"),
        ({"megatron_config": {"a": 1}}, "megatron_config is set"),
        ({"r": 8}, "lora_A.weight is 4×32 in the file and 8×32 in the model"),
        ({"r": 10**9}, "r must be 1 or more"),
        ({"target_modules": ["query"]}, "unexpected: .*value"),
        ({"target_modules": ["query", "value", "key"]}, "missing: .*key"),
        ({"target_modules": ["no such layer"]}, "no adapter can be made"),
        ({"base_model_name_or_path": None}, "base_model_name_or_path is missing"),
        ({"base_model_name_or_path": "/nowhere/at/all"}, "/nowhere/at/all"),
        ({"modules_to_save": None, "task_type": None}, "has 2 outputs"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused(copy: Callable[..., Path], changes: dict[str, object], message: str) -> None:
    with pytest.raises(AlumbenchError, match=message) as caught:
        victim(copy(**changes))
    assert "\n" not in str(caught.value)


def test_another_base_or_damaged_weights_are_refused(copy: Callable[..., Path], other_bert: Path) -> None:
    with pytest.raises(AlumbenchError, match="do not fit its adapter_config.json and the base"):
        victim(copy(base_model_name_or_path=str(other_bert)))
    folder = copy()
    weights = load_file(folder / "adapter_model.safetensors")
    name = next(iter(weights))
    save_file({**weights, name: weights[name] * torch.nan}, folder / "adapter_model.safetensors")
    with pytest.raises(AlumbenchError, match="not finite"):
        victim(folder)
    save_file({key: value for key, value in weights.items() if key != name}, folder / "adapter_model.safetensors")
    with pytest.raises(AlumbenchError, match="missing"):
        victim(folder)
    (folder / "adapter_model.safetensors").rename(folder / "adapter_model.bin")
    with pytest.raises(AlumbenchError, match="no .safetensors"):
        victim(folder)


def test_another_number_of_labels_is_refused(lora: Path) -> None:
    with pytest.raises(AlumbenchError, match="3×32 in the file and 2×32 in the model"):
        Victim(find_model(str(lora), adapters=True), load_task("mini-sentiment"), "cpu", ("negative", "positive"))


def test_without_peft_the_command_is_named(lora: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(AlumbenchError, match=r"pip install 'alumbench\[peft\]'"):
        victim(lora)


def test_elsewhere_an_adapter_is_refused_as_ever(lora: Path) -> None:
    with pytest.raises(AlumbenchError, match="a PEFT adapter without its base model"):
        find_model(str(lora))

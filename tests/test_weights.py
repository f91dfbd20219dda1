"""R22: a model's answers come from its own weights, all of them, or it is refused and the tensors are named."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoModelForMaskedLM, AutoModelForSequenceClassification, AutoTokenizer

from alumbench.attacks.victim import Victim
from alumbench.cli.verify import verify
from alumbench.data import load_task
from alumbench.errors import AlumbenchError
from alumbench.evaluation.document import EVALUATION
from alumbench.evaluation.suite import load_suite
from alumbench.models.checkpoint import find_model, load_classifier
from alumbench.models.checkpoint.loading import load_model
from tests.evaluation.conftest import run
from tests.test_checkpoints import change_json

Weights = dict[str, Tensor]
TEXTS = ["a good film", "the bad plot was not good at all", "dull"]
LAYER = "bert.encoder.layer.1."
LABELS = ("negative", "positive")


def without(part: str) -> Callable[[Weights], Weights]:
    return lambda weights: {name: value for name, value in weights.items() if part not in name}


def with_value(number: float) -> Callable[[Weights], Weights]:
    def change(weights: Weights) -> Weights:
        weights[f"{LAYER}output.dense.weight"][0, 0] = number
        return weights

    return change


def narrower(weights: Weights) -> Weights:
    name = f"{LAYER}output.dense.weight"
    return weights | {name: weights[name][:, :-1].contiguous()}


def three_outputs(weights: Weights) -> Weights:
    return {name: torch.cat([value, value[:1]]) if "classifier" in name else value for name, value in weights.items()}


def encoder_alone(weights: Weights) -> Weights:
    return {name.removeprefix("bert."): value for name, value in weights.items() if name.startswith("bert.")}


NO_HEAD = r"missing: classifier\.bias, classifier\.weight\. It has no trained head"
#: What is done to the weights, what is said of it, and whether it may be trained, its head alone being new.
UNFIT: dict[str, tuple[Callable[[Weights], Weights], str, bool]] = {
    "no-head": (
        without("classifier"),
        NO_HEAD,
        True,
    ),
    "no-pooler": (without("pooler"), r"missing: bert\.pooler\.dense\.bias, bert\.pooler\.dense\.weight\.", True),
    "plain-encoder": (
        encoder_alone,
        NO_HEAD,
        True,
    ),
    "other-outputs": (three_outputs, r"classifier\.weight is 3×32 in the file and 2×32 in the model", True),
    "no-layer": (without(LAYER), r"missing: bert\.encoder\.layer\.1\..* and \d+ more\. Its config.json and", False),
    "one-tensor": (
        without(f"{LAYER}output.dense.bias"),
        r"missing: bert\.encoder\.layer\.1\.output\.dense\.bias\.",
        False,
    ),
    "wrapped": (
        lambda weights: {f"module.{name}": value for name, value in weights.items()},
        r"missing: .* and \d+ more\. In the file all names begin with 'module\.'",
        False,
    ),
    "a-layer-more": (
        lambda weights: weights | {n.replace("layer.1", "layer.2"): v for n, v in weights.items() if LAYER in n},
        r"unexpected: bert\.encoder\.layer\.2\.",
        False,
    ),
    "other-shape": (narrower, r"layer\.1\.output\.dense\.weight is 32×\d+ in the file and 32×\d+ in the model", False),
    "nan": (
        with_value(torch.nan),
        r"not finite \(NaN or infinite\) in bert\.encoder\.layer\.1\.output\.dense\.w",
        False,
    ),
    "infinite": (with_value(torch.inf), r"not finite \(NaN or infinite\) in bert\.encoder\.layer\.1\.output", False),
}


def rewrite(folder: Path, change: Callable[[Weights], Weights]) -> Path:
    """Saves a checkpoint's weights anew in its own folder."""
    weights = change(load_file(folder / "model.safetensors"))
    save_file(
        {name: value.clone() for name, value in weights.items()},
        folder / "model.safetensors",
        metadata={"format": "pt"},
    )
    return folder


@pytest.fixture
def copy(checkpoint: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(checkpoint, tmp_path / "copy"))


def victim_of(folder: Path) -> Victim:
    return Victim(find_model(str(folder)), load_task("mini-sentiment"), "cpu")


@pytest.mark.parametrize("case", UNFIT)
def test_weights_that_do_not_fit_are_not_evaluated(copy: Path, case: str) -> None:
    change, message, _ = UNFIT[case]
    with pytest.raises(AlumbenchError, match=message) as refusal:
        victim_of(rewrite(copy, change))
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("case", UNFIT)
def test_only_a_head_may_be_new_in_training_and_it_is_said(copy: Path, case: str) -> None:
    change, message, may_be_trained = UNFIT[case]
    files, said = find_model(str(rewrite(copy, change))), list[str]()
    if may_be_trained:
        load_classifier(files, load_task("mini-sentiment"), said.append)
        assert len(said) == 1 and re.match(r"note: new head, randomly initialized: .*(classifier|pooler)", said[0])
    else:
        with pytest.raises(AlumbenchError, match=message):
            load_classifier(files, load_task("mini-sentiment"), said.append)
        assert not said


def test_a_whole_checkpoint_is_trained_on_without_a_word(checkpoint: Path) -> None:
    said: list[str] = []
    load_classifier(find_model(str(checkpoint)), load_task("mini-sentiment"), said.append)
    assert not said


def test_a_masked_language_model_needs_its_head(checkpoint: Path) -> None:
    with pytest.raises(AlumbenchError, match=r"missing: cls\.predictions\..* It has no trained head for this"):
        load_model(find_model(str(checkpoint)), AutoModelForMaskedLM, "masked language model")


def shards(folder: Path) -> None:
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    (folder / "model.safetensors").unlink()
    model.save_pretrained(folder, max_shard_size="20KB")
    assert len(list(folder.glob("*.safetensors"))) > 1


def halves(folder: Path) -> None:
    rewrite(folder, lambda weights: {name: value.half() for name, value in weights.items()})


def counts_positions(folder: Path) -> None:
    rewrite(folder, lambda weights: weights | {"bert.embeddings.position_ids": torch.arange(64)[None]})


@pytest.mark.parametrize("store", [shards, halves, counts_positions, lambda folder: None])
def test_other_ways_to_store_the_same_give_plain_transformers_answer(copy: Path, store: Callable[[Path], None]) -> None:
    store(copy)
    tokenizer = AutoTokenizer.from_pretrained(copy)
    model: Any = AutoModelForSequenceClassification.from_pretrained(copy, dtype=torch.float32).eval()
    with torch.no_grad():
        plain = torch.cat([model(**tokenizer(text, return_tensors="pt")).logits for text in TEXTS])
    names = [model.config.id2label[at] for at in range(2)]
    mine = victim_of(copy).scores([(text,) for text in TEXTS])[:, [LABELS.index(name) for name in names]]
    torch.testing.assert_close(mine, plain, rtol=0, atol=1e-5)


def test_tied_weights_are_stored_once(tiny_model: Path, tmp_path: Path) -> None:
    model: Any = AutoModelForMaskedLM.from_pretrained(tiny_model)
    folder = Path(shutil.copytree(tiny_model, tmp_path / "masked"))
    model.save_pretrained(folder)
    assert "cls.predictions.decoder.weight" not in load_file(folder / "model.safetensors")
    mine, new = load_model(find_model(str(folder)), AutoModelForMaskedLM, "masked language model")
    assert new == []
    torch.testing.assert_close(dict(mine.named_parameters()), dict(model.named_parameters()), rtol=0, atol=0)


@pytest.mark.parametrize("case", ["no-head", "wrapped", "nan"])
def test_verify_refuses_what_was_once_evaluated_with_random_weights(copy: Path, tmp_path: Path, case: str) -> None:
    run(copy, tmp_path / "out", load_suite("smoke"), only=("clean",))
    rewrite(copy, UNFIT[case][0])
    document = tmp_path / "out" / EVALUATION
    change_json(document, identity=json.loads(document.read_text())["identity"] | {"model": hash_of(copy)})
    command = [str(tmp_path / "out"), "--checkpoint", str(copy), "--device", "cpu"]
    refusal = CliRunner().invoke(verify, command).exception
    assert isinstance(refusal, AlumbenchError) and re.search(UNFIT[case][1], str(refusal))


def hash_of(folder: Path) -> str:
    return find_model(str(folder)).weights_sha256()

"""R8: labels go by name. R13: nothing in a checkpoint runs, and only safetensors are read."""

from __future__ import annotations

import itertools
import json
import os
import pickle
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from alumbench.attacks.victim import Victim
from alumbench.data import Task, load_task, miniature
from alumbench.errors import AlumbenchError
from alumbench.models.checkpoint import (
    checkpoint_task,
    find_model,
    label_order,
    load_classifier,
    load_tokenizer,
)
from alumbench.storage import sha256_of

NLI = ("entailment", "neutral", "contradiction")
TWO = Task("two", "two labels", ("text",), ("negative", "positive"))


def change_json(path: Path, **changes: Any) -> None:
    """Writes keys of a JSON file anew; None removes one."""
    values = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in values.items() if value is not None}))


def names_of(order: Sequence[str]) -> dict[str, Any]:
    return {"id2label": dict(enumerate(order)), "label2id": {name: index for index, name in enumerate(order)}}


@pytest.fixture
def copy(checkpoint: Path, tmp_path: Path) -> Path:
    """A copy of the sentiment checkpoint to spoil."""
    return Path(shutil.copytree(checkpoint, tmp_path / "copy"))


def accuracy(folder: Path, labels: Sequence[str] = ()) -> float:
    rows, task = miniature.rows("nli/dev"), load_task("mini-nli")
    texts = list(zip(rows["premise"], rows["hypothesis"], strict=True))
    predicted = Victim(find_model(str(folder)), task, "cpu", labels).scores(texts).argmax(-1).tolist()
    return sum(task.labels[at] == gold for at, gold in zip(predicted, rows["label"], strict=True)) / len(texts)


@pytest.mark.parametrize("names", [True, False], ids=["by-config", "by-mapping"])
@pytest.mark.parametrize("order", itertools.permutations(range(3)), ids=str)
def test_any_order_of_a_heads_outputs_gives_the_same_accuracy(
    pair_checkpoint: Path, tmp_path: Path, order: tuple[int, ...], names: bool
) -> None:
    folder = Path(shutil.copytree(pair_checkpoint, tmp_path / "permuted"))
    weights = load_file(folder / "model.safetensors")
    for part in ("classifier.weight", "classifier.bias"):
        weights[part] = weights[part][list(order)].contiguous()
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    permuted = [NLI[at] for at in order]
    change_json(folder / "config.json", **names_of(permuted if names else [f"LABEL_{at}" for at in range(3)]))
    expected = accuracy(pair_checkpoint)
    assert expected > 0.8
    assert accuracy(folder, () if names else permuted) == expected


@pytest.mark.parametrize(
    "stored",
    [{0: "LABEL_0", 1: "LABEL_1"}, {0: "0", 1: "1"}, {0: "Label 0", 1: "Label 1"}, None],
    ids=["LABEL_0", "0", "Label 0", "none"],
)
def test_outputs_without_names_are_refused_unless_mapped(copy: Path, stored: dict[int, str] | None) -> None:
    change_json(copy / "config.json", id2label=stored, label2id=None)
    files = find_model(str(copy))
    with pytest.raises(AlumbenchError, match="its outputs have no label names .* --labels negative,positive"):
        label_order(files, TWO)
    assert label_order(files, TWO, ["positive", "negative"]) == [1, 0]


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        (["negative"], "--labels names 1 outputs, the checkpoint has 2"),
        (["negative", "positive", "neutral"], "--labels names 3 outputs, the checkpoint has 2"),
        (["negative", "negative"], "--labels names negative, negative, the task 'two' has negative,positive"),
        (["bad", "good"], "--labels names bad, good, the task 'two' has negative,positive; map them with --labels"),
        (["0", "1"], "--labels names 0, 1, the task 'two' has negative,positive"),
        (
            ["positive", "negative"],
            "its output 0 is named 'negative', --labels calls it 'positive'; leave",
        ),
    ],
    ids=["one", "three", "twice", "others", "numbers", "swapped"],
)
def test_a_mapping_that_does_not_fit_is_refused(checkpoint: Path, mapping: list[str], message: str) -> None:
    with pytest.raises(AlumbenchError, match=message):
        label_order(find_model(str(checkpoint)), TWO, mapping)


def test_a_head_of_another_size_is_refused(checkpoint: Path) -> None:
    three = Task("three", "", ("text",), ("negative", "positive", "neutral"))
    with pytest.raises(AlumbenchError, match=r"has 2 outputs \(negative, positive\), the task 'three' has 3 labels"):
        label_order(find_model(str(checkpoint)), three)


def test_names_match_whatever_their_case_and_hyphens(copy: Path) -> None:
    change_json(copy / "config.json", **names_of(["Not-Equivalent", "EQUIVALENT"]))
    task = Task("t", "", ("a", "b"), ("equivalent", "not_equivalent"))
    assert label_order(find_model(str(copy)), task) == [1, 0]


def test_regression_has_one_output(checkpoint: Path, copy: Path) -> None:
    score = Task("t", "", ("text",))
    with pytest.raises(AlumbenchError, match=r"has 2 outputs .*, the task 't' is a regression, 1 output"):
        label_order(find_model(str(checkpoint)), score)
    change_json(copy / "config.json", id2label={"0": "score"}, label2id=None, problem_type="regression")
    assert label_order(find_model(str(copy)), score) == [0]


@pytest.mark.parametrize(
    ("stored", "mapping", "order"),
    [
        (["NEGATIVE", "Positive"], [], [0, 1]),
        (["NEGATIVE", "Positive"], ["negative", "positive"], [0, 1]),
        (["POS", "NEG"], ["positive", "negative"], [1, 0]),
        (["POS", "negative"], ["positive", "negative"], [1, 0]),
    ],
)
def test_a_mapping_may_say_what_names_say_or_do_not_say(
    copy: Path, stored: list[str], mapping: list[str], order: list[int]
) -> None:
    change_json(copy / "config.json", **names_of(stored))
    assert label_order(find_model(str(copy)), TWO, mapping) == order


def test_a_tasks_own_labels_may_be_numbers(copy: Path) -> None:
    change_json(copy / "config.json", **names_of(["1", "0"]))
    assert label_order(find_model(str(copy)), Task("t", "", ("text",), ("0", "1"))) == [1, 0]


ONE = {"id2label": {"0": "positive"}, "label2id": {"positive": 0}}


@pytest.mark.parametrize(
    ("changes", "mapping", "message"),
    [
        (
            {"problem_type": "multi_label_classification"},
            [],
            "is multi_label_classification, but alumbench scores one label per text",
        ),
        ({"problem_type": "regression"}, [], "problem_type is regression, but the task 'two' has 2 labels"),
        (ONE, [], r"has 1 output \(positive\), the task 'two' has 2 labels \(negative, positive\)"),
        (ONE, ["negative", "positive"], "has 1 output .*, the task 'two' has 2 labels"),
        ({"id2label": None, "label2id": None, "num_labels": 1}, ["negative", "positive"], "has 1 output, the task"),
        (names_of(["negative", "neutral", "positive"]), [], "has 3 outputs .*, the task 'two' has 2 labels"),
        ({"label2id": {"negative": 1, "positive": 0}}, [], "id2label has 'negative' at 0, label2id at 1; correct the"),
        ({"num_labels": 3}, [], "num_labels is 3, but id2label names 2 outputs"),
    ],
    ids=["multi-label", "regression", "one", "one-mapped", "one-nameless", "three", "label2id", "num_labels"],
)
def test_outputs_that_do_not_fit_the_task_are_refused(
    copy: Path, changes: dict[str, Any], mapping: list[str], message: str
) -> None:
    change_json(copy / "config.json", **changes)
    with pytest.raises(AlumbenchError, match=message):
        label_order(find_model(str(copy)), TWO, mapping)


def test_labels_decides_where_a_checkpoints_tables_contradict_one_another(copy: Path) -> None:
    change_json(copy / "config.json", label2id={"negative": 1, "positive": 0})
    assert label_order(find_model(str(copy)), TWO, ["positive", "negative"]) == [1, 0]


class Payload:
    """Unpickling it makes a marker file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return Path.touch, (self.marker,)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "weights.pkl"])
def test_a_pickle_is_refused_and_not_run(copy: Path, tmp_path: Path, name: str) -> None:
    (copy / "model.safetensors").unlink()
    (copy / name).write_bytes(pickle.dumps(Payload(tmp_path / "marker")))
    with pytest.raises(AlumbenchError, match=f"no .safetensors file; {name} is a pickle, which can run code"):
        find_model(str(copy))
    assert not (tmp_path / "marker").exists()
    pickle.loads((copy / name).read_bytes())
    assert (tmp_path / "marker").exists(), "the payload itself does not work, so the test says nothing"


def test_a_pickle_beside_safetensors_is_not_read(copy: Path, tmp_path: Path) -> None:
    for name in ("pytorch_model.bin", "training_args.bin", "optimizer.pt"):
        (copy / name).write_bytes(pickle.dumps(Payload(tmp_path / "marker")))
    files = find_model(str(copy))
    load_classifier(files)
    load_tokenizer(files)
    assert not (tmp_path / "marker").exists()


def test_safetensors_of_another_name_do_not_let_a_pickle_in(copy: Path, tmp_path: Path) -> None:
    (copy / "model.safetensors").rename(copy / "other.safetensors")
    (copy / "pytorch_model.bin").write_bytes(pickle.dumps(Payload(tmp_path / "marker")))
    with pytest.raises(AlumbenchError, match="has other.safetensors, but no model.safetensors .*; rename it"):
        load_classifier(find_model(str(copy)))
    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize(
    ("file", "auto_map"),
    [
        ("config.json", {"AutoConfig": "mine.Config", "AutoModelForSequenceClassification": "mine.Model"}),
        ("tokenizer_config.json", {"AutoTokenizer": ["mine.Slow", "mine.Fast"]}),
    ],
    ids=["model", "tokenizer"],
)
def test_code_of_its_own_is_refused_and_not_run(
    copy: Path, tmp_path: Path, file: str, auto_map: dict[str, Any]
) -> None:
    (copy / "mine.py").write_text(f"import pathlib\npathlib.Path({str(tmp_path / 'marker')!r}).touch()\n")
    change_json(copy / file, auto_map=auto_map)
    with pytest.raises(AlumbenchError, match=f"{file}: names Python code of its own .* refused"):
        find_model(str(copy))
    assert not (tmp_path / "marker").exists()


def without_tokenizer(folder: Path) -> None:
    for path in (*folder.glob("*token*"), *folder.glob("vocab*")):
        path.unlink()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: os.unlink(folder / "config.json"), "no config.json, so it is not a transformers checkpoint"),
        (lambda folder: os.unlink(folder / "model.safetensors"), "no .safetensors file. If you trust it"),
        (lambda folder: (folder / "config.json").write_text("{"), "config.json: cannot be read as JSON"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"torn"), "not a complete safetensors file"),
        (lambda folder: change_json(folder / "config.json", model_type="none"), "no sequence classifier can be load"),
        (without_tokenizer, "the tokenizer cannot be loaded"),
    ],
    ids=["no-config", "no-weights", "torn-config", "torn-weights", "unknown-type", "no-tokenizer"],
)
def test_a_folder_that_cannot_be_used_is_refused(copy: Path, spoil: Any, message: str) -> None:
    spoil(copy)
    with pytest.raises(AlumbenchError, match=message):
        files = find_model(str(copy))
        load_tokenizer(files)
        load_classifier(files)


def test_the_hash_is_that_of_the_weights(checkpoint: Path, copy: Path) -> None:
    files = find_model(str(copy))
    assert files.weights_sha256() == sha256_of(checkpoint / "model.safetensors")
    (copy / "model-2.safetensors").write_bytes(b"more")
    assert files.weights_sha256() not in {sha256_of(path) for path in files.weights}


def test_a_checkpoint_knows_its_task(checkpoint: Path, copy: Path) -> None:
    assert checkpoint_task(find_model(str(checkpoint))) == load_task("mini-sentiment")
    (copy / "training.json").unlink()
    with pytest.raises(AlumbenchError, match=r"no training.json, so its task is unknown; name it with --task"):
        checkpoint_task(find_model(str(copy)))
    assert checkpoint_task(find_model(str(copy)), "sst2") == load_task("sst2")


def test_a_new_head_has_the_tasks_size_and_names(checkpoint: Path) -> None:
    model = load_classifier(find_model(str(checkpoint)), load_task("mini-nli"))
    assert model.classifier.out_features == 3
    assert tuple(model.config.id2label.values()) == NLI
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_a_model_of_the_mirror_by_name_and_the_nearest_to_a_wrong_one(mirror: Path) -> None:
    name = "sentence-transformers/all-MiniLM-L6-v2"
    assert find_model(name).path == mirror / "models" / name
    with pytest.raises(AlumbenchError, match=f"Did you mean '{name}'"):
        find_model("sentence-transformers/all-minilm-L6")


def test_a_model_that_is_nowhere_says_how_it_comes(tmp_path: Path) -> None:
    with pytest.raises(AlumbenchError, match=r"model 'no/where': no such folder.* or set ALUMBENCH_MIRROR to a folder"):
        find_model("no/where")
    with pytest.raises(AlumbenchError, match="no such folder"):
        find_model(str(tmp_path / "absent"))

"""R23: a hundred folders that are wrong or mean harm, each scored as it should be or refused in a line; none runs code.

Each is a copy of a sound checkpoint with one thing changed, evaluated as a user does it.
"""

from __future__ import annotations

import json
import os
import pickle
import re
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file, save_file
from torch import Tensor

from alumbench.cli.attack import attack
from alumbench.errors import MESSAGE, AlumbenchError
from tests.evaluation.conftest import lines

pytestmark = pytest.mark.timeout(60)

SUITE = """
name = "few"
version = 1
title = "A few examples, unchanged and attacked"
[[entry]]
name = "clean"
kind = "clean"
examples = 24
[[entry]]
name = "typos"
kind = "attack"
recipe = "deepwordbug-all-words@1"
examples = 3
queries = 30
"""
WEIGHTS, CONFIG, TOKENIZER, TOKENIZER_CONFIG = (
    *("model.safetensors", "config.json"),
    *("tokenizer.json", "tokenizer_config.json"),
)
#: Code that would run makes this file beside the folder.
MARKER = "code-ran"
#: What must come of a folder: the same records as of the sound one, records of its own, or (a pattern) a refusal.
SAME, SCORED = "the same answers", "answers"
#: Depends on transformers' version: one reads what another overlooks.
ANY = "answers or a refusal"

Change = Callable[[Path], object]
Cases = dict[str, tuple[Change, str]]


def holds(name: str, content: bytes | str) -> Change:
    return lambda folder: (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)


def lacks(*names: str) -> Change:
    return lambda folder: [(folder / name).unlink(missing_ok=True) for name in names]


def becomes(name: str, make: Callable[[Path], object]) -> Change:
    """Something else in a file's place: a folder, a pipe, a link."""

    def change(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        make(folder / name)

    return change


def link(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target)


def says(name: str, **changes: Any) -> Change:
    """Keys of a JSON object; `...` takes one out."""

    def change(folder: Path) -> None:
        values = (json.loads((folder / name).read_text()) if (folder / name).exists() else {}) | changes
        (folder / name).write_text(json.dumps({key: value for key, value in values.items() if value is not ...}))

    return change


def both(*changes: Change) -> Change:
    return lambda folder: [change(folder) for change in changes]


def configured(**changes: Any) -> Change:
    return says(CONFIG, **changes)


def named(first: Any, second: Any) -> Change:
    return configured(id2label={"0": first, "1": second}, label2id=...)


def task(**changes: Any) -> Change:
    def change(folder: Path) -> None:
        values = json.loads((folder / "training.json").read_text())
        (folder / "training.json").write_text(json.dumps(values | {"task": values["task"] | changes}))

    return change


class Payload:
    """Unpickled, it leaves the marker."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return Path.touch, (self.marker,)


def pickled(name: str) -> Change:
    return lambda folder: (folder / name).write_bytes(pickle.dumps(Payload(folder.parent / MARKER)))


def code(change: Change) -> Change:
    """With a module beside it that leaves the marker when it is imported."""

    def with_module(folder: Path) -> None:
        text = f"import pathlib\npathlib.Path({str(folder.parent / MARKER)!r}).touch()\nclass Mine: pass\n"
        (folder / "mine.py").write_text(text)
        change(folder)

    return with_module


def weights(change: Callable[[str, Tensor], Tensor | None], rename: Callable[[str], str] = str) -> Change:
    """Other values in each tensor's place; None takes it out."""

    def rewrite(folder: Path) -> None:
        made = {rename(name): change(name, value.clone()) for name, value in load_file(folder / WEIGHTS).items()}
        kept = {name: value.contiguous() for name, value in made.items() if value is not None}
        save_file(kept, folder / WEIGHTS, metadata={"format": "pt"})

    return rewrite


def filled(part: str, number: float) -> Change:
    return weights(lambda name, value: value.fill_(number) if part in name else value)


def one_row(number: float) -> Change:
    rows = torch.tensor([7])
    return weights(lambda name, value: value.index_fill_(0, rows, number) if "word_emb" in name else value)


def tokenizer(change: Callable[[dict[str, Any]], object]) -> Change:
    def rewrite(folder: Path) -> None:
        values = json.loads((folder / TOKENIZER).read_text())
        change(values)
        (folder / TOKENIZER).write_text(json.dumps(values))

    return rewrite


def word_list(folder: Path) -> None:
    """The vocabulary as transformers 4 writes it beside its tokenizer.json, and 5 does not."""
    words = json.loads((folder / TOKENIZER).read_text())["model"]["vocab"]
    (folder / "vocab.txt").write_text("".join(f"{word}\n" for word in sorted(words, key=words.__getitem__)))


def moved_ids(values: dict[str, Any]) -> None:
    words = values["model"]["vocab"]
    words.update({word: at + 100_000 for word, at in words.items() if not word.startswith("[")})


def growing(times: int, word: str = " a a a a a a a a") -> Callable[[dict[str, Any]], None]:
    step = {"type": "Replace", "pattern": {"String": " "}, "content": word}
    return lambda values: values.update(normalizer={"type": "Sequence", "normalizers": [step] * times})


BACKTRACKING = {"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Isolated", "invert": False}
TORN = "model.safetensors: not a complete safetensors file"
NO_NUMBERS = r"weights that are not finite \(NaN or infinite\) in "
OTHERS_WEIGHTS = "its weights do not fit the BertForSequenceClassification in config.json: "
UNLOADED = "no sequence classifier can be loaded: config.json: "
OF_ANOTHER = r"but the weights have [\d,]+ parameters in \d+ tensors; take"
NOT_A_LENGTH = "tokenizer_config.json: model_max_length must be 1 or more, not "
SHAPE_IN_WORDS = "is 64×32 in the file and 64×0 in the model|config.json: hidden_size is 0; it must be 1 or more"

FILES: Cases = {
    "sound": (lambda folder: None, SAME),
    "pickle-alone": (
        both(lacks(WEIGHTS), pickled("pytorch_model.bin")),
        "pytorch_model.bin is a pickle, which can run",
    ),
    "pickle-beside": (pickled("pytorch_model.bin"), SAME),
    "pickled-arguments": (pickled("training_args.bin"), SAME),
    "pickle-by-the-right-name": (pickled(WEIGHTS), TORN),
    "empty": (holds(WEIGHTS, b""), TORN),
    "header-without-end": (holds(WEIGHTS, struct.pack("<Q", 2**62) + b"{}"), TORN),
    "header-of-a-gigabyte": (holds(WEIGHTS, struct.pack("<Q", 10**9) + b"{}"), TORN),
    "header-no-json": (holds(WEIGHTS, struct.pack("<Q", 2) + b"{{"), TORN),
    "header-deep": (holds(WEIGHTS, struct.pack("<Q", 10**5) + b"[" * 10**5), TORN),
    "no-tensors": (holds(WEIGHTS, struct.pack("<Q", 2) + b"{}"), f"{OTHERS_WEIGHTS}missing: bert"),
    "cut": (lambda folder: os.truncate(folder / WEIGHTS, (folder / WEIGHTS).stat().st_size - 1000), TORN),
    "folder-for-weights": (becomes(WEIGHTS, Path.mkdir), "model.safetensors: is not a regular file"),
    "pipe-for-weights": (becomes(WEIGHTS, os.mkfifo), "model.safetensors: is not a regular file"),
    "link-to-nothing": (becomes(WEIGHTS, link("/nowhere")), "model.safetensors: a link to /nowhere, which is not"),
    "link-to-another-file": (becomes(WEIGHTS, link(__file__)), TORN),
    "endless-link": (becomes(WEIGHTS, link(WEIGHTS)), f"{WEIGHTS}: a link to {WEIGHTS}, which is not there"),
    "pipe-for-a-configuration": (becomes(CONFIG, os.mkfifo), "config.json: is not a regular file"),
    "more-weights": (holds("more.safetensors", "x"), SAME),
    "shard-elsewhere": (
        both(
            becomes(WEIGHTS, lambda path: (path.parent / "other.safetensors").write_bytes(b"x")),
            holds("model.safetensors.index.json", '{"weight_map": {"a": "../model.safetensors"}}'),
        ),
        r"index.json: lists \.\./model.safetensors, not in this folder",
    ),
    "adapter": (holds("adapter_config.json", "{}"), "base_model_name_or_path is missing"),
}

NUMBERS: Cases = {
    "all-nan": (filled("", torch.nan), f"{NO_NUMBERS}bert"),
    "infinite-head": (filled("classifier", torch.inf), rf"{NO_NUMBERS}classifier\.weight, classifier\.bias"),
    "one-word-nan": (one_row(torch.nan), rf"{NO_NUMBERS}bert\.embeddings\.word_embeddings\.weight"),
    "too-large-to-add": (
        filled("classifier", 3e38),
        r"its scores are not finite \(NaN or infinite\); the model is broken",
    ),
    "three-outputs": (
        weights(lambda name, value: torch.cat([value, value[:1]]) if "classifier" in name else value),
        f"{OTHERS_WEIGHTS}classifier.bias is 3 in the file and 2 in the model",
    ),
    "one-output": (
        weights(lambda name, value: value[:1] if "classifier" in name else value),
        f"{OTHERS_WEIGHTS}classifier.bias is 1 in the file and 2 in the model",
    ),
    "no-head": (
        weights(lambda name, value: None if "classifier" in name else value),
        f"{OTHERS_WEIGHTS}missing: classifier.bias, classifier.weight. It has no trained head",
    ),
    "no-layer": (
        weights(lambda name, value: None if "layer.0" in name else value),
        rf"{OTHERS_WEIGHTS}missing: bert\.encoder\.layer\.0\.",
    ),
    "prefixed": (weights(lambda name, value: value, "mine.{}".format), "In the file all names begin with 'mine.'"),
    "no-format-said": (lambda folder: save_file(load_file(folder / WEIGHTS), folder / WEIGHTS), SAME),
}

CODE: Cases = {
    "model-of-its-own": (
        code(configured(auto_map={"AutoModelForSequenceClassification": "mine.Mine"})),
        r"config.json: names Python code of its own \(auto_map\)",
    ),
    "tokenizer-of-its-own": (
        code(says(TOKENIZER_CONFIG, auto_map={"AutoTokenizer": ["mine.Mine", None]})),
        r"tokenizer_config.json: names Python code of its own \(auto_map\)",
    ),
    "processor-of-its-own": (
        code(holds("processor_config.json", '{"auto_map": {"AutoProcessor": "mine.Mine"}}')),
        SAME,
    ),
    "pipeline-of-its-own": (code(configured(custom_pipelines={"x": {"impl": "mine.Mine"}})), SAME),
    "attention-of-the-hub": (configured(attn_implementation="somebody/kernel"), "names code on the hub, which is ref"),
    "attention-of-the-hub-2": (configured(_attn_implementation="somebody/kernel"), "names code on the hub, which is"),
    "activation": (
        configured(hidden_act="__import__"),
        f"{UNLOADED}hidden_act is '__import__', not an activation such",
    ),
    "number-format": (
        configured(torch_dtype="os.system", dtype="__class__"),
        "config.json: .*dtype is 'os.system', not a number format such as 'float32'",
    ),
    "tokenizer-class": (says(TOKENIZER_CONFIG, tokenizer_class="os.system"), ANY),
    "tokenizer-class-number": (says(TOKENIZER_CONFIG, tokenizer_class=3), ANY),
    "template": (
        says(TOKENIZER_CONFIG, chat_template="{{ cycler.__init__.__globals__.os.system('touch ../code-ran') }}"),
        SAME,
    ),
}

CONFIGURATION: Cases = {
    "list": (holds(CONFIG, "[]"), "config.json: must hold a JSON object, not a list"),
    "null": (holds(CONFIG, "null"), "config.json: must hold a JSON object, not null"),
    "text": (holds(CONFIG, '"auto_map"'), "config.json: must hold a JSON object, not a string"),
    "torn": (holds(CONFIG, "{"), "config.json: cannot be read as JSON"),
    "not-utf-8": (holds(CONFIG, b'{"a": "\xff"}'), r"config.json: line 1 is not UTF-8 \(byte 0xff\)"),
    "deep": (holds(CONFIG, "[" * 200_000), "config.json: is nested too deep"),
    "huge": (holds(CONFIG, b"{}" + b" " * (16 << 20)), "config.json: .* bytes; at most .* are read"),
    "number-of-5,000-digits": (
        holds(CONFIG, f'{{"model_type": {"9" * 5000}}}'),
        "config.json: cannot be read as JSON: a number has",
    ),
    "family-unknown": (
        configured(model_type="berts"),
        f"{UNLOADED}model_type is 'berts', which transformers .* 'bert'",
    ),
    "family-a-list": (configured(model_type=["bert"]), r"config.json: model_type is \['bert'\], which transformers"),
    "family-missing": (configured(model_type=...), "config.json: model_type is missing"),
    "family-of-images": (
        configured(model_type="vit"),
        f"{UNLOADED}model_type is 'vit', for which transformers has no sequence class",
    ),
    "family-another": (
        configured(model_type="t5", classifier_dropout=None),
        r"config.json: classifier_dropout is null, not a number \(0.0, say\)",
    ),
    "width-none": (configured(hidden_size=0), SHAPE_IN_WORDS),
    "width-below-none": (configured(hidden_size=-8), f"{UNLOADED}hidden_size is -8; it must be 1 or more"),
    "width-a-word": (configured(hidden_size="wide"), r"config.json: hidden_size is 'wide', not a number \(768, say"),
    "width-a-list": (configured(hidden_size=[32]), r"config.json: hidden_size is \[32\], not a number"),
    "no-heads": (configured(num_attention_heads=0), f"{UNLOADED}num_attention_heads is 0; it must be 1 or more"),
    "a-million-layers": (configured(num_hidden_layers=10**6), f"num_hidden_layers is 1,000,000, {OF_ANOTHER}"),
    "a-trillion-words": (configured(vocab_size=10**12), f"vocab_size is 1,000,000,000,000, {OF_ANOTHER}"),
    "quantized": (
        configured(quantization_config={"quant_method": "bitsandbytes", "load_in_8bit": True}),
        "config.json: quantized weights are not supported",
    ),
}

LABELS: Cases = {
    "markup": (
        named("</script><img src=x onerror=alert(1)>", "\x1b[2J\x1b]0;owned\x07"),
        r"are </script>.*\\u001b\[2J",
    ),
    "megabytes": (named("n" * 2_000_000, "p" * 2_000_000), "its labels are n+ … n+, p+ … p+, the task"),
    "not-numbered": (
        configured(id2label={"x": "negative", "y": "positive"}),
        "config.json: id2label has the keys x, y; outputs are numbered 0, 1",
    ),
    "listed": (configured(id2label=["negative", "positive"]), "config.json: id2label must be an object .* not a list"),
    "null-names": (configured(id2label=None), r"its outputs have no label names \(none\)"),
    "twice": (named("positive", "positive"), "its labels are positive, positive, the task"),
    "gap": (
        configured(id2label={"0": "negative", "7": "positive"}),
        "id2label has the keys 0, 7; outputs are numbered",
    ),
    "number-of-many-digits": (configured(id2label={"0": "a", "9" * 5000: "b"}), "id2label has the keys 0, 9+ … 9+;"),
    "other-number": (configured(num_labels=3), "config.json: num_labels is 3, but id2label names 2 outputs"),
    "numbered-otherwise": (
        configured(label2id={"negative": 1, "positive": 0}),
        "config.json: id2label has 'negative' at 0, label2id at 1",
    ),
}

WORDS: Cases = {
    "slow-one-alone": (both(word_list, lacks(TOKENIZER)), SAME),
    "none": (
        lacks(TOKENIZER, TOKENIZER_CONFIG, "vocab.txt", "special_tokens_map.json"),
        "the tokenizer cannot be loaded: no tokenizer.json and no vocabulary",
    ),
    "torn-tokenizer": (holds(TOKENIZER, "{"), "tokenizer.json: cannot be read as JSON"),
    "listed-tokenizer": (holds(TOKENIZER, "[]"), "tokenizer.json: must hold a JSON object, not a list"),
    "empty-tokenizer": (holds(TOKENIZER, "{}"), "cannot be loaded: tokenizer.json: holds no tokenizer, or one of"),
    "deep-tokenizer": (holds(TOKENIZER, '{"a":' * 100_000), "tokenizer.json: is nested too deep"),
    "one-word-beyond": (
        tokenizer(lambda values: values["model"]["vocab"].update(good=10**6)),
        r"the tokenizer has \d+ tokens \('good' is id 1,000,000\), the model embeddings for \d+",
    ),
    "all-words-beyond": (tokenizer(moved_ids), r"the tokenizer has \d+ tokens \('.*' is id 100,\d+\), the model emb"),
    "pattern-that-backtracks": (tokenizer(lambda values: values.update(pre_tokenizer=BACKTRACKING)), SCORED),
    "texts-that-grow": (tokenizer(growing(7)), "its normalizer makes texts up to 268,435,456 times longer"),
    "texts-that-grow-at-once": (tokenizer(growing(1, "a" * 10**6)), "its normalizer makes texts up to 1,000,000 times"),
    "configured-by-a-list": (holds(TOKENIZER_CONFIG, "[1]"), "tokenizer_config.json: must hold a JSON object, not a"),
    "configured-by-a-number": (holds(TOKENIZER_CONFIG, "3"), "tokenizer_config.json: must hold a JSON object, not a"),
    "length-a-word": (says(TOKENIZER_CONFIG, model_max_length="x"), f"{NOT_A_LENGTH}'x'"),
    "length-none": (says(TOKENIZER_CONFIG, model_max_length=0), f"{NOT_A_LENGTH}0"),
    "length-below-none": (says(TOKENIZER_CONFIG, model_max_length=-1), f"{NOT_A_LENGTH}-1"),
    "length-of-marks-alone": (says(TOKENIZER_CONFIG, model_max_length=2), ANY),
    "no-padding": (
        both(says(TOKENIZER_CONFIG, pad_token=None), says("special_tokens_map.json", pad_token=None)),
        "the tokenizer has neither a padding nor an end-of-text token",
    ),
    "vocabulary-elsewhere": (becomes("vocab.txt", link("/etc/passwd")), SAME),
}

TRAINING: Cases = {
    "no-record": (lacks("training.json"), "no training.json, so its task is unknown; name it with --task"),
    "list-for-a-record": (holds("training.json", "[]"), "training.json: must hold a JSON object, not a list"),
    "empty-record": (holds("training.json", "{}"), "training.json: 'task' must be an object, not null; name the task"),
    "task-a-word": (holds("training.json", '{"task": "x"}'), "training.json: 'task' must be an object, not a string"),
    "task-of-nothing": (
        holds("training.json", '{"task": {}}'),
        "training.json: name and title and columns are missing",
    ),
    "examples-from-a-system-file": (task(dev=[{"file": "/etc/passwd"}]), "/etc/passwd: expected a file ending in"),
    "examples-out-of-the-mirror": (
        task(dev=[{"mirror": "../../../etc/passwd", "hub": "x/y"}]),
        "training.json: dev.0.: mirror = .* points outside the mirror's data/",
    ),
    "examples-of-no-grammar": (
        task(dev=[{"generated": "../../x"}]),
        r"unknown generated set '../../x'.*[^.]\. Finished records",
    ),
    "examples-a-number": (task(dev=3), "training.json: dev: expected a list, found a number"),
    "labels-twice": (task(labels=["negative", "negative"]), "training.json: labels: a name occurs twice"),
    "labels-numbers": (task(labels=[0, 1]), r"training.json: labels\[0\]: expected text .* found a number \(0\)"),
    "no-columns": (task(columns=[]), "training.json: a task needs one or two text columns"),
    "columns-numbers": (task(columns=[1]), r"training.json: columns\[0\]: expected text .* found a number \(1\)"),
    "task-named-as-a-path": (task(name="../../x"), SAME),
    "task-named-in-markup": (task(name="<script>alert(1)</script>"), SAME),
    "no-method": (says("training.json", method=...), SAME),
}

CASES = {
    f"{group}: {name}": case
    for group, cases in {
        "files": FILES,
        "numbers": NUMBERS,
        "code": CODE,
        "configuration": CONFIGURATION,
        "labels": LABELS,
        "words": WORDS,
        "training": TRAINING,
    }.items()
    for name, case in cases.items()
}


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("suite") / "few.toml"
    path.write_text(SUITE)
    return path


def evaluate(folder: Path, suite: Path, out: Path) -> AlumbenchError | None:
    """Runs `alumbench attack`; what it refuses the folder with, None where it scored it."""
    command = [str(folder), "--suite", str(suite), "--device", "cpu", "--out", str(out)]
    result = CliRunner().invoke(attack, command)
    if isinstance(result.exception, AlumbenchError):
        return result.exception
    assert result.exception is None and result.exit_code == 0, result.output
    return None


@pytest.fixture(scope="module")
def answers(checkpoint: Path, suite: Path, tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Records of the sound checkpoint."""
    out = tmp_path_factory.mktemp("sound")
    assert evaluate(checkpoint, suite, out) is None
    return lines(out)


def test_there_are_ninety_and_more() -> None:
    assert len(CASES) >= 90


@pytest.mark.parametrize("name", CASES)
def test_a_folder_is_scored_or_refused_in_a_line(
    name: str, checkpoint: Path, suite: Path, answers: list[bytes], tmp_path: Path
) -> None:
    change, expected = CASES[name]
    folder = Path(shutil.copytree(checkpoint, tmp_path / "folder"))
    change(folder)
    refusal = evaluate(folder, suite, tmp_path / "out")
    assert not list(tmp_path.rglob(MARKER))
    if refusal is None:
        assert expected in {SAME, SCORED, ANY}
        assert len(lines(tmp_path / "out")) == len(answers)
        assert expected != SAME or lines(tmp_path / "out") == answers
        return
    line = str(refusal)
    assert line.isprintable() and len(line) <= MESSAGE
    assert "folder" in line or "entry clean" in line  # the file, or what it was wanted for, is named
    assert expected == ANY or (expected not in {SAME, SCORED} and re.search(expected, line)), line


def test_the_payloads_work(tmp_path: Path) -> None:
    """Otherwise it would say nothing that no marker is left."""
    folder = tmp_path / "folder"
    folder.mkdir()
    pickled("x.bin")(folder)
    pickle.loads((folder / "x.bin").read_bytes())
    assert (tmp_path / MARKER).exists()
    (tmp_path / MARKER).unlink()
    code(lambda folder: None)(folder)
    exec((folder / "mine.py").read_text(), {})
    assert (tmp_path / MARKER).exists()

"""`alumbench attack` and `verify` on functions, endpoints, adapters and causal LMs, as they are typed."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from alumbench.data import miniature
from alumbench.evaluation.document import EVALUATION, RECORDS
from alumbench.models import http
from tests.cli.test_commands import invoke
from tests.models.test_http import SECRET, Server, plain

Run = Callable[..., tuple[int, str]]
LABELS = ("--labels", "negative,positive", "--data", "my.csv")
SUITE = """
name = "quick"
version = 1
title = "one attack"
[[entry]]
name = "clean"
kind = "clean"
[[entry]]
name = "typos"
kind = "attack"
recipe = "deepwordbug-all-words@1"
examples = 6
queries = 30
"""
FUNCTION = """
def predict(texts):
    print("hello")
    bad = ("bad", "dull", "awful", "weak", "poor", "boring")
    return [[0.8, 0.2] if any(word in text for word in bad) else [0.3, 0.7] for text in texts]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with one's own data, function and suite."""
    rows = miniature.rows("sentiment/train")
    with (tmp_path / "my.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["review", "label"])
        names = [("negative", "positive")[int(label)] if str(label).isdigit() else label for label in rows["label"]]
        writer.writerows(zip(rows["sentence"][:12], names[:12], strict=True))
    (tmp_path / "own_function.py").write_text(FUNCTION)
    (tmp_path / "quick.toml").write_text(SUITE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    sys.modules.pop("own_function", None)


@pytest.fixture
def run(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return lambda *words: invoke(*map(str, words), monkeypatch=monkeypatch, capsys=capsys)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(http, "FIRST_WAIT", 0.001)
    made = Server()
    yield made
    made.stop()


def document(out: Path) -> dict[str, Any]:
    return json.loads((out / EVALUATION).read_text())


def records(out: Path) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in (out / RECORDS).read_text().splitlines()]
    return [{name: value for name, value in one.items() if name != "seconds"} for one in found]


def test_a_function_with_nothing_but_its_labels_and_data(run: Run, folder: Path) -> None:
    status, text = run("attack", "own_function:predict", *LABELS)
    assert status == 0, text
    out = folder / "alumbench-results/own-function-predict/evaluations/standard-seed1-my"
    for said in (
        "suite: standard@2",
        "texts in review, labels in label",
        str(out.relative_to(folder)),
        "probabilities",
    ):
        assert said in text
    found = document(out)
    assert found["identity"]["classifier"].keys() == {"kind", "name", "source_sha256"}
    assert len(found["identity"]["model"]) == 64 and found["reading"]["scores"] == "probabilities"
    cut = found["entries"]["clean"]["truncated"]
    assert cut["texts"] is cut["longest"] is None and "not known" in cut["reason"]
    checks = found["model_checks"]
    assert checks["training_modules"] is checks["unpadded"] is checks["zero_gradients"] is None
    assert checks["again"] == checks["alone"] == 0.0 and set(checks["unseen"]) == {"unpadded", "zero_gradients"}
    assert found["entries"].keys() == {"clean", "chars", "insertions", "obfuscation"}
    before = (out / RECORDS).read_bytes()
    assert run("attack", "own_function:predict", *LABELS)[0] == 0 and (out / RECORDS).read_bytes() == before
    status, text = run("verify", out, "--sample", 3)
    assert status == 0 and "12 answers re-scored" in text, text
    del sys.modules["own_function"]
    (folder / "own_function.py").write_text(FUNCTION.replace("0.8, 0.2", "0.2, 0.8"))
    for words in (("attack", "own_function:predict", *LABELS), ("verify", out)):
        status, text = run(*words)
        assert status == 1 and "source_sha256" in text, text


def test_labels_alone_and_a_function_that_is_not_deterministic(run: Run, folder: Path) -> None:
    options = ("--suite", "quick.toml", "--hard-labels")
    status, text = run("attack", "own_function:predict", *LABELS, *options)
    assert status == 0 and "attacks that follow scores see 0 and 1" in text, text
    out = folder / "alumbench-results/own-function-predict/evaluations/quick-seed1-my-hard-labels"
    found = document(out)
    assert found["identity"]["hard_labels"] and found["entries"]["typos"]["signature"].endswith("|answers:hard-labels")
    assert all(set(record["scores"]) == {0.0, 1.0} for record in records(out))
    assert run("verify", out, "--sample", 2)[0] == 0
    (folder / "dice.py").write_text(
        "import random\ndef predict(texts):\n    return [[random.random()] * 2 for t in texts]\n"
    )
    status, text = run("attack", "./dice.py:predict", *LABELS, "--suite", "quick.toml", "--scores", "logits")
    assert status == 0 and "flag: not-deterministic" not in text, text  # both logits are equal: so are the answers
    (folder / "uneven.py").write_text(
        "import random\ndef predict(texts):\n    return [[random.random(), 3.0] for t in texts]\n"
    )
    status, text = run("attack", "./uneven.py:predict", *LABELS, "--suite", "quick.toml", "--out", "other")
    assert status == 0 and "flag: not-deterministic" in text, text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("own_function:predict", "--data", "my.csv"), "name its outputs in their order"),
        (("own_function:predict", "--labels", "a,b", "--data", "my.csv"), "label 'positive' is not one of a, b"),
        (("own_function:predict", "--labels", "negative,positive"), "give --data FILE"),
        (("own_function:predict", *LABELS, "--prompt", "no place"), "no model|no such folder|config"),
        (("own_function:predict", *LABELS, "--auth-env", "X"), "for an endpoint; own_function:predict is a function"),
        (("own_function:predict", *LABELS, "--precision", "bf16-confirmed"), "--precision apply to Hugging Face"),
        (("http://me:pw@localhost:1/?k=pw", *LABELS, "--label-words", "x,y"), "http://localhost:1/.… is an endpoint"),
        (("http://localhost:1/", *LABELS, "--auth-env", "NOT_SET"), "not set"),
        (("own_function:predict", *LABELS, "--task", "sst2"), "no column 'sentence'"),
    ],
    ids=lambda value: " ".join(value)[:50] if isinstance(value, tuple) else "",
)
def test_what_cannot_be_is_one_line(run: Run, folder: Path, words: tuple[str, ...], message: str) -> None:
    status, text = run("attack", *words)
    line = text.strip().splitlines()[-1]
    assert status == 1 and line.startswith("alumbench: "), text
    import re

    assert re.search(message, line), line
    assert "pw" not in text and not list(folder.glob("alumbench-results/**/evaluation.json"))


def test_white_box_entries_name_entry_classifier_and_reason(run: Run, folder: Path) -> None:
    suite = SUITE.replace("deepwordbug-all-words@1", "deepwordbug-all-words@1") + (
        '[[entry]]\nname = "pgd"\nkind = "embedding"\nradius = 0.1\nsteps = 2\nexamples = 4\n'
    )
    (folder / "white.toml").write_text(suite)
    rows = ("--labels", "negative,positive", "--task", "mini-sentiment", "--suite", "white.toml")
    status, text = run("attack", "own_function:predict", *rows)
    assert status == 1 and "nothing was run: entry pgd: it is white-box, and own_function:predict gives no" in text, (
        text
    )
    status, text = run("attack", "own_function:predict", *rows, "--only", "clean", "--limit", 4)
    assert status == 0, text


def test_an_endpoint_that_dies_in_the_middle_is_resumed(
    run: Run, folder: Path, server: Server, monkeypatch: Any
) -> None:
    monkeypatch.setenv("MY_KEY", SECRET)
    url = server.url.replace("http://", "http://me:hunter2@") + f"?token={SECRET}"
    words = ("attack", url, *LABELS, "--suite", "quick.toml", "--auth-env", "MY_KEY", "--out", "out")
    words = (*words, "--retries", 1, "--batch-size", 8)
    server.behave = lambda number, body: None if number < 24 else (503, {}, SECRET.encode())
    status, text = run(*words)
    assert status == 1 and f"alumbench: {server.url}?…: status 503, after 2 tries" in text, text
    done = records(folder / "out")
    assert 12 <= len(done) < 18
    server.behave = lambda number, body: None
    status, again = run(*words)
    assert status == 0, again
    assert records(folder / "out")[:12] == done[:12] and len(records(folder / "out")) == 18
    status, verified = run("verify", "out", "--checkpoint", url, "--auth-env", "MY_KEY")
    assert status == 0, verified
    status, refused = run("verify", "out")
    assert status == 1 and "the query string of its address is not recorded" in refused
    written = "".join(path.read_text() for path in (folder / "out").iterdir() if path.is_file())
    for said in (text, again, verified, refused, written):
        assert SECRET not in said and "hunter2" not in said and "MY_KEY" not in written
    assert document(folder / "out")["identity"]["classifier"] == {
        "kind": "http",
        "name": f"{server.url}?…",
        "format": "plain",
    }
    whole = run("attack", server.url, *LABELS, "--suite", "quick.toml", "--out", "whole", "--workers", 1)
    assert whole[0] == 0 and records(folder / "whole") == records(folder / "out")
    assert "next: alumbench verify whole" in whole[1]


def test_an_endpoint_as_it_is_typed(run: Run, folder: Path, server: Server) -> None:
    assert server.url.startswith("http://127.0.0.1:") and server.url.endswith("/classify")
    server.behave = lambda number, body: (200, {}, plain(body))
    status, text = run("attack", server.url, *LABELS, "--only", "clean")
    assert status == 0, text
    (out,) = (folder / "alumbench-results").glob("127.0.0.1*/evaluations/standard-seed1-my")
    assert len(records(out)) == 12


def test_a_causal_lm_and_an_adapter(run: Run, folder: Path, tiny_causal_lm: Path, lora: Path) -> None:
    prompt = ("--prompt", r"Review: {review}\nSentiment:", "--label-words", "bad,good")
    status, text = run("attack", tiny_causal_lm, *LABELS, *prompt, "--suite", "quick.toml", "--device", "cpu")
    assert status == 0, text
    (out,) = (folder / "alumbench-results").glob("*/evaluations/quick-seed1-my")
    found = document(out)
    assert found["identity"]["classifier"]["prompt"] == "Review: {review}\nSentiment:"
    assert found["model_checks"]["again"] == found["model_checks"]["alone"] == 0.0
    assert found["model_checks"]["training_modules"] == [] and found["entries"]["clean"]["truncated"]["texts"] == 0
    assert run("verify", out, "--sample", 2)[0] == 0
    with (folder / "pairs.csv").open("w", newline="") as file:
        rows = miniature.rows("nli/train")
        writer = csv.writer(file)
        writer.writerow(["premise", "hypothesis", "label"])
        names = ("entailment", "neutral", "contradiction")
        labels = [names[int(one)] if str(one).isdigit() else one for one in rows["label"]]
        writer.writerows(zip(rows["premise"][:8], rows["hypothesis"][:8], labels[:8], strict=True))
    words = ("--labels", ",".join(names), "--data", "pairs.csv", "--suite", "quick.toml", "--device", "cpu")
    status, text = run("attack", lora, *words, "--out", "adapter")
    assert status == 0 and "attacks leave premise as it is" in text, text
    identity = document(folder / "adapter")["identity"]
    assert identity["classifier"]["kind"] == "peft" and {"adapter_sha256", "base_sha256"} < set(identity["classifier"])
    assert run("verify", "adapter", "--sample", 2)[0] == 0

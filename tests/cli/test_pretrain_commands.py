"""`alumbench tokenizer` and `alumbench pretrain`, from a text file to a fine-tuned classifier."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from alumbench.cli import group
from alumbench.data import miniature
from alumbench.errors import AlumbenchError
from alumbench.parsing import read_json

Run = Callable[..., Result]


@pytest.fixture
def run() -> Run:
    return lambda *arguments: CliRunner().invoke(group, [str(argument) for argument in arguments])


@pytest.fixture
def text_file(tmp_path: Path) -> Path:
    file = tmp_path / "sentences.txt"
    file.write_text("\n\n".join(miniature.rows("sentiment/train")["sentence"][:300]))
    return file


def test_from_text_to_a_tokenizer_a_masked_lm_and_a_classifier(run: Run, text_file: Path, tmp_path: Path) -> None:
    folders = {name: tmp_path / name for name in ("tokenizer", "pretrained", "classifier")}
    learned = run(
        *("tokenizer", "learn", "--corpus", text_file, "--kind", "bpe", "--vocab-size", 300),
        *("--out", folders["tokenizer"]),
    )
    assert learned.exit_code == 0, learned.output
    assert "bpe, 300 pieces" in learned.output
    record = read_json(folders["tokenizer"] / "learned.json")
    assert (record["kind"], record["vocab_size"], record["lower_case"]) == ("bpe", 300, True)
    assert len(record["corpora"][0]["sha256"]) == 64

    common = ["--corpus", text_file, "--steps", 6, "--batch-size", 4, "--max-length", 32, "--device", "cpu"]
    size = ["--config", "roberta-tiny", "--hidden", 32, "--tokenizer", folders["tokenizer"]]
    method = ["--method", "alum", "--set", "epsilon=0.1"]
    trained = run("pretrain", *common, *size, *method, "--out", folders["pretrained"])
    assert trained.exit_code == 0, trained.output
    assert "the method starts after half of the steps" in trained.output
    assert "note: alpha is 10" in trained.output
    assert "step 6/6: dev loss" in trained.output
    assert "tokens a second; dev loss" in trained.output
    assert f"next: alumbench train --model {folders['pretrained']}" in trained.output
    record = read_json(folders["pretrained"] / "pretraining.json")
    assert (record["schedule"]["after"], record["method"]["parameters"]["epsilon"]) == (0.5, 0.1)

    common = ["--task", "mini-sentiment", "--train-size", 16, "--held-out", 8, "--epochs", 1, "--device", "cpu"]
    tuned = run("train", *common, "--model", folders["pretrained"], "--max-length", 32, "--out", folders["classifier"])
    assert tuned.exit_code == 0, tuned.output
    model = read_json(folders["classifier"] / "training.json")["model"]
    assert model["name"] == str(folders["pretrained"])
    assert all(model["pretraining"][name] == record[name] for name in ("method", "schedule", "settings", "cpu_seconds"))

    # Another model under the same name: what was fine-tuned from the first is not taken for its child.
    weights = folders["pretrained"] / "model.safetensors"
    weights.write_bytes((folders["classifier"] / "model.safetensors").read_bytes())
    again = run("train", *common, "--model", folders["pretrained"], "--max-length", 32, "--out", folders["classifier"])
    assert isinstance(again.exception, AlumbenchError) and "had other weights when this was trained; delete" in str(
        again.exception
    )


def test_going_on_from_a_model_uses_the_method_from_the_first_step(
    run: Run, text_file: Path, tiny_model: Path, tmp_path: Path
) -> None:
    common = ["--corpus", text_file, "--model", tiny_model, "--max-length", 16, "--device", "cpu", "--held-out", 0]
    done = run("pretrain", *common, "--steps", 1, "--method", "alum", "--set", "alpha=2", "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    record = read_json(tmp_path / "out" / "pretraining.json")
    assert (record["schedule"]["after"], record["method"]["parameters"]["alpha"], record["dev"]) == (0.0, 2.0, [])
    assert "alpha is 10" not in done.output


def test_a_vocabulary_is_applied_to_texts_and_files(run: Run, text_file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "tokenizer"
    assert run("tokenizer", "learn", "--corpus", text_file, "--vocab-size", 200, "--out", folder).exit_code == 0
    (tmp_path / "lines.txt").write_text("the play was bad\n")
    done = run("tokenizer", "apply", folder, "The film was good", "--file", tmp_path / "lines.txt", "--json")
    rows = [json.loads(line) for line in done.output.splitlines()]
    assert [row["text"] for row in rows] == ["The film was good", "the play was bad"]
    assert rows[0]["pieces"][:3] == ["[CLS]", "the", "film"]
    assert "".join(rows[0]["pieces"]).replace("##", "") == "[CLS]thefilmwasgood[SEP]"
    assert len(rows[0]["ids"]) == len(rows[0]["pieces"])
    plain = run("tokenizer", "apply", folder, "The film was good")
    assert plain.output.splitlines() == [" ".join(rows[0]["pieces"]), " ".join(map(str, rows[0]["ids"]))]
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    again = run("tokenizer", "learn", "--corpus", text_file, "--vocab-size", 200, "--out", folder)
    assert again.exit_code == 0 and "already exists" in again.output
    other = run("tokenizer", "learn", "--corpus", text_file, "--vocab-size", 210, "--out", folder)
    assert isinstance(other.exception, AlumbenchError)
    assert "differs in vocab size (200 there, 210" in str(other.exception)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == files
    taken = run("tokenizer", "learn", "--corpus", text_file, "--vocab-size", 200, "--out", tmp_path)
    assert isinstance(taken.exception, AlumbenchError) and "not empty" in str(taken.exception)
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tokenizer", "learn", "--vocab-size", "9"], "Missing option '--corpus'"),
        (["tokenizer", "apply", "nowhere"], "Give a text or --file"),
        (["pretrain", "--corpus", "x.txt", "--model", "m", "--layers", "3"], "change the size of a --config"),
        (["pretrain", "--corpus", "x.txt", "--config", "bert-tinny"], "Did you mean 'bert-tiny'"),
        (["pretrain", "--corpus", "x.txt", "--config", "bert-tiny"], "--config takes --tokenizer"),
        (["pretrain", "--corpus", "x.txt", "--model", "m", "--method", "alumm"], "Did you mean 'alum'"),
        (["pretrain", "--corpus", "x.txt", "--model", "m", "--adversary-fraction", "0"], "must be above 0"),
        (["pretrain", "--corpus", "x.txt"], "give --model to continue from a checkpoint, or --config"),
    ],
    ids=lambda value: "-".join(value[-2:]) if isinstance(value, list) else "",
)
def test_a_mistake_is_one_clear_line(run: Run, tmp_path: Path, arguments: list[str], message: str) -> None:
    out = [] if arguments[1] == "apply" else ["--out", tmp_path / "out"]
    result = run(*arguments, *out)
    assert result.exit_code != 0
    assert message in result.output + str(result.exception)

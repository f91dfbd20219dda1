"""R3, R12: the tiny model is the same at every call, or no figure of the demo could be had twice."""

from __future__ import annotations

from pathlib import Path

from alumbench.data import miniature
from alumbench.training.tiny_bert import make_tiny_bert


def test_the_same_texts_and_seed_give_the_same_files(tmp_path: Path) -> None:
    texts = miniature.rows("sentiment/train")["sentence"]
    files = []
    for name in ("one", "two", "three"):
        make_tiny_bert(tmp_path / name, texts, hidden=16)
        files.append({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()})
    assert {"model.safetensors", "tokenizer.json", "vocab.txt"} <= {*files[0]}
    assert [name for name in files[0] if files[1][name] != files[0][name] or files[2][name] != files[0][name]] == []


def test_another_seed_gives_other_weights_and_the_same_words(tmp_path: Path) -> None:
    for seed in (0, 1):
        make_tiny_bert(tmp_path / str(seed), ["a good film", "a bad film"], hidden=16, seed=seed)
    one, two = ((tmp_path / str(seed) / "model.safetensors").read_bytes() for seed in (0, 1))
    assert one != two
    words = ({*(tmp_path / str(seed) / "vocab.txt").read_text().split()} for seed in (0, 1))
    assert len({frozenset(found) for found in words}) == 1

"""Changed training texts: what an edit is, how many there are, and that seed and epoch alone decide."""

from __future__ import annotations

import json
import multiprocessing
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from alumbench.data import Example
from alumbench.errors import AlumbenchError
from alumbench.parsing import read_json
from alumbench.training.augmentation import Augmentation, changed
from alumbench.training.augmented_rows import AugmentedRows
from alumbench.training.fine_tuning import fine_tune
from alumbench.training.request import FineTuning
from tests.training.test_resuming import die_at_call, quiet, train_and_die

Make = Callable[..., FineTuning]
TEXT = "a deeply felt film , in 1999 ; naïve"


def draw(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def distance(a: str, b: str) -> int:
    """Edits between two words, a swap of neighbours being one (optimal string alignment)."""
    table = np.zeros((len(a) + 1, len(b) + 1), int)
    table[:, 0], table[0] = range(len(a) + 1), range(len(b) + 1)
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            table[i, j] = min(table[i - 1, j] + 1, table[i, j - 1] + 1, table[i - 1, j - 1] + (a[i - 1] != b[j - 1]))
            if i > 1 and j > 1 and a[i - 1] == b[j - 2] and a[i - 2] == b[j - 1]:
                table[i, j] = min(table[i, j], table[i - 2, j - 2] + 1)
    return int(table[-1, -1])


def test_a_word_gets_one_edit_and_what_is_no_word_none() -> None:
    seen = set()
    for seed in range(200):
        words = changed(TEXT, Augmentation(1.0), draw(seed)).split(" ")
        assert [words[i] for i in (0, 4, 6, 7)] == ["a", ",", "1999", ";"]
        for before, after in zip(TEXT.split(" "), words, strict=True):
            assert distance(before, after) <= 1
            seen.add(len(after) - len(before))
    assert seen == {-1, 0, 1}
    assert changed(TEXT, Augmentation(), draw()) == TEXT


def test_words_are_left_out_but_never_all_of_them() -> None:
    both = [changed("some other words", Augmentation(0.3, 0.4), draw(seed)).split() for seed in range(2000)]
    assert np.mean([len(words) for words in both if words != ["some", "other", "words"]]) < 3
    assert min(map(len, both)) == 1
    assert changed("some other words", Augmentation(dropped=1.0), draw()) == "some other words"
    left = changed("words " * 4000, Augmentation(0.2, 0.3), draw()).split()
    assert len(left) == pytest.approx(2800, abs=100)
    assert sum(word != "words" for word in left) == pytest.approx(800, abs=100)


def test_the_share_of_words_and_texts_is_what_was_asked() -> None:
    words = changed("words " * 4000, Augmentation(0.3), draw()).split()
    assert np.mean([word != "words" for word in words]) == pytest.approx(0.3, abs=0.03)

    examples = [Example(str(i), ("some words here",), "positive") for i in range(400)]
    asked: list[int] = []

    def tokenize(given: Any) -> list[dict[str, Any]]:
        asked.append(len(given))
        return [{"input_ids": list(e.texts[0].encode()), "example": at} for at, e in enumerate(given)]

    rows = AugmentedRows(tokenize(examples), examples, tokenize, Augmentation(1.0, texts=0.25), seed=3)
    clean = [rows[i] for i in range(400)]
    rows.set_epoch(0)
    first = [rows[i] for i in range(400)]
    assert asked[1] == pytest.approx(100, abs=30)
    assert [row["example"] for row in first] == list(range(400))
    assert [len(ids) for ids in rows["input_ids"]] == [len(row["input_ids"]) for row in clean]
    rows.set_epoch(1)
    second = [rows[i] for i in range(400)]
    assert second != first
    rows.set_epoch(0)
    assert [rows[i] for i in range(400)] == first


def test_a_run_learns_from_changed_texts_says_so_and_can_be_killed_in_the_second_epoch(
    small_request: Make, tmp_path: Path
) -> None:
    request = small_request(epochs=2.0, augmentation=Augmentation(0.4, 0.1))
    plain = fine_tune(small_request(epochs=2.0), tmp_path / "plain", quiet)
    record = fine_tune(request, tmp_path / "unbroken", quiet)
    assert record["settings"]["augmentation"] == {"typos": 0.4, "dropped": 0.1, "texts": 0.5}
    assert "augmentation" not in plain["settings"]
    weights = (tmp_path / "unbroken" / "model.safetensors").read_bytes()
    assert weights != (tmp_path / "plain" / "model.safetensors").read_bytes()

    process = multiprocessing.get_context("spawn").Process(
        target=train_and_die, args=(request, tmp_path / "killed", die_in_the_second_epoch)
    )
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    fine_tune(request, tmp_path / "killed", quiet)
    assert (tmp_path / "killed" / "model.safetensors").read_bytes() == weights


def die_in_the_second_epoch() -> None:
    die_at_call(torch.optim.AdamW, "step", 22)


def test_what_cannot_be_is_refused(small_request: Make, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"augmentation: typos = 1\.5: must be from 0 to 1"):
        Augmentation(1.5)
    with pytest.raises(ValueError, match=r"typos \+ dropped = 1\.2: must be 1 at most"):
        Augmentation(0.6, 0.6)
    attack = {"attack": "deepwordbug-all-words"}
    with pytest.raises(AlumbenchError, match="method a2t changes the training texts itself"):
        fine_tune(
            small_request(method="a2t", parameters=attack, augmentation=Augmentation(0.1)), tmp_path / "a2t", quiet
        )


def test_a_folder_of_before_there_was_augmentation_is_known_again(small_request: Make, tmp_path: Path) -> None:
    out = tmp_path / "out"
    fine_tune(small_request(method="alum"), out, quiet)
    before = read_json(out / "request.json")
    del before["augmentation"], before["method_parameters"]["smoothing"]
    (out / "request.json").write_text(json.dumps(before))
    said: list[str] = []
    fine_tune(small_request(method="alum"), out, said.append)
    assert said == [f"{out}: this run is finished already"]
    with pytest.raises(AlumbenchError, match="holds a run that differs in parameters"):
        fine_tune(small_request(method="alum", parameters={"smoothing": 0.1}), out, quiet)

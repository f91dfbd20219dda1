"""R3: the generated sets are the same everywhere, apart from each other, and no giveaway."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections import Counter

import pytest

from alumbench.data import load_task, miniature
from alumbench.errors import AlumbenchError

SETS = [f"{task}/{split}" for task in ("sentiment", "nli") for split in miniature.SIZES]
SCRIPT = """
import hashlib, json, sys
from alumbench.data import miniature
print(*(hashlib.sha256(json.dumps(miniature.rows(name)).encode()).hexdigest() for name in sys.argv[1:]))
"""


def digests() -> list[str]:
    return [hashlib.sha256(json.dumps(miniature.rows(name)).encode()).hexdigest() for name in SETS]


@pytest.mark.parametrize("seed", ["0", "1", "random"])
def test_every_process_makes_the_same_sets(seed: str) -> None:
    environment = os.environ | {"PYTHONHASHSEED": seed}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *SETS], env=environment, capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.split() == digests()


@pytest.mark.parametrize("name", SETS)
def test_sizes_and_balance(name: str) -> None:
    task, split = name.split("/")
    rows = miniature.rows(name)
    labels = load_task(f"mini-{task}").labels
    assert {len(column) for column in rows.values()} == {miniature.SIZES[split]}
    counts = Counter(rows["label"])
    assert {*counts} == {*labels}
    assert min(counts.values()) > 0.8 * miniature.SIZES[split] / len(labels)


@pytest.mark.parametrize("task", ["sentiment", "nli"])
def test_no_text_is_twice_in_dev_or_in_train_and_dev(task: str) -> None:
    columns = load_task(f"mini-{task}").columns
    texts = {}
    for split in miniature.SIZES:
        rows = miniature.rows(f"{task}/{split}")
        texts[split] = list(zip(*(rows[column] for column in columns), strict=True))
        assert len({*texts[split]}) == len(texts[split])
    assert {*texts["train"]}.isdisjoint(texts["dev"])
    assert {*texts["train"]}.isdisjoint(texts["adversarial"])


def test_an_adversarial_negation_keeps_the_label() -> None:
    rows = miniature.rows("sentiment/adversarial")
    negated = [
        (text, label) for text, label in zip(rows["sentence"], rows["label"], strict=True) if " was not " in text
    ]
    assert len(negated) > 50
    for text, label in negated:
        after = text.split(" was not ")[1].split()
        word = next(part for part in after if part not in miniature.INTENSIFIERS)
        assert word in (miniature.NEGATIVE if label == "positive" else miniature.POSITIVE)


def test_an_unknown_set_offers_the_nearest() -> None:
    with pytest.raises(AlumbenchError, match="'sentiment/trian'. Did you mean 'sentiment/train'"):
        miniature.rows("sentiment/trian")

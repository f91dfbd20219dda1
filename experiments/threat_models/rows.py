"""Writes sentences of SST-2 dev: `python -m experiments.threat_models.rows SELECTION FILE`, see `SELECTIONS`."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import alumbench as ab
from alumbench.attacks.words import words_of

#: Sentences short enough to enumerate `chars-1`, and those in which 17% of the words are two.
SELECTIONS: Mapping[str, Callable[[str], bool]] = {
    "short": lambda text: len(text) <= 70,
    "two-words": lambda text: int(0.17 * len(words_of(text))) == 2,
}


def main(selection: str, path: Path) -> None:
    """Writes them, with their labels."""
    dev = ab.load_data("sst2", "dev")
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["sentence", "label"])
        table.writerows(row for row in zip(dev.texts, dev.labels, strict=True) if SELECTIONS[selection](str(row[0])))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))

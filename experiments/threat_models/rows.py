"""Writes the sentences of SST-2 dev with at most 70 characters: `python -m experiments.threat_models.rows FILE`."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import alumbench as ab

LONGEST = 70


def main(path: Path) -> None:
    """Writes them, with their labels."""
    dev = ab.load_data("sst2", "dev")
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["sentence", "label"])
        table.writerows(row for row in zip(dev.texts, dev.labels, strict=True) if len(row[0]) <= LONGEST)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

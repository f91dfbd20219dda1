"""A record as boards carry it: with the evidence, without the data set's own texts."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Mapping
from typing import Any


def published(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record without the texts that are the data set's, which keep their licence and stay where they are.

    The id is a hash of the content, so the text can be found again in the data set that the entry names. Adversarial
    texts stay: they are the evidence. Probabilities are written with the nine digits that a 32-bit float has. Two
    things that only the texts tell are added: `changed`, the ranges of characters of each adversarial text whose words
    are not the original's, and, for pairs, `cluster`: examples with the same first text (a premise, say) depend on
    each other, and their statistics are taken together.

    Args:
        record: as an evaluation has it.
    """
    kept = {name: value for name, value in record.items() if name != "texts"}
    for name in ("scores", "adversarial_scores"):
        if kept.get(name):
            kept[name] = [float(f"{value:.9g}") for value in kept[name]]
    texts = record["texts"]
    if len(texts) > 1:
        kept["cluster"] = cluster_of(record)
    if record.get("adversarial"):
        changed = {column: changed_words(texts[column], text) for column, text in record["adversarial"].items()}
        kept["changed"] = {column: ranges for column, ranges in changed.items() if ranges}
    return kept


def cluster_of(record: Mapping[str, Any]) -> str:
    """What an example is drawn with in a bootstrap: for pairs the hash of the first text, else its own id."""
    if "cluster" in record or len(record.get("texts", ())) < 2:
        return str(record.get("cluster", record["id"]))
    first = next(iter(record["texts"].values()))
    return hashlib.sha256(first.encode(errors="surrogatepass")).hexdigest()[:12]


def changed_words(before: str, after: str) -> list[list[int]]:
    """Ranges of characters of `after`, end excluded, in which its words are not those of `before`.

    Words are what stands between blanks. Words next to each other make one range; what was only taken away has none.
    """
    words = [(match.start(), match.end()) for match in re.finditer(r"\S+", after)]
    matcher = difflib.SequenceMatcher(None, before.split(), [after[a:b] for a, b in words], autojunk=False)
    return [
        [words[first][0], words[last - 1][1]]
        for kind, _, _, first, last in matcher.get_opcodes()
        if kind != "equal" and first < last
    ]

"""Records and figures of few words: what a test does not say is filled in."""

from __future__ import annotations

from typing import Any

import msgspec

from alumbench.evaluation.results import EntryResult
from alumbench.records import Answered, Attacked, Record, Worst

COMMON = {"entry": "e", "id": "x", "label": "a", "prediction": "a"}
OF_ATTACK = {
    **{"outcome": "robust", "scores": None, "adversarial": None, "adversarial_scores": None, "similarity": None},
    **{"queries": 2, "queries_unique": 2, "words": 10, "words_changed": 0, "attack_seed": 1},
}


def attacked(**values: Any) -> Attacked:
    return msgspec.convert({**COMMON, **OF_ATTACK, **values}, Attacked)


def answered(**values: Any) -> Answered:
    return msgspec.convert({**COMMON, "outcome": "correct", **values}, Answered)


def worst(**values: Any) -> Worst:
    return msgspec.convert({**COMMON, "outcome": "robust", **values}, Worst)


def entry_result(**values: Any) -> EntryResult:
    filled = {"kind": "attack", "goal": "", "signature": "s@1|e", "data_sha256": "d" * 64, "n": 100, "complete": True}
    return msgspec.convert({**filled, "summary": {"measures": {}}, **values}, EntryResult)


def plain(value: Any) -> Any:
    """As JSON has it."""
    return msgspec.to_builtins(value)


def changed(record: Record, **values: Any) -> Any:
    return msgspec.structs.replace(record, **values)

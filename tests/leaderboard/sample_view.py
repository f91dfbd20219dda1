"""A view with all that a board can hold: flags, errors, a single seed, a missing cell, curves, marked examples."""

from __future__ import annotations

from typing import Any

import msgspec

from alumbench.reports.view import View

COLUMNS = {
    "clean": ("SST-2 dev", "generalization", "percent"),
    "typos": ("deepwordbug", "robustness", "percent"),
    "synonyms": ("pwws", "robustness", "percent"),
    "worst": ("worst of both", "worst_case", "percent"),
    "cost": ("training cost", "cost", "ratio"),
}


def sample_view(rows: int = 4) -> dict[str, Any]:
    """The view of `rows` rows, the first of them the baseline, the last with one seed and without `synonyms`."""
    return {
        "title": "A sample board",
        "about": "What was trained.",
        "reading": "What it means, with `code` and **weight**.",
        "baseline": "standard",
        "rank": "deepwordbug",
        "columns": [_column(key, *told) for key, told in COLUMNS.items()],
        "rows": [_row(number, number == rows - 1) for number in range(rows)],
        "scatter": ["clean", "worst"],
        "effective_robustness": {"reason": "3 reference models", "values": {}},
        "notes": ["Percent.", "Smallest difference detectable with 80% power: 7.9 at n=200."],
        "provenance": ["standard: trained on something"],
        "versions": ["alumbench 0.1.0"],
        "signatures": ["suite@1|clean|n:200"],
        "downloads": {"csv": "row,value\nstandard,0.8\n", "json": "[]\n"},
    }


def as_view(sample: dict[str, Any]) -> View:
    """A sample, edited or not, as the page takes it."""
    return msgspec.convert(sample, View)


def _column(key: str, title: str, role: str, unit: str) -> dict[str, Any]:
    return {
        "key": key,
        "title": title,
        "task": "sst2",
        "entry": key,
        "measure": "accuracy",
        "group": "",
        "role": role,
        "about": f"accuracy of {key}, n=200",
        "higher_is_better": role != "cost",
        "unit": unit,
        "n": [200, 200],
        "note": "made against other models" if key == "typos" else "",
        "detectable": 0.079,
    }


def _row(number: int, last: bool) -> dict[str, Any]:
    name = "standard" if number == 0 else f"method-{number}"
    cells = {key: _cell(key, number, last) for key in COLUMNS}
    points = [{"at": r, "value": 0.8 - r, "low": 0.7 - r, "high": 0.9 - r, "n": 200} for r in (0.0, 0.05, 0.1)]
    budgets = [{"at": b, "value": b / 2000, "low": 0.0, "high": 0.9, "n": 160} for b in (10, 100, 1000)]
    return {
        "name": name,
        "method": name,
        "model": "mini-lm",
        "task": "sst2",
        "parameters": f"epsilon {number / 10}",
        "settings": "epochs 1",
        "seeds": [1] if last else [1, 2, 3],
        "flags": [{"flag": "budget-saturated", "entry": "typos", "detail": "18 of 18", "seeds": [1]}] if last else [],
        "cells": cells,
        "curves": {"security": points, "queries": {"typos": budgets}},
        "cost": {"training_ratio": 1.0 + number, "seconds": 100.0, "device": "cpu"},
    }


def _cell(key: str, number: int, last: bool) -> dict[str, Any]:
    value, seeds = 0.5 + number / 20, 1 if last else 3
    cell: dict[str, Any] = {
        **{"value": value, "low": value - 0.05, "high": value + 0.05, "sd": None if last else 0.01},
        **{"min": value - 0.01, "max": value + 0.01, "n": 200, "seeds": seeds, "reason": "", "rank": 4 - number},
        **{"tied": number == 1, "signature": f"suite@1|{key}|n:200", "counts": {}, "difference": None},
        **{"examples": [], "examples_total": 0, "records": "", "relative_drop": None},
    }
    if key == "cost":
        return cell | {"low": None, "high": None, "n": 0, "rank": None}
    if key == "synonyms" and last:
        return cell | dict.fromkeys(("value", "low", "high", "sd", "min", "max", "rank")) | {"reason": "not evaluated"}
    if number:
        difference = {"value": number / 20, "low": 0.01, "high": 0.2, "p": 0.001, "p_holm": 0.01, "distinct": True}
        cell["difference"] = difference | {"reason": "", "by_seed": [{"seed": 1, "value": 0.05, "p": 0.01}]}
    if key == "typos":
        cell |= {
            "counts": {"robust": 300, "broken": 200, "already_wrong": 90, "error": 7, "timeout": 3},
            "relative_drop": {"value": 0.4, "low": None, "high": None},
            "examples": [_example(at) for at in range(3)],
            "examples_total": 100,
            "records": "records/standard-seed1.jsonl.gz",
        }
    return cell


def _example(at: int) -> dict[str, Any]:
    outcome = ("broken", "error", "timeout")[at]
    broken = outcome == "broken"
    return {
        **{"seed": 1, "id": f"id{at}", "label": "negative", "prediction": "negative", "outcome": outcome},
        "to": "positive" if broken else None,
        "columns": {"sentence": "a dul film"} if broken else None,
        "changed": {"sentence": [[2, 5]]} if broken else None,
        **{"queries": 21, "similarity": 0.97},
    }

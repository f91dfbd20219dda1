"""An entry's part of `evaluation.json`: what it was made of, and how."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from alumbench.evaluation.ensembles import SKIP_BROKEN
from alumbench.evaluation.entry import Entry
from alumbench.evaluation.request import Request
from alumbench.evaluation.seeds import attack_seeds
from alumbench.evaluation.thresholds import Thresholds
from alumbench.tasks import Example, Task, data_hash


def describe(
    entry: Entry, request: Request, task: Task, examples: Sequence[Example], origins: list[dict[str, Any]]
) -> dict[str, Any]:
    """An entry's part of `evaluation.json`, with the signature that says how its figures were made."""
    digest = data_hash(examples)
    parts = [f"{request.suite.name}@{request.suite.version}", entry.name, f"data:{digest[:12]}", f"n:{len(examples)}"]
    protected = task.protected if request.protect and entry.kind == "attack" else ()
    models: dict[str, Any] = {}
    if entry.kind == "attack":
        recipe = entry.load_recipe()
        models = recipe.models(entry.parts)
        parts += [
            f"atk:{entry.recipe}",
            f"q:{entry.queries or 'inf'}",
            f"s:{entry.seconds or 'inf'}",
            f"seed:{request.seed}",
        ]
        parts += [f"protected:{','.join(protected)}"] if protected else []
        parts += _parts(entry, models) + _how_often(entry, request) + _skipping(entry, request, task)
        own = request.suite.validity
        parts += [f"valid:{own.signature}"] if own != Thresholds() else []
    if entry.kind == "embedding":
        parts += [entry.embedding_protocol().signature]
    seeds = len(attack_seeds(entry, request)) if entry.kind == "attack" else 1
    return {
        "kind": entry.kind,
        "goal": recipe.goal if entry.kind == "attack" else "",
        "signature": "|".join(parts + ([f"limit:{request.limit}"] if request.limit else [])),
        "data_sha256": digest,
        "n": len(examples),
        "sources": origins,
        "protected": list(protected),
        "query_budget": entry.queries,
        "seeds": {"count": seeds, "examples": min(entry.seed_examples, len(examples))} if seeds > 1 else None,
        "note": entry.note,
        "complete": False,
        "summary": None,
        **({"models": models} if models else {}),
    }


def records_of(described: Mapping[str, Any]) -> int:
    """Records that a finished entry has: one an example, and one more for each further attack seed."""
    seeds = described.get("seeds") or {"count": 1, "examples": 0}
    return int(described["n"] + (seeds["count"] - 1) * seeds["examples"])


def _parts(entry: Entry, models: Mapping[str, Any]) -> list[str]:
    """Names of the parts that a recipe was given, with the hash of their weights where they are here."""
    found = []
    for name, value in sorted(entry.parts.items()):
        digest = f":{models[name]['weights_sha256'][:12]}" if name in models else ""
        found.append(f"{name}:{Path(value).name if Path(value).expanduser().is_dir() else value}{digest}")
    return found


def _how_often(entry: Entry, request: Request) -> list[str]:
    seeds = len(attack_seeds(entry, request))
    return [f"seeds:{seeds}x{entry.seed_examples}"] if seeds > 1 else []


def _skipping(entry: Entry, request: Request, task: Task) -> list[str]:
    """Which ensemble's earlier members spare an entry examples; the first member is as it always is."""
    if not request.skip_broken:
        return []
    ensemble = request.suite.ensemble_to_skip_by(task)
    return [SKIP_BROKEN + ensemble.signature] if entry.name in ensemble.entries[1:] else []

"""An entry's part of `evaluation.json`: its data and how it was run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from alumbench.attacks.threat_models.threat_model import digest as digest_of
from alumbench.data import Example, Task, data_hash
from alumbench.data.source import DataOrigin
from alumbench.evaluation.ensembles import SKIP_BROKEN
from alumbench.evaluation.request import Request
from alumbench.evaluation.results import EntryResult, ModelIdentity, Seeds, ThreatModelResult
from alumbench.evaluation.seeds import attack_seeds
from alumbench.evaluation.suite_entry import SuiteEntry
from alumbench.evaluation.thresholds import Thresholds
from alumbench.origins import Origin


def describe(
    entry: SuiteEntry, request: Request, task: Task, examples: Sequence[Example], origins: Sequence[DataOrigin]
) -> EntryResult:
    """An entry's part of `evaluation.json`, with the signature that says how its figures were made."""
    digest = data_hash(examples)
    parts = [f"{request.suite.name}@{request.suite.version}", entry.name, f"data:{digest[:12]}", f"n:{len(examples)}"]
    protected = task.protected if request.protect and entry.kind == "attack" else ()
    models: dict[str, ModelIdentity] = {}
    at = None
    if entry.kind == "attack":
        recipe, at = entry.load_recipe(), entry.load_threat_model()
        identities = recipe.model_identities(entry.models, at.model.needs if at else ())
        models = {name: ModelIdentity(**model) for name, model in identities.items()}
        parts += [
            f"atk:{recipe.signature_within(at) if at else recipe.signature}",
            f"q:{entry.queries or 'inf'}",
            f"s:{entry.seconds or 'inf'}",
            f"seed:{request.attack_seed}",
        ]
        parts += [f"protected:{','.join(protected)}"] if protected else []
        facts = at.model.facts(examples) if at else {}
        if at:
            parts += [f"set:{at.signature}" + (f":{digest_of(facts)}" if facts else "")]
        parts += [f"qpw:{entry.queries_per_word}"] if entry.queries_per_word else []
        parts += _given_models(entry, models) + _how_often(entry, request) + _skipping(entry, request, task)
        own = request.suite.validity
        parts += [f"valid:{own.signature}"] if own != Thresholds() else []
    if entry.kind == "embedding":
        parts += [entry.white_box()[1]]
    origin = entry.origin()
    parts += [origin.signature] if origin else []
    of_set = at.origin() if at else Origin()
    parts += [f"set-{of_set.signature}"] if of_set else []
    seeds = len(attack_seeds(entry, request)) if entry.kind == "attack" else 1
    return EntryResult(
        kind=entry.kind,  # type: ignore[arg-type]  # one of KINDS, which `Entry.check` looks at
        goal=recipe.goal if entry.kind == "attack" else "",
        signature="|".join(parts + ([f"limit:{request.limit}"] if request.limit else [])),
        data_sha256=digest,
        n=len(examples),
        sources=list(origins),
        protected=list(protected),
        query_budget=entry.queries,
        seeds=Seeds(seeds, min(entry.seed_examples, len(examples))) if seeds > 1 else None,
        note=entry.note,
        complete=False,
        summary=None,
        models=models or None,
        origin=origin.record() or None,
        queries_per_word=entry.queries_per_word or None,
        threat_model=ThreatModelResult(at.signature, facts, of_set.record() or None) if at else None,
    )


def _given_models(entry: SuiteEntry, models: Mapping[str, ModelIdentity]) -> list[str]:
    """Names of the models that a recipe was given, with the hash of their weights where these are available."""
    found = []
    for name, value in sorted(entry.models.items()):
        digest = f":{models[name].weights_sha256[:12]}" if name in models else ""
        found.append(f"{name}:{Path(value).name if Path(value).expanduser().is_dir() else value}{digest}")
    return found


def _how_often(entry: SuiteEntry, request: Request) -> list[str]:
    seeds = len(attack_seeds(entry, request))
    return [f"seeds:{seeds}x{entry.seed_examples}"] if seeds > 1 else []


def _skipping(entry: SuiteEntry, request: Request, task: Task) -> list[str]:
    """The ensemble whose earlier members let an entry skip examples; empty for the first member, which skips none."""
    if not request.skip_broken:
        return []
    ensemble = request.suite.ensemble_to_skip_by(task)
    return [SKIP_BROKEN + ensemble.signature] if entry.name in ensemble.entries[1:] else []

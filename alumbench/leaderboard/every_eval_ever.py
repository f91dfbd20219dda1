"""Converts a board's entries to the Every Eval Ever schema (https://github.com/evaleval/every_eval_ever) and back.

Each number becomes one evaluation result: score, Wilson interval, standard error and n in the schema's own fields,
attack, budget and protection in the metric's additional details. Whatever has no field (how the checkpoint was
trained, costs, outcomes, the hash of the records) is kept as JSON in the library's details, so that an entry can be
read back unchanged. Figures are read from the schema's own fields: if one was changed, it no longer follows from
the records, and the board refuses the entry.

The schema's instance-level records are not written: they need each example's text, which a board does not publish.

The schema version is 0.3.0; its package is not needed here. A test checks the output with the package's validator.
"""

from __future__ import annotations

import hashlib
import json
import math
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alumbench.config import JsonObject
from alumbench.data import Task
from alumbench.errors import AlumbenchError
from alumbench.evaluation.data_sets import data_set_of
from alumbench.evaluation.results import EntryResult, Measure
from alumbench.leaderboard.measures import LOWER_IS_BETTER, words_of_measure
from alumbench.leaderboard.submission import Submission
from alumbench.models.checkpoint.provenance import Training
from alumbench.parsing import parse_json

SCHEMA_VERSION = "0.3.0"
LIBRARY = "alumbench"
#: Metrics that are not shares, and their bounds.
BOUNDS = {"matthews_correlation": (-1.0, 1.0), "pearson": (-1.0, 1.0), "spearman": (-1.0, 1.0)}
#: Parts of a signature that describe an attack's abilities.
ATTACK_PARTS = {"atk": "attack", "q": "query_budget", "s": "seconds_per_example", "seed": "attack_seed"}


def to_log(content: Submission, collection: str, organization: str, time: int) -> dict[str, object]:
    """An entry as the schema's aggregate document.

    Args:
        content: the submission.
        collection: name of the board, under which it is filed.
        organization: the evaluator; the model's id starts with it.
        time: the document's time, in seconds since 1970.
    """
    model = f"{organization}/{content.file_name}"
    rest, results = _without_numbers(content), list(_results(content))
    return {
        "schema_version": SCHEMA_VERSION,
        "evaluation_id": f"{collection}/{model}/{time}",
        "retrieved_timestamp": str(time),
        "source_metadata": {
            "source_name": collection,
            "source_type": "evaluation_run",
            "source_organization_name": organization,
            "evaluator_relationship": "first_party" if content.training else "third_party",
        },
        "eval_library": {
            "name": LIBRARY,
            "version": _version(content),
            "additional_details": {"entry": json.dumps(rest, allow_nan=False)},
        },
        "model_info": {"id": model, **_model(content, organization)},
        "evaluation_results": results,
    }


def _model(content: Submission, organization: str) -> dict[str, object]:
    return _trained(content, content.training, organization) if content.training else _cited(content)


def _trained(content: Submission, training: Training, organization: str) -> dict[str, object]:
    return {
        "name": f"{content.row}, seed {training.training_seed}",
        "developer": organization,
        "additional_details": {
            "deployment_type": "self_deployed",
            "model_availability": "unknown",
            "base_model": training.model.name,
            "training_method": training.method.name,
            "training_parameters": json.dumps(training.method.parameters, sort_keys=True),
            "training_seed": str(training.training_seed),
            "training_data_sha256": training.data.train.sha256,
            "weights_sha256": content.evaluations[0].model,
        },
    }


def _cited(content: Submission) -> dict[str, object]:
    """A reference's model: another's, known only by its published predictions."""
    reference = content.reference
    assert reference is not None  # `make_submission` checks this
    return {
        "name": content.row,
        "developer": "unknown",
        "additional_details": {
            "deployment_type": "unknown",
            "model_availability": "unknown",
            "published_predictions": reference.published,
            "base_model": reference.model or "unknown",
        },
    }


def from_log(log: Any, where: str) -> Any:
    """The JSON of the submission in a document of ours; `make_submission` checks it.

    Args:
        log: any JSON value.
        where: the name that messages use.

    Raises:
        AlumbenchError: It is of another version or library, or was not made by `to_log`.
    """
    if not isinstance(log, Mapping):
        raise AlumbenchError(f"{where}: not a JSON object, so not an evaluation")
    version = log.get("schema_version")
    if version != SCHEMA_VERSION:
        raise AlumbenchError(f"{where}: schema version {version!r} is unknown to this alumbench ({SCHEMA_VERSION})")
    library = log.get("eval_library")
    library = library if isinstance(library, Mapping) else {}
    if library.get("name") != LIBRARY:
        raise AlumbenchError(
            f"{where}: made by {library.get('name')!r}; a board takes figures only with their records, which only "
            f"'alumbench leaderboard export' includes"
        )
    try:
        content = parse_json(str(library["additional_details"]["entry"]), where)
        for result in log["evaluation_results"]:
            of, group, measure = json.loads(result["score_details"]["details"]["figure"])
            _place(content, of, group)[group or measure] = _measure(result["score_details"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise AlumbenchError(
            f"{where}: not as 'alumbench leaderboard export' writes it ({type(error).__name__}: {error}); "
            f"export it again"
        ) from None
    return content


def document_id(content: Submission) -> str:
    """A UUID, the same for the same entry; in the form of version 4, which the schema's file names need."""
    digest = hashlib.sha256(json.dumps(content.to_json(), sort_keys=True).encode()).digest()
    return str(uuid.UUID(bytes=digest[:16], version=4))


def _version(content: Submission) -> str:
    return "+".join(sorted({str(e.versions["alumbench"]) for e in content.evaluations})) or "unknown"


def _measures(content: Submission) -> Iterator[tuple[str, str, Mapping[str, Measure]]]:
    """The figures of a submission by place, as `_measured` gives them for its JSON."""
    for name, entry in content.entries.items():
        yield f"entry:{name}", "", entry.figures.measures
        if entry.figures.groups is not None:
            yield f"entry:{name}", "*", entry.figures.groups
        if entry.figures.validity:
            yield f"valid:{name}", "", entry.figures.validity.measures
    for name, ensemble in (content.ensembles or {}).items():
        yield f"worst:{name}", "", ensemble.measures


def _measured(content: Any) -> Iterator[tuple[str, str, JsonObject]]:
    """The figures in a submission's JSON: (`entry:NAME`, `valid:NAME` or `worst:NAME`; '*' for groups; figures)."""
    for name, entry in content["entries"].items():
        yield f"entry:{name}", "", entry["summary"]["measures"]
        if "groups" in entry["summary"]:
            yield f"entry:{name}", "*", entry["summary"]["groups"]
        if entry["summary"].get("validity"):
            yield f"valid:{name}", "", entry["summary"]["validity"]["measures"]
    for name, ensemble in content.get("ensembles", {}).items():
        yield f"worst:{name}", "", ensemble["measures"]


def _place(content: Any, of: str, group: str) -> dict[str, object]:
    wanted = "*" if group else ""
    for place, kind, figures in _measured(content):
        if (place, kind) == (of, wanted):
            return figures
    raise KeyError(of)


def _without_numbers(content: Submission) -> Any:
    """Its JSON with null for each number that becomes a result; figures without a number keep their reason."""
    rest = json.loads(json.dumps(content.to_json()))
    for _, _, figures in _measured(rest):
        for name, figure in figures.items():
            if figure["value"] is not None:
                figures[name] = None
    return rest


@dataclass(frozen=True)
class _Made:
    """The source of a figure; for a worst case its first member's data, with the ensemble's signature."""

    result: EntryResult | None
    signature: str
    outcomes: Mapping[str, int]


def _results(content: Submission) -> Iterator[dict[str, object]]:
    for of, kind, figures in _measures(content):
        name = of.partition(":")[2]
        made = _made(content, of)
        for key, figure in figures.items():
            if figure.value is None:
                continue
            group, measure = (key, "accuracy") if kind else ("", key)
            title = " ".join(filter(None, ["worst case" if of.startswith("worst:") else "", name, group]))
            yield {
                "evaluation_result_id": "/".join(filter(None, [of, group, measure])),
                "evaluation_name": title,
                "source_data": _data(made.result, content.task),
                "metric_config": _metric(measure, made, figure.low is None),
                "score_details": _score(figure, figure.value, [of, group, measure], made.outcomes),
            }


def _made(content: Submission, of: str) -> _Made:
    kind, _, name = of.partition(":")
    if kind != "worst":
        result = content.entries[name]
        return _Made(result, result.signature, result.figures.outcomes or {})
    ensemble = (content.ensembles or {})[name]
    return _Made(content.entries.get(ensemble.members[0]), ensemble.signature, ensemble.outcomes or {})


def _data(result: EntryResult | None, task: Task) -> dict[str, object]:
    found = None if result is None else data_set_of(result, task)
    details = {"data_sha256": result.data_sha256 if result else "", "task": task.name}
    if result is None or found is None:
        return {"dataset_name": task.title, "source_type": "other", "additional_details": details}
    details |= {"config": found.config, "revision": found.revision or "unknown: an offline copy was read"}
    return {
        "dataset_name": found.name,
        "source_type": "hf_dataset",
        "hf_repo": found.hub,
        "hf_split": found.split,
        "samples_number": result.n,
        "additional_details": details,
    }


def _metric(measure: str, made: _Made, plain: bool) -> dict[str, object]:
    low, high = BOUNDS.get(measure, (0.0, 1.0))
    details = {"signature": made.signature}
    for part in made.signature.split("|"):
        key, colon, value = part.partition(":")
        if colon and key in ATTACK_PARTS:
            details[ATTACK_PARTS[key]] = value
        elif colon and "@" in key and made.result is not None and made.result.kind == "embedding":
            details["attack"] = part
    if made.result is not None and made.result.protected:
        details["protected_columns"] = ",".join(made.result.protected)
    return {
        "evaluation_description": words_of_measure(measure),
        "metric_id": measure if measure in {"accuracy", "f1"} else f"{LIBRARY}.{measure}",
        "metric_name": words_of_measure(measure),
        "metric_kind": "accuracy" if "accuracy" in measure else measure,
        "metric_unit": "points" if plain else "proportion",
        "lower_is_better": measure in LOWER_IS_BETTER,
        "score_type": "continuous",
        "min_score": low,
        "max_score": high,
        "additional_details": details,
    }


def _score(figure: Measure, value: float, name: Sequence[str], outcomes: Mapping[str, int]) -> dict[str, object]:
    details = {"figure": json.dumps(name)}
    score: dict[str, object] = {"score": value, "details": details}
    uncertainty: dict[str, object] = {"num_samples": figure.n}
    if figure.low is not None:
        spread = math.sqrt(value * (1 - value) / figure.n)
        uncertainty["standard_error"] = {"value": spread, "method": "analytic, sqrt(p (1 - p) / n)"}
        uncertainty["confidence_interval"] = {
            "lower": figure.low,
            "upper": figure.high,
            "confidence_level": 0.95,
            "method": "Wilson",
        }
        details["count"] = str(figure.count)
    details |= {f"outcome_{name}": str(count) for name, count in outcomes.items()}
    return score | {"uncertainty": uncertainty}


def _measure(score: Any) -> dict[str, float]:
    uncertainty = score["uncertainty"]
    figure = {"value": score["score"]}
    if "confidence_interval" in uncertainty:
        interval = uncertainty["confidence_interval"]
        figure |= {"low": interval["lower"], "high": interval["upper"], "count": int(score["details"]["count"])}
    return figure | {"n": uncertainty["num_samples"]}

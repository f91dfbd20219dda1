"""A board's entries in the schema of Every Eval Ever (https://github.com/evaleval/every_eval_ever), and back.

Each number becomes one of its evaluation results: score, Wilson interval, standard error and n in the fields that it
has for them, attack, budget and protection in the metric's additional details. What it has no field for (how the
checkpoint was trained, costs, outcomes, the hash of the records) goes along as JSON in the library's details, so that
an entry comes back as it was. Figures are read from the schema's own fields: one that was changed no longer follows
from the records, and the board refuses the entry.

Its instance-level records are not written: they ask for each example's own text, which a board does not publish.

The schema is 0.3.0; nothing of its package is needed here. A test holds what is written to the package's validator.
"""

from __future__ import annotations

import hashlib
import json
import math
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from alumbench.errors import AlumbenchError
from alumbench.evaluation.data_sets import data_set_of
from alumbench.leaderboard.compare import LOWER_IS_BETTER, MEASURES
from alumbench.parsing import parse_json
from alumbench.tasks import Task

SCHEMA_VERSION = "0.3.0"
LIBRARY = "alumbench"
#: Metrics that are no shares, and where they end.
BOUNDS = {"matthews_correlation": (-1.0, 1.0), "pearson": (-1.0, 1.0), "spearman": (-1.0, 1.0)}
#: Parts of a signature that say what an attack could do.
ATTACK_PARTS = {"atk": "attack", "q": "query_budget", "s": "seconds_per_example", "seed": "attack_seed"}


def to_log(content: Mapping[str, Any], collection: str, organization: str, time: int) -> dict[str, Any]:
    """An entry as the schema's aggregate document.

    Args:
        content: the entry's JSON.
        collection: name of the board, under which it is filed.
        organization: who evaluated; the model's id begins with it.
        time: seconds since 1970 at which the document is made.
    """
    model = f"{organization}/{file_name(content)}"
    task = Task.from_dict(content["task"])
    rest, results = _without_numbers(content), list(_results(content, task))
    return {
        "schema_version": SCHEMA_VERSION,
        "evaluation_id": f"{collection}/{model}/{time}",
        "retrieved_timestamp": str(time),
        "source_metadata": {
            "source_name": collection,
            "source_type": "evaluation_run",
            "source_organization_name": organization,
            "evaluator_relationship": "first_party" if content["training"] else "third_party",
        },
        "eval_library": {
            "name": LIBRARY,
            "version": _version(content),
            "additional_details": {"entry": json.dumps(rest, allow_nan=False)},
        },
        "model_info": {"id": model, **(_trained(content, organization) if content["training"] else _cited(content))},
        "evaluation_results": results,
    }


def _trained(content: Mapping[str, Any], organization: str) -> dict[str, Any]:
    training = content["training"]
    return {
        "name": f"{content['row']}, seed {training['seed']}",
        "developer": organization,
        "additional_details": {
            "deployment_type": "self_deployed",
            "model_availability": "unknown",
            "base_model": str(training["model"]["name"]),
            "training_method": str(training["method"]["name"]),
            "training_parameters": json.dumps(training["method"]["parameters"], sort_keys=True),
            "training_seed": str(training["seed"]),
            "training_data_sha256": str(training["data"]["train"]["sha256"]),
            "weights_sha256": str(content["evaluations"][0]["model"]),
        },
    }


def _cited(content: Mapping[str, Any]) -> dict[str, Any]:
    """A reference's model: another's, known by its published predictions alone."""
    reference = content["reference"]
    return {
        "name": content["row"],
        "developer": "unknown",
        "additional_details": {
            "deployment_type": "unknown",
            "model_availability": "unknown",
            "published_predictions": str(reference["published"]),
            "base_model": str(reference.get("model", "unknown")),
        },
    }


def from_log(log: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The entry that a document of ours holds.

    Raises:
        AlumbenchError: It is of another version or library, or was not made by `to_log`.
    """
    if not isinstance(log, Mapping):
        raise AlumbenchError(f"{where}: holds no object, so no evaluation")
    version = log.get("schema_version")
    if version != SCHEMA_VERSION:
        raise AlumbenchError(f"{where}: schema version {version!r} is unknown to this alumbench ({SCHEMA_VERSION})")
    library = log.get("eval_library")
    library = library if isinstance(library, Mapping) else {}
    if library.get("name") != LIBRARY:
        raise AlumbenchError(
            f"{where}: made by {library.get('name')!r}; a board takes figures with their records alone, which only "
            f"'alumbench leaderboard export' sends along"
        )
    try:
        content = parse_json(str(library["additional_details"]["entry"]), where)
        for result in log["evaluation_results"]:
            of, group, measure = json.loads(result["score_details"]["details"]["figure"])
            _place(content, of, group)[group or measure] = _measure(result["score_details"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise AlumbenchError(
            f"{where}: not as 'alumbench leaderboard export' writes it ({type(error).__name__}: {error}); "
            f"export it anew"
        ) from None
    return content  # type: ignore[no-any-return]


def document_id(content: Mapping[str, Any]) -> str:
    """A UUID that is the same for the same entry; of version 4 in form, which the schema's file names ask for."""
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).digest()
    return str(uuid.UUID(bytes=digest[:16], version=4))


def file_name(content: Mapping[str, Any]) -> str:
    """Name of an entry's file, without its ending."""
    return str(content["records"]["file"]).rpartition("/")[2].removesuffix(".jsonl.gz")


def _version(content: Mapping[str, Any]) -> str:
    return "+".join(sorted({str(e["versions"]["alumbench"]) for e in content["evaluations"]})) or "unknown"


def _measured(content: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Where an entry's JSON has figures: place (`entry:NAME`, `valid:NAME`, `worst:NAME`), '*' for groups, figures."""
    for name, entry in content["entries"].items():
        yield f"entry:{name}", "", entry["summary"]["measures"]
        if "groups" in entry["summary"]:
            yield f"entry:{name}", "*", entry["summary"]["groups"]
        if entry["summary"].get("validity"):
            yield f"valid:{name}", "", entry["summary"]["validity"]["measures"]
    for name, ensemble in content.get("ensembles", {}).items():
        yield f"worst:{name}", "", ensemble["measures"]


def _place(content: dict[str, Any], of: str, group: str) -> dict[str, Any]:
    wanted = "*" if group else ""
    for place, kind, figures in _measured(content):
        if (place, kind) == (of, wanted):
            return figures
    raise KeyError(of)


def _without_numbers(content: Mapping[str, Any]) -> dict[str, Any]:
    """The entry with null in place of each number that becomes a result; those without one stay, with their reason."""
    rest: dict[str, Any] = json.loads(json.dumps(content))
    for _, _, figures in _measured(rest):
        for name, figure in figures.items():
            if figure["value"] is not None:
                figures[name] = None
    return rest


def _results(content: Mapping[str, Any], task: Task) -> Iterator[dict[str, Any]]:
    for of, kind, figures in _measured(content):
        name = of.partition(":")[2]
        entry = _described(content, of)
        for key, figure in figures.items():
            if figure["value"] is None:
                continue
            group, measure = (key, "accuracy") if kind else ("", key)
            title = " ".join(filter(None, ["worst case" if of.startswith("worst:") else "", name, group]))
            yield {
                "evaluation_result_id": "/".join(filter(None, [of, group, measure])),
                "evaluation_name": title,
                "source_data": _data(entry, task),
                "metric_config": _metric(measure, entry, "low" not in figure),
                "score_details": _score(figure, [of, group, measure], entry),
            }


def _described(content: Mapping[str, Any], of: str) -> dict[str, Any]:
    """The entry that a figure is of; of a worst case its first member's, under the ensemble's signature."""
    kind, _, name = of.partition(":")
    if kind != "worst":
        return content["entries"][name]  # type: ignore[no-any-return]
    ensemble = content["ensembles"][name]
    first = content["entries"].get(ensemble["members"][0], {"sources": [], "data_sha256": "", "n": 0})
    return {**first, "signature": ensemble["signature"], "summary": {"outcomes": ensemble["outcomes"]}}


def _data(entry: Mapping[str, Any], task: Task) -> dict[str, Any]:
    found = data_set_of(entry, task)
    details = {"data_sha256": entry["data_sha256"], "task": task.name}
    if found is None:
        return {"dataset_name": task.title, "source_type": "other", "additional_details": details}
    details |= {"config": found.config, "revision": found.revision or "unknown: an offline copy was read"}
    return {
        "dataset_name": found.name,
        "source_type": "hf_dataset",
        "hf_repo": found.hub,
        "hf_split": found.split,
        "samples_number": entry["n"],
        "additional_details": details,
    }


def _metric(measure: str, entry: Mapping[str, Any], plain: bool) -> dict[str, Any]:
    low, high = BOUNDS.get(measure, (0.0, 1.0))
    details = {"signature": entry["signature"]}
    for part in str(entry["signature"]).split("|"):
        key, colon, value = part.partition(":")
        if colon and key in ATTACK_PARTS:
            details[ATTACK_PARTS[key]] = value
        elif key.startswith("embedding-pgd@"):
            details["attack"] = part
    if entry.get("protected"):
        details["protected_columns"] = ",".join(entry["protected"])
    return {
        "evaluation_description": MEASURES.get(measure, measure),
        "metric_id": measure if measure in {"accuracy", "f1"} else f"{LIBRARY}.{measure}",
        "metric_name": MEASURES.get(measure, measure),
        "metric_kind": "accuracy" if "accuracy" in measure else measure,
        "metric_unit": "points" if plain else "proportion",
        "lower_is_better": measure in LOWER_IS_BETTER,
        "score_type": "continuous",
        "min_score": low,
        "max_score": high,
        "additional_details": details,
    }


def _score(figure: Mapping[str, Any], name: Sequence[str], entry: Mapping[str, Any]) -> dict[str, Any]:
    details = {"figure": json.dumps(name)}
    score: dict[str, Any] = {"score": figure["value"], "details": details}
    uncertainty: dict[str, Any] = {"num_samples": figure["n"]}
    if "low" in figure:
        spread = math.sqrt(figure["value"] * (1 - figure["value"]) / figure["n"])
        uncertainty["standard_error"] = {"value": spread, "method": "analytic, sqrt(p (1 - p) / n)"}
        uncertainty["confidence_interval"] = {
            "lower": figure["low"],
            "upper": figure["high"],
            "confidence_level": 0.95,
            "method": "Wilson",
        }
        details["count"] = str(figure["count"])
    outcomes = entry["summary"].get("outcomes")
    if outcomes:
        details |= {f"outcome_{name}": str(count) for name, count in outcomes.items()}
    return score | {"uncertainty": uncertainty}


def _measure(score: Mapping[str, Any]) -> dict[str, Any]:
    uncertainty = score["uncertainty"]
    figure = {"value": score["score"]}
    if "confidence_interval" in uncertainty:
        interval = uncertainty["confidence_interval"]
        figure |= {"low": interval["lower"], "high": interval["upper"], "count": int(score["details"]["count"])}
    return figure | {"n": uncertainty["num_samples"]}

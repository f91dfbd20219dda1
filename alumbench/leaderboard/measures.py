"""The measures that tables show: their words, whether lower is better, and how a right answer is told for pairing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from alumbench.evaluation.degrees import is_right_within, parse_degree
from alumbench.evaluation.optimality import OPTIMALITY, QUERY_SHARE
from alumbench.evaluation.summary import is_right
from alumbench.evaluation.validity import is_right_validly
from alumbench.records import Record

MEASURES = {
    "accuracy": "accuracy",
    "clean_accuracy": "clean accuracy",
    "accuracy_under_attack": "accuracy under attack",
    "attack_success_rate": "attack success rate",
    "valid_success_rate": "attack success rate, valid texts",
    "accuracy_under_valid_attack": "accuracy under attack, valid texts",
    "reduced_rate": "reduced to fewer words",
    OPTIMALITY: "optimality: share of what enumeration breaks",
    QUERY_SHARE: "queries, as a share of enumeration's",
    "training_cost": "training time, as a multiple of the baseline's",
    "training_seconds": "seconds of training",
    "embedding_growth": "growth of the mean length of the word embeddings in training, in percent",
    "f1": "F1",
    "matthews_correlation": "Matthews correlation",
    "pearson": "Pearson r",
    "spearman": "Spearman r",
}
#: Measures against enumeration: an attack's property, which an entry's own records do not give.
AGAINST_ENUMERATION = (OPTIMALITY, QUERY_SHARE)
LOWER_IS_BETTER = (
    *("attack_success_rate", "valid_success_rate", "reduced_rate", "training_cost", "training_seconds", QUERY_SHARE),
)
#: Measures that count right answers, each with its test for a right answer; those by degree are in `paired_by`.
PAIRED: Mapping[str, Callable[[Record], bool]] = {
    "accuracy": is_right,
    "accuracy_under_attack": is_right,
    "accuracy_under_valid_attack": is_right_validly,
}


def is_measure(name: str) -> bool:
    """True for a measure of `MEASURES`, and for one by degree, such as `accuracy_within_2`."""
    return name in MEASURES or parse_degree(name) is not None


def words_of_measure(name: str) -> str:
    """A measure in words; an unknown one is its own name."""
    found = parse_degree(name)
    if found is None:
        return MEASURES.get(name, name)
    degree, percent = found
    most = f"{degree}% of the words" if percent else f"{degree} step{'s' if degree > 1 else ''}"
    return f"accuracy under attack, at most {most}"


def paired_by(name: str) -> Callable[[Record], bool] | None:
    """The test for a right answer of a measure that counts them; None for other measures."""
    found = parse_degree(name)
    if found is None:
        return PAIRED.get(name)
    degree, percent = found
    return partial(is_right_within, degree=degree, percent=percent)

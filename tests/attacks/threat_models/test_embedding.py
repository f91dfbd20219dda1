"""The embedding ball: what its records must say, and what it is not."""

from __future__ import annotations

import math

import msgspec
import pytest

from alumbench.attacks.threat_models.embedding import THREAT_MODEL
from alumbench.attacks.threat_models.references import load_family, load_threat_model
from alumbench.attacks.threat_models.threat_model import Family, ThreatModel
from alumbench.errors import AlumbenchError
from alumbench.evaluation.contradictions import contradictions
from alumbench.records import Ascended, Ascent
from tests.typed import COMMON, entry_result

PGD = "s@1|embedding-pgd@2:l2-sentence:0.5:3:margin:restarts=1"


@pytest.mark.parametrize(
    ("moved", "inside"),
    [(0.0, True), (0.5, True), (1.0, True), (1.0005, True), (1.0011, False), (3.0, False), (-0.1, False)]
    + [(math.inf, False), (math.nan, False)],
)
def test_a_perturbation_is_inside_up_to_rounding(moved: float, inside: bool) -> None:
    assert THREAT_MODEL.contains(Ascent(moved, True, 0.0)) == inside


@pytest.mark.parametrize("outcome", ["robust", "broken"])
@pytest.mark.parametrize(("moved", "found"), [(1.0, 0), (1.5, 1)])
def test_records_outside_of_the_ball_contradict_themselves(outcome: str, moved: float, found: int) -> None:
    scores = [0.3, 0.7] if outcome == "broken" else [0.7, 0.3]
    values = {"outcome": outcome, "scores": [0.9, 0.1], "adversarial_scores": scores}
    ascent = {"moved": moved, "rose": True, "zero_gradients": 0.0}
    record = msgspec.convert({**COMMON, **values, "ascent": ascent}, Ascended)
    lines = list(contradictions(record, entry_result(kind="embedding", signature=PGD), ["a", "b"]))
    assert lines == ["δ is 1.5 times as long as the radius, which is outside of the ball"] * found


def test_balls_in_other_norms_and_records_without_an_ascent_are_not_judged() -> None:
    ascent = {"moved": 1.5, "rose": True, "zero_gradients": 0.0}
    values = {**COMMON, "outcome": "robust", "scores": [0.9, 0.1], "adversarial_scores": [0.9, 0.1]}
    other = entry_result(kind="embedding", signature="s@1|mine@1:norm=linf:radius=0.5")
    assert not list(contradictions(msgspec.convert({**values, "ascent": ascent}, Ascended), other, ["a", "b"]))
    assert not list(
        contradictions(msgspec.convert(values, Ascended), entry_result(kind="embedding", signature=PGD), ["a", "b"])
    )


def test_it_is_listed_with_a_decimal_degree_and_searches_of_texts_cannot_have_it() -> None:
    family = load_family("embedding")
    assert isinstance(family, Family) and not isinstance(family, ThreatModel)
    assert [family.at(radius) for radius in (0.1, 1, 0.05)] == ["embedding-0.1", "embedding-1", "embedding-0.05"]
    with pytest.raises(AlumbenchError, match=r"embedding-0.1@1: has no texts; an entry of kind 'embedding' searches"):
        load_threat_model("embedding-0.1@1")


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("chars-0.5", "its degree is a number of edits, such as chars-2"),
        ("chars-2%", "its degree is a number of edits, such as chars-2"),
        ("chars-0", "a degree of 0 is not possible; edits from 1 to 1000"),
        ("chars", "give its degree too, such as chars-1"),
        ("chars-readable-2-readable", "unknown threat model"),
        ("charz-2", "Did you mean 'chars-2'"),
        ("chars-2-readabel", "Did you mean 'chars-2-readable'"),
        ("chars-2@7", "asks for chars-2@7, this alumbench has chars-2@1"),
    ],
)
def test_references_that_name_no_set_are_refused(reference: str, message: str) -> None:
    with pytest.raises(AlumbenchError, match=message):
        load_threat_model(reference)

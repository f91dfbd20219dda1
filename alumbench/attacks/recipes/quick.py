"""The cheap searches of a threat model: weaker than `standard`, for a first look with few queries."""

from __future__ import annotations

from alumbench.attacks.ensemble_search import members, search_in_turn
from alumbench.attacks.problem import Problem
from alumbench.attacks.set_search import SearchRecipe
from alumbench.attacks.threat_models.threat_model import ThreatModelAt


def of(at: ThreatModelAt) -> tuple[str, ...]:
    """The searches within a threat model."""
    return at.model.quick


def search(problem: Problem) -> None:
    """Runs them in turn, and looks for no lower degree."""
    assert problem.threat_model is not None
    search_in_turn(problem, members(problem.threat_model.quick))


RECIPE = SearchRecipe(
    name="quick",
    version=1,
    search=search,
    members=of,
    access="labels",
    source="ours; a part of `standard`, see https://arxiv.org/abs/2003.01690 for the idea",
    description="the cheap searches of `standard`, without the search for a lower degree; weaker",
)

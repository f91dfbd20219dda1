"""The strongest attack within a threat model: its searches in turn, cheap to dear, until one succeeds.

The worst case over several attacks is the idea of AutoAttack. A threat model names its searches; those that need a
gradient or scores which the classifier does not give are left out, and the records say which one succeeded. Then all
look for a success of a lower degree. There are no parameters.
"""

from __future__ import annotations

from alumbench.attacks.ensemble_search import members, search_for_the_least
from alumbench.attacks.problem import Problem
from alumbench.attacks.set_search import SearchRecipe
from alumbench.attacks.threat_models.threat_model import ThreatModelAt


def of(at: ThreatModelAt) -> tuple[str, ...]:
    """The searches within a threat model; those for one step also look for a success of degree 1 in a larger set."""
    one_step, several = at.model.one_step, at.model.standard
    return one_step if at.degree == 1 and one_step else tuple(dict.fromkeys((*several, *one_step)))


def search(problem: Problem) -> None:
    """Runs them in turn."""
    assert problem.threat_model is not None
    search_for_the_least(problem, members(problem.threat_model.standard), members(problem.threat_model.one_step))


RECIPE = SearchRecipe(
    name="standard",
    version=1,
    search=search,
    members=of,
    access="labels",
    source="ours; the worst case over attacks of Croce and Hein 2020, https://arxiv.org/abs/2003.01690",
    description="the strongest: all searches that the threat model names, cheap to dear, until one succeeds",
)

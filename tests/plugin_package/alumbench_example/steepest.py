"""A search within any threat model: the best step, then the best from there, until the label flips."""

from alumbench import SearchRecipe


def search(problem):
    """Scores every step and takes the one after which the right label leads by least."""
    member = problem.set.start()
    while problem.found is None:
        steps = [step for place in problem.set.positions(member) for step in problem.set.steps(member, place)]
        if not steps:
            return
        member = steps[problem.score(steps).margins.argmin()]


RECIPE = SearchRecipe(
    name="steepest",
    version=1,
    search=search,
    source="ours, as an example",
    description="the best step, then the best from there, until the label flips",
)

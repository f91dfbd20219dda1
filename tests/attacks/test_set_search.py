"""Searches within a threat model: what they find, cost and record, alone and in turn."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest
import torch

from alumbench.attacks import load_recipe
from alumbench.attacks.ensemble_search import search_for_the_least, search_in_turn
from alumbench.attacks.outcome import Outcome
from alumbench.attacks.problem import Problem
from alumbench.attacks.search import Searcher
from alumbench.attacks.set_search import SearchRecipe
from alumbench.attacks.single_search import Limits
from alumbench.attacks.text_victim import TextVictim
from alumbench.attacks.threat_models.references import load_threat_model
from alumbench.data import Example, load_task
from alumbench.errors import AlumbenchError
from alumbench.models.classifier import Identity

SINGLE, PAIR = load_task("mini-sentiment"), load_task("mini-nli")
ALPHABET = {"alphabet": "abqz "}


class Planted:
    """Positive unless a text has `wrong`; the score falls with each of its letters. Counts the texts that it reads."""

    identity = Identity("example", "planted", {"version": "1"})

    def __init__(self, wrong: str, labels: Sequence[str] = SINGLE.labels) -> None:
        self.labels, self.wrong, self.asked = tuple(labels), wrong, 0

    def predict(self, texts: Sequence[tuple[str, ...]]) -> torch.Tensor:
        self.asked += len(texts)
        scores = torch.zeros(len(texts), len(self.labels))
        for at, text in enumerate(texts):
            joined = "\n".join(text)
            hints = sum(letter in joined for letter in set(self.wrong)) / 10
            scores[at, 0] = 2.0 if self.wrong in joined else hints
            scores[at, -1] = 1.0
        return scores


def example(*texts: str, label: str = "positive") -> Example:
    return Example(f"{abs(hash(texts)):012x}"[:12], texts, label)


def attack(recipe: Any, classifier: Planted, texts: Sequence[str], at: str = "chars-2", **options: Any) -> Outcome:
    task = SINGLE if len(texts) == 1 else PAIR
    victim = TextVictim(classifier, task, "cpu", hard_labels=options.pop("hard_labels", False))
    facts = Limits(load_threat_model(at), ALPHABET, options.pop("per_word", None))
    label = classifier.labels[-1]
    return Searcher(recipe, victim, 1, limits=facts, **options).run(example(*texts, label=label))


def test_enumeration_finds_the_least_degree_and_counts_what_it_asks() -> None:
    one, two = Planted("caq"), Planted("qzq")
    found = attack(load_recipe("exhaustive"), one, ["a cat"])
    assert (found.outcome, found.adversarial, found.searched and found.searched.degree) == (
        "broken",
        {"sentence": "a caqt"},
        1,
    )
    assert found.queries == found.queries_unique == one.asked
    assert found.searched is not None and not found.searched.exhausted and found.searched.largest == 2
    robust = attack(load_recipe("exhaustive"), two, ["ab"])
    assert robust.outcome == "robust" and robust.searched is not None and robust.searched.exhausted
    assert robust.queries == two.asked and robust.adversarial is None
    assert attack(load_recipe("exhaustive"), Planted("qzq"), ["qb"]).searched[:4] == (2, 2, False, "")  # type: ignore[index]


@pytest.mark.parametrize("budget", [1, 2, 7, 33])
def test_the_budget_is_never_exceeded(budget: int) -> None:
    classifier = Planted("never")
    found = attack(load_recipe("exhaustive"), classifier, ["a cat"], query_budget=budget)
    assert found.queries == classifier.asked == budget
    assert found.outcome == "robust" and found.searched is not None and not found.searched.exhausted
    per_word = Planted("never")
    assert attack(load_recipe("exhaustive"), per_word, ["two words"], per_word=budget).queries == 2 * budget
    assert per_word.asked == 2 * budget


def test_context_stays_and_a_wrong_answer_is_not_attacked() -> None:
    classifier = Planted("qz", PAIR.labels)
    found = attack(load_recipe("exhaustive"), classifier, ["a cat", "a dog"])
    assert found.adversarial is not None and found.outcome == "broken"
    kept = [column in PAIR.protected for column in PAIR.columns]
    assert [found.adversarial[column] for column, same in zip(PAIR.columns, kept, strict=True) if same] == ["a cat"]
    wrong = attack(load_recipe("exhaustive"), Planted("cat"), ["a cat"])
    assert (wrong.outcome, wrong.queries, wrong.adversarial) == ("already_wrong", 1, None)


def test_a_set_may_hold_only_the_original() -> None:
    found = attack(load_recipe("exhaustive"), Planted("q"), [""])
    assert found.outcome == "robust" and found.searched is not None and found.searched.largest == 0
    assert found.queries == 1


def far(problem: Problem) -> None:
    """Takes two steps at once: finds no success of degree 1."""
    start = problem.set.start()
    for place in problem.set.positions(start):
        for step in problem.set.steps(start, place):
            after = [other for to in problem.set.positions(step) for other in problem.set.steps(step, to)]
            after = [member for member in after if problem.set.degree_of(member.texts) == 2]
            if after and problem.first_broken(after):
                return


def nothing(problem: Problem) -> None:
    """Asks something and gives up."""
    problem.score([problem.set.start()])


def made(name: str, search: Any, access: Any = "labels") -> SearchRecipe:
    return SearchRecipe(name=name, version=1, source="", description="", search=search, access=access)


def test_in_turn_until_one_succeeds_then_at_lower_degrees() -> None:
    turn = [made("nothing", nothing), made("far", far), made("all", load_recipe("exhaustive").search)]  # type: ignore[attr-defined]
    first, least = (
        attack(made("both", partial(search, recipes=turn)), Planted("q"), ["ab"])
        for search in (search_in_turn, search_for_the_least)
    )
    assert first.searched is not None and least.searched is not None
    assert (first.searched.degree, first.searched.by) == (2, "far")
    assert (least.searched.degree, least.searched.by) == (1, "all")
    assert least.searched.largest == 2, "the set is as large as before"
    # What a success costs does not count the search for a better one.
    assert first.searched.queries_to_success == least.searched.queries_to_success == first.queries < least.queries


@pytest.mark.parametrize(("hard", "by"), [(False, "scored"), (True, "labels")])
def test_in_a_set_of_one_step_the_first_that_has_what_it_needs(hard: bool, by: str) -> None:
    many = [made("never", nothing)]
    every = load_recipe("exhaustive").search  # type: ignore[attr-defined]
    single = [made("scored", every, "scores"), made("labels", every)]
    both = made("both", lambda problem: search_for_the_least(problem, many, single))
    found = attack(both, Planted("q"), ["ab"], at="chars-1", hard_labels=hard)
    assert found.searched is not None and found.searched.by == by
    assert attack(both, Planted("q"), ["ab"]).outcome == "robust", "two steps: not those"


def test_members_that_need_more_than_the_classifier_gives_are_left_out() -> None:
    turn = [made("scored", far, "scores"), made("white", far, "gradient"), made("labels", far)]
    both = made("both", lambda problem: search_in_turn(problem, turn))
    found = attack(both, Planted("q"), ["ab"], hard_labels=True)
    assert found.searched is not None and found.searched.by == "labels"
    assert attack(both, Planted("q"), ["ab"]).searched[:4] == (2, 2, False, "scored")  # type: ignore[index]
    for recipe, message in ((turn[0], "needs scores.*labels alone"), (turn[1], "needs a gradient")):
        with pytest.raises(AlumbenchError, match=message):
            attack(recipe, Planted("q"), ["ab"], hard_labels=True)


def test_a_search_needs_a_threat_model() -> None:
    with pytest.raises(AlumbenchError, match="recipe exhaustive searches the set of a threat model: name one"):
        Searcher(load_recipe("exhaustive"), TextVictim(Planted("q"), SINGLE, "cpu"), 1)

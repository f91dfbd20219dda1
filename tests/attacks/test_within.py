"""TextAttack's recipes confined to the set of a threat model, and query budgets per word."""

from __future__ import annotations

import pytest

from alumbench.attacks import load_recipe
from alumbench.attacks.search import Searcher
from alumbench.attacks.single_search import Limits, SearchSpec, budget_of
from alumbench.attacks.textattack.loader import load_textattack
from alumbench.attacks.threat_models.references import load_threat_model
from alumbench.attacks.victim_wrapper import VictimWrapper
from alumbench.errors import AlumbenchError

#: Each kind of search that TextAttack has, and ours: greedy, genetic, swarm, differential evolution, gradients.
RECIPES = (
    *("deepwordbug-all-words", "bad-characters", "bad-characters-deletions", "bad-characters-reorderings"),
    *("pwws", "iga-jia", "alzantot-jia", "leap", "gradient-words"),
)


def limits(reference, examples, per_word=None):
    at = load_threat_model(reference)
    return Limits(at, at.model.facts(examples), per_word)


def confined(recipe, victim, examples, reference="chars-1", budget=120, **kwargs):
    return Searcher(recipe, victim, 1, budget, limits=limits(reference, examples), **kwargs)


def compared(found):
    return [(o.outcome, o.adversarial, o.queries, o.queries_unique, o.searched) for o in found]


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("reference", ["chars-1", "chars-2"])
def test_what_a_confined_recipe_finds_is_in_the_set(pair_victim, right, recipe_ready, name, reference):
    searcher = confined(recipe_ready(name), pair_victim, right, reference)
    found = [(example, searcher.run(example)) for example in right[:10]]
    for example, outcome in found:
        assert outcome.outcome in ("robust", "broken"), outcome.message
        wrapper = VictimWrapper(pair_victim, protected=pair_victim.task.protected)
        wrapper.begin(example.texts)
        members = SearchSpec(pair_victim, 1, limits=limits(reference, right)).set_around(wrapper)
        assert outcome.searched.largest == members.largest
        if outcome.adversarial is None:
            assert outcome.searched.degree is None
        else:
            assert 1 <= members.degree_of(tuple(outcome.adversarial.values())) == outcome.searched.degree
    if name not in ("bad-characters-deletions", "bad-characters-reorderings"):  # they insert what no alphabet has
        assert "broken" in {outcome.outcome for _, outcome in found} or name == "bad-characters"


def test_an_unconfined_attack_has_no_such_constraint_and_a_confined_one_has_it_first(pair_victim, right):
    recipe = load_recipe("deepwordbug-all-words")
    plain, tied = Searcher(recipe, pair_victim, 1), confined(recipe, pair_victim, right)
    names = [[type(one).__name__ for one in each.searches.attack.constraints] for each in (plain, tied)]
    assert "Within" not in names[0] and names[1] == ["Within", *names[0]]
    assert plain.run(right[0]).searched is None


def test_crossovers_that_a_recipe_leaves_unchecked_are_checked(pair_victim, right, mirror, recipe_ready):
    recipe = recipe_ready("iga-jia")
    plain, tied = Searcher(recipe, pair_victim, 1), confined(recipe, pair_victim, right)
    assert not plain.searches.attack.search_method.post_crossover_check
    assert tied.searches.attack.search_method.post_crossover_check


@pytest.mark.parametrize("per_word", [None, 4])
def test_any_number_in_flight_gives_the_same_outcomes(pair_victim, right, per_word):
    recipe = load_recipe("deepwordbug-all-words")
    searcher = Searcher(recipe, pair_victim, 1, 100, limits=limits("chars-2", right, per_word))
    runs = [dict_of(searcher.run_all(right[:24], width)) for width in (1, 7, 64)]
    assert runs[0] == runs[1] == runs[2]
    assert any(outcome for _, outcome, *_ in runs[0].values())


def dict_of(found):
    return {example.id: (example.label, *compared([outcome])[0]) for example, outcome in found}


@pytest.mark.parametrize("name", ["deepwordbug-all-words", "exhaustive"])
def test_a_budget_per_word_is_a_budget_of_that_many_queries(pair_victim, right, name):
    """What `queries_per_word` gives an example is what the same number of queries gives it."""
    at, recipe = load_threat_model("chars-1"), load_recipe(name)
    facts = at.model.facts(right)
    per_word = Searcher(recipe, pair_victim, 1, 90, limits=Limits(at, facts, 3))
    budgets = set()
    for example in right[:8]:
        found = per_word.run(example)
        budget = budget_of(found.words, 90, 3)
        budgets.add(budget)
        alone = Searcher(recipe, pair_victim, 1, budget, limits=Limits(at, facts))
        assert compared([found]) == compared([alone.run(example)])
        assert found.queries <= budget == min(90, 3 * found.words)
    assert len(budgets) > 1


def test_budgets():
    assert budget_of(10, None, None) is None
    assert budget_of(10, 1000, None) == 1000
    assert budget_of(10, None, 50) == 500
    assert budget_of(10, 400, 50) == 400
    assert budget_of(0, None, 50) == 50  # a text without words can be asked about too


@pytest.mark.parametrize("name", ["deepwordbug-all-words", "bad-characters", "exhaustive"])
def test_an_empty_set_costs_the_original_and_is_robust(pair_victim, right, monkeypatch, name):
    import dataclasses

    task = dataclasses.replace(pair_victim.task, protected=pair_victim.task.columns)
    monkeypatch.setattr(pair_victim, "task", task)
    outcome = confined(load_recipe(name), pair_victim, right).run(right[0])
    assert (outcome.outcome, outcome.queries, outcome.searched.largest) == ("robust", 1, 0)


@pytest.mark.parametrize("name", ["deepwordbug-all-words", "exhaustive"])
def test_a_search_that_leaves_its_set_is_an_error_and_no_success(pair_victim, right, monkeypatch, name):
    from alumbench.attacks.threat_models.chars import CharacterEdits

    searcher = confined(load_recipe(name), pair_victim, right)
    broken = next(example for example in right if searcher.run(example).outcome == "broken")
    monkeypatch.setattr(CharacterEdits, "degree_of", lambda self, texts: None)
    load_textattack()
    from alumbench.attacks.textattack.within import Within

    monkeypatch.setattr(Within, "call_many", lambda self, texts, reference: list(texts))
    outcome = confined(load_recipe(name), pair_victim, right).run(broken)
    assert (outcome.outcome, outcome.adversarial, outcome.searched) == ("error", None, None)
    assert outcome.message == "the search found a text that is not in the set of chars-1@1"


def test_a_recipe_that_keeps_the_label_is_refused(pair_victim, right):
    with pytest.raises(AlumbenchError, match=r"^recipe input-reduction cannot search chars-1: it keeps the label"):
        confined(load_recipe("input-reduction"), pair_victim, right)


def test_protected_columns_are_outside_of_the_set(pair_victim, right):
    """The premise is protected: a set of 2 edits has none there, whatever the recipe would do."""
    outcomes = dict(confined(load_recipe("deepwordbug-all-words"), pair_victim, right, "chars-2").run_all(right[:20]))
    found = [(example, outcome.adversarial) for example, outcome in outcomes.items() if outcome.adversarial]
    assert found and all(text["premise"] == example.texts[0] for example, text in found)

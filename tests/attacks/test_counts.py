"""R9 and protection: what an attack may ask and change, counted at the model and not by the attack."""

from __future__ import annotations

import dataclasses
from contextlib import contextmanager

import pytest

from alumbench.attacks.outcome import ATTACK_OUTCOMES, BROKEN
from alumbench.attacks.search import Searcher

RECIPES = ["deepwordbug-all-words", "deepwordbug", "pruthi", "pwws", "input-reduction"]


@contextmanager
def counted(model):
    """Counts the different rows of every forward pass of a torch module: those that fill a batch up repeat one."""
    rows = []
    handle = model.register_forward_pre_hook(
        lambda module, args, kwargs: rows.append(len(set(map(tuple, kwargs["input_ids"].tolist())))), with_kwargs=True
    )
    try:
        yield rows
    finally:
        handle.remove()


@pytest.mark.parametrize("budget", [1, 2, 5, 17, None], ids="budget={}".format)
@pytest.mark.parametrize("name", RECIPES)
def test_queries_are_counted_and_never_exceed_the_budget(pair_victim, right, recipe_ready, name, budget):
    searcher = Searcher(recipe_ready(name), pair_victim, 1, query_budget=budget)
    with counted(pair_victim.model) as rows:
        total = 0
        for example in right[:6]:
            before = sum(rows)
            found = searcher.run(example)
            assert found.outcome in ATTACK_OUTCOMES[:2], found.message
            assert found.queries_unique == sum(rows) - before
            assert 1 <= found.queries_unique <= found.queries <= (budget or 10_000)
            total += found.queries_unique
    assert total == sum(rows) > 0


@pytest.mark.parametrize("name", RECIPES)
def test_a_larger_budget_only_adds(pair_victim, right, recipe_ready, name):
    """What is found within a budget is found within any larger one, as the same text for the same queries."""
    recipe = recipe_ready(name)
    small, large = (Searcher(recipe, pair_victim, 1, query_budget=budget) for budget in (40, 4000))
    for example in right[:12]:
        within, beyond = small.run(example), large.run(example)
        if recipe.goal == "untargeted" and within.outcome == BROKEN and within.queries < 40:
            assert (beyond.adversarial, beyond.queries) == (within.adversarial, within.queries)
        assert beyond.queries >= within.queries


def test_batches_of_one_cost_the_same(pair_checkpoint, right):
    from alumbench.attacks import load_recipe
    from tests.attacks.conftest import open_victim

    found = []
    for batch_size in (1, 3, 64):
        victim = open_victim(pair_checkpoint, batch_size=batch_size)
        searcher = Searcher(load_recipe("deepwordbug-all-words"), victim, 1, query_budget=50)
        found.append([(o.outcome, o.queries, o.queries_unique, o.adversarial) for o in map(searcher.run, right[:6])])
    assert found[0] == found[1] == found[2]


def renamed(victim, monkeypatch, columns, protected):
    task = dataclasses.replace(victim.task, columns=columns, protected=protected)
    monkeypatch.setattr(victim, "task", task)
    return victim


COLUMNS = [("premise", "hypothesis"), ("sentence1", "sentence2")]


@pytest.mark.parametrize("columns", COLUMNS, ids="-".join)
@pytest.mark.parametrize("name", RECIPES)
def test_a_protected_column_never_changes(pair_victim, right, recipe_ready, monkeypatch, name, columns):
    recipe = recipe_ready(name)
    for side in (0, 1):
        victim = renamed(pair_victim, monkeypatch, columns, (columns[side],))
        asked = []
        searcher = Searcher(recipe, victim, 1, query_budget=60)
        searcher.searches.attack.goal_function.model.on_query = asked.extend
        for example in right[:8]:
            asked.clear()
            found = searcher.run(example)
            assert found.outcome in ATTACK_OUTCOMES[:2], found.message
            assert found.adversarial is None or list(found.adversarial) == list(columns)
            assert found.adversarial is None or found.adversarial[columns[side]] == example.texts[side]
            if name != "pwws" and recipe.goal != "reduction":
                assert len({texts[1 - side] for texts in asked}) > 1, "the other column is open to change"


@pytest.mark.parametrize("columns", COLUMNS, ids="-".join)
@pytest.mark.parametrize("name", RECIPES)
def test_no_text_with_a_changed_premise_becomes_an_answer(pair_victim, right, recipe_ready, monkeypatch, name, columns):
    """Of all that is asked, candidates and the importance ranking included, nothing touches the premise."""
    victim = renamed(pair_victim, monkeypatch, columns, columns[:1])
    searcher = Searcher(recipe_ready(name), victim, 1, query_budget=80)
    asked = []
    searcher.searches.attack.goal_function.model.on_query = asked.extend
    for example in right[:6]:
        asked.clear()
        searcher.run(example)
        assert {texts[0] for texts in asked} == {example.texts[0]}


@pytest.mark.parametrize("columns", COLUMNS, ids="-".join)
def test_without_protection_the_premise_does_change(pair_victim, right, monkeypatch, columns):
    from alumbench.attacks import load_recipe

    victim = renamed(pair_victim, monkeypatch, columns, columns[:1])
    searcher = Searcher(load_recipe("deepwordbug-all-words"), victim, 1, query_budget=80, protect=False)
    asked = []
    searcher.searches.attack.goal_function.model.on_query = asked.extend
    searcher.run(right[0])
    assert {texts[0] for texts in asked} > {right[0].texts[0]}


def test_with_every_column_protected_nothing_is_found(pair_victim, right, monkeypatch):
    from alumbench.attacks import load_recipe

    victim = renamed(pair_victim, monkeypatch, COLUMNS[0], COLUMNS[0])
    searcher = Searcher(load_recipe("deepwordbug-all-words"), victim, 1)
    assert [searcher.run(example).outcome for example in right[:10]] == ["robust"] * 10

"""R6 and seeding: whatever an attack does on one example, the others never notice."""

from __future__ import annotations

import random
import signal
import time

import numpy as np
import pytest
import torch

from alumbench.attacks import load_recipe
from alumbench.attacks.outcome import ALREADY_WRONG, BROKEN, ROBUST
from alumbench.attacks.recipe import Recipe
from alumbench.attacks.search import Searcher, TimeLimit
from alumbench.data import Task
from alumbench.errors import AlumbenchError

ALL_WORDS = load_recipe("deepwordbug-all-words")


def misbehaving(behave, trigger: str) -> Recipe:
    """deepwordbug-all-words, except that on the text with the trigger it behaves otherwise."""

    def build(wrapper):
        attack = ALL_WORDS.build(wrapper)
        search = attack.search_method.perform_search

        def perform(initial):
            if trigger in initial.attacked_text.text:
                behave()
            return search(initial)

        attack.search_method.perform_search = perform
        return attack

    return Recipe("misbehaving", 1, build, "https://none", "parts")


def fail():
    raise ValueError("odd text\nsecond line")


def recurse():
    return recurse()


def loop():
    while True:
        pass


def swallow_exceptions():
    while True:
        try:
            time.sleep(0.01)
        except Exception:
            continue


def swallow_everything_once():
    try:
        loop()
    except BaseException:
        loop()


def same(outcome):
    """All that an outcome says but its duration."""
    return {name: value for name, value in vars(outcome).items() if name != "seconds"}


def no_alarm_is_set() -> bool:
    """But for the one of pytest-timeout, minutes away."""
    left, interval = signal.getitimer(signal.ITIMER_REAL)
    return interval == 0 and (left == 0 or left > 60)


@pytest.mark.parametrize(
    ("behave", "outcome", "message", "at_most"),
    [
        (fail, "error", "ValueError: odd text", 0.4),
        (recurse, "error", "RecursionError", 5.0),
        (loop, "timeout", "no end after 0.5 s", 1.0),
        (lambda: time.sleep(60), "timeout", "no end after 0.5 s", 1.0),
        (swallow_exceptions, "timeout", "no end after 0.5 s", 1.0),
        (swallow_everything_once, "timeout", "no end after 0.5 s", 2.2),
    ],
    ids=["raise", "recurse", "loop", "sleep", "swallow-exceptions", "swallow-once"],
)
def test_the_run_goes_on_after_an_attack_that_does_not(pair_victim, right, behave, outcome, message, at_most):
    before, after = right[0], right[2]
    victim, handler = pair_victim, signal.getsignal(signal.SIGALRM)
    searcher = Searcher(misbehaving(behave, right[1].texts[1]), victim, 1, query_budget=20, seconds=0.5)
    expected = [same(searcher.run(example)) for example in (before, after)]
    found = [searcher.run(example) for example in (before, right[1], after)]
    assert found[1].outcome == outcome and found[1].message.startswith(message)
    assert len(found[1].message) <= 300 and found[1].seconds < at_most
    assert (found[1].adversarial, found[1].words_changed) == (None, 0)
    first = pair_victim.scores([right[1].texts]).softmax(-1)[0].tolist()
    assert found[1].scores == pytest.approx(first), "the model's own answer is known though the search had no end"
    assert found[1].queries == found[1].queries_unique == 1
    assert [same(found[0]), same(found[2])] == expected
    assert {one["outcome"] for one in expected} <= {ROBUST, BROKEN}
    assert no_alarm_is_set()
    assert signal.getsignal(signal.SIGALRM) == handler


def test_an_alarm_at_the_last_moment_does_not_ring_on(pair_victim, right, monkeypatch):
    """The time may end while the timer is being put off; nothing may raise after the example is over."""
    real, handler = signal.setitimer, signal.getsignal(signal.SIGALRM)

    def late(which, seconds, interval=0.0):
        if seconds == 0:
            signal.raise_signal(signal.SIGALRM)
        return real(which, seconds, interval)

    searcher = Searcher(ALL_WORDS, pair_victim, 1, query_budget=5, seconds=30.0)
    with monkeypatch.context() as patch:
        patch.setattr(signal, "setitimer", late)
        try:
            searcher.run(right[0])
        except TimeLimit:
            pytest.fail("the end of the time left the search as an exception")
        finally:
            put_back, still_on = signal.getsignal(signal.SIGALRM) == handler, not no_alarm_is_set()
            real(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, handler)
    assert put_back and not still_on


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_the_user_may_stop_a_search(pair_victim, right, stop):
    def behave():
        raise stop

    searcher = Searcher(misbehaving(behave, right[0].texts[1]), pair_victim, 1, seconds=5.0)
    with pytest.raises(stop):
        searcher.run(right[0])
    assert no_alarm_is_set()


@pytest.mark.parametrize("name", ["deepwordbug-all-words", "deepwordbug", "pruthi", "pwws", "input-reduction"])
def test_an_outcome_depends_on_nothing_but_its_example(pair_victim, right, recipe_ready, name):
    recipe = recipe_ready(name)
    examples = right[:8]
    searcher = Searcher(recipe, pair_victim, 7, query_budget=60)
    forward = {example.id: same(searcher.run(example)) for example in examples}
    random.seed(99)
    np.random.seed(99)
    torch.manual_seed(99)
    backward = {example.id: same(searcher.run(example)) for example in reversed(examples)}
    alone = {example.id: same(Searcher(recipe, pair_victim, 7, 60).run(example)) for example in examples[3:5]}
    assert backward == forward
    assert alone == {id: forward[id] for id in alone}
    assert {one["outcome"] for one in forward.values()} <= {ROBUST, BROKEN}


def test_another_seed_is_another_search(pair_victim, right):
    runs = [[same(Searcher(ALL_WORDS, pair_victim, seed).run(e)) for e in right[:12]] for seed in (1, 1, 2)]
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


@pytest.mark.parametrize("behave", [None, fail, loop], ids=["search", "error", "timeout"])
def test_global_generators_are_left_alone(pair_victim, right, behave):
    recipe = misbehaving(behave, "") if behave else ALL_WORDS

    def state():
        numpy = np.random.get_state()
        return random.getstate(), numpy[1].tolist(), numpy[2:], torch.get_rng_state().tolist()

    random.random()
    searcher = Searcher(recipe, pair_victim, 1, query_budget=30, seconds=0.3)
    before = state()
    searcher.run(right[0])
    assert state() == before


def test_a_search_says_what_it_found(pair_victim, right):
    labels = pair_victim.task.labels
    searcher = Searcher(ALL_WORDS, pair_victim, 1)
    found = {example: searcher.run(example) for example in right[:20]}
    broken = {example: one for example, one in found.items() if one.outcome == BROKEN}
    assert broken, "the pair victim is meant to be breakable"
    for example, one in found.items():
        gold = labels.index(example.label)
        assert one.scores == pytest.approx(pair_victim.scores([example.texts]).softmax(-1)[0].tolist(), abs=1e-5)
        assert int(np.argmax(one.scores)) == gold and sum(one.scores) == pytest.approx(1, abs=1e-5)
        assert one.words == sum(len(text.replace(".", "").replace(",", "").split()) for text in example.texts)
        assert (one.adversarial is None) == (one.adversarial_scores is None) == (one not in broken.values())
    for example, one in broken.items():
        texts = tuple(one.adversarial[column] for column in pair_victim.task.columns)
        assert texts != example.texts and 1 <= one.words_changed <= one.words
        assert one.adversarial_scores == pytest.approx(pair_victim.scores([texts]).softmax(-1)[0].tolist(), abs=1e-5)
        assert int(np.argmax(one.adversarial_scores)) != labels.index(example.label)


def test_a_wrong_answer_is_not_attacked(pair_victim, right):
    import dataclasses

    labels = pair_victim.task.labels
    wrong = dataclasses.replace(right[0], label=next(label for label in labels if label != right[0].label))
    found = Searcher(ALL_WORDS, pair_victim, 1).run(wrong)
    assert (found.outcome, found.queries, found.queries_unique) == (ALREADY_WRONG, 1, 1)
    assert found.adversarial is None and found.words_changed == 0


def test_a_regression_has_no_label_to_flip(victim, monkeypatch):
    monkeypatch.setattr(victim, "task", Task("scores", "a regression", ("sentence",)))
    with pytest.raises(AlumbenchError, match="recipe deepwordbug-all-words: task scores is a regression"):
        Searcher(ALL_WORDS, victim, 1)

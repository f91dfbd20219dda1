"""Every search of ours on every kind of set: counted, within set and budget, the same whatever is in flight."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from alumbench.attacks import load_recipe, recipe_names
from alumbench.attacks.ranked_search import some
from alumbench.attacks.search import Searcher
from alumbench.attacks.set_search import SearchRecipe
from alumbench.attacks.single_search import Limits
from alumbench.attacks.text_victim import TextVictim
from alumbench.attacks.threat_models.references import load_threat_model
from alumbench.attacks.threat_models.threat_model import Setting
from alumbench.data import Example
from alumbench.errors import AlumbenchError
from tests.attacks.conftest import dev
from tests.attacks.test_search import same
from tests.attacks.test_set_search import ALPHABET, SINGLE, Planted

NAMES = [name for name in recipe_names() if isinstance(load_recipe(name), SearchRecipe)]
BLACK_BOX = [name for name in NAMES if load_recipe(name).access != "gradient"]  # type: ignore[attr-defined]
SETS = ["chars-1", "chars-2", "chars-2-readable", "insertions-2", "obfuscation-2"]
ODD = {
    "empty": "",
    "one character": "a",
    "one word": "cat",
    "emoji": "a \U0001f600 cat",
    "right to left": "\u0645\u0631\u062d\u0628\u0627 cat",
    "NUL": "a\0b cat",
    "spaces": "  ",
    "repeated": "cat cat cat cat",
}


def searcher(name: str, at: str, classifier: Planted, **options: Any) -> Searcher:
    hard = options.pop("hard_labels", False)
    victim = TextVictim(classifier, SINGLE, "cpu", hard_labels=hard)
    return Searcher(load_recipe(name), victim, 1, limits=Limits(load_threat_model(at), ALPHABET), **options)


def examples(texts: Sequence[str]) -> list[Example]:
    return [Example(f"{number:012x}", (text,), "positive") for number, text in enumerate(texts)]


CASES = [(name, at) for name in BLACK_BOX for at in SETS if not load_recipe(name).why_not_within(load_threat_model(at))]


@pytest.mark.parametrize(("name", "at"), CASES)
def test_odd_texts_counts_budget_and_membership(name: str, at: str) -> None:
    every = examples(list(ODD.values()))
    for budget in (1, 2, 40):
        for example in every:
            classifier = Planted("qz")
            outcome = searcher(name, at, classifier, query_budget=budget).run(example)
            assert outcome.outcome in ("robust", "broken"), outcome.message
            assert outcome.queries == classifier.asked <= budget
            if outcome.adversarial is None:
                continue
            texts = tuple(outcome.adversarial.values())
            around = load_threat_model(at).around(example.texts, ((0, len(example.texts[0])),), Setting(ALPHABET))
            assert around.contains(texts) and "qz" in texts[0]
            assert outcome.searched is not None and outcome.searched.degree == around.degree_of(texts)


@pytest.mark.parametrize(("name", "at"), [case for case in CASES if case[1] in ("chars-2", "obfuscation-2")])
def test_equal_whatever_is_in_flight(name: str, at: str) -> None:
    every = examples(["a cat sat", "two dogs ran off", "q", "az bz", "the end of it", "a", "zzz aaa"])
    runs = []
    for width in (1, 3, 64):
        found = searcher(name, at, Planted("qz"), query_budget=60).run_all(every, width)
        runs.append({example.id: same(outcome) for example, outcome in found})
    assert runs[0] == runs[1] == runs[2]


@pytest.mark.parametrize("name", [name for name, at in CASES if at == "chars-1"])
def test_a_planted_edit_is_found(name: str) -> None:
    """One character at one of ten places, and the score says nothing before. Cheap searches may miss it."""
    found = searcher(name, "chars-1", Planted("caq")).run(examples(["a cat"])[0])
    if name in ("random", "charmer-fast", "quick"):
        assert found.outcome in ("robust", "broken")
    else:
        assert (found.outcome, found.searched and found.searched.degree) == ("broken", 1)


def test_what_needs_more_than_the_classifier_gives_is_refused_by_name() -> None:
    for name in NAMES:
        at = "chars-1" if (name, "chars-1") in CASES or name not in BLACK_BOX else "obfuscation-1"
        access = load_recipe(name).access  # type: ignore[attr-defined]
        if access == "labels":
            searcher(name, at, Planted("qz"), hard_labels=True)
            continue
        with pytest.raises(AlumbenchError, match=f"recipe {name} needs {'scores' if access == 'scores' else 'a grad'}"):
            searcher(name, at, Planted("qz"), hard_labels=True)


class Weak(Planted):
    """Relies on one word: each other spelling of it lowers the score, and one of them breaks the answer."""

    def predict(self, texts: Sequence[tuple[str, ...]]) -> torch.Tensor:
        scores = super().predict([])
        self.asked += len(texts)
        hints = [0.5 * ("cat" not in text) + 2.0 * (self.wrong in text) for (text,) in texts]
        return torch.tensor([[hint, 1.0] for hint in hints]) if texts else scores


def test_a_bandit_asks_where_the_text_is_weak() -> None:
    """The last word's last letter is what enumeration comes to last."""
    text, asked = examples(["zab abba qaba bazaar abab zaba aqab cat"])[0], {}
    for name in ("linear-bandit", "exhaustive"):
        classifier = Weak("caq")
        found = searcher(name, "chars-1", classifier).run(text)
        assert found.outcome == "broken" and found.queries == classifier.asked
        asked[name] = found.queries
    assert asked["linear-bandit"] < 0.3 * asked["exhaustive"]


def test_a_bandit_gives_up_where_scores_are_high_and_differ_little() -> None:
    class Sure(Planted):
        def predict(self, texts: Sequence[tuple[str, ...]]) -> torch.Tensor:
            return super().predict(texts) + torch.tensor([[sum(map(ord, text)) % 7 / 100, 0.0] for (text,) in texts])

    text = examples(["zab abba qaba bazaar abab zaba aqab " * 8])[0]
    given_up, whole = (searcher(name, "chars-1", Sure("#")).run(text) for name in ("linear-bandit", "exhaustive"))
    assert given_up.outcome == whole.outcome == "robust"
    assert given_up.searched is not None and not given_up.searched.exhausted
    assert given_up.queries < 0.25 * whole.queries


@pytest.mark.parametrize("name", ["coordinate-gradient", "linear-bandit", "standard"])
def test_white_box_searches_of_a_model(name: str, pair_victim: Any) -> None:
    """Gradients count, the context stays, and what is in flight changes nothing."""
    every = [one for one in dev(pair_victim.task.name)[:12]]
    within = Limits(load_threat_model("chars-2"), ALPHABET)
    runs = []
    for width in (1, 5):
        made = Searcher(load_recipe(name), pair_victim, 1, query_budget=150, limits=within)
        assert made.searches.is_white_box
        runs.append({one.id: (one, same(outcome)) for one, outcome in made.run_all(every, width)})
    assert runs[0] == runs[1]
    outcomes = [outcome for _, outcome in runs[0].values()]
    assert {"broken", "robust"} & {outcome["outcome"] for outcome in outcomes}
    assert all(outcome["queries"] <= 150 for outcome in outcomes)
    for one, outcome in runs[0].values():
        if outcome["adversarial"]:
            texts = tuple(outcome["adversarial"][column] for column in pair_victim.task.columns)
            spans = tuple(
                (0, 0) if column in pair_victim.task.protected else (0, len(text))
                for column, text in zip(pair_victim.task.columns, one.texts, strict=True)
            )
            around = load_threat_model("chars-2").around(one.texts, spans, Setting(ALPHABET))
            assert around.degree_of(texts) == outcome["searched"][0]
            assert pair_victim.scores([texts]).argmax().item() != pair_victim.task.labels.index(one.label)


def test_all_steps_of_a_long_text_do_not_have_to_fit_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Searches that make every step take some of the places, drawn at random and in order."""
    text = "a cat sat on a mat " * 40

    def made(most: int) -> int:
        monkeypatch.setattr("alumbench.attacks.ranked_search.MOST_CHARACTERS", most)
        return searcher("linear-bandit", "chars-1", Planted("qz"), query_budget=600).run(examples([text])[0]).queries

    problem = SimpleNamespace(random=np.random.default_rng(1))
    places = some(problem, range(100), 10)  # type: ignore[arg-type]
    assert len(places) == 10 and places == sorted(places) and places != list(range(10))
    assert some(problem, range(10), 10) == list(range(10))  # type: ignore[arg-type]
    assert made(2**26) > made(30 * len(text)) > 1

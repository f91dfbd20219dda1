"""A classifier of one's own with a gradient: attacks that rank words take it, others say what they need."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from alumbench.attacks import load_recipe
from alumbench.attacks.execution.job import Job
from alumbench.attacks.execution.workers import Workers
from alumbench.attacks.gradient import WithGradient, with_word_gradient
from alumbench.attacks.search import Searcher
from alumbench.attacks.text_victim import TextVictim
from alumbench.attacks.victim_wrapper import VictimWrapper
from alumbench.data import Example, load_task
from alumbench.errors import AlumbenchError, ClassifierStopped
from alumbench.models import from_pretrained
from alumbench.models.classifier import Classifier, Identity, WordPlace, has_gradient
from alumbench.registry import RECIPES, find
from tests.attacks.conftest import dev, nltk_data, open_victim, recipe_ready  # noqa: F401 - fixtures
from tests.attacks.test_search import same

TASK = load_task("mini-sentiment")
RECIPE = """
from alumbench.attacks.recipe import Recipe

def build(wrapper):
    from textattack import Attack
    from textattack.constraints.pre_transformation import RepeatModification
    from textattack.goal_functions import UntargetedClassification
    from textattack.search_methods import GreedyWordSwapWIR
    from textattack.transformations import WordSwapRandomCharacterDeletion

    from alumbench.attacks.gradient import with_word_gradient

    goal = UntargetedClassification(with_word_gradient(wrapper))
    swap = WordSwapRandomCharacterDeletion(random_one=False)
    return Attack(goal, [RepeatModification()], swap, GreedyWordSwapWIR(wir_method="gradient"))

RECIPE = Recipe("by-gradient", 1, build, "a test", "deletes a letter of the word with the largest gradient")
"""


class BagOfWords:
    """Weights of words, read by their own splitting: no tokenizer, no Hugging Face."""

    labels, identity = ("negative", "positive"), Identity("own", "bag", {"version": "1"})
    weights = {"good": 2.0, "fine": 1.0, "great": 3.0, "bad": -2.0, "dull": -1.0}

    def predict(self, texts: Sequence[tuple[str, ...]]) -> torch.Tensor:
        score = torch.tensor([sum(self.weights.get(word, 0.0) for word in text.split()) for (text,) in texts])
        return torch.stack([-score, score], 1)

    def gradient(self, texts: Any, words: Sequence[Sequence[WordPlace]]) -> list[torch.Tensor]:
        score = self.predict(texts)[:, 1]
        slope = 2 * (1 - torch.sigmoid(2 * score.abs()))
        read = [[text[begin:end] for _, begin, end in places] for (text,), places in zip(texts, words, strict=True)]
        return [
            one * torch.tensor([self.weights.get(word, 0.0) for word in own])
            for one, own in zip(slope, read, strict=True)
        ]


@pytest.fixture
def recipe(tmp_path: Path) -> str:
    (tmp_path / "by_gradient.py").write_text(RECIPE)
    return str(tmp_path / "by_gradient.py")


EXAMPLES = [
    Example("1", ("a fine film with a great cast",), "positive"),
    Example("2", ("so dull , and bad too",), "negative"),
    Example("3", ("good",), "positive"),
]


def test_the_word_with_the_largest_gradient_goes_first(recipe: str) -> None:
    assert has_gradient(BagOfWords()) and isinstance(BagOfWords(), Classifier)
    searcher = Searcher(load_recipe(recipe), TextVictim(BagOfWords(), TASK), 1)
    assert searcher.searches.is_white_box
    wrapper = with_word_gradient(VictimWrapper(TextVictim(BagOfWords(), TASK)))
    gradient = wrapper.get_grad(EXAMPLES[0].texts[0])["gradient"]
    assert gradient.shape == (7, 1) and list(np.argsort(-np.abs(gradient[:, 0]))[:2]) == [5, 1]  # great, fine
    begun = {}
    asked = BagOfWords.predict

    class Watched(BagOfWords):
        def predict(self, texts: Any) -> torch.Tensor:
            begun.setdefault("texts", []).append([text for (text,) in texts])
            return asked(self, texts)

    outcome = Searcher(load_recipe(recipe), TextVictim(Watched(), TASK), 1).run(EXAMPLES[0])
    assert begun["texts"][0] == begun["texts"][1] == [EXAMPLES[0].texts[0]]  # the answer, and the gradient
    assert all("fine" in text and "great" not in text for text in begun["texts"][2])
    assert outcome.outcome == "broken" and outcome.adversarial is not None


def test_workers_ask_this_process_for_the_gradient(recipe: str) -> None:
    victim = TextVictim(BagOfWords(), TASK)
    plain = Searcher(load_recipe(recipe), victim, 1).run_all(EXAMPLES)
    sha = find(RECIPES, recipe).origin().sha256
    job = Job(victim.files, TASK, recipe, 1, classifier=BagOfWords(), recipe_sha256=sha)
    found = Workers(job, victim, 2, 4).run_all(EXAMPLES)
    assert {e.id: same(o) for e, o in plain} == {e.id: same(o) for e, o in found}


@pytest.mark.parametrize("broken", [torch.zeros(3, 2, 2), torch.zeros(1), [0.0] * 7, "nothing"], ids=repr)
def test_what_is_no_gradient_stops_the_run(recipe: str, monkeypatch: pytest.MonkeyPatch, broken: object) -> None:
    own = BagOfWords()
    monkeypatch.setattr(own, "gradient", lambda texts, words: [broken] * len(texts), raising=False)
    with pytest.raises(ClassifierStopped, match=r"bag: gradient gave .*, expected a tensor \(7, dim\) or \(7,\)"):
        Searcher(load_recipe(recipe), TextVictim(own, TASK), 1).run(EXAMPLES[0])


def test_no_gradient_at_all_stops_the_run(recipe: str, monkeypatch: pytest.MonkeyPatch) -> None:
    own = BagOfWords()
    monkeypatch.setattr(own, "gradient", lambda texts, words: None, raising=False)
    with pytest.raises(ClassifierStopped, match="gradient gave None, expected a list with a tensor per text"):
        Searcher(load_recipe(recipe), TextVictim(own, TASK), 1).run(EXAMPLES[0])


def test_other_white_box_attacks_say_what_they_need() -> None:
    wrapper = VictimWrapper(TextVictim(BagOfWords(), TASK))
    with pytest.raises(AlumbenchError, match="read the tokens and embeddings of a Hugging Face classifier"):
        WithGradient(wrapper)
    with pytest.raises(AlumbenchError, match="labels alone"):
        with_word_gradient(VictimWrapper(TextVictim(BagOfWords(), TASK, hard_labels=True)))


def test_a_checkpoints_words_have_the_mean_of_their_tokens(checkpoint: Path) -> None:
    victim, classifier = open_victim(checkpoint), from_pretrained(str(checkpoint), device="cpu")
    text = dev("mini-sentiment")[0].texts
    wrapper = WithGradient(VictimWrapper(victim))
    from textattack.shared import AttackedText

    from alumbench.attacks.gradient import word_spans

    marked = AttackedText(text[0])
    tokens, rows = wrapper.tokens_of_words(marked), wrapper.get_grad(text[0])["gradient"]
    (found,) = classifier.gradient([text], [word_spans(marked)])
    for word, at in tokens.items():
        expected = torch.tensor(rows[at].mean(0))
        assert torch.allclose(found[word] / found.norm(), expected / np.linalg.norm(_all(rows, tokens)), atol=1e-4)


def _all(rows: Any, tokens: dict[int, list[int]]) -> Any:
    return np.stack([rows[at].mean(0) for at in tokens.values()])


def test_a2t_through_the_contract_finds_what_it_finds_in_the_checkpoint(
    checkpoint: Path,
    recipe_ready: Callable[[str], Any],  # noqa: F811
) -> None:
    recipe = recipe_ready("a2t-jia-minilm")
    if recipe.missing():
        pytest.skip("; ".join(recipe.missing()))
    classifier = from_pretrained(str(checkpoint), device="cpu")
    victims = open_victim(checkpoint), TextVictim(classifier, TASK, "cpu")
    examples = dev("mini-sentiment")[:12]
    there, here = (
        [(e.id, o.outcome, o.adversarial, o.queries) for e, o in Searcher(recipe, victim, 1).run_all(examples)]
        for victim in victims
    )
    assert sorted(there) == sorted(here) and any(outcome == "broken" for _, outcome, *_ in here)

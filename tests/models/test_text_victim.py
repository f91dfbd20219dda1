"""Classifiers asked by texts: batched, asked once, one bad text told from the end of all, the same in workers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch

from alumbench.attacks import load_recipe
from alumbench.attacks.execution.job import Job
from alumbench.attacks.execution.workers import Workers
from alumbench.attacks.search import Searcher
from alumbench.attacks.text_victim import TextVictim, victim_of_classifier
from alumbench.attacks.victim import Victim
from alumbench.attacks.victim_wrapper import VictimWrapper
from alumbench.data import Example, load_task
from alumbench.errors import AlumbenchError, ClassifierStopped
from alumbench.models import from_callable, from_pretrained
from alumbench.models.classifier import Identity
from tests.attacks.conftest import dev, nltk_data, open_victim, recipe_ready  # noqa: F401 - fixtures
from tests.attacks.test_search import same

TASK = load_task("mini-sentiment")
RECIPE = "deepwordbug-all-words"


class Own:
    """A classifier of one's own, which knows of nothing here: the label follows from a few words."""

    labels, identity = ("positive", "Negative"), Identity("own", "own", {"version": "1"})

    def __init__(self, fails: Callable[[Sequence[str]], None] = lambda texts: None) -> None:
        self.batches: list[list[str]] = []
        self.fails = fails

    def predict(self, texts: Sequence[tuple[str, ...]]) -> torch.Tensor:
        self.batches.append([text for (text,) in texts])
        self.fails(self.batches[-1])
        return torch.tensor([[text.count("e") % 2 + len(text) / 1000, 0.5] for (text,) in texts])


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    victim = TextVictim(Own(), TASK)
    every = dev("mini-sentiment")[:40]
    right = victim.scores([one.texts for one in every]).argmax(-1).tolist()
    return [one for one, at in zip(every, right, strict=True) if TASK.labels[at] == one.label][:8]


def outcomes(found: Any) -> dict[str, Any]:
    return {example.id: same(outcome) for example, outcome in found}


def test_labels_are_matched_by_name_and_texts_batched_and_asked_once() -> None:
    own = Own()
    victim = TextVictim(own, TASK, batch_size=3)
    texts = [("good",), ("bad",), ("good",), ("fine fine fine",), ("great",), ("e",)]
    scores = victim.scores(texts)
    positive = TASK.labels.index("positive")
    assert scores[:, positive].round(decimals=3).tolist() == pytest.approx([0.004, 0.003, 0.004, 1.014, 1.005, 1.001])
    assert [len(batch) for batch in own.batches] == [3, 2], "'good' is asked once"
    assert [batch for batch, _ in victim.predictions(texts)] == [[0, 1, 2], [3, 4, 5]]
    with pytest.raises(AlumbenchError, match="its labels are positive, Negative; the task has entailment"):
        TextVictim(own, load_task("mini-nli"))


def test_an_attack_does_not_depend_on_what_is_in_flight_nor_on_workers(examples: list[Example]) -> None:
    victim = TextVictim(Own(), TASK, "cpu", batch_size=16)
    alone = outcomes((one, Searcher(load_recipe(RECIPE), victim, 1, 40).run(one)) for one in examples)
    assert {one["outcome"] for one in alone.values()} & {"broken"} and len({str(one) for one in alone.values()}) > 1
    before = victim.scorer.traffic.batches
    assert outcomes(Searcher(load_recipe(RECIPE), victim, 1, 40).run_all(examples, 8)) == alone
    assert victim.scorer.traffic.batches - before < before / 2
    unpicklable = TextVictim(Own(lambda texts: None), TASK, "cpu", batch_size=16)
    job = Job(victim.files, TASK, RECIPE, 1, query_budget=40, classifier=unpicklable.classifier, batch_size=16)
    assert outcomes(Workers(job, unpicklable, 1, 8).run_all(examples)) == alone


def test_a_text_that_fails_is_its_examples_error_and_an_end_of_all_answers_the_runs(examples: list[Example]) -> None:
    def bad_text(texts: Sequence[str]) -> None:
        if any(text == examples[2].texts[0] for text in texts):
            raise ValueError("this text")

    own = Own(bad_text)
    victim = TextVictim(own, TASK, batch_size=16)
    victim.scores([examples[0].texts])
    found = outcomes(Searcher(load_recipe(RECIPE), victim, 1, 40).run_all(examples[:4], 4))
    assert [found[one.id]["outcome"] == "error" for one in examples[:4]] == [False, False, True, False]
    assert "this text" in found[examples[2].id]["message"]

    def over(texts: Sequence[str]) -> None:
        raise ConnectionError("gone")

    def later() -> None:
        own.fails = over

    searches = Searcher(load_recipe(RECIPE), victim, 1, 40).run_all(examples, 2)
    next(searches)
    later()
    with pytest.raises(ClassifierStopped, match="own: ConnectionError: gone"):
        list(searches)
    with pytest.raises(ClassifierStopped):
        list(Workers(Job(victim.files, TASK, RECIPE, 1, classifier=own), victim, 1, 4).run_all(examples))


def test_a_first_answer_that_fails_is_the_end() -> None:
    def raises(texts: list[str]) -> None:
        raise KeyError("x")

    with pytest.raises(ClassifierStopped, match="raises raised KeyError: 'x'"):
        TextVictim(from_callable(raises, TASK.labels, name="raises"), TASK).scores([("a",)])


@pytest.mark.parametrize(
    "answer", [torch.zeros(1, 3), torch.zeros(2), [[0.0, 1.0]]], ids=["labels", "rows", "no tensor"]
)
def test_an_own_classifiers_answer_is_held_to_its_shape(answer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    own = Own()
    monkeypatch.setattr(own, "predict", lambda texts: answer)
    with pytest.raises(ClassifierStopped, match="predict gave"):
        TextVictim(own, TASK).scores([("a",)])


@pytest.mark.parametrize("name", ["hotflip-vocabulary", "a2t-jia-minilm", "gradient-words"])
def test_white_box_recipes_are_refused_and_say_why(name: str, recipe_ready: Callable[[str], Any]) -> None:  # noqa: F811
    recipe = recipe_ready(name)
    if recipe.missing():
        pytest.skip("; ".join(recipe.missing()))
    with pytest.raises(AlumbenchError, match="it is white-box, and own gives no gradient"):
        Searcher(recipe, TextVictim(Own(), TASK), 1)


def test_hard_labels_of_a_checkpoint(checkpoint: Any) -> None:
    plain, hard = open_victim(checkpoint), open_victim(checkpoint, hard_labels=True)
    texts = [one.texts for one in dev("mini-sentiment")[:10]]
    assert torch.equal(hard.scores(texts).argmax(-1), plain.scores(texts).argmax(-1))
    assert set(hard.scores(texts).softmax(-1).flatten().tolist()) == {0.0, 1.0}
    assert set(hard.plain(texts[0]).softmax(-1).tolist()) == {0.0, 1.0}
    assert hard.no_gradient and not plain.no_gradient and "labels alone" in hard.reading()["notes"][0]


def test_a_hugging_face_classifier_is_asked_by_tokens_and_gives_the_same(checkpoint: Any) -> None:
    classifier = from_pretrained(str(checkpoint), device="cpu")
    victim = victim_of_classifier(classifier, TASK, "cpu")
    texts = [one.texts for one in dev("mini-sentiment")[:6]]
    assert type(victim) is Victim and torch.equal(victim.scores(texts), open_victim(checkpoint).scores(texts))
    assert torch.allclose(classifier.predict(texts), victim.scores(texts), rtol=0, atol=1e-5)
    assert classifier.cut([("a " * 600,), ("a",)]) == victim.cut([("a " * 600,), ("a",)]) == [True, False]
    model = classifier._loaded.model.train()
    assert torch.equal(classifier.predict(texts), classifier.predict(texts)) and model.training


def test_text_attack_sees_a_model_wrapper() -> None:
    wrapper = VictimWrapper(TextVictim(Own(), TASK))
    assert wrapper(["good", "bad", "good"]).shape == (3, 2) and wrapper.unique == 2

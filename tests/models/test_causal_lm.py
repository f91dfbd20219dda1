"""Causal LMs with label words: log-probabilities as a plain pass over one text gives them, whatever is beside it."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from alumbench.data import miniature
from alumbench.errors import AlumbenchError
from alumbench.models import from_causal_lm
from alumbench.models.causal_lm import CausalLmClassifier

LABELS = ("negative", "positive")
PROMPT = "Review: {text}\nSentiment:"
TEXTS = [(text,) for text in miniature.rows("sentiment/train")["sentence"][:20]]


def make(folder: Path, **options: Any) -> CausalLmClassifier:
    values = {"prompt": PROMPT, "device": "cpu"} | options
    return from_causal_lm(str(folder), values.pop("labels", LABELS), **values)


def by_hand(classifier: CausalLmClassifier, prompt: str, word: str) -> float:
    """log p(word | prompt), token by token, of one sequence without padding."""
    encode = lambda text: classifier.tokenizer(text, add_special_tokens=False)["input_ids"]  # noqa: E731
    before, whole = encode(prompt), encode(prompt + word)
    assert whole[: len(before)] == before
    with torch.inference_mode():
        logs = classifier.model(torch.tensor([whole])).logits[0].log_softmax(-1)
    return float(sum(logs[at - 1, whole[at]] for at in range(len(before), len(whole))))


@pytest.mark.parametrize("words", [("negative", "positive"), ("bad", "really quite good indeed")], ids=" or ".join)
def test_scores_are_the_words_log_probabilities(tiny_causal_lm: Path, words: tuple[str, str], capsys) -> None:
    classifier = make(tiny_causal_lm, words=words)
    found = classifier.predict(TEXTS)
    for (text,), row in zip(TEXTS, found.tolist(), strict=True):
        expected = [by_hand(classifier, PROMPT.format(text=text), f" {word}") for word in words]
        assert row == pytest.approx(expected, abs=1e-4)
    told = "different numbers of tokens" in capsys.readouterr().out
    assert told is (len({len(classifier.tokenizer(f" {word}")["input_ids"]) for word in words}) > 1)
    assert found.argmax(-1).unique().numel() == 2 or found.std() > 0.1


def test_a_score_does_not_depend_on_what_is_beside_it(tiny_causal_lm: Path) -> None:
    classifier = make(tiny_causal_lm, words=("bad", "very good"))
    together = classifier.predict(TEXTS)
    assert torch.equal(torch.cat([classifier.predict([text]) for text in TEXTS]), together)
    assert torch.equal(classifier.predict(TEXTS[::-1]).flip(0), together)


def test_a_long_text_loses_its_end_and_keeps_the_prompt(tiny_causal_lm: Path) -> None:
    classifier = make(tiny_causal_lm)
    long = " ".join(TEXTS[0] * 30)
    fitted, whole = classifier._fitted((long,))
    assert long.startswith(fitted[0]) and len(fitted[0]) < len(long)
    assert max(map(len, whole)) <= 63 and classifier.tokenizer.decode(whole[0]).endswith("\nSentiment: negative")
    assert classifier.cut([(long,), TEXTS[0]]) == [True, False]
    assert torch.equal(classifier.predict([(long,)]), classifier.predict([(fitted[0],)]))
    with pytest.raises(AlumbenchError, match="the prompt alone is longer"):
        make(tiny_causal_lm, prompt="words and more words " * 60 + "{text}").predict([("a",)])


def test_an_empty_prompt_and_pairs(tiny_causal_lm: Path) -> None:
    assert make(tiny_causal_lm, prompt="{text}").predict([("",)]).isfinite().all()
    pairs = make(tiny_causal_lm, prompt="{premise} so {hypothesis}?", columns=("premise", "hypothesis"))
    expected = make(tiny_causal_lm, prompt="{0} so {1}?").predict([("a film", "bad")])
    assert torch.equal(pairs.predict([("a film", "bad")]), expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"prompt": "no place"}, "has no {text}"),
        ({"prompt": "{text} {other}"}, "{other} is not a text column"),
        ({"prompt": "{text!r}"}, "is not a text column"),
        ({"prompt": "{text"}, "--prompt"),
        ({"prompt": "{premise}", "columns": ("premise", "hypothesis")}, "has no {hypothesis}"),
        ({"words": ("good",)}, "one distinct word per label"),
        ({"words": ("good", "good")}, "one distinct word per label"),
        ({"labels": ()}, "name its outputs"),
    ],
    ids=str,
)
def test_a_prompt_that_shows_no_text_is_refused(tiny_causal_lm: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(AlumbenchError, match=message):
        make(tiny_causal_lm, **options)


def test_a_model_without_a_language_head_is_refused(tiny_model: Path) -> None:
    with pytest.raises(AlumbenchError, match="weights do not fit|no causal language model"):
        make(tiny_model)


def test_its_identity_is_weights_prompt_and_words(tiny_causal_lm: Path) -> None:
    one = make(tiny_causal_lm).identity
    assert one.sha256 == make(tiny_causal_lm, words=LABELS).identity.sha256
    for other in ({"prompt": "{text}"}, {"words": ("bad", "good")}):
        assert make(tiny_causal_lm, **other).identity.sha256 != one.sha256
    assert one.to_dict()["prompt"] == PROMPT and one.to_dict()["words"] == "negative|positive"
    hard = pickle.loads(pickle.dumps(make(tiny_causal_lm, hard_labels=True)))
    assert set(hard.predict(TEXTS).softmax(-1).flatten().tolist()) == {0.0, 1.0} and hard.identity == one

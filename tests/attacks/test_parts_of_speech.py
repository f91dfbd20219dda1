"""Parts of speech in place are those that NLTK gives the whole text."""

from __future__ import annotations

import random

import nltk
import pytest

from alumbench.attacks.nltk_data import find_nltk_data
from alumbench.attacks.parts_of_speech import TaggedText
from alumbench.attacks.words import word_spans


@pytest.mark.parametrize("text", ["It isn't bad.", "a_b -_c  well-known (1990s) ’tis — naïve", "", "__", "x"])
def test_tokens_are_the_words_and_the_marks_between(text):
    tagged = TaggedText(text)
    assert "".join(tagged.tokens) == "".join(text.split())
    assert all(text[begin:end] in tagged.tokens for begin, end in word_spans(text))


def test_a_word_in_place_has_the_tag_of_the_whole_text(nltk_data):
    from nltk.corpus import brown

    if not any((nltk_data.parent / "taggers").glob("averaged_perceptron_tagger_eng*")):
        pytest.skip("the mirror has no tagger")
    find_nltk_data()
    sentences = [" ".join(words) for words in brown.sents(categories="reviews")[:60]]
    every = [text[begin:end] for text in sentences for begin, end in word_spans(text)]
    chosen = random.Random(0)
    compared = 0
    for text in sentences:
        tagged = TaggedText(text)
        spans = word_spans(text)
        for begin, end in {*spans[:3], *spans[-3:], *chosen.sample(spans, min(3, len(spans)))}:
            words = [text[begin:end], *chosen.sample(every, 3)]
            at = len(TaggedText(text[:begin]).tokens)
            expected = [
                nltk.pos_tag([*tagged.tokens[:at], word, *tagged.tokens[at + 1 :]], tagset="universal")[at][1]
                for word in words
            ]
            assert list(tagged.tags(begin, words)) == expected
            compared += len(words)
    assert compared > 1000


def test_the_context_decides(nltk_data):
    find_nltk_data()
    assert TaggedText("a good look at it").tags(7, ["look"]) == ("NOUN",)
    assert TaggedText("they look at it").tags(5, ["look", "quickly"]) == ("VERB", "ADV")

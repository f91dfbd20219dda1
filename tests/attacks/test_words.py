"""The words of a text from memory, and candidates in a step, are TextAttack's own."""

from __future__ import annotations

from collections import OrderedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alumbench.attacks.textattack.loader import load_textattack
from alumbench.attacks.textattack.texts import words_replaced_in_place
from alumbench.attacks.textattack.words import words_remembered

PIECES = ["it's", "'quoted'", "a-b", "-", "", "don’t", "x_y", "@you", "naïve", "…", "a.b,c", "\u0430bc", "\x00", "🙂"]


@given(st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=8)), max_size=12).map(" ".join))
def test_words_are_the_same(text):
    strings = load_textattack().shared.utils.strings
    expected = strings.words_from_text(text), strings.words_from_text(text, ["a", "it's"])
    with words_remembered():
        for _ in range(2):
            assert (strings.words_from_text(text), strings.words_from_text(text, ["a", "it's"])) == expected
            assert load_textattack().shared.attacked_text.words_from_text(text) == expected[0]


def test_chinese_goes_the_long_way_and_all_is_put_back():
    module = load_textattack().shared.attacked_text
    original = module.words_from_text
    with pytest.raises(KeyError), words_remembered():
        assert module.words_from_text is not original
        assert module.words_from_text("我喜欢 films") == original("我喜欢 films")
        words = module.words_from_text("one two")
        words.append("three")
        assert module.words_from_text("one two") == ["one", "two"]
        raise KeyError
    assert module.words_from_text is original


NEW = ["film", "[UNK]", "two words", "", "it's", "S", "<SPLIT>", "-", "PLIT"]
COLUMN = st.lists(st.one_of(st.sampled_from([*PIECES, "I", "T", "S", "SPLIT", "a"]), st.text(max_size=5)), max_size=7)


def said(text) -> list:
    attributes = dict(text.attack_attrs)
    previous = attributes.pop("previous_attacked_text", None)
    attributes["original_index_map"] = attributes["original_index_map"].tolist()
    return [text._text_input, attributes, text.words, None if previous is None else previous._text_input]


@given(st.lists(COLUMN.map(" ".join), min_size=1, max_size=2), st.data())
def test_candidates_are_the_same(columns, data):
    attacked = load_textattack().shared.AttackedText

    def chain(steps):
        texts = [attacked(OrderedDict(zip(("one", "two"), columns, strict=False)))]
        for at, word in steps:
            try:
                texts.append(texts[-1].replace_word_at_index(at % max(texts[-1].num_words, 1), word))
            except (IndexError, ValueError) as error:
                texts.append(texts[-1])
                failed.append(type(error))
        return [said(text) for text in texts]

    steps = data.draw(st.lists(st.tuples(st.integers(0, 20), st.sampled_from(NEW)), max_size=4))
    failed: list = []
    expected, failures = chain(steps), list(failed)
    failed.clear()
    with words_remembered(), words_replaced_in_place():
        assert chain(steps) == expected
    assert failed == failures

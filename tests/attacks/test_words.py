"""The words of a text from memory are TextAttack's own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alumbench.attacks.engine.words import words_remembered
from alumbench.attacks.textattack_loader import load_textattack

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

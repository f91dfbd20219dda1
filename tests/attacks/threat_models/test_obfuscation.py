"""Obfuscated words: each reads as the word, each is judged as steps reach it, and nothing else is in the set."""

from __future__ import annotations

import itertools
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alumbench.attacks.textattack.homoglyphs import TABLE
from alumbench.attacks.threat_models.obfuscation import INVISIBLE, PUNCTUATION, REVERSED, THREAT_MODEL, variants
from tests.attacks.threat_models.walking import all_texts, around, walked

LATIN = {like: letter for letter, likes in TABLE.items() for like in likes}
BETWEEN = f" {PUNCTUATION}{INVISIBLE}"
CONTROLS = "".join(REVERSED)
HIDDEN = re.compile(f"{REVERSED[0]}(.*?){REVERSED[1]}")
WORDS = [
    "film",
    "So",
    "I",
    "x",
    "SPQR",
    "co-op",
    "isn't",
    "mp3",
    "2026",
    "naïve",
    "кот",
    "猫猫",
    "קטן",
    "עa",
    "e\u0301a",
]


def read(written: str) -> str:
    """A word as a reader sees it."""
    shown = HIDDEN.sub(lambda hidden: hidden[1][::-1], written)
    return "".join(LATIN.get(char, char) for char in shown if char not in INVISIBLE)


@pytest.mark.parametrize("word", WORDS)
def test_each_way_of_writing_reads_as_the_word_and_is_of_one_kind(word: str) -> None:
    found = [written for written in variants(word) if written != word]
    for written in found:
        added = {char for char in written if char not in word} & set(f"{BETWEEN}{CONTROLS}{''.join(LATIN)}")
        plain = "".join(char for char in read(written) if char not in BETWEEN)
        assert plain == "".join(char for char in read(word) if char not in BETWEEN)
        kinds = [added <= set(kind) for kind in (*BETWEEN, CONTROLS, "".join(LATIN))]
        assert any(kinds), ascii(written)


@pytest.mark.parametrize(("word", "number"), [("film", 8 * 4 + 3 + 4), ("It", 8 + 4 + 1), ("I", 4), ("xx", 8 + 3 + 1)])
def test_the_number_of_ways_to_write_a_word(word: str, number: int) -> None:
    """Of n letters and 8 characters to put between them: 8 n (n - 1 places and all), the look-alikes of each letter and
    of all, n - 1 swaps and the whole word reversed; some of these are the same for two letters."""
    assert len(set(variants(word)) - {word}) == number


@pytest.mark.parametrize("text", ["ab c", "a", "a. b", "a  b", "a-b", " a b"])
@pytest.mark.parametrize("degree", [1, 2])
def test_steps_reach_what_is_in_the_set(text: str, degree: int) -> None:
    members = around(THREAT_MODEL, [text], degree)
    found = walked(members)
    assert {texts: members.degree_of(texts) for texts in found} == found
    for other in all_texts(text + ".b\u200b", len(text) + 1):
        assert members.degree_of((other,)) == found.get((other,)), ascii(other)


@given(st.text("ab. -", max_size=5), st.integers(1, 3), st.data())
def test_any_text_is_judged_as_steps_reach_it(text: str, degree: int, data: st.DataObject) -> None:
    members = around(THREAT_MODEL, [text], degree)
    found = walked(members) if members.largest < 3 else walked(around(THREAT_MODEL, [text], 2))
    near = data.draw(st.sampled_from(sorted(found)))
    assert members.degree_of(near) == found[near]
    at = data.draw(st.integers(0, len(near[0])))
    char = data.draw(st.sampled_from(["", " ", ".", "a", "а", "\u200c", "\u202e"]))
    other = (near[0][:at] + char + near[0][at + data.draw(st.integers(0, 1)) :],)
    if members.largest < 3:
        assert members.degree_of(other) == found.get(other)


def test_each_kind_of_change() -> None:
    members = around(THREAT_MODEL, ["A very good film!"], 2)
    for other, degree in {
        "A very go od film!": 1,
        "A very g o o d film!": 1,
        "A verygood film!": 1,
        "A very g.ood film!": 1,
        "A very g*o*o*d film!": 1,
        "A very gооd film!": None,  # two letters of three that have look-alikes
        "A very gοοԁ film!": 1,
        "A very goоd film!": 1,
        "A very go\u200bod film!": 1,
        "A very g\u200co\u200co\u200cd film!": 1,
        "A very \u2066\u202edoog\u202c\u2069 film!": 1,
        "A very g\u2066\u202eoo\u202c\u2069d film!": 1,
        "Аvery good film!": 2,
        "Averygood film!": 2,
        "А very go od film!": 2,
        "A ve-ry good fi\u200dlm!": 2,
        "A verygo od film!": 2,
        "А verygo od film!": None,  # three
        "A very g.o od film!": None,  # a word changed twice
        "A very doog film!": None,
        "A very \u202edoog\u202c film!": None,
        "A very good film !": None,
        "A very good film": None,
        "A very  good film!": None,
        "\u200bA very good film!": None,
    }.items():
        assert members.degree_of((other,)) == degree, ascii(other)


def test_words_that_the_span_cuts_stay() -> None:
    found = walked(around(THREAT_MODEL, ["abc abc abc"], 1, ((1, 11),)))
    assert {new[:4] for (new,) in found} == {"abc "} and any(new.endswith("abcabc") for (new,) in found)
    assert walked(around(THREAT_MODEL, ["abc", "abc"], 9, ((0, 0), (1, 3)))) == {("abc", "abc"): 0}


@pytest.mark.parametrize("text", ["", " ", "...", "1", "\u200b", "_", "猫", "猫。"], ids=ascii)
def test_texts_without_words_that_can_be_written_otherwise_have_empty_sets(text: str) -> None:
    members = around(THREAT_MODEL, [text], 4)
    assert (members.largest, members.positions(members.start()), members.degree_of((text,))) == (0, [], 0)


def test_the_largest_degree_counts_words_and_the_spaces_between_them() -> None:
    assert around(THREAT_MODEL, ["a good, good film"], 99).largest == 6


@pytest.mark.parametrize("word", ["film", "isn't", "co-op", "mp3", "猫猫"])
@pytest.mark.parametrize("apart", [" ", ", ", " (", "-", ""])
def test_reordered_letters_are_shown_in_their_order(word: str, apart: str) -> None:
    """By an implementation of Unicode's bidirectional algorithm, also next to another reordered word."""
    bidi = pytest.importorskip("bidi", reason="python-bidi is not installed")
    written = [word, *(each for each in variants(word) if REVERSED[0] in each)]
    assert len(written) > len(word)
    for one, other in itertools.product(written, repeat=2):
        shown = bidi.get_display(f"A {one}{apart}{other} 3.")
        assert "".join(char for char in shown if char not in CONTROLS) == f"A {word}{apart}{word} 3."


def test_without_the_isolate_two_words_would_change_places() -> None:
    bidi = pytest.importorskip("bidi", reason="python-bidi is not installed")
    shown = bidi.get_display("a \u202edoog\u202c \u202emlif\u202c")
    assert "".join(char for char in shown if char not in "\u202e\u202c") == "a film good"


def test_letters_from_right_to_left_are_not_reordered() -> None:
    assert not [each for word in ("קטן", "عربي", "aק") for each in variants(word) if REVERSED[0] in each]


def test_the_characters_are_what_they_are_called() -> None:
    names = ["ZERO WIDTH SPACE", "ZERO WIDTH NON-JOINER", "ZERO WIDTH JOINER"]
    assert [unicodedata.name(char) for char in INVISIBLE] == names
    assert [unicodedata.bidirectional(char) for char in CONTROLS] == ["LRI", "RLO", "PDF", "PDI"]

"""One typo inside a word: the set by steps, by a reading of the definition, and by hand."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import OSA

from alumbench.attacks.threat_models.chars_readable import THREAT_MODEL
from alumbench.attacks.threat_models.references import load_threat_model
from tests.attacks.threat_models.walking import all_texts, around, walked

LETTERS = "abé"


def typo(old: str, new: str) -> bool:
    """The definition: one edit, first and last letter as they were, inserted and substituted letters of `LETTERS`."""
    if len(old) < 4 or new[:1] != old[0] or new[-1:] != old[-1] or len(new) < 3:
        return False
    if OSA.distance(old[1:-1], new[1:-1]) != 1:
        return False
    return (
        sorted(old) == sorted(new)
        or len(new) < len(old)
        or any(
            letter in LETTERS
            and (new[:at] + new[at + 1 :] == old or new[:at] == old[:at] and new[at + 1 :] == old[at + 1 :])
            for at, letter in enumerate(new)
            if 0 < at < len(new) - 1
        )
    )


def degree(old: str, new: str) -> int | None:
    """How many words of a text have a typo; None if anything else differs. Words are runs of letters."""
    before, after = re.split(r"([^\W\d_]+)", old), re.split(r"([^\W\d_]+)", new)
    if before[::2] != after[::2]:
        return None
    pairs = [(one, other) for one, other in zip(before[1::2], after[1::2], strict=True) if one != other]
    return len(pairs) if all(typo(*pair) for pair in pairs) else None


@pytest.mark.parametrize("text", ["abcd", "abab", "abc", "abba.baab", "aaaa", "éabé a", "a1bbbb", "aa'bbbb"])
def test_steps_reach_what_the_definition_says(text: str) -> None:
    for k in (1, 2, 5):
        members = around(THREAT_MODEL, [text], k, alphabet=LETTERS + "A .")
        found = walked(members)
        assert found == {(new,): degree(text, new) for (new,) in found} and max(found.values()) <= k
        if len(text) < 5:
            for other in all_texts(text + LETTERS, len(text) + 2):
                count = degree(text, other)
                assert members.degree_of((other,)) == (count if count is not None and count <= k else None), other


@given(st.text("abé .", max_size=9), st.integers(1, 3), st.data())
def test_any_text_is_judged_by_the_definition(text: str, k: int, data: st.DataObject) -> None:
    members = around(THREAT_MODEL, [text], k, alphabet=LETTERS)
    found = walked(members)
    assert {texts: members.degree_of(texts) for texts in found} == found
    near = data.draw(st.sampled_from(sorted(found)))[0]
    at = data.draw(st.integers(0, len(near)))
    other = near[:at] + data.draw(st.sampled_from(["", "a", " ", "é"])) + near[at + data.draw(st.integers(0, 1)) :]
    count = degree(text, other)
    assert members.degree_of((other,)) == (count if count is not None and count <= k else None)
    assert found.get((other,)) == members.degree_of((other,))


def test_the_words_and_edits_that_count() -> None:
    text = "The films weren't good, 1234 naïve."
    members = around(THREAT_MODEL, [text], 2, alphabet="aeiïnz T1'")
    in_the_set = {
        "The flims weren't good, 1234 naïve.": 1,  # swap
        "The fims weren't good, 1234 naïve.": 1,  # deletion
        "The finms weren't good, 1234 naïve.": 1,  # insertion
        "The fizms weren't good, 1234 naïve.": 1,  # substitution
        "The films wern't good, 1234 naïve.": 1,  # `weren` is a word, `t` another
        "The flims weren't god, 1234 naïve.": 2,
        "The films weren't good, 1234 naiïve.": 1,
    }
    assert {each: members.degree_of((each,)) for each in in_the_set} == in_the_set
    for other in [
        "Teh films weren't good, 1234 naïve.",  # three letters
        "The iflms weren't good, 1234 naïve.",  # the first letter
        "The film weren't good, 1234 naïve.",  # the last letter
        "The filmss weren't good, 1234 naïve.",
        "The fxlms weren't good, 1234 naïve.",  # not in the alphabet
        "The fiTlms weren't good, 1234 naïve.",  # a capital
        "The fi1lms weren't good, 1234 naïve.",  # no letter
        "The fmils weren't good, 1234 naïve.",  # two edits in a word
        "The films werent good, 1234 naïve.",  # a separator
        "The films weren't good, 1324 naïve.",  # digits
        "The flims wern't god, 1234 naïve.",  # three words
        "The  films weren't good, 1234 naïve.",
    ]:
        assert members.degree_of((other,)) is None, other


def test_words_that_the_span_cuts_stay() -> None:
    text = "abcd abcd abcd"
    members = around(THREAT_MODEL, [text], 3, ((1, 12),), alphabet="x")
    assert {word for (new,) in walked(members) for word in new.split()[::2]} == {"abcd"}
    assert members.largest == 1


@pytest.mark.parametrize("text", ["", " ", "a", "abc", "1234567", "...", "\u200b" * 9, "a-b-c-d"])
def test_texts_without_such_words_have_empty_sets(text: str) -> None:
    members = around(THREAT_MODEL, [text], 2, alphabet="ab")
    assert members.largest == 0 and members.positions(members.start()) == [] and members.degree_of((text,)) == 0


def test_the_largest_degree_is_the_number_of_words() -> None:
    assert around(THREAT_MODEL, ["good film of them", "some"], 9, alphabet="a").largest == 4


def test_an_alphabet_without_letters_leaves_deletions_and_swaps() -> None:
    found = walked(around(THREAT_MODEL, ["film"], 1, alphabet=" .1"))
    assert set(found) == {("film",), ("fim",), ("flm",), ("flim",)}


def test_the_degree_stands_in_the_middle() -> None:
    at = load_threat_model("chars-2-readable@1")
    assert (at.name, at.signature, at.degree) == ("chars-2-readable", "chars-2-readable@1", 2)

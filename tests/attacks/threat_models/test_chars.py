"""Character edits: what steps reach is what `degree_of` finds in the set, by brute force."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alumbench.attacks.threat_models.chars import THREAT_MODEL
from alumbench.attacks.threat_models.threat_model import Setting
from alumbench.data import Example
from tests.attacks.threat_models.walking import all_texts, around, walked


def examples(*texts: str) -> list[Example]:
    return [Example(str(number), (text,), "x") for number, text in enumerate(texts)]


def alphabet(*texts: str) -> str:
    return THREAT_MODEL.facts(examples(*texts))["alphabet"]


#: Text, alphabet, degree.
SMALL = [
    ("ab", "ab", 1),
    ("ab", "abc", 2),
    ("abc", "a", 3),
    ("a b", "a ", 2),
    ("aa", "ab", 3),
    ("a", "ab", 4),
    (" a", "a ", 2),
    ("  ", "a", 2),
    ("éab", "ab", 3),
    ("éabc", "b", 2),
    ("é", "ab", 2),
    ("日本語", "ab", 2),
    ("e\u0301a", "e", 2),
    ("😀a", "a", 2),
    ("a\nb", "ab", 2),
    ("\x00a", "b", 2),
    ("ab", "", 2),
    ("\ud800a", "a", 1),
]


@pytest.mark.parametrize(("text", "letters", "degree"), SMALL)
def test_steps_reach_what_is_in_the_set(text: str, letters: str, degree: int) -> None:
    members = around(THREAT_MODEL, [text], degree, alphabet=letters)
    found = walked(members)
    for other in all_texts(text + letters + "z", len(text) + degree):
        assert members.degree_of((other,)) == found.get((other,)), repr(other)


@pytest.mark.parametrize("span", [(0, 2), (2, 4), (1, 3), (1, 1), (0, 4), (0, 0)], ids=str)
def test_what_is_outside_of_the_span_stays(span: tuple[int, int]) -> None:
    text, degree = "abba", 2
    members = around(THREAT_MODEL, [text], degree, (span,), alphabet="ab")
    found, inside = walked(members), text[slice(*span)]
    free = around(THREAT_MODEL, [inside], degree, alphabet="ab")
    expected = walked(free) | ({("",): len(inside)} if inside and len(inside) <= degree and inside != text else {})
    before, after = text[: span[0]], text[span[1] :]
    assert found == {(before + new + after,): steps for (new,), steps in expected.items()}
    for other in all_texts("ab", len(text) + degree):
        assert members.degree_of((other,)) == found.get((other,)), other


def test_steps_are_counted_over_all_columns_and_protected_ones_stay() -> None:
    texts, spans = ("ab", "a", "b"), ((0, 2), (0, 0), (0, 1))
    members = around(THREAT_MODEL, texts, 2, spans, alphabet="ab")
    found = walked(members)
    assert {each[1] for each in found} == {"a"} and any(each[0] != "ab" and each[2] != "b" for each in found)
    for first, second, third in itertools.product(all_texts("ab", 4), ["a", "b", ""], all_texts("ab", 3)):
        each = (first, second, third)
        assert members.degree_of(each) == found.get(each), each


@given(st.text("abé\n ", max_size=4), st.text("ab ", max_size=3), st.text("abéz\n ", max_size=6), st.integers(1, 3))
def test_any_text_is_judged_as_steps_reach_it(text: str, letters: str, other: str, degree: int) -> None:
    members = around(THREAT_MODEL, [text], degree, alphabet=letters)
    assert members.degree_of((other,)) == walked(members).get((other,))


def test_swapped_characters_may_have_edits_between_them() -> None:
    """The restricted distance, in which no characters are edited twice, would be 3."""
    assert around(THREAT_MODEL, ["ca"], 2, alphabet="abc").degree_of(("abc",)) == 2


def test_a_character_of_the_text_may_be_copied_whatever_the_alphabet() -> None:
    members = around(THREAT_MODEL, ["naïve"], 2, alphabet="aeinv")
    assert members.degree_of(("naïïve",)) == 1
    assert members.degree_of(("nave",)) == 1
    assert members.degree_of(("aveïn",)) is None
    assert members.degree_of(("naüve",)) is None


def test_characters_of_protected_texts_are_not_those_of_the_set() -> None:
    members = around(THREAT_MODEL, ["ab", "ü"], 1, ((0, 2), (0, 0)), alphabet="ab")
    assert members.degree_of(("aü", "ü")) is None


@pytest.mark.parametrize("texts", [("",), ("", ""), ("premise", "")], ids=repr)
def test_a_set_in_which_nothing_may_change_holds_only_the_original(texts: tuple[str, ...]) -> None:
    members = around(THREAT_MODEL, texts, 4, tuple((0, 0) for _ in texts), alphabet="ab")
    assert (members.largest, members.positions(members.start())) == (0, [])
    assert members.degree_of(texts) == 0 and members.degree_of(("a",) * len(texts)) is None


def test_more_steps_than_characters() -> None:
    members = around(THREAT_MODEL, ["a"], 9, alphabet="ab")
    assert members.degree_of(("bbbbbbbbb",)) == 9 and members.degree_of(("b" * 10,)) is None


def test_texts_of_another_number_of_columns_are_not_in_the_set() -> None:
    assert around(THREAT_MODEL, ["a"], 1, alphabet="ab").degree_of(("a", "b")) is None


def test_the_number_of_members_at_one_edit() -> None:
    """Of n different letters and an alphabet of m: (n + 1)(m - 1) + 1 texts by insertion, n(m - 1) by substitution,
    n by deletion and n - 1 by a swap."""
    found = walked(around(THREAT_MODEL, ["film"], 1, alphabet="abcdefghijklmnopqrstuvwxyz"))
    assert len(found) - 1 == (5 * 25 + 1) + 4 * 25 + 4 + 3


def test_the_alphabet_is_of_the_data() -> None:
    assert alphabet("The cat.", "THE cat?") == " .?EHTaceht"
    assert alphabet("a") == "a"
    assert alphabet("кот и 猫") == " икот猫"
    assert alphabet("a" * 20_000 + "b" * 3 + "ü") == "ab"  # one in 20,000 is rarer than 0.01%


def test_controls_line_breaks_and_invisible_characters_are_not_in_the_alphabet() -> None:
    assert alphabet("a\nb\tc\x00\x7f\u200b\u202e\ufeff\u00a0\ud800") == "abc"


@pytest.mark.parametrize("texts", [(), ("",), ("\n\x00",)], ids=repr)
def test_data_without_an_alphabet_have_sets_of_deletions_and_swaps(texts: tuple[str, ...]) -> None:
    assert alphabet(*texts) == ""
    assert set(walked(around(THREAT_MODEL, ["ab"], 1, alphabet=""))) >= {("ab",), ("ba",), ("a",), ("b",)}


def test_the_same_set_in_the_same_order_every_time() -> None:
    one, other = (THREAT_MODEL.around(("a bé",), ((0, 4),), 2, Setting({"alphabet": "abc"})) for _ in range(2))
    assert one.positions(one.start()) == other.positions(other.start())
    assert [one.steps(one.start(), at) for at in one.positions(one.start())] == [
        other.steps(other.start(), at) for at in other.positions(other.start())
    ]

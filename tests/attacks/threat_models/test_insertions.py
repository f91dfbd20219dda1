"""Insertions: the set by steps, by taking listed insertions out, and by hand."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alumbench.attacks.threat_models import insertions
from alumbench.attacks.threat_models.insertions import SENTENCES, THREAT_MODEL, WORDS, Insertions
from alumbench.attacks.words import words_of
from tests.attacks.threat_models.walking import all_texts, around, walked


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists of which one item can be read as two, and as words of a text."""
    monkeypatch.setattr(insertions, "WORDS", ("a", "a b"))
    monkeypatch.setattr(insertions, "SENTENCES", ("b.",))


def taken_out(members: Insertions, text: str) -> dict[str, int]:
    """Texts that are left of a text of one column without listed insertions, with the fewest of them."""
    found, level = {text: 0}, {text}
    items = [*insertions.WORDS, *insertions.SENTENCES]
    for degree in range(1, members.largest + 1):
        level = {
            each[:at] + each[at + len(string) :]
            for each in level
            for string in [form for item in items for form in (f"{item} ", f" {item}")]
            for at in range(len(each))
            if each.startswith(string, at)
        }
        for each in level:
            found.setdefault(each, degree)
    return found


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("text", ["a", "c", "c.", "a b", "c d", "c. d", " c  d ", "a a", "b. a"])
@pytest.mark.parametrize("degree", [1, 2])
def test_steps_reach_what_is_in_the_set(text: str, degree: int) -> None:
    members = around(THREAT_MODEL, [text], degree)
    found = walked(members)
    assert {texts: members.degree_of(texts) for texts in found} == found
    longest = len(text) + 2 * degree
    for other in all_texts(text + "a ", min(longest, 7)):
        assert members.degree_of((other,)) == found.get((other,)), repr(other)


@pytest.mark.usefixtures("few")
@given(st.lists(st.sampled_from(["a", "b", "b.", "c", "c.", " "]), max_size=4), st.integers(1, 3), st.data())
def test_any_text_is_judged_as_steps_reach_it(words: list[str], degree: int, data: st.DataObject) -> None:
    members = around(THREAT_MODEL, [" ".join(words)], degree)
    found = walked(members)
    assert {texts: members.degree_of(texts) for texts in found} == found
    tokens = data.draw(st.sampled_from(sorted(found)))[0].split(" ")
    at = data.draw(st.integers(0, len(tokens)))
    tokens[at : at + data.draw(st.integers(0, 1))] = data.draw(st.sampled_from([[], ["a"], ["b."], [""]]))
    other = (" ".join(tokens),)
    assert members.degree_of(other) == found.get(other)
    assert all(taken_out(members, each)[members.original[0]] <= steps for (each,), steps in found.items())


@pytest.mark.usefixtures("few")
def test_the_path_of_a_text_makes_the_text_and_each_shorter_path_is_nearer() -> None:
    members = around(THREAT_MODEL, ["c. d", "a"], 3)
    for texts, degree in walked(members).items():
        member = members.member_of(texts)
        assert member is not None and member.degree == len(member.path) == degree
        assert members._texts(member.path) == texts
        assert all(members.degree_of(one.texts) == one.degree == degree - 1 for one in members.nearer(member))
        assert len(members.nearer(member)) == degree


def test_where_words_and_where_sentences_can_be_put() -> None:
    members = around(THREAT_MODEL, ['It is late. "Really?" he asked .'], 1)
    for other in [
        'um It is late. "Really?" he asked .',
        'It um is late. "Really?" he asked .',
        'It is late. you know "Really?" he asked .',
        'It is late. "Really?" he asked um .',
        'It is late. "Really?" he asked . um',
        'True is true. It is late. "Really?" he asked .',
        'It is late. True is true. "Really?" he asked .',
        'It is late. "Really?" True is true. he asked .',
        'It is late. "Really?" he asked . True is true.',
    ]:
        assert members.degree_of((other,)) == 1, other
    for other in [
        'It True is true. is late. "Really?" he asked .',  # inside a sentence
        'It is late. "um Really?" he asked .',  # inside of what spaces separate
        'It is late.um "Really?" he asked .',
        'It is late. "Really?" he asked . um ',
        'Um It is late. "Really?" he asked .',
        'It um is um late. "Really?" he asked .',  # two
        'is late. "Really?" he asked .',
        'late. It is "Really?" he asked .',
        'It good is late. "Really?" he asked .',  # not in the list
    ]:
        assert members.degree_of((other,)) is None, other


def test_several_insertions_in_one_gap() -> None:
    members = around(THREAT_MODEL, ["A film ."], 3)
    assert members.degree_of(("A film . um uh True is true.",)) == 3
    assert members.degree_of(("um A you know film . um",)) == 3
    assert members.degree_of(("um um um um A film .",)) is None


def test_a_text_that_has_words_of_the_list_loses_none() -> None:
    members = around(THREAT_MODEL, ["now um then"], 1)
    assert members.degree_of(("now then",)) is None and members.degree_of(("now um um then",)) == 1


def test_the_number_of_members_at_one_insertion() -> None:
    found = walked(around(THREAT_MODEL, ["One film. Another film ."], 1))
    assert len(found) - 1 == 6 * len(WORDS) + 3 * len(SENTENCES)


@pytest.mark.parametrize(
    ("span", "allowed"),
    [
        ((0, 4), {"um aa bb cc dd", "aa um bb cc dd"}),  # ends in the second word, whose begin may still be parted
        ((3, 11), {"aa um bb cc dd", "aa bb um cc dd", "aa bb cc um dd", "aa bb cc dd um"}),
        ((4, 8), {"aa bb um cc dd"}),
        ((0, 0), set()),
    ],
)
def test_insertions_are_inside_the_span(span: tuple[int, int], allowed: set[str]) -> None:
    members = around(THREAT_MODEL, ["aa bb cc dd"], 1, (span,))
    found = {texts[0] for texts in walked(members) if "um" in texts[0]}
    assert found == allowed
    everywhere = {texts[0] for texts in walked(around(THREAT_MODEL, ["aa bb cc dd"], 1)) if "um" in texts[0]}
    assert {each for each in everywhere if members.contains((each,))} == allowed


def test_protected_columns_stay() -> None:
    members = around(THREAT_MODEL, ["um", "ok"], 1, ((0, 0), (0, 2)))
    assert {texts[0] for texts in walked(members)} == {"um"} and members.degree_of(("um um", "ok")) is None


@pytest.mark.parametrize("text", ["", " ", "\n\t"], ids=repr)
def test_texts_without_words_have_empty_sets(text: str) -> None:
    members = around(THREAT_MODEL, [text], 4)
    assert (members.largest, members.positions(members.start()), members.degree_of((text,))) == (0, [], 0)
    assert members.degree_of(("um",)) is None


@pytest.mark.parametrize("text", ["猫が好きだ。", "קטן", "a", "😀", "\u200b"])
def test_other_scripts_and_single_characters_take_insertions_too(text: str) -> None:
    found = walked(around(THREAT_MODEL, [text], 1))
    assert len(found) - 1 == 2 * (len(WORDS) + len(SENTENCES))


def test_the_lists_are_those_of_the_version() -> None:
    """Another list is another version of the threat model."""
    assert THREAT_MODEL.version == 1
    assert WORDS == ("ah", "eh", "er", "uh", "um", "oh", "now", "then", "you know", "I mean", "actually", "basically")
    assert SENTENCES == ("True is true.", "False is not true.", "Monday comes before Tuesday.", "A day has 24 hours.")
    items = [*WORDS, *SENTENCES]
    assert not [pair for pair in itertools.permutations(items, 2) if f" {pair[0]} " in f" {pair[1]} "], (
        "each insertion counts once"
    )
    assert all(words_of(item) and item == item.strip() for item in items)

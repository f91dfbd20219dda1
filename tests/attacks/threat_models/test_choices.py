"""Products of choices: members, steps and the judgement of texts agree."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alumbench.attacks.threat_models.choices import ChoiceSet, Slot

TEXTS = ("a bad film .", "no bad one")
WORDS = [Slot(0, 2, 5), Slot(0, 6, 10), Slot(1, 3, 6)]
CHOICES = [["poor", "bad", "poor", "dull"], ["movie"], ["poor"]]


def products(members: ChoiceSet) -> dict[tuple[str, ...], int]:
    """All texts of the set with the fewest slots that make them, by going through all products."""
    found: dict[tuple[str, ...], int] = {}
    options = [[None, *range(len(strings))] for strings in members.choices]
    for numbers in itertools.product(*options):
        choice = {at: number for at, number in enumerate(numbers) if number is not None}
        if len(choice) <= members.largest:
            texts = members.member(choice).texts
            found[texts] = min(found.get(texts, len(choice)), len(choice))
    return found


def reached(members: ChoiceSet) -> set[tuple[str, ...]]:
    """All texts of the set, by steps."""
    level, found = {members.start()}, {members.original}
    while level:
        level = {
            step
            for member in level
            for position in members.positions(member)
            for step in members.steps(member, position)
        }
        found |= {member.texts for member in level}
    return found


def test_own_strings_repetitions_and_slots_without_choices_are_left_out():
    members = ChoiceSet(TEXTS, [*WORDS[:2], Slot(0, 11, 12), WORDS[2]], [*CHOICES[:2], ["."], CHOICES[2]], 9)
    assert members.choices == (("poor", "dull"), ("movie",), ("poor",))
    assert members.slots == tuple(WORDS)
    assert members.largest == 3


def test_a_set_without_choices_holds_only_the_original():
    members = ChoiceSet(TEXTS, [], [], 5)
    assert (members.largest, members.positions(members.start())) == (0, [])
    assert members.degree_of(TEXTS) == 0
    assert members.degree_of(("a bad film", "no bad one")) is None


def test_equal_choices_are_equal_members_whatever_the_order_of_the_steps():
    members = ChoiceSet(TEXTS, WORDS, CHOICES, 3)
    one = members.steps(members.steps(members.start(), 2)[0], 0)[1]
    other = members.steps(members.steps(members.start(), 0)[1], 2)[0]
    assert one == other == members.member({0: 1, 2: 0})
    assert one.texts == ("a dull film .", "no poor one")
    assert members.choice(one) == {0: 1, 2: 0}
    assert members.positions(one) == [1]


@pytest.mark.parametrize("largest", [0, 1, 2, 3])
def test_the_texts_reached_are_the_products(largest):
    members = ChoiceSet(TEXTS, WORDS, CHOICES, largest)
    expected = products(members)
    assert reached(members) == set(expected)
    assert {texts: members.degree_of(texts) for texts in expected} == expected


@pytest.mark.parametrize(
    "texts",
    [
        ("a poor movie .", "no poor one"),  # one change too many
        ("a good film .", "no bad one"),
        ("a  bad film .", "no bad one"),
        ("a bad movie . ", "no bad one"),
        ("a bad film .",),
        ("a movie film .", "no bad one"),
        ("", ""),
    ],
)
def test_other_texts_are_not_in_the_set(texts):
    assert ChoiceSet(TEXTS, WORDS, CHOICES, 2).degree_of(texts) is None


def test_texts_that_can_be_read_in_two_ways_have_the_fewest_changes():
    members = ChoiceSet(
        ("aab",), [Slot(0, 0, 0), Slot(0, 0, 1), Slot(0, 1, 2), Slot(0, 3, 3)], [["a"], [""], ["ab"], ["b"]], 4
    )
    expected = products(members)
    assert {texts: members.degree_of(texts) for texts in expected} == expected
    assert members.degree_of(("aabb",)) == 1


@given(st.data())
def test_any_product_of_strings_is_read_back(data):
    """Slots and choices of few letters, empty ones among them, so that most texts can be read in several ways."""
    text = data.draw(st.text("ab ", max_size=6))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    slots = [Slot(0, begin, end) for begin, end in zip(cuts[::2], cuts[1::2], strict=False)]
    choices = [data.draw(st.lists(st.text("ab ", max_size=2), max_size=3)) for _ in slots]
    members = ChoiceSet((text,), slots, choices, data.draw(st.integers(0, 3)))
    expected = products(members)
    assert reached(members) == set(expected)
    assert {texts: members.degree_of(texts) for texts in expected} == expected
    assert all(members.member(members.choice_of(texts)).texts == texts for texts in expected)
    other = (data.draw(st.text("ab ", max_size=8)),)
    assert members.contains(other) == (other in expected)


@pytest.mark.parametrize(
    ("choice", "position", "expected"),
    [({}, 0, "a film ."), ({0: 0}, 1, "a poor ."), ({1: 0}, 0, "a movie ."), ({0: 1, 1: 0}, 2, "a dull movie .")],
)
def test_a_probe_is_the_text_without_the_word_and_its_space(choice, position, expected):
    members = ChoiceSet(TEXTS, WORDS, CHOICES, 3)
    assert members.probe(members.member(choice), position) == (expected, "no one" if position == 2 else "no bad one")


def test_probes_at_the_begin_and_of_empty_slots():
    members = ChoiceSet(("bad film",), [Slot(0, 0, 0), Slot(0, 0, 3), Slot(0, 4, 8)], [["so "], ["poor"], ["movie"]], 3)
    assert members.probe(members.start(), 0) == ("so bad film",)
    assert members.probe(members.start(), 1) == ("film",)
    assert members.probe(members.member({0: 0}), 1) == ("so film",)
    assert members.probe(members.member({0: 0, 1: 0}), 2) == ("so poor",)

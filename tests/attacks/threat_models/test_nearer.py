"""Ways back: members with a change less, the member of a text, and random members, in sets of every kind."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alumbench.attacks.threat_models.chars import CharacterEdits
from alumbench.attacks.threat_models.choices import ChoiceSet, Slot
from alumbench.attacks.threat_models.edits import undone
from alumbench.attacks.threat_models.insertions import Insertions
from alumbench.attacks.threat_models.threat_model import PerturbationSet

TEXT = "a bad film"
SETS = {
    "chars": CharacterEdits((TEXT,), ((0, 10),), 3, "abx "),
    "choices": ChoiceSet((TEXT,), [Slot(0, 2, 5), Slot(0, 6, 10), Slot(0, 10, 10)], [["x", "yy"], ["z"], ["!"]], 3),
    "insertions": Insertions((TEXT,), ((0, 10),), 3),
}


@pytest.mark.parametrize("name", SETS)
def test_random_members_are_of_the_set_and_lead_back_to_the_original(name: str) -> None:
    members, random = SETS[name], np.random.default_rng(1)
    degrees = set()
    for _ in range(60):
        member = members.sample(3, random)
        while member is not None and member.degree:
            assert members.degree_of(member.texts) == member.degree <= 3
            assert members.member_of(member.texts) == member or name == "choices"
            degrees.add(member.degree)
            nearer = members.nearer(member)
            assert nearer and all(members.degree_of(one.texts) == one.degree < member.degree for one in nearer)
            member = nearer[int(random.integers(len(nearer)))]
        assert member is None or member.texts == (TEXT,)
    assert degrees == {1, 2, 3}


@pytest.mark.parametrize("name", SETS)
def test_random_members_follow_their_generator(name: str) -> None:
    drawn = [[SETS[name].sample(2, random) for _ in range(20)] for random in map(np.random.default_rng, (5, 5, 6))]
    assert drawn[0] == drawn[1] != drawn[2]


def test_places_and_choices_are_drawn_uniformly() -> None:
    members, random = SETS["choices"], np.random.default_rng(2)
    assert isinstance(members, ChoiceSet)
    paths = [member.path for member in (members.sample(1, random) for _ in range(600)) if member]
    counts = {path: paths.count(path) for path in set(paths)}
    assert counts.keys() == {((0, 0),), ((0, 1),), ((1, 0),), ((2, 0),)}
    assert 65 < counts[(0, 0),] < 135 and 65 < counts[(0, 1),] < 135 and 150 < counts[(1, 0),] < 250
    assert ChoiceSet((TEXT,), [], [], 3).sample(2, random) is None


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        (("abc",), ("abc",), []),
        (("abc",), ("axc",), ["abc"]),
        (("ab",), ("ba",), ["ab"]),  # a swap, of two edits
        (("a b",), ("a you know b",), ["a b"]),  # what was inserted in one piece
        (("abc",), ("abcde",), ["abcd", "abce", "abc"]),
    ],
)
def test_edits_are_undone_alone_and_together(old: tuple[str], new: tuple[str], found: list[str]) -> None:
    texts = [text for (text,) in undone(old, new)]
    assert set(found) <= set(texts) and (new not in undone(old, new)) and bool(found) == bool(texts)


def test_columns_are_undone_one_at_a_time() -> None:
    assert undone(("ab", "cd"), ("a", "cx")) == [("ab", "cx"), ("a", "cd")]


@given(st.text("ab ", max_size=6), st.text("ab ", max_size=6))
def test_some_edit_can_always_be_undone_towards_the_original(old: str, new: str) -> None:
    members: PerturbationSet = CharacterEdits((old,), ((0, len(old)),), 20, "ab ")
    member = members.member_of((new,))
    if member is None or not member.degree:
        return
    nearer = members.nearer(member)
    assert all(members.degree_of(one.texts) == one.degree for one in nearer)
    assert any(one.degree == member.degree - 1 for one in nearer) or not old.strip() or not new.strip()

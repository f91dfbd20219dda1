"""What a board carries of a record: no text of a data set, and what only the texts could have told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alumbench.leaderboard.redaction import changed_words, published
from tests.typed import answered, attacked, plain


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        ("a fine film", "a fin film", ["fin"]),
        ("a fine film", "a very fine film indeed", ["very", "indeed"]),
        ("a fine film", "a film", []),
        ("a fine long film", "a poor short film", ["poor short"]),
        ("same", "same", []),
        ("one\u00a0two", "one\u00a0too", ["one", "too"][1:]),
        ("", "new words", ["new words"]),
    ],
)
def test_changed_words_by_hand(before: str, after: str, changed: list[str]) -> None:
    assert [after[first:last] for first, last in changed_words(before, after)] == changed


@given(st.lists(st.sampled_from(["a", "b", "c", "film"]), max_size=9), st.data())
def test_what_is_not_marked_is_the_originals_in_its_order(words: list[str], data: st.DataObject) -> None:
    after = " ".join(data.draw(st.lists(st.sampled_from(["a", "b", "c", "film", "new"]), max_size=9)))
    kept, at = "", 0
    for first, last in changed_words(" ".join(words), after):
        assert at <= first < last <= len(after)
        kept, at = kept + after[at:first], last
    left = iter(words)
    assert all(word in left for word in (kept + after[at:]).split())


def test_a_pair_is_known_by_its_first_text_and_the_texts_stay_behind() -> None:
    record = attacked(
        id="1",
        texts={"premise": "a man eats", "hypothesis": "he sleeps"},
        scores=[0.1234567890123, 0.8765432109877],
        adversarial={"premise": "a man eats", "hypothesis": "he slept"},
    )
    found = plain(published(record))
    assert "texts" not in found and found["changed"] == {"hypothesis": [(3, 8)]}
    assert found["scores"] == [0.123456789, 0.876543211]
    other = plain(published(answered(id="2", texts={"premise": "a man eats", "hypothesis": "he runs"})))
    assert other["cluster"] == found["cluster"] and "changed" not in other
    assert "cluster" not in plain(published(answered(id="3", texts={"sentence": "a man eats"})))

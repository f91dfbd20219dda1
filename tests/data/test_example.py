"""R7: whatever a text holds, it becomes an example with an identity of its own content."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alumbench.data import Example, data_hash, examples_from_rows
from alumbench.errors import AlumbenchError

TEXTS = {
    "empty": "",
    "one-word": "good",
    "long": "word " * 10_000,
    "emoji": "a 👩‍👩‍👧 of 🎬",
    "right-to-left": "הסרט היה טוב \u202eabc",
    "nul": "a\0b",
    "lone-surrogate": "a\ud800b",
    "new-lines": "a\nb\r\n\tc",
}
LABELS = ["no", "yes"]
PAIRS = [("a\0b", "c"), ("a", "b\0c")]
ANY_TEXT = st.text(st.characters(categories=None), max_size=5)


def examples(rows: list[tuple[str, ...]], labels: list[str]) -> list[Example]:
    columns = [f"c{number}" for number in range(len(rows[0]))]
    table = {name: [row[number] for row in rows] for number, name in enumerate(columns)}
    return examples_from_rows(table | {"label": labels}, columns, LABELS, "here")[0]


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_any_text_is_kept_as_it_is_with_a_stable_id(text: str) -> None:
    (alone,) = examples([(text,)], ["yes"])
    assert alone.texts == (text,)
    among = examples([(other,) for other in TEXTS.values()], ["yes"] * len(TEXTS))
    assert alone in among
    assert len({example.id for example in among}) == len(TEXTS)
    assert len(data_hash(among)) == 64


def test_ids_of_release_one_stay_what_they_are() -> None:
    """Records name examples by these: another way to make them would orphan every record."""
    (example,) = examples([("the film was good .",)], ["yes"])
    assert example.id == "1ea0600094c2"


@given(
    rows=st.lists(st.tuples(ANY_TEXT, ANY_TEXT, st.sampled_from(LABELS)), min_size=1, max_size=8),
    seed=st.integers(0, 100),
)
def test_ids_are_unique_and_do_not_depend_on_the_order_of_rows(rows: list[tuple[str, str, str]], seed: int) -> None:
    shuffled = random.Random(seed).sample(rows, len(rows))
    one, two = (examples([row[:2] for row in order], [row[2] for row in order]) for order in (rows, shuffled))
    assert len({example.id for example in one}) == len(rows)
    assert {*one} == {*two}


def test_a_nul_in_a_text_does_not_make_two_pairs_one() -> None:
    one, two = (examples(rows, ["yes", "yes"]) for rows in (PAIRS, PAIRS[::-1]))
    assert {*one} == {*two}


def test_repeated_rows_are_numbered() -> None:
    ids = [example.id for example in examples([("a",), ("b",), ("a",), ("a",)], ["yes"] * 4)]
    assert ids == [ids[0], ids[1], f"{ids[0]}-2", f"{ids[0]}-3"]


@pytest.mark.parametrize(
    ("raw", "label"),
    [("yes", "yes"), (" YES ", "yes"), (0, "no"), (1.0, "yes"), ("1", "yes"), (True, "yes")],
    ids=repr,
)
def test_a_label_is_a_name_or_an_index(raw: object, label: str) -> None:
    (example,), _ = examples_from_rows({"t": ["a"], "label": [raw]}, ["t"], LABELS, "here")
    assert example.label == label


@pytest.mark.parametrize("raw", [2, -2, 0.5, "maybe", "2", [0], float("nan")], ids=repr)
def test_a_label_outside_the_set_is_refused_with_its_row(raw: object) -> None:
    with pytest.raises(AlumbenchError, match=r"here, row 2: label .* is neither one of no, yes"):
        examples_from_rows({"t": ["a", "b"], "label": [0, raw]}, ["t"], LABELS, "here")


@pytest.mark.parametrize("raw", ["x", float("inf"), float("nan"), "nan"], ids=repr)
def test_a_regression_label_is_a_finite_number(raw: object) -> None:
    with pytest.raises(AlumbenchError, match="here, row 1: label .* is not a number"):
        examples_from_rows({"t": ["a"], "label": [raw]}, ["t"], [], "here")
    ((example,), _) = examples_from_rows({"t": ["a"], "label": ["-2.5"]}, ["t"], [], "here")
    assert example.label == -2.5


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"label": [0]}, "here: no column 't'; it has label"),
        ({"t": ["a"]}, "here: no column 'label'; it has t"),
        ({"t": [None], "label": [0]}, "row 1: column 't' holds None, expected text"),
        ({"t": [3], "label": [0]}, "row 1: column 't' holds 3, expected text"),
        ({"t": ["a", "b"], "label": [-1, None]}, "here: no labelled example in 2 rows"),
        ({"t": [], "label": []}, "here: no labelled example in 0 rows"),
    ],
    ids=["column", "label", "null", "number", "unlabelled", "no-row"],
)
def test_a_table_that_cannot_be_used_is_refused(table: dict, message: str) -> None:
    with pytest.raises(AlumbenchError, match=message):
        examples_from_rows(table, ["t"], LABELS, "here")


def test_the_data_hash_sees_texts_labels_and_order() -> None:
    base = examples([("a",), ("b",)], ["yes", "no"])
    others = [base[::-1], base[:1], examples([("a",), ("b",)], ["yes", "yes"]), examples([("a",), ("c",)], LABELS)]
    assert len({data_hash(rows) for rows in [base, *others]}) == 5
    assert data_hash(base) == data_hash(examples([("a",), ("b",)], ["yes", "no"]))

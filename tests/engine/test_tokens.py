"""Tokens from memory are the tokenizer's own."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alumbench.engine.tokens import Tokens
from alumbench.models.checkpoint import find_model, load_tokenizer

PIECES = [
    "it's",
    "Naïve",
    "e\u0301",
    "我喜欢",
    "\x1f",
    "\x85",
    "\u00a0",
    "[UNK]",
    "[MASK]x",
    "##a",
    "a.b",
    "",
    "\t",
    "the",
]
texts = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=8)), max_size=10).map(" ".join)


@pytest.fixture
def minilm(mirror):
    return load_tokenizer(find_model("sentence-transformers/all-MiniLM-L6-v2"))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts, texts)
def test_rows_are_what_the_tokenizer_says(minilm, one, two):
    tokens = Tokens(minilm)
    assert tokens._remembers
    for columns in ((one,), (one, two)):
        encoded = minilm(*([column] for column in columns), truncation=True)
        (row,) = tokens.rows([columns], 0)
        assert list(row.ids) == encoded["input_ids"][0] and list(row.types) == encoded["token_type_ids"][0]


def test_a_text_that_is_cut_is_cut_as_the_tokenizer_does(minilm):
    tokens = Tokens(minilm)
    pair = ("word " * 400, "other words " * 300)
    (row, short) = tokens.rows([pair, ("a", "b")], 0)
    assert list(row.ids) == minilm(*pair, truncation=True)["input_ids"]
    assert len(row.ids) == minilm.model_max_length and len(short.ids) == 5


def test_a_tokenizer_that_looks_beyond_a_space_is_asked(minilm):
    import copy

    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.WordLevel({"[UNK]": 0, "Ġa": 1, "a": 2}, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    level = PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="[UNK]")
    assert not Tokens(level)._remembers
    assert [row.ids for row in Tokens(level).rows([("a a",), ("",)], 7)] == [(2, 1), (7,)]
    whole = copy.deepcopy(minilm)
    whole.backend_tokenizer.pre_tokenizer = pre_tokenizers.Split(", ", "isolated")
    assert not Tokens(whole)._remembers


def test_an_added_token_with_a_space_is_seen(minilm):
    import copy

    tokenizer = copy.deepcopy(minilm)
    tokenizer.add_tokens(["two words"])
    assert list(Tokens(tokenizer).rows([("one two words",)], 0)[0].ids) == tokenizer("one two words")["input_ids"]

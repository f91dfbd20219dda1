"""Texts longer than what a model reads: nothing out of view is tried, and what may not change is read as it was."""

from __future__ import annotations

import json
import shutil
from types import SimpleNamespace

import pytest

from alumbench.attacks import load_recipe
from alumbench.attacks.gradient import word_spans
from alumbench.attacks.outcome import ROBUST
from alumbench.attacks.search import Searcher
from alumbench.attacks.victim_wrapper import VictimWrapper
from alumbench.data import Example
from alumbench.engine.tokens import Tokens
from tests.attacks.conftest import open_victim

SHORT = 24
ALL_WORDS = load_recipe("deepwordbug-all-words")
ODD = ["…", "''", "\U0001f600", "😀 …", ".", " ", "\ufffd"]


@pytest.fixture
def shortened(tmp_path):
    """Opens a copy of a checkpoint that reads fewer tokens."""

    def open_copy(folder, side="right"):
        copy = shutil.copytree(folder, tmp_path / "short")
        path = copy / "tokenizer_config.json"
        changes = {"model_max_length": SHORT, "truncation_side": side}
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))
        return open_victim(copy)

    return open_copy


def asked_by(victim, example, monkeypatch):
    """The outcome, and all texts that the search asked for."""
    asked = []
    original = VictimWrapper.__call__

    def spy(self, texts):
        asked.extend((text,) if isinstance(text, str) else tuple(text) for text in texts)
        return original(self, texts)

    monkeypatch.setattr(VictimWrapper, "__call__", spy)
    outcome = Searcher(ALL_WORDS, victim, 1).run(example)
    return outcome, asked


def right_label(victim, texts):
    return victim.task.labels[int(victim.scores([texts])[0].argmax())]


@pytest.mark.parametrize("side", ["right", "left"])
def test_no_query_changes_a_word_out_of_view(side, checkpoint, shortened, monkeypatch):
    victim = shortened(checkpoint, side)
    words = ["film"] * 60
    text = " ".join(words)
    example = Example("1", (text,), right_label(victim, (text,)))
    outcome, asked = asked_by(victim, example, monkeypatch)
    assert not outcome.message and len(asked) > 10
    read = victim.view((text,)).read[0]
    hidden = text[read[1] :] if side == "right" else text[: read[0]]
    assert len(hidden.split()) > 30
    kept = (lambda t: t.endswith(hidden)) if side == "right" else (lambda t: t.startswith(hidden))
    assert all(kept(t) for (t,) in asked)


def test_all_words_of_a_text_that_is_read_whole_are_tried(checkpoint, shortened, monkeypatch):
    victim = shortened(checkpoint)
    text = "film " * 4 + "good"
    _, asked = asked_by(victim, Example("1", (text,), right_label(victim, (text,))), monkeypatch)
    changed = {
        at for (t,) in asked for at, (new, old) in enumerate(zip(t.split(), text.split(), strict=True)) if new != old
    }
    assert changed == set(range(5))


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("more", [0, 3], ids=["near the limit", "past it"])
def test_typos_in_one_column_never_move_the_other(more, side, pair_checkpoint, shortened, monkeypatch):
    victim = shortened(pair_checkpoint, side)
    word = next(token for token in sorted(victim.tokenizer.get_vocab()) if token.isalpha() and len(token) > 3)
    texts = (" ".join([word] * 12), " ".join([word] * (9 + more)))
    assert victim.cut([texts])[0] == bool(more) and len(victim.rows([texts])[0].ids) == SHORT
    example, original = Example("1", texts, right_label(victim, texts)), victim.view(texts)
    seen = []
    rows = Tokens.rows

    def spy(self, asked, empty, shares=None):
        found = rows(self, asked, empty, shares)
        seen.extend(zip(asked, found, strict=True))
        return found

    monkeypatch.setattr(Tokens, "rows", spy)
    assert not Searcher(ALL_WORDS, victim, 1).run(example).message
    variants = [row for asked, row in seen if asked != texts and victim.cut([asked])[0]]
    assert variants, "no typo made the pair too long"
    end = original.columns.index(0) + original.columns.count(0)
    assert {row.ids[:end] for row in variants} == {original.ids[:end]}
    assert {len(row.ids) for row in variants} == {SHORT}


@pytest.mark.parametrize("texts", [("<SPLIT> a man", "is"), ("a man", "is <SPLIT>"), ("a <SPLIT> b", "c <SPLIT> d")])
def test_columns_come_apart_where_they_were_joined(texts, pair_victim, monkeypatch):
    example = Example("1", texts, right_label(pair_victim, texts))
    outcome, asked = asked_by(pair_victim, example, monkeypatch)
    assert not outcome.message and len(asked) > 3
    assert {t[0] for t in asked} == {texts[0]} and len({t[1] for t in asked}) > 1


def test_a_single_text_may_hold_the_mark_too(victim, monkeypatch):
    text = "the film <SPLIT> was good"
    example = Example("1", (text,), right_label(victim, (text,)))
    outcome, asked = asked_by(victim, example, monkeypatch)
    assert not outcome.message and all(len(t) == 1 for t in asked) and (text,) in asked


@pytest.mark.parametrize("name", ["input-reduction", "deepwordbug-all-words", "alzantot-jia", "iga-jia", "leap"])
@pytest.mark.parametrize("text", ODD)
def test_a_text_without_words_is_robust(text, name, victim, recipe_ready):
    recipe = recipe_ready(name)
    if recipe.missing():
        pytest.skip("; ".join(recipe.missing()))
    outcome = Searcher(recipe, victim, 1).run(Example("1", (text,), right_label(victim, (text,))))
    assert outcome.outcome == ROBUST and not outcome.message


def test_where_words_stand_is_told_by_column():
    text = SimpleNamespace(words_per_input=[["a", "b"], ["a"]], _text_input={"x": "a, b", "y": " a"})
    assert word_spans(text) == [(0, 0, 1), (0, 3, 4), (1, 1, 2)]

"""Words from a masked LM: TextAttack's candidates, in its order, at a fraction of its calls."""

from __future__ import annotations

from collections import OrderedDict
from multiprocessing import Pipe
from types import SimpleNamespace

import nltk
import pytest
import torch

from alumbench.attacks.execution.workers import Workers
from alumbench.attacks.textattack.loader import load_textattack
from alumbench.engine.scorer import Scorer
from alumbench.engine.token_rows import TokenizedText
from alumbench.models.auxiliary import masked_lm
from tests.attacks.tiny_lm import make_bert, make_roberta

TEXTS = [
    "the young rabbit plays in the street .",
    "A farmer sleeps, quietly; in the old barn!",
    "the rabbit",
    "unbelievable",
    "the rabbit plays in the street for the first time , and the boy never sleeps in the barn .",
]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("masked")
    return {"bert": make_bert(root / "bert"), "roberta": make_roberta(root / "roberta")}


@pytest.fixture(params=["bert", "roberta"])
def lm(request, folders):
    return masked_lm(str(folders[request.param]), "cpu")


def candidates(transformation, text, indices):
    load_textattack()
    return [found.text for found in transformation._get_transformations(text, indices)]


def attacked_text(text):
    from textattack.shared import AttackedText

    load_textattack()
    return AttackedText(text)


@pytest.mark.parametrize("confidence", [0.0, 5e-4, 0.01])
@pytest.mark.parametrize("most", [1, 8, 50])
def test_bae_replaces_by_the_same_words(lm, confidence, most):
    load_textattack()
    from textattack.transformations import WordSwapMaskedLM

    from alumbench.attacks.textattack.masked_lm import MaskedLmSwap

    theirs = WordSwapMaskedLM("bae", lm.model, lm.tokenizer, max_candidates=most, min_confidence=confidence)
    ours = MaskedLmSwap(lm, most, confidence)
    found = 0
    for text in map(attacked_text, TEXTS):
        indices = set(range(text.num_words))
        expected = candidates(theirs, text, indices)
        assert candidates(ours, text, indices) == expected
        found += len(expected)
    assert found > 0 or confidence == 0.01


@pytest.mark.parametrize("most", [1, 4, 8])
def test_bert_attack_replaces_by_the_same_words(lm, most):
    load_textattack()
    from textattack.transformations import WordSwapMaskedLM

    from alumbench.attacks.textattack.masked_lm import BertAttackSwap

    theirs = WordSwapMaskedLM("bert-attack", lm.model, lm.tokenizer, max_candidates=most)
    ours = BertAttackSwap(lm, most)
    found = 0
    for text in map(attacked_text, TEXTS):
        pieces = [len(lm.tokenizer.encode(word, add_special_tokens=False)) for word in text.words]
        indices = {i for i, number in enumerate(pieces) if number * most < 33}  # theirs tries all combinations
        expected = candidates(theirs, text, indices)
        assert candidates(ours, text, indices) == expected
        found += len(expected)
    assert found > 0


@pytest.mark.parametrize("most", [1, 50])
def test_clare_inserts_the_same_words(lm, most):
    load_textattack()
    from textattack.transformations import WordInsertionMaskedLM

    from alumbench.attacks.textattack.masked_lm import MaskedLmInsertion

    theirs = WordInsertionMaskedLM(lm.model, lm.tokenizer, max_candidates=most, min_confidence=0.0)
    ours = MaskedLmInsertion(lm, most)
    found = 0
    for text in map(attacked_text, TEXTS):
        indices = set(range(text.num_words))
        expected = candidates(theirs, text, indices)
        assert candidates(ours, text, indices) == expected
        found += len(expected)
    assert found > 0


def test_clare_merges_into_the_same_words(lm, mirror, nltk_data, monkeypatch):
    load_textattack()
    from textattack.shared import AttackedText
    from textattack.transformations import WordMergeMaskedLM

    from alumbench.attacks.nltk_data import find_nltk_data
    from alumbench.attacks.textattack.masked_lm import MaskedLmMerge

    find_nltk_data()
    monkeypatch.setattr(
        AttackedText, "pos_of_word_index", lambda self, i: nltk.pos_tag(self.words, tagset="universal")[i][1]
    )
    theirs = WordMergeMaskedLM(lm.model, lm.tokenizer, max_candidates=20, min_confidence=0.0)
    ours = MaskedLmMerge(lm, 20, 0.0)
    found = 0
    for text in map(attacked_text, TEXTS):
        expected = candidates(theirs, text, set(range(text.num_words)))
        assert candidates(ours, text, set(range(text.num_words))) == expected
        found += len(expected)
        assert candidates(ours, text, set()) == []
    assert found > 0


def test_merges_keep_to_their_column(folders, mirror, nltk_data):
    from alumbench.attacks.textattack.masked_lm import MaskedLmMerge, _mergeable

    load_textattack()
    lm = masked_lm(str(folders["bert"]), "cpu")
    text = attacked_text(OrderedDict(premise="the old barn", hypothesis="street boy sleeps in the barn"))
    assert 2 not in _mergeable(text) and {1, 4} <= set(_mergeable(text))
    merged = [found._text_input for found in MaskedLmMerge(lm, 50, 0.0)._get_transformations(text, {3, 4, 5, 6})]
    assert merged and {one["premise"] for one in merged} == {"the old barn"}


def test_each_position_is_read_once_and_little_is_padding(folders, monkeypatch):
    from alumbench.attacks.textattack.masked_lm import BertAttackSwap, MaskedLmSwap

    load_textattack()
    lm = masked_lm(str(folders["bert"]), "cpu")
    shapes = []
    handle = lm.model.register_forward_pre_hook(
        lambda module, args, kwargs: shapes.append(tuple(kwargs["input_ids"].shape)), with_kwargs=True
    )
    monkeypatch.setattr(torch.Tensor, "item", lambda self: pytest.fail("waits for the device"))
    text = attacked_text(TEXTS[0])
    try:
        MaskedLmSwap(lm)._get_transformations(text, set(range(text.num_words)))
        BertAttackSwap(lm)._get_transformations(text, set(range(text.num_words)))
    finally:
        handle.remove()
    longest = max(len(row) for row in lm.rows(TEXTS[:1])) + 8
    assert len(shapes) <= 3 and max(width for _, width in shapes) <= longest


def test_a_cut_off_mask_has_no_candidates(folders):
    from alumbench.attacks.textattack.masked_lm import BertAttackSwap, MaskedLmSwap

    load_textattack()
    lm = masked_lm(str(folders["bert"]), "cpu")
    text = attacked_text(" ".join(["rabbit"] * 600))
    assert candidates(MaskedLmSwap(lm), text, {590, 599}) == candidates(BertAttackSwap(lm), text, {599}) == []
    assert candidates(MaskedLmSwap(lm), text, {0})


def test_weights_are_loaded_once_a_process(folders):
    assert masked_lm(str(folders["bert"]), "cpu") is masked_lm(str(folders["bert"]), "cpu")


def test_what_a_worker_asks_of_it_is_scored_where_the_victim_is(lm):
    """The worker's own is on the CPU; `meta` stands for a GPU."""
    ours, theirs = Pipe()
    victim = SimpleNamespace(scorer=Scorer(), named=dict, classifier="of texts", device=torch.device("meta"))
    victim.in_bf16, victim.no_word_gradient = None, "its classifier has none"
    worker = SimpleNamespace(pipe=ours, question=None)
    theirs.send(("ask", lm, [TokenizedText((1, 2, 3), wanted=(1,))]))
    assert not list(Workers(SimpleNamespace(without_model=lambda: None), victim, 1, 1)._listen(worker))
    assert worker.question.model.device.type == "meta" and worker.question.model is lm.on("meta")
    assert lm.on("cpu") is lm

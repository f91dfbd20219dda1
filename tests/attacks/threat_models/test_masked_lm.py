"""Sets of a masked LM's proposals, with small random models and the real tagger and sentence encoder."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from alumbench.attacks import load_recipe
from alumbench.attacks.search import Searcher
from alumbench.attacks.set_search import SearchRecipe
from alumbench.attacks.single_search import Limits
from alumbench.attacks.threat_models.masked_lm import LEAST, MOST, ROUNDING, proposed, vocabulary
from alumbench.attacks.threat_models.references import load_threat_model
from alumbench.attacks.threat_models.threat_model import Setting
from alumbench.attacks.threat_models.word_sets import Proposals, WordSet, is_stop_word, word_at
from alumbench.errors import AlumbenchError
from alumbench.models.auxiliary import MaskedLm, masked_lm
from tests.attacks import tiny_lm
from tests.attacks.threat_models.walking import one_by_one, random_walks

TEXT = "Two old singers wait in the quiet garden , and the tired BAKER sleeps near the fox ."


@pytest.fixture(autouse=True)
def resources(mirror: Path) -> None:
    if missing := load_threat_model("masked-lm-30%").model.missing():
        pytest.skip(f"the mirror lacks {'; '.join(missing)}")


@pytest.fixture(scope="module", params=["bert", "roberta"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    make = {"bert": tiny_lm.make_bert, "roberta": tiny_lm.make_roberta}[request.param]
    return make(tmp_path_factory.mktemp("lm") / request.param)


def around(folder: Path, text: str, percent: int = 100) -> WordSet:
    found = load_threat_model(f"masked-lm-{percent}%").around(
        (text,), ((0, len(text)),), Setting(models={"masked_lm": str(folder)})
    )
    assert isinstance(found, WordSet)
    return found


def test_words_are_the_models_for_the_place(folder):
    """Computed here by the model itself, one place at a time."""
    members, lm = around(folder, TEXT), masked_lm(str(folder), "cpu")
    assert len(members.slots) > 4
    for slot, words in zip(members.slots, members.choices, strict=True):
        masked = TEXT[: slot.begin] + lm.tokenizer.mask_token + TEXT[slot.end :]
        encoded = lm.tokenizer(masked, return_tensors="pt")
        at = int((encoded["input_ids"][0] == lm.tokenizer.mask_token_id).nonzero())
        with torch.no_grad():
            probabilities = lm.model(**encoded).logits[0, at].softmax(-1)
        likely = [int(token) for token in (probabilities >= LEAST * 0.99).nonzero()]
        texts = {lm.tokenizer.decode([token]).strip().lower() for token in likely}
        assert {word.lower() for word in words} <= texts
        own = word_at((TEXT,), slot)
        assert all(word.isupper() == own.isupper() for word in words if len(word) > 1 and len(own) > 1)
        assert not any(word.lower() == own.lower() or is_stop_word(word) for word in words)


def test_pieces_are_no_words(folder):
    lm = masked_lm(str(folder), "cpu")
    for first in (True, False):
        words = vocabulary(lm, first)
        assert len(words) == len(lm.tokens)
        for token, word in zip(lm.tokens, words, strict=True):
            if word:
                assert token == word if lm.marker == "##" else token.lstrip(lm.marker) == word
                assert lm.marker == "##" or first or token.startswith(lm.marker)
            assert not (token.startswith("##") and word)
        assert "".join(words)


def test_the_likeliest_are_proposed_and_near_ones_tolerated():
    words = ["", *(f"w{number}" for number in range(60)), ""]
    logits = torch.linspace(3, 0, 60)
    logits[MOST] = logits[MOST - 1] - ROUNDING / 2
    found, near = proposed(torch.tensor([4.0, *logits.tolist(), -9.0]), words)
    assert found == [f"w{number}" for number in range(MOST)]
    assert near == [f"w{MOST}"]


def test_unlikely_words_are_not_proposed():
    words = ["a", "b", "c", ""]
    probabilities = torch.tensor([0.5, LEAST * 1.001, LEAST * 0.999, 0.4])
    logits = torch.cat([probabilities, 1 - probabilities.sum(0, keepdim=True)]).log()
    assert proposed(logits, [*words, ""]) == (["a", "b"], ["c"])
    assert proposed(torch.tensor([0.0, 20.0]), ["a", ""]) == ([], [])
    assert proposed(torch.tensor([1.0, 1.0, 1.0]), ["b", "a", "c"]) == (["b", "a", "c"], [])


def test_tolerated_words_are_judged_and_not_searched(folder):
    plain = around(folder, TEXT)
    slots, choices = plain.slots, [list(words) for words in plain.choices]
    last = [words.pop() for words in choices]
    members = WordSet((TEXT,), slots, Proposals(choices, [[word] for word in last]), 9, plain._encoder)
    steps = [step for at in members.positions(members.start()) for step in members.steps(members.start(), at)]
    more = [plain.member({at: len(words) - 1}).texts for at, words in enumerate(plain.choices)]
    assert not {step.texts for step in steps} & set(more)
    assert [members.degree_of(texts) for texts in more] == [plain.degree_of(texts) for texts in more]
    assert 1 in [members.degree_of(texts) for texts in more]


def test_steps_that_are_admissible_are_in_the_set(folder):
    members = around(folder, TEXT, 30)
    assert members.largest == 16 * 30 // 100
    assert any(members.admissible(random_walks(members, walks=3)))
    assert members.degree_of((TEXT.replace("old", "xylophone"),)) is None
    assert members.degree_of((TEXT.replace(" ,", ""),)) is None


@pytest.mark.parametrize("text", ["", "the of and", "."])
def test_sets_without_words_are_empty_and_ask_nothing(folder, text, monkeypatch):
    monkeypatch.setattr(MaskedLm, "answers", lambda *_: pytest.fail("asked"))
    assert around(folder, text).largest == 0


def test_a_text_with_a_mask_has_proposals_for_that_alone(folder):
    mask = masked_lm(str(folder), "cpu").tokenizer.mask_token
    text = f"Two old {mask} wait in the garden"
    assert {word_at((text,), slot).lower() for slot in around(folder, text).slots} <= {"mask"}


def test_words_beyond_the_models_view_have_no_proposals(folder, monkeypatch):
    lm = masked_lm(str(folder), "cpu", "fp32")
    monkeypatch.setattr(lm.tokenizer, "model_max_length", 12)
    assert len(lm.rows([TEXT])[0]) == 12
    members = around(folder, TEXT)
    assert 0 < members.slots[-1].end < len(TEXT) / 2


def test_all_places_are_asked_together_and_searches_share_batches(folder, pair_victim, right, monkeypatch):
    questions: list[int] = []
    batches: list[int] = []
    answers, forward = MaskedLm.answers, MaskedLm.forward

    def asked(self, rows, wanted):
        questions.append(len(rows))
        return answers(self, rows, wanted)

    def passed(self, batch, rows):
        batches.append(len(rows))
        return forward(self, batch, rows)

    monkeypatch.setattr(MaskedLm, "answers", asked)
    monkeypatch.setattr(MaskedLm, "forward", passed)
    recipe = SearchRecipe("one-by-one", 1, search=one_by_one, source="this test", description="four members")
    found = {}
    for width in (1, 8):
        questions.clear()
        batches.clear()
        searcher = Searcher(
            recipe,
            pair_victim,
            0,
            models={"masked_lm": str(folder)},
            limits=Limits(load_threat_model("masked-lm-30%")),
        )
        outcomes = {example.id: one for example, one in searcher.run_all(right[:8], width)}
        assert len(questions) == 8
        assert min(questions) > 2
        seen = {name: (one.outcome, one.adversarial, one.queries) for name, one in outcomes.items()}
        found[width] = seen, len(batches)
    assert found[1][0] == found[8][0]
    assert any(queries > 1 for _, _, queries in found[8][0].values())
    assert found[8][1] < found[1][1]


def test_a_suite_must_name_the_model(victim):
    limits = Limits(load_threat_model("masked-lm-30%"))
    with pytest.raises(AlumbenchError, match="needs models = { masked_lm ="):
        Searcher(load_recipe("exhaustive"), victim, 0, limits=limits)
    with pytest.raises(AlumbenchError, match="no such folder"):
        Searcher(load_recipe("exhaustive"), victim, 0, models={"masked_lm": "./nowhere"}, limits=limits)

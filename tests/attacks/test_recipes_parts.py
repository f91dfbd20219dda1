"""The other parts of recipes: MiniLM's decisions, homoglyphs, perturbed columns, gains of swaps."""

from __future__ import annotations

import unicodedata
from collections import OrderedDict

import numpy as np
import pytest
import torch

from alumbench.attacks import load_recipe
from alumbench.attacks.gradient import WithGradient
from alumbench.attacks.textattack.homoglyphs import TABLE, provided
from alumbench.attacks.textattack.loader import load_textattack
from alumbench.attacks.victim_wrapper import VictimWrapper
from tests.attacks.test_recipes import attacked

LONG = "the quick brown fox jumps over the lazy old dog while nobody in the small town is looking at all today ."
SHORT = "the film was warm and funny ."
WINDOWS = [
    {"metric": "cosine", "window_size": None},
    {"metric": "angular", "window_size": 15, "skip_text_shorter_than_window": True},
    {"metric": "cosine", "window_size": 15, "skip_text_shorter_than_window": True},
    {"metric": "angular", "window_size": 4},
]


def texts(content):
    load_textattack()
    from textattack.shared import AttackedText

    start = AttackedText(content)
    swaps = [(i, word) for i in range(start.num_words) for word in ("cat", "terrible", start.words[i] + "s")]
    return start, [start.replace_word_at_index(i, word) for i, word in swaps]


@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_minilm_decides_as_textattack_asks_an_encoder_and_encodes_less(mirror, window):
    load_textattack()
    from textattack.constraints.semantics.sentence_encoders import SentenceEncoder

    from alumbench.attacks.textattack.substitutes import MiniLm

    for content in (LONG, SHORT):
        start, swapped = texts(content)
        constraint = MiniLm(0.9, **window)
        constraint.encoder = counted = Counted(constraint.encoder)
        kept = constraint._check_constraint_many(swapped, start)
        scores = [text.attack_attrs["similarity_score"] for text in swapped]
        ours, counted.encoded = counted.encoded, 0
        expected = SentenceEncoder._check_constraint_many(_naive(constraint), swapped, start)
        assert [text.text for text in kept] == [text.text for text in expected]
        assert scores == pytest.approx([text.attack_attrs["similarity_score"] for text in swapped], abs=1e-6)
        assert 0 < len(kept) < len(swapped) or "skip_text_shorter_than_window" in window
        skipped = window.get("skip_text_shorter_than_window") and content == SHORT
        assert ours == 0 if skipped else ours <= counted.encoded / 1.4
        one = SentenceEncoder._check_constraint(constraint, swapped[0], start) if skipped else None
        assert one is None or bool(one) == constraint._check_constraint(swapped[0], start)


class Counted:
    """An encoder that counts what goes through it."""

    def __init__(self, encoder):
        self.encoder, self.encoded, self.rows = encoder, 0, encoder.rows

    def answers(self, rows):
        self.encoded += len(rows)
        return self.encoder.answers(rows)


def _naive(constraint):
    """The constraint with TextAttack's own way of scoring a list."""
    from textattack.constraints.semantics.sentence_encoders import SentenceEncoder

    other = object.__new__(type("Naive", (type(constraint),), {"_score_list": SentenceEncoder._score_list}))
    vars(other).update(vars(constraint))
    return other


def test_minilm_is_loaded_once_a_process(mirror):
    load_textattack()
    from alumbench.attacks.textattack.substitutes import MiniLm

    assert MiniLm(0.9).encoder is MiniLm(0.5, "angular").encoder


def test_stand_ins_keep_textattacks_numbers(pair_victim, mirror, nltk_data):
    wrapper = VictimWrapper(pair_victim)
    textfooler = load_recipe("textfooler-jia-minilm").make(wrapper, pair_victim.task.columns, (), 10)
    names = [type(constraint).__name__ for constraint in textfooler.constraints]
    assert names == ["PartOfSpeech", "MiniLm"]
    encoder = textfooler.constraints[1]
    assert (encoder.threshold, encoder.metric, encoder.window_size) == (0.840845057, "angular", 15)
    assert encoder.skip_text_shorter_than_window and not encoder.compare_against_original
    assert textfooler.transformation._most == 50 and textfooler.search_method.wir_method == "delete"
    (stopwords,) = [c for c in textfooler.pre_transformation_constraints if hasattr(c, "stopwords")]
    assert "thereupon" in stopwords.stopwords, "TextFooler's own list, not NLTK's"
    textbugger = load_recipe("textbugger-jia-minilm").make(wrapper, pair_victim.task.columns, (), 10)
    swap = textbugger.transformation.transformations[-1]
    assert len(swap._get_replacement_words("movie")) == 5 and swap._get_replacement_words("Movie")[0] == "Film"
    iga = load_recipe("iga-jia").make(wrapper, pair_victim.task.columns, (), 10)
    assert [type(constraint).__name__ for constraint in iga.constraints] == ["MaxWordsPerturbed"]


def test_the_table_has_look_alikes_of_other_scripts_and_textattack_reads_all():
    for letter, others in TABLE.items():
        assert letter.isascii() and letter.isalpha() and len(set(others)) == len(others)
        for other in others:
            name = unicodedata.name(other)
            assert unicodedata.category(other)[0] == "L" and name.split()[0] in {
                "GREEK",
                "CYRILLIC",
                "CHEROKEE",
                "LISU",
            }
    load_textattack()
    from textattack.transformations import WordSwapHomoglyphSwap

    with pytest.raises(FileNotFoundError, match="intentional_homoglyphs"):
        WordSwapHomoglyphSwap()
    with provided():
        swap = WordSwapHomoglyphSwap()
    assert {letter: "".join(others) for letter, others in swap.homos_intentional.items()} == TABLE
    with pytest.raises(FileNotFoundError):
        WordSwapHomoglyphSwap()


KINDS = ["bad-characters", "bad-characters-deletions", "bad-characters-invisible", "bad-characters-reorderings"]


@pytest.mark.parametrize("name", KINDS)
def test_perturbations_keep_columns_apart(pair_victim, right, name):
    from alumbench.attacks.textattack.bad_characters import SEAM

    recipe = load_recipe(name)
    for protected in ((), ("premise",), ("hypothesis",), ("premise", "hypothesis")):
        asked = []
        for example in right[:3]:
            wrapper = VictimWrapper(pair_victim, asked.extend)
            attack = recipe.make(wrapper, pair_victim.task.columns, protected, 80)
            columns = OrderedDict(zip(pair_victim.task.columns, example.texts, strict=True))
            attack.attack(columns, pair_victim.task.labels.index(example.label))
            for side, column in enumerate(pair_victim.task.columns):
                changed = {texts[side] for texts in asked} > {example.texts[side]}
                assert changed != (column in protected), (column, protected)
            assert not any(SEAM in text for texts in asked for text in texts)
            asked.clear()


@pytest.mark.parametrize("content", ["", " ", "...", "12 34", "\n"])
@pytest.mark.parametrize("name", KINDS)
def test_a_text_with_nothing_to_perturb_is_robust(victim, name, content):
    attack = load_recipe(name).make(VictimWrapper(victim), victim.task.columns, (), 50)
    gold = int(victim.scores([(content,)]).argmax())
    result = attack.attack(OrderedDict(sentence=content), gold)
    assert type(result).__name__ in {"FailedAttackResult", "SuccessfulAttackResult"}


def test_words_find_their_tokens(pair_victim):
    load_textattack()
    from textattack.shared import AttackedText

    wrapper = WithGradient(VictimWrapper(pair_victim))
    text = AttackedText(OrderedDict(premise="The boy, un-happy; sleeps!", hypothesis="the boy doesn't the"))
    found = wrapper.tokens_of_words(text)
    tokens = wrapper.tokenize([text.tokenizer_input])[0]
    joined = {i: "".join(tokens[t].removeprefix("##") for t in at).replace("[UNK]", "") for i, at in found.items()}
    assert sorted(found) == list(range(text.num_words))
    for index, word in enumerate(text.words):
        assert set(joined[index]) <= set(word.lower())
    flat = [token for at in found.values() for token in at]
    assert flat == sorted(set(flat)) and found[0] != found[5]
    long = AttackedText("boy " * 100)
    assert set(wrapper.tokens_of_words(long)) == set(range(62)), "64 tokens but [CLS] and [SEP]"


def test_gains_are_the_first_order_change_of_the_loss(pair_victim, right, mirror):
    load_textattack()
    from textattack.shared import AttackedText

    from alumbench.attacks.textattack.gradient_search import RankedSwap
    from alumbench.attacks.textattack.substitutes import NeighbourSwap

    wrapper = WithGradient(VictimWrapper(pair_victim))
    swap = RankedSwap(wrapper, NeighbourSwap()._get_replacement_words)
    text = AttackedText(OrderedDict(zip(pair_victim.task.columns, right[0].texts, strict=True)))
    (answer,) = swap.gradients([text])
    ranked = swap.ranked(text, answer, range(text.num_words))
    assert [one.gain for one in ranked] == sorted((one.gain for one in ranked), reverse=True) and len(ranked) > 5
    table = pair_victim.model.get_input_embeddings().weight.detach()
    tokens = wrapper.tokens_of_words(text)
    for one in ranked[:3] + ranked[-3:]:
        ids = wrapper.tokenizer(one.word, add_special_tokens=False)["input_ids"]
        gain = sum(
            float(torch.as_tensor(answer["gradient"][t]) @ (table[ids].mean(0) - table[int(answer["ids"][0, t])]))
            for t in tokens[one.position]
        )
        assert one.gain == pytest.approx(gain, rel=1e-3, abs=1e-6)


def test_gains_rank_swaps_better_than_chance(pair_victim, right, mirror):
    """Over all swaps of some examples the gain and the true change of the right label's loss go together."""
    load_textattack()
    from textattack.shared import AttackedText

    from alumbench.attacks.textattack.gradient_search import RankedSwap

    wrapper = WithGradient(VictimWrapper(pair_victim))
    swap = RankedSwap(wrapper, None)
    correlations = []
    for example in right[:4]:
        text = AttackedText(OrderedDict(zip(pair_victim.task.columns, example.texts, strict=True)))
        (answer,) = swap.gradients([text])
        ranked = swap.ranked(text, answer, range(text.num_words))[::5]
        changed = [text.replace_word_at_index(one.position, one.word).tokenizer_input for one in ranked]
        gold = pair_victim.task.labels.index(example.label)
        losses = -pair_victim.scores(changed).log_softmax(-1)[:, gold]
        correlations.append(np.corrcoef([one.gain for one in ranked], losses)[0, 1])
    assert np.mean(correlations) > 0.3


def test_with_gradients_it_breaks_what_textfooler_breaks_with_fewer_words(pair_victim, right, mirror, nltk_data):
    black, white = load_recipe("textfooler-jia-minilm"), load_recipe("gradient-words")
    broken, words = {"black": 0, "white": 0}, {"black": 0, "white": 0}
    for example in right[:16]:
        found = {}
        for name, recipe in (("black", black), ("white", white)):
            result, _ = attacked(recipe, pair_victim, example, 400)
            found[name] = type(result).__name__ == "SuccessfulAttackResult"
            if found[name]:
                before, after = result.original_result.attacked_text, result.perturbed_result.attacked_text
                broken[name] += 1
                words[name] += len(after.all_words_diff(before))
        assert found["white"] or not found["black"], example.id
    assert broken["white"] >= broken["black"] > 0
    assert words["white"] / broken["white"] <= words["black"] / broken["black"]


def test_gradients_count_as_queries(pair_victim, right, mirror, nltk_data):
    _, attack = attacked(load_recipe("hotflip-vocabulary"), pair_victim, right[0], 40)
    goal = attack.goal_function
    assert goal.model.unique <= goal.num_queries <= 40


def test_hotflip_flips_two_words_at_most_of_one_token_each(pair_victim, right, mirror, nltk_data):
    for example in right[:8]:
        result, _ = attacked(load_recipe("hotflip-vocabulary"), pair_victim, example, 200)
        before, after = (one.attacked_text for one in (result.original_result, result.perturbed_result))
        assert len(after.all_words_diff(before)) <= 2
        tokens = [len(pair_victim.rows([tuple(one._text_input.values())])[0].ids) for one in (before, after)]
        assert tokens[0] == tokens[1]


def test_names_places_and_contractions_by_lists():
    load_textattack()
    from textattack.shared import AttackedText

    from alumbench.attacks.textattack.listed_names import Contraction, NameSwap, PlaceSwap

    text = AttackedText(OrderedDict(a="Today John Smith is in New York and it is", b="not cold in France ."))
    every = set(range(text.num_words))

    def words(swap, indices=every):
        return {i for found in swap._get_transformations(text, indices) for i in found.all_words_diff(text)}

    assert words(NameSwap()) == {1, 2} and words(NameSwap(), every - {1}) == {2}
    assert min(words(PlaceSwap(), every - {13})) == 5 and words(PlaceSwap(), every - {5, 6}) == {13}
    contracted = [found.text for found in Contraction()._get_transformations(text, every)]
    assert contracted == ["Today John Smith is in New York and it's\nnot cold in France ."]
    assert all(found.column_labels == ["a", "b"] for found in PlaceSwap()._get_transformations(text, every))

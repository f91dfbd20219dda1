"""Sets of synonyms with the real lists, tagger and sentence encoder."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from alumbench.attacks import load_recipe
from alumbench.attacks.neighbours import published
from alumbench.attacks.resources import RESOURCES
from alumbench.attacks.search import Searcher
from alumbench.attacks.set_search import SearchRecipe
from alumbench.attacks.single_search import Limits
from alumbench.attacks.threat_models.references import load_threat_model
from alumbench.attacks.threat_models.threat_model import Setting
from alumbench.attacks.threat_models.word_sets import SIMILARITY, WordSet, in_case, is_stop_word, word_at
from alumbench.attacks.words import words_of
from alumbench.engine.scorer import Scorer
from alumbench.engine.token_rows import TokenizedText
from alumbench.errors import AlumbenchError
from alumbench.models.auxiliary import SentenceEncoder, sentence_encoder
from tests.attacks.conftest import dev
from tests.attacks.threat_models.walking import one_by_one, random_walks

TEXT = "The acting is not bad , but this Movie is VERY dull and the plot never finds an honest ending ."
NAMES = ("synonyms", "synonyms-jia", "synonyms-wordnet")


@pytest.fixture(autouse=True)
def resources(mirror: Path) -> None:
    model = load_threat_model("synonyms-30%").model
    if missing := model.missing():
        pytest.skip(f"the mirror lacks {'; '.join(missing)}")


def around(reference: str, *texts: str, protected: tuple[int, ...] = ()) -> WordSet:
    spans = tuple((0, 0) if at in protected else (0, len(text)) for at, text in enumerate(texts))
    found = load_threat_model(reference).around(texts, spans, Setting())
    assert isinstance(found, WordSet)
    return found


def by_word(members: WordSet) -> dict[str, tuple[str, ...]]:
    return {word_at(members.original, slot): words for slot, words in zip(members.slots, members.choices, strict=True)}


def test_words_are_of_both_lists_and_keep_case_and_part_of_speech():
    words = by_word(around("synonyms-30%", TEXT))
    assert {"Film", "Picture"} <= set(words["Movie"])  # of the neighbours, and of WordNet alone
    assert "picture" not in published()["movie"]
    assert "dreary" in words["dull"] and "stunning" not in words["dull"]
    assert "drab" in published()["dull"] and "drab" not in words["dull"]  # a noun, there
    assert all(word.islower() for word in words["dull"])
    assert all(word[0].isupper() and word[1:].islower() for word in words["Movie"])


def test_stop_words_neither_change_nor_come_in():
    words = by_word(around("synonyms-100%", TEXT))
    assert not {"The", "is", "not", "but", "this", "VERY", "and", "an"} & words.keys()
    assert not [other for others in words.values() for other in others if is_stop_word(other)]


@pytest.mark.parametrize(("percent", "most"), [(10, 1), (30, 5), (100, 19)])
def test_the_degree_is_a_share_of_all_words_rounded_down(percent, most):
    members = around(f"synonyms-{percent}%", TEXT)
    assert len(words_of(TEXT)) == 19
    assert members.largest == min(most, len(members.slots))


def test_the_lists_alone_are_subsets():
    union, jia, wordnet = (by_word(around(f"{name}-100%", TEXT)) for name in NAMES)
    for word, others in union.items():
        assert set(others) == {*jia.get(word, ()), *wordnet.get(word, ())}
        assert others[: len(jia.get(word, ()))] == jia.get(word, ())  # the nearest first
    assert jia.keys() | wordnet.keys() == union.keys()
    assert jia != union != wordnet


@pytest.mark.parametrize("reference", ["synonyms-10%", "synonyms-30%", *(f"{name}-100%" for name in NAMES)])
def test_steps_that_are_admissible_are_in_the_set(reference):
    members = around(reference, TEXT)
    found = random_walks(members, walks=4)
    kept = Counter(members.admissible(found))
    assert kept[True] > 0
    assert kept[False] > 0 or not reference.endswith("-100%")


def test_a_pair_counts_and_compares_each_column():
    members = around("synonyms-30%", TEXT, "A teacher reads a difficult book .", "", protected=())
    assert {slot.column for slot in members.slots} == {0, 1}
    assert members.largest == (19 + 6) * 30 // 100
    random_walks(members, walks=1)
    one = around("synonyms-30%", TEXT, "A teacher reads a difficult book .", protected=(0,))
    assert {slot.column for slot in one.slots} == {1}
    assert one.largest == 1
    least = min(
        one.similarities([step.texts for at in one.positions(one.start()) for step in one.steps(one.start(), at)])
    )
    alone = around("synonyms-30%", "A teacher reads a difficult book .")
    steps = [step.texts for at in alone.positions(alone.start()) for step in alone.steps(alone.start(), at)]
    assert least == pytest.approx(min(alone.similarities(steps)), abs=1e-6)


MUTATIONS = {
    "an unlisted word": TEXT.replace("dull", "stunning"),
    "a listed word of another part of speech": TEXT.replace("dull", "drab"),
    "a stop word": TEXT.replace("not", "quite"),
    "another case": TEXT.replace("dull", "Dreary"),
    "case alone": TEXT.replace("dull", "DULL"),
    "a separator": TEXT.replace(" ,", ","),
    "a space at the end": TEXT + " ",
    "a word less": TEXT.replace("dull ", ""),
    "a mark": TEXT.replace(".", "!"),
    "nothing": "",
}


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_other_texts_are_not_in_the_set(mutation):
    assert around("synonyms-100%", TEXT).degree_of((MUTATIONS[mutation],)) is None


def test_one_change_too_many_is_not_in_the_set():
    one, two = around("synonyms-10%", TEXT), around("synonyms-11%", TEXT)
    text = (TEXT.replace("dull", "dreary").replace("Movie", "Film"),)
    assert (one.largest, two.largest) == (1, 2)
    assert (one.degree_of(text), two.degree_of(text)) == (None, 2)


def test_a_text_below_the_similarity_is_not_in_the_set():
    members = around("synonyms-100%", TEXT)
    far = members.member({at: len(words) - 1 for at, words in enumerate(members.choices)})
    assert members.similarities([far.texts])[0] < SIMILARITY - 0.01
    assert members.choice_of(far.texts) == members.choice(far)
    assert members.admissible([far]) == [False]
    assert not members.contains(far.texts)


@given(st.data())
def test_any_choice_is_read_back_and_a_mutated_one_is_not(data):
    """The slots' words in any number, then one character more or less anywhere."""
    members = SETS.setdefault("all", around("synonyms-100%", TEXT))
    at = data.draw(st.sets(st.sampled_from(range(len(members.slots))), max_size=members.largest))
    choice = {slot: data.draw(st.sampled_from(range(len(members.choices[slot])))) for slot in sorted(at)}
    (text,) = members.member(choice).texts
    assert members.choice_of((text,)) == choice
    place = data.draw(st.integers(0, len(text) - 1))
    for other in (text[:place] + text[place + 1 :], text[:place] + "\u200b" + text[place:]):
        found = members.choice_of((other,))
        assert found is None or members.member(found).texts == (other,)
    assert members.choice_of((text[:place] + "\u200b" + text[place:],)) is None


SETS: dict[str, WordSet] = {}


@pytest.mark.parametrize("text", ["", " ", "...", "the of and", "not", "zzzz qqqq xxxx", "film", "好 电影 真 的"])
def test_sets_without_anything_to_replace_are_empty(text):
    members = around("synonyms-10%", text)
    assert (members.largest, members.positions(members.start())) == (0, [])
    assert members.degree_of((text,)) == 0
    assert members.degree_of((text + "x",)) is None


def test_words_that_the_encoder_does_not_read_stay():
    text = " ".join(["good film"] * 400)
    members = around("synonyms-100%", text)
    encoder = sentence_encoder("sentence-transformers/all-MiniLM-L6-v2", "cpu")
    assert members.slots[-1].end <= encoder.read(text)[1] < len(text)
    assert members.largest == len(members.slots)


@pytest.mark.parametrize(
    ("word", "others", "expected"),
    [
        (
            "bad",
            ["Dire", "BAD", "dire", "ill fated", "ill_fated", "not", "N'T", "ill-fated"],
            ["dire", "n't", "ill-fated"],
        ),
        ("Bad", ["dire", "McJob"], ["Dire", "McJob"]),
        ("BAD", ["dire"], ["DIRE"]),
        ("X", ["ten"], ["Ten"]),
        ("iPod", ["player", "Player"], ["player", "Player"]),
        ("bad", [], []),
    ],
)
def test_case_is_kept(word, others, expected):
    assert in_case(word, others) == expected


def test_probes_leave_the_word_out():
    members = around("synonyms-100%", TEXT)
    dull = list(by_word(members)).index("dull")
    assert members.probe(members.start(), dull) == (TEXT.replace("dull ", ""),)


def test_similar_texts_are_encoded_once_and_together(monkeypatch):
    rows: list[int] = []
    answers = SentenceEncoder.answers
    monkeypatch.setattr(SentenceEncoder, "answers", lambda self, new: rows.append(len(new)) or answers(self, new))
    members = around("synonyms-100%", TEXT)
    start = members.start()
    steps = [step for at in members.positions(start) for step in members.steps(start, at)]
    members.admissible([start])
    assert rows == []
    members.admissible(steps)
    assert rows == [1 + len(steps)]
    members.admissible(steps[:5])
    members.degrees_of([*(step.texts for step in steps[:5]), ("unlisted",), members.original])
    assert rows == [1 + len(steps), 5, 5]


def test_searches_in_flight_share_the_encoders_batches(victim, monkeypatch):
    """Together they take far fewer batches than one by one, with the same outcomes."""
    batches = Counter[str]()
    forward = SentenceEncoder.forward

    def counted(self, batch, rows):
        batches["rows"] += len(rows)
        batches["batches"] += 1
        return forward(self, batch, rows)

    monkeypatch.setattr(SentenceEncoder, "forward", counted)
    recipe = SearchRecipe("one-by-one", 1, search=one_by_one, source="this test", description="four members")
    examples, found = dev("mini-sentiment")[:12], {}
    for width in (1, 12):
        batches.clear()
        searcher = Searcher(recipe, victim, 0, limits=Limits(load_threat_model("synonyms-30%")))
        outcomes = {example.id: outcome for example, outcome in searcher.run_all(examples, width)}
        seen = {name: (one.outcome, one.adversarial, one.queries, one.searched) for name, one in outcomes.items()}
        found[width] = seen, Counter(batches)
    (alone, one), (together, twelve) = found[1], found[12]
    assert alone == together
    assert one["rows"] == one["batches"] + sum(queries > 1 for _, _, queries, _ in alone.values())
    assert twelve["rows"] <= one["rows"]
    assert twelve["batches"] < 0.5 * one["batches"]


def test_the_encoder_answers_in_fp32_whatever_the_run():
    encoder = sentence_encoder("sentence-transformers/all-MiniLM-L6-v2", "cpu", "fp32")
    asked = [TokenizedText(tuple(row)) for row in encoder.rows([TEXT])]
    (bf16,), (fp32,) = (Scorer(precision=precision).answers(encoder, asked) for precision in ("bf16", "fp32"))
    assert torch.equal(bf16, fp32)
    other = sentence_encoder("sentence-transformers/all-MiniLM-L6-v2", "cpu")
    assert other.model is encoder.model  # one copy of the weights
    assert not torch.equal(Scorer(precision="bf16").answers(other, asked)[0], fp32)


CODE = """
import sys
from alumbench.attacks.threat_models.threat_model import Setting
from alumbench.attacks.threat_models.references import load_threat_model
text = sys.argv[1]
found = load_threat_model("synonyms-100%").around((text,), ((0, len(text)),), Setting())
print((found.slots, found.choices, found.largest))
"""


def test_sets_are_the_same_in_every_process():
    """Also where strings have other hashes."""
    found = subprocess.run(
        [sys.executable, "-c", CODE, TEXT],
        env={**os.environ, "PYTHONHASHSEED": "1"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    members = around("synonyms-100%", TEXT)
    assert found == f"{members.slots, members.choices, members.largest}\n"


@pytest.fixture
def without_neighbours(mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A mirror that has all but the neighbour lists."""
    (tmp_path / "data").mkdir()
    for name in ("models", "nltk_data"):
        (tmp_path / name).symlink_to(mirror / name)
    monkeypatch.setenv("ALUMBENCH_MIRROR", str(tmp_path))
    return tmp_path


def test_one_list_alone_is_refused_by_name(without_neighbours):
    with pytest.raises(AlumbenchError, match=r"^threat model synonyms needs counter-fitted-neighbours: put [^\n]+$"):
        around("synonyms-30%", TEXT)
    with pytest.raises(AlumbenchError, match="counter-fitted-neighbours"):
        load_threat_model("synonyms-30%").model.facts([])
    assert around("synonyms-wordnet-30%", TEXT).largest == 5


def test_a_search_with_one_list_is_refused(without_neighbours, victim):
    with pytest.raises(AlumbenchError, match="exhaustive within synonyms-30% needs counter-fitted-neighbours"):
        Searcher(load_recipe("exhaustive"), victim, 0, limits=Limits(load_threat_model("synonyms-30%")))


def test_lists_are_part_of_the_record_and_others_are_refused():
    at = load_threat_model("synonyms-30%")
    facts = at.model.facts([])
    assert facts.keys() == {"stopwords", "counter-fitted-neighbours", "wordnet"}
    assert load_threat_model("synonyms-jia-30%").model.facts([]).keys() == facts.keys() - {"wordnet"}
    spans = ((0, len(TEXT)),)
    assert at.around((TEXT,), spans, Setting(facts)).largest == 5
    with pytest.raises(AlumbenchError, match=r"wordnet is \S+ on this machine and 1\.5 in the record"):
        at.around((TEXT,), spans, Setting({**facts, "wordnet": "1.5"}))


def test_what_they_need_has_a_remedy():
    for name in NAMES:
        model = load_threat_model(f"{name}-30%").model
        assert all(RESOURCES[need].remedy for need in model.needs)
        assert model.description and model.source and model.not_promised

"""Random, hard-label and Bayesian search: what they find, what they cost, and what it depends on."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pytest
import torch

from alumbench.attacks import load_recipe
from alumbench.attacks.execution.job import Job
from alumbench.attacks.execution.workers import Workers
from alumbench.attacks.outcome import Outcome
from alumbench.attacks.problem import Problem
from alumbench.attacks.recipes import bayesian
from alumbench.attacks.search import Searcher
from alumbench.attacks.set_search import SearchRecipe
from alumbench.attacks.single_search import Limits
from alumbench.attacks.text_victim import TextVictim
from alumbench.attacks.threat_models.references import load_threat_model
from alumbench.attacks.threat_models.threat_model import PerturbationSet, Setting
from alumbench.attacks.victim import Victim
from alumbench.data import Example
from alumbench.errors import AlumbenchError
from alumbench.models.checkpoint import checkpoint_task, find_model
from tests.attacks.conftest import dev
from tests.attacks.searches.planted import ALPHABET, SWAPS, TASK, Planted, attack, example, told
from tests.attacks.searches.swaps import GROWTH, Swaps
from tests.attacks.test_search import same

NAMES = ("random", "hard-label", "bayesian")
LABELS_ALONE = NAMES[:2]
TEXT = "one two three four five six seven"
#: Words that can stand at few places of it, among them the second and the fifth.
PAIR = (Swaps.words(1)[1], Swaps.words(4)[2])
#: Sets that a search can move in: (search, threat model).
CASES = [
    (name, at)
    for name in NAMES
    for at in (f"{SWAPS}-3", "chars-2", "insertions-2")
    if name != "bayesian" or SWAPS in at
]
ODD = [
    "",
    " ",
    "a",
    "...",
    "\N{ZERO WIDTH SPACE}",
    "\N{PILE OF POO} \N{HEBREW LETTER ALEF}\N{HEBREW LETTER BET} x",
    "nul \0 here",
    "two\nlines",
    "word " * 300,
]


def around(text: str, at: str = f"{SWAPS}-3") -> PerturbationSet:
    return load_threat_model(at).around((text,), ((0, len(text)),), Setting(ALPHABET))


def found_in(outcome: Outcome) -> tuple[str, ...]:
    assert outcome.adversarial is not None
    return tuple(outcome.adversarial.values())


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", NAMES)
def test_the_only_pair_of_words_is_found_at_the_least_degree(name: str, seed: int) -> None:
    classifier = Planted(*PAIR)
    outcome = attack(name, classifier, TEXT, seed=seed)
    assert outcome.outcome == "broken" and set(PAIR) <= set(found_in(outcome)[0].split())
    assert outcome.searched is not None and outcome.searched.degree == around(TEXT).degree_of(found_in(outcome))
    assert outcome.searched.degree == 2 or name == "random"


def test_the_process_finds_in_few_queries_what_chance_and_enumeration_do_not() -> None:
    """Three words together, in a text of fourteen that has 10,689 members; each of them lowers the margin."""
    text, wrong = f"{TEXT} eight nine ten eleven twelve thirteen fourteen", (*PAIR, Swaps.words(9)[0])
    broken = {
        name: [attack(name, Planted(*wrong), text, seed=seed, query_budget=100).outcome for seed in range(4)]
        for name in ("bayesian", "random")
    }
    assert broken["bayesian"] == ["broken"] * 4
    assert broken["random"].count("broken") <= 1


def test_only_what_the_set_holds_is_asked() -> None:
    """The classifier gains from every longer text, so that the search runs into the limit of the length."""

    class Longer(Planted):
        texts: ClassVar[set[str]] = set()

        def predict(self, texts: Sequence[tuple[str, ...]]) -> torch.Tensor:
            self.texts.update(text for (text,) in texts)
            share = torch.tensor([len(text) / 100 for (text,) in texts])
            both = [share, torch.ones(len(texts))] if TASK.labels[1] == "positive" else [torch.ones(len(texts)), share]
            return torch.stack(both, 1)

    assert attack("bayesian", Longer(), TEXT).outcome == "robust"
    assert len(Longer.texts) > 20 and max(map(len, Longer.texts)) == len(TEXT) + GROWTH


def test_what_other_searches_scored_is_history(monkeypatch: pytest.MonkeyPatch) -> None:
    """After single replacements were scored, none is asked again, and there are no random members at first."""
    drawn: list[int] = []

    def singles(problem: Problem) -> None:
        start = problem.set.start()
        problem.score([step for at in problem.set.positions(start) for step in problem.set.steps(start, at)])

    def then(problem: Problem) -> None:
        singles(problem)
        drawn.append(problem.queries)
        load_recipe("bayesian").search(problem)  # type: ignore[attr-defined]

    monkeypatch.setattr(
        bayesian,
        "_explore",
        lambda trials, *_: drawn.append(len(trials.rows)) or False,  # type: ignore[func-returns-value]
    )
    recipe = SearchRecipe(name="both", version=1, source="", description="", search=then)
    classifier = Planted(*PAIR)
    victim = TextVictim(classifier, TASK, "cpu")
    limits = Limits(load_threat_model(f"{SWAPS}-3"), ALPHABET)
    outcome = Searcher(recipe, victim, 1, limits=limits).run(example(TEXT))
    assert outcome.searched is not None and outcome.searched.degree == 2
    assert drawn[0] == drawn[1], "all that was scored is known"
    assert outcome.queries == classifier.asked <= drawn[0] + 12


@pytest.mark.parametrize(("name", "at"), CASES)
def test_a_text_that_cannot_be_broken_is_robust(name: str, at: str) -> None:
    classifier = Planted("never")
    outcome = attack(name, classifier, "a good film", at)
    assert (outcome.outcome, outcome.adversarial) == ("robust", None)
    assert outcome.searched is not None and not outcome.searched.exhausted
    assert 1 < outcome.queries == outcome.queries_unique == classifier.asked


@pytest.mark.parametrize("budget", [1, 2, 3, 7, 20])
@pytest.mark.parametrize(("name", "at"), CASES)
def test_the_budget_is_never_exceeded(name: str, at: str, budget: int) -> None:
    for wrong in ("never", "q", Swaps.words(2)[0]):
        classifier = Planted(wrong)
        outcome = attack(name, classifier, TEXT, at, query_budget=budget)
        assert outcome.queries == classifier.asked <= budget
        assert outcome.queries == budget or outcome.outcome == "broken"


@pytest.mark.parametrize("text", ODD, ids=ascii)
@pytest.mark.parametrize(("name", "at"), CASES)
def test_odd_texts(name: str, at: str, text: str) -> None:
    for wrong in ("never", "q", "um", Swaps.words(0)[0]):
        classifier = Planted(wrong)
        outcome = attack(name, classifier, text, at, query_budget=60)
        assert outcome.outcome in {"robust", "broken"} and outcome.message == ""
        assert outcome.queries == classifier.asked <= 60
        if outcome.adversarial is not None and outcome.searched is not None:
            assert around(text, at).degree_of(found_in(outcome)) == outcome.searched.degree


class Rough:
    """An answer that follows many letters and words at once, so that there is much to find and much to undo."""

    labels = TASK.labels
    identity = Planted("rough").identity

    def predict(self, texts: list[tuple[str, ...]]) -> torch.Tensor:
        sums = [sum((ord(char) * (at + 3)) % 7 for at, char in enumerate(text)) % 11 for (text,) in texts]
        positive = TASK.labels.index("positive")
        scores = torch.zeros(len(texts), 2)
        scores[:, positive] = torch.tensor([5.5 - (value > 8) * value for value in sums])
        return scores


@pytest.mark.parametrize(("name", "at"), [case for case in CASES if case[0] != "random"])
def test_no_single_change_of_a_found_text_can_be_undone(name: str, at: str) -> None:
    degrees = Counter[int]()
    for seed in range(12):
        text = " ".join(TEXT.split()[seed % 3 :]) + " " * (seed % 4)
        if Rough().predict([(text,)])[0].argmax() != TASK.labels.index("positive"):
            continue
        outcome = attack(name, Rough(), text, at, seed=seed)
        if outcome.adversarial is None:
            continue
        members = around(text, at)
        member = members.member_of(found_in(outcome))
        assert member is not None and outcome.searched is not None and member.degree == outcome.searched.degree
        nearer = [one for one in members.nearer(member) if one.degree and all(members.admissible([one]))]
        answers = Rough().predict([one.texts for one in nearer]).argmax(-1).tolist()  # type: ignore[misc]
        assert all(TASK.labels[at] == "positive" for at in answers)
        degrees[member.degree] += 1
    assert degrees


@pytest.mark.parametrize("at", [f"{SWAPS}-3", "chars-2", "insertions-2"])
@pytest.mark.parametrize("name", LABELS_ALONE)
def test_scores_make_no_difference_to_searches_by_labels(name: str, at: str) -> None:
    for wrong in (Swaps.words(2)[0], "q", "um", "never"):
        scored = attack(name, Planted(wrong), TEXT, at)
        assert told(scored) == told(attack(name, Planted(wrong), TEXT, at, hard_labels=True))


def test_a_classifier_with_labels_alone_is_refused_by_name() -> None:
    with pytest.raises(AlumbenchError, match="recipe bayesian needs scores.*answers with labels alone; hard-label"):
        attack("bayesian", Planted("never"), TEXT, hard_labels=True)


def test_a_set_that_is_no_product_is_refused_by_name() -> None:
    with pytest.raises(
        AlumbenchError, match="recipe bayesian cannot search chars-2: it needs sets with choices word by word"
    ):
        attack("bayesian", Planted("never"), TEXT, "chars-2")


@pytest.fixture
def examples(victim: Victim) -> list[Example]:
    """Dev texts that the checkpoint answers right."""
    every = dev("mini-sentiment")[:40]
    right = victim.scores([one.texts for one in every]).argmax(-1).tolist()
    return [one for one, at in zip(every, right, strict=True) if victim.task.labels[at] == one.label][:6]


@pytest.mark.parametrize(("name", "at"), CASES)
def test_nothing_depends_on_what_is_in_flight(victim: Victim, examples: list[Example], name: str, at: str) -> None:
    searcher = Searcher(load_recipe(name), victim, 3, 40, limits=Limits(load_threat_model(at), ALPHABET))
    alone = {one.id: same(searcher.run(one)) for one in examples}
    assert len({str(one) for one in alone.values()}) > 1
    for width in (3, 64):
        shuffled = random.Random(width).sample(examples, len(examples))
        assert {one.id: same(outcome) for one, outcome in searcher.run_all(shuffled, width)} == alone


def test_nothing_depends_on_workers(victim: Victim, checkpoint: Path, examples: list[Example]) -> None:
    name, at = "bayesian", f"{SWAPS}-3"
    threat_model = load_threat_model(at)
    searcher = Searcher(load_recipe(name), victim, 3, 40, limits=Limits(threat_model, ALPHABET))
    alone = {one.id: same(searcher.run(one)) for one in examples}
    files = find_model(str(checkpoint))
    job = Job(
        files,
        checkpoint_task(files),
        name,
        3,
        query_budget=40,
        threat_model=at,
        threat_model_sha256=threat_model.origin().sha256,
        facts=ALPHABET,
    )
    assert {one.id: same(outcome) for one, outcome in Workers(job, victim, 2, 8).run_all(examples)} == alone
    for one in examples:
        if (text := alone[one.id]["adversarial"]) is not None:
            around_it = threat_model.around(one.texts, ((0, len(one.texts[0])),), Setting(ALPHABET))
            assert around_it.contains(tuple(text.values()))
            assert victim.plain(tuple(text.values())).argmax() != victim.task.labels.index(str(one.label))


THREADS = """
import sys
from tests.attacks.searches.planted import Planted, attack, told
from tests.attacks.searches.swaps import Swaps
import torch
torch.set_num_threads(int(sys.argv[1]))
text = " ".join(f"word{n}" for n in range(60))
outcome = attack("bayesian", Planted(Swaps.words(50)[0], "never"), text, query_budget=250)
print(sorted(told(outcome).items()), outcome.scores)
"""


def test_nothing_depends_on_the_number_of_threads() -> None:
    """Fits of up to 256 rows and 60 places, where libraries would share the work."""
    found = []
    for threads in ("1", "2"):
        environment = {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
        done = subprocess.run(
            [sys.executable, "-c", THREADS, threads],
            env=os.environ | environment,
            capture_output=True,
            text=True,
            cwd=Path(__file__).parents[3],
        )
        assert done.returncode == 0, done.stderr
        found.append(done.stdout)
    assert found[0] == found[1]

"""`--precision bf16-confirmed`: searches ask in bf16, and what is recorded holds in fp32."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from alumbench.attacks import load_recipe
from alumbench.attacks.execution.workers import Workers
from alumbench.attacks.search import Searcher
from alumbench.attacks.single_search import Limits
from alumbench.attacks.text_victim import victim_of_classifier
from alumbench.attacks.threat_models.references import load_threat_model
from alumbench.attacks.victim import Victim, VictimInBf16
from alumbench.data import Example
from alumbench.engine.precision import CONFIRMED
from alumbench.engine.scorer import Scorer
from alumbench.engine.token_rows import BatchedModel
from alumbench.errors import AlumbenchError
from tests.attacks.test_engine import job, outcomes
from tests.attacks.test_set_search import SINGLE, Planted

WORDS, CHARS = "deepwordbug-all-words", "exhaustive"
BUDGET = 300


def searcher(
    name: str, victim: Victim, precision: str, scoring: str = "fixed", budget: int | None = BUDGET
) -> Searcher:
    victim.scorer = Scorer(scoring, precision)
    within = Limits(load_threat_model("chars-1"), {"alphabet": "ae"}) if name == CHARS else None
    return Searcher(load_recipe(name), victim, 3, budget, limits=within)


def answer(monkeypatch: pytest.MonkeyPatch, model: type[BatchedModel], label: int) -> None:
    """Every answer of these models is this label."""
    logits = torch.nn.functional.one_hot(torch.tensor(label), 3).float()
    monkeypatch.setattr(model, "forward", lambda self, batch, rows: [logits] * len(rows))


@pytest.mark.parametrize("scoring", ["fixed", "fast"])
@pytest.mark.parametrize("name", [WORDS, CHARS])
def test_what_is_recorded_holds_in_fp32(pair_victim: Victim, right: list[Example], name: str, scoring: str) -> None:
    asked = searcher(name, pair_victim, CONFIRMED, scoring)
    found = dict(asked.run_all(right[:16]))
    traffic = pair_victim.scorer.traffic
    assert 16 <= traffic.confirmed < traffic.scored, "most answers are in bf16"
    pair_victim.scorer = Scorer(scoring)
    broken = 0
    for example, outcome in found.items():
        texts = [example.texts]
        if outcome.outcome == "broken":
            texts, broken = [*texts, tuple((outcome.adversarial or {}).values())], broken + 1
        logits = torch.cat([pair_victim.scores([text]) for text in texts])
        recorded = torch.tensor([each for each in (outcome.scores, outcome.adversarial_scores) if each])
        assert torch.allclose(recorded, logits.softmax(-1), rtol=0, atol=0 if scoring == "fixed" else 1e-5)
        labels = [pair_victim.task.labels[i] == example.label for i in logits.argmax(-1)]
        assert labels == [True, False][: len(texts)]
    assert broken > 2


@pytest.mark.parametrize("name", [WORDS, CHARS])
def test_nothing_depends_on_what_is_in_flight(pair_victim: Victim, right: list[Example], name: str) -> None:
    asked = searcher(name, pair_victim, CONFIRMED)
    alone = outcomes(asked, right[:8], width=1)
    for width in (7, 64):
        asked = searcher(name, pair_victim, CONFIRMED)
        assert outcomes(asked, random.Random(width).sample(right[:8], 8), width=width) == alone


def test_nothing_depends_on_the_number_of_processes(
    pair_checkpoint: Path, pair_victim: Victim, right: list[Example]
) -> None:
    asked, pair_victim.scorer = job(pair_checkpoint, precision=CONFIRMED), Scorer(precision=CONFIRMED)
    expected, before = outcomes(asked.searcher(pair_victim), right[:8]), pair_victim.scorer.traffic.confirmed
    assert outcomes(Workers(asked, pair_victim, 2, 8), right[:8]) == expected
    assert pair_victim.scorer.traffic.confirmed == 2 * before > 0


@pytest.mark.parametrize("name", [WORDS, CHARS])
def test_a_search_goes_on_where_fp32_keeps_the_label(
    pair_victim: Victim, right: list[Example], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """If bf16 calls every text broken, all answers are fp32's; if none, nothing is found."""
    exact = outcomes(searcher(name, pair_victim, "fp32"), right[:24])
    first = next(example for example in right if exact[example.id]["outcome"] == "broken")
    examples = [example for example in right[:24] if example.label == first.label]
    exact, label = {example.id: exact[example.id] for example in examples}, pair_victim.task.labels.index(first.label)
    answer(monkeypatch, VictimInBf16, (label + 1) % 3)
    found = outcomes(searcher(name, pair_victim, CONFIRMED), examples)
    for one in (*exact.values(), *found.values()):
        one["searched"] = one["searched"] and one["searched"]._replace(exhausted=False)
    assert found == exact
    answer(monkeypatch, VictimInBf16, label)
    found = outcomes(searcher(name, pair_victim, CONFIRMED), examples)
    assert {one["outcome"] for one in found.values()} == {"robust"}


@pytest.mark.parametrize(("precision", "is_exact"), [("fp32", True), ("bf16", True), (CONFIRMED, False)])
def test_enumeration_in_bf16_is_not_exact(
    pair_victim: Victim, right: list[Example], monkeypatch: pytest.MonkeyPatch, precision: str, is_exact: bool
) -> None:
    """A search that asks for every member, none of which changes the label."""
    example = min(right, key=lambda example: len("".join(example.texts)))
    answer(monkeypatch, Victim, pair_victim.task.labels.index(example.label))
    ((_, found),) = searcher(CHARS, pair_victim, precision, budget=None).run_all([example])
    assert found.outcome == "robust" and found.searched is not None
    assert found.searched.exhausted == is_exact


def test_attacks_that_keep_the_label_are_in_fp32(
    pair_victim: Victim, right: list[Example], recipe_ready: Callable[[str], object]
) -> None:
    recipe_ready("input-reduction")
    found = [outcomes(searcher("input-reduction", pair_victim, how), right[:4]) for how in ("fp32", CONFIRMED)]
    assert found[0] == found[1]


def test_a_classifier_without_precision_refuses_it() -> None:
    with pytest.raises(AlumbenchError, match="--precision apply to Hugging Face classifiers only"):
        victim_of_classifier(Planted("q"), SINGLE, "cpu", scorer=Scorer(precision=CONFIRMED))

"""Adversarial texts found while a model trains: where they go, what they weigh, and that a kill changes nothing."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from alumbench.attacks.search import Searcher
from alumbench.attacks.victim import InMemoryVictim
from alumbench.data import Example
from alumbench.errors import AlumbenchError
from alumbench.methods import StepContext, make_method
from alumbench.models.in_training import InMemoryClassifier
from alumbench.storage import read_records
from alumbench.training import regeneration
from alumbench.training.fine_tuning import fine_tune
from alumbench.training.regeneration import WEIGHT, Slots, slot_count
from alumbench.training.request import FineTuning
from tests.methods.tiny import batch_of, tiny_classifier
from tests.training.test_resuming import die_at_call, quiet, train_and_die

Make = Callable[..., FineTuning]
ATTACK = {"attack": "deepwordbug-all-words", "query_budget": 60}


def rows(lengths: list[int]) -> list[dict[str, Any]]:
    return [{"input_ids": [5] * length, "labels": 0, "example": i} for i, length in enumerate(lengths)]


def test_slots_keep_their_lengths_for_the_sampler_whatever_they_hold() -> None:
    slots = Slots(rows([9, 3, 7, 5, 4, 8]), 4, seed=1)
    before = [len(ids) for ids in slots["input_ids"]]
    assert len(slots) == 10 and [slots[i][WEIGHT] for i in range(10)] == [1.0] * 6 + [0.0] * 4
    slots.fill(rows([20, 2]), 0.5)
    assert [len(ids) for ids in slots["input_ids"]] == before
    held = [(len(slots[i]["input_ids"]), slots[i][WEIGHT], slots[i]["example"]) for i in range(6, 10)]
    assert [entry for entry in held if entry[1]] == [(2, 0.5, 6), (20, 0.5, 8)]
    slots.fill(rows([1, 1, 1, 1]), 0.5)  # the next epoch's take their place
    assert [len(slots[i]["input_ids"]) for i in range(6, 10)] == [1] * 4


def test_the_loss_is_a_weighted_mean_and_an_empty_slot_teaches_nothing() -> None:
    model, batch = tiny_classifier(dropout=0.0), batch_of()
    each = [model(**{k: v[i : i + 1] for k, v in batch.items()}).loss.detach() for i in range(4)]

    def at(weights: list[float]) -> StepContext:
        return StepContext(0, 1, [0, 1, 2, 3], torch.tensor([0, 2]), 10, torch.tensor(weights))

    method = make_method("a2t", {})
    loss = method.loss(model, batch, at([1, 1, 0.5, 0])).total
    torch.testing.assert_close(loss.detach(), (each[0] + each[1] + 0.5 * each[2]) / 2.5)
    nothing = method.loss(model, batch, at([0, 0, 0, 0])).total
    nothing.backward()
    assert float(nothing.detach()) == 0 and not any(p.grad.any() for p in model.parameters())


@pytest.mark.parametrize("values", [{"share": 0}, {"alpha": 0}], ids=str)
def test_without_share_or_weight_it_is_standard_bit_for_bit(
    small_request: Make, tmp_path: Path, values: dict[str, Any]
) -> None:
    fine_tune(small_request(method="a2t", parameters=ATTACK | values), tmp_path / "ours", quiet)
    fine_tune(small_request(), tmp_path / "standard", quiet)
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("ours", "standard")]
    assert weights[0] == weights[1]


@pytest.fixture(scope="module")
def unbroken(
    small_request: Make, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, FineTuning, list[str]]:
    """Three epochs of 96 examples and 20 slots, the second and third with adversarial texts, of a model that knows."""
    request = small_request(model=str(checkpoint), method="a2t", parameters=ATTACK, epochs=3.0)
    lines: list[str] = []
    out = tmp_path_factory.mktemp("regenerated") / "unbroken"
    record = fine_tune(request, out, lines.append)
    assert record["settings"]["steps"] == 3 * 15  # 116 rows in batches of 8
    return out, request, lines


def test_epochs_after_the_clean_one_begin_with_attacks(unbroken: tuple[Path, FineTuning, list[str]]) -> None:
    _, _, lines = unbroken
    told = [line for line in lines if "20/20 examples attacked" in line]
    assert [line.split(":")[0] for line in told] == ["epoch 2", "epoch 3"]
    assert all(int(line.split(", ")[1].split()[0]) > 0 for line in told), "no attack found anything: the test is blind"


DEATHS = {
    "in-an-attack": (regeneration.RecordLog, "append", 30),
    "in-an-epoch-with-adversarial-texts": (torch.optim.AdamW, "step", 26),
    "at-an-epochs-end": (torch.optim.AdamW, "step", 31),
}


@pytest.mark.parametrize("death", DEATHS)
def test_a_killed_run_ends_with_the_weights_of_an_unbroken_one(
    unbroken: tuple[Path, FineTuning, list[str]], tmp_path: Path, death: str
) -> None:
    whole, request, _ = unbroken
    owner, name, number = DEATHS[death]
    out = tmp_path / "out"
    die = lambda: die_at_call(owner, name, number)  # noqa: E731
    child = multiprocessing.get_context("fork").Process(target=train_and_die, args=(request, out, die))
    child.start()
    child.join(120)
    assert child.exitcode == -signal.SIGKILL
    done = sum(len(read_records(path)[0]) for path in (out / "trainer").glob("adversarial-*.jsonl"))
    assert done == {"in-an-attack": 29, "in-an-epoch-with-adversarial-texts": 20, "at-an-epochs-end": 40}[death]
    attacked: list[str] = []
    plain = Searcher.run
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Searcher, "run", lambda self, example: (attacked.append(example.id), plain(self, example))[1])
        fine_tune(request, out, quiet)
    assert len(attacked) == 40 - done, "what was found before the kill is not sought again"
    assert (out / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()


def test_what_cannot_be_attacked_is_refused_before_training(
    small_request: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for attack, message in (("nonsense", "unknown recipe"), ("input-reduction", "does not change labels")):
        with pytest.raises(AlumbenchError, match=message):
            fine_tune(small_request(method="a2t", parameters={"attack": attack}), tmp_path / attack, quiet)
    request = small_request(method="a2t", parameters=ATTACK)
    regression = replace(request.task, labels=(), metrics=("pearson",))
    with pytest.raises(AlumbenchError, match="regression, so it has no label to flip"):
        victim = InMemoryVictim(InMemoryClassifier(tiny_classifier(1), _tokenizer(request), ()), regression)
        regeneration.Regeneration(make_method("a2t", ATTACK), Slots(rows([3]), 1, 1), victim, [], list, 1, quiet)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(AlumbenchError, match="one process"):
        regeneration.Regeneration(make_method("a2t", ATTACK), Slots(rows([3]), 1, 1), victim, [], list, 1, quiet)


def test_the_model_is_where_it_trains_before_the_attack_is_built(
    small_request: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attack puts its own models where it finds it; `meta` stands for a GPU."""
    seen = []
    monkeypatch.setattr(regeneration, "Searcher", lambda recipe, victim, *_: seen.append(victim.device.type))
    request, model, device = small_request(), tiny_classifier(), torch.device("meta")
    method, tokenizer = make_method("a2t", ATTACK), _tokenizer(request)
    examples = [Example("1", ("one",), 0)]
    regeneration.regeneration(
        method, request.task, model, tokenizer, examples, 64, lambda _: rows([3]), 1, device, quiet
    )
    assert seen == ["meta"]


def _tokenizer(request: FineTuning) -> Any:
    from alumbench.models.checkpoint import find_model, load_tokenizer

    return load_tokenizer(find_model(request.model))


def test_slots_are_the_share_rounded_up_and_none_for_other_methods() -> None:
    assert slot_count(make_method("a2t", {"share": 0.2}), 96) == 20
    assert slot_count(make_method("alum", {}), 96) == 0

"""The white-box attack in embedding space: blind to the logits' scale, to batches, and honest about what it did."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from alumbench.attacks.embedding_space import Harm, margin
from alumbench.attacks.recipes.embedding_pgd import LOSSES, RECIPE, EmbeddingPgd, radius_of
from alumbench.attacks.victim import Victim
from alumbench.attacks.white_box import Batch
from alumbench.data import Example

SCALES = [1e-6, 1e-3, 15.0, 1e3, 1e6]
COUNT = 60


def pgd(radius: float, steps: int = 5, losses: tuple[str, ...] = LOSSES, restarts: int = 1) -> EmbeddingPgd:
    return EmbeddingPgd(radius, steps, losses, restarts)


def signature(attack: EmbeddingPgd) -> str:
    return f"{RECIPE.signature}:{attack.settings}"


def scaled(victim: Victim, factor: float) -> None:
    """Multiplies the logits, which changes no answer."""
    with torch.no_grad():
        victim.model.classifier.weight *= factor
        victim.model.classifier.bias *= factor


def attacked(victim: Victim, examples: list[Example], protocol: EmbeddingPgd) -> Harm:
    labels = [victim.task.labels.index(str(one.label)) for one in examples]
    return protocol.run(Batch(victim, [one.texts for one in examples], labels, [one.id for one in examples]))


def robust(victim: Victim, examples: list[Example], harm: Harm) -> int:
    gold = torch.tensor([victim.task.labels.index(str(one.label)) for one in examples])
    return int((margin(harm.logits, gold) < 0).sum())


@pytest.mark.parametrize("factor", SCALES, ids=str)
@pytest.mark.parametrize("losses", [("cross-entropy", "margin"), ("cross-entropy",), ("margin",)], ids="+".join)
def test_the_scale_of_the_logits_changes_nothing(
    pair_victim: Victim, right: list[Example], factor: float, losses: tuple[str, ...]
) -> None:
    protocol, examples = pgd(0.5, losses=losses), right[:COUNT]
    before = attacked(pair_victim, examples, protocol)
    scaled(pair_victim, factor)
    after = attacked(pair_victim, examples, protocol)
    kept = robust(pair_victim, examples, before)
    assert 0.2 * len(examples) < kept < len(examples) - 5, "else nothing is tested"
    assert abs(robust(pair_victim, examples, after) - kept) <= 1
    torch.testing.assert_close(after.ascents.moved, before.ascents.moved, atol=0.02, rtol=0)
    assert not after.ascents.zero_gradients.any()


def test_all_losses_and_restarts_together_are_never_weaker_than_any(pair_victim: Victim, right: list[Example]) -> None:
    gold = torch.tensor([pair_victim.task.labels.index(str(one.label)) for one in right])
    whole = margin(attacked(pair_victim, right, pgd(0.1)).logits, gold)
    for part in (("cross-entropy",), ("margin",)):
        alone = margin(attacked(pair_victim, right, pgd(0.1, losses=part, restarts=0)).logits, gold)
        assert (whole >= alone - 1e-5).all() and (whole > alone + 1e-5).any()
    clean = margin(pair_victim.scores([one.texts for one in right]), gold)
    assert (whole >= clean - 1e-4).all()


def test_every_step_counts_and_not_the_last_alone(pair_victim: Victim, right: list[Example]) -> None:
    """The logits handed back are the most harmful that any pass gave."""
    seen, read = [], pair_victim.in_task_order
    pair_victim.in_task_order = lambda logits: seen.append(read(logits).detach()) or read(logits)  # type: ignore
    examples = right[:16]
    harm = attacked(pair_victim, examples, pgd(0.3, steps=3))
    gold = torch.tensor([pair_victim.task.labels.index(str(one.label)) for one in examples])
    every = torch.stack([margin(logits, gold) for logits in seen])
    assert len(every) == pgd(0.3, steps=3).passes(3)[0]
    torch.testing.assert_close(margin(harm.logits, gold), every.amax(0))
    assert (every.argmax(0) != len(every) - 1).any()


def test_an_examples_random_start_is_its_own(pair_victim: Victim, right: list[Example]) -> None:
    """Neither neighbours nor their order change what is found, but for the rounding of another padding."""
    protocol, examples = pgd(0.1, steps=1, losses=("margin",), restarts=2), right[:12]
    together = attacked(pair_victim, examples, protocol).logits
    backwards = attacked(pair_victim, examples[::-1], protocol).logits.flip(0)
    alone = torch.cat([attacked(pair_victim, [one], protocol).logits for one in examples])
    torch.testing.assert_close(backwards, together, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(alone, together, atol=1e-4, rtol=1e-4)


def _cut(victim: Victim) -> None:
    """No gradient reaches the embeddings: the output of the encoder is rounded to whole numbers."""
    victim.model.bert.register_forward_hook(
        lambda module, inputs, output: output.__class__(
            last_hidden_state=output.last_hidden_state, pooler_output=(output.pooler_output * 8).round() / 8
        )
    )


def _frozen(victim: Victim) -> None:
    """No path at all: not even parameters have one."""
    victim.model.requires_grad_(False)
    victim.model.bert.register_forward_hook(
        lambda module, inputs, output: output.__class__(
            last_hidden_state=output.last_hidden_state, pooler_output=output.pooler_output.detach()
        )
    )


@pytest.mark.parametrize("hide", [_cut, _frozen])
def test_an_ascent_without_gradients_says_that_it_did_not_move(
    pair_victim: Victim, right: list[Example], hide: Callable[[Victim], None]
) -> None:
    sound = attacked(pair_victim, right[:8], pgd(0.1, restarts=0))
    assert sound.ascents.rose.all() and not sound.ascents.zero_gradients.any() and (sound.ascents.moved > 0.5).all()
    hide(pair_victim)
    harm = attacked(pair_victim, right[:8], pgd(0.1, restarts=0))
    assert not harm.ascents.moved.any() and not harm.ascents.rose.any() and (harm.ascents.zero_gradients == 1).all()


def test_a_text_without_words_has_nowhere_to_move(pair_victim: Victim, right: list[Example]) -> None:
    harm = attacked(pair_victim, [Example("empty", ("", ""), right[0].label), right[1]], pgd(0.1))
    assert harm.ascents.moved[0] == 0 and harm.ascents.moved[1] > 0.9


def test_two_labels_need_one_loss(victim: Victim) -> None:
    """Cross entropy's gradient is then that of the margin but for its length, which the ball takes away."""
    assert pgd(0.1).losses_for(2) == ("margin",)
    assert pgd(0.1, losses=("cross-entropy",)).losses_for(2) == ("cross-entropy",)
    assert pgd(0.1).losses_for(3) == ("cross-entropy", "margin")
    examples = [Example(str(at), (text,), "positive") for at, text in enumerate(["the film was warm", "a dull plot"])]
    one, other = (attacked(victim, examples, pgd(0.1, losses=(loss,))).logits for loss in LOSS_NAMES)
    torch.testing.assert_close(one, other, atol=1e-2, rtol=1e-2)


LOSS_NAMES = ("cross-entropy", "margin")


@pytest.mark.parametrize(
    ("protocol", "labels", "passes"),
    [
        (pgd(0.1), 2, (13, 10)),
        (pgd(0.1), 3, (25, 20)),
        (pgd(0.1, 10, ("margin",), 4), 3, (56, 50)),
    ],
    ids=["two labels", "three", "five ascents"],
)
def test_what_an_example_costs(protocol: EmbeddingPgd, labels: int, passes: tuple[int, int]) -> None:
    assert protocol.passes(labels) == passes


@pytest.mark.parametrize("part", ["embedding-pgd@1:l2-sentence:0.05:5", signature(pgd(0.05))], ids=["first", "now"])
def test_the_radius_is_read_from_any_versions_signature(part: str) -> None:
    assert radius_of(f"sentiment@2|embedding-pgd-0.1|data:1|n:200|{part}|precision:bf16") == 0.05


@pytest.mark.parametrize("radius", [1e-5, 0.15, 3.0, 1e20], ids=str)
def test_whatever_radius_is_written_is_read(radius: float) -> None:
    assert radius_of(f"a@1|b|{signature(pgd(radius))}") == radius


@pytest.mark.parametrize("signature", ["", "a@1|b|atk:pwws@1", "a@1|b|embedding-pgd@1:l2-sentence:nan:5"])
def test_a_signature_without_a_radius(signature: str) -> None:
    assert radius_of(signature) is None

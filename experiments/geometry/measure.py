"""The direction of δ in a fine-tuned model's embedding space: along the data's directions or away from every word.

Liu et al. 2020 (https://arxiv.org/abs/2004.08994, section 3) perturb embeddings and not texts. This module measures
how close x + δ stays to a sentence, compared with random δ of the same length.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from alumbench.adversary import (
    DIRECTIONS,
    Ascent,
    Ball,
    EmbeddingTable,
    Pass,
    Perturbation,
    WordEmbeddings,
    divergence,
)
from alumbench.attacks.victim import Victim
from alumbench.data import Example
from alumbench.models.checkpoint import special_token_ids

#: Numbers of leading directions of the table that are reported, beside the number that holds half of its variance.
LEADING = (10, 50)
#: Measures of a sentence's δ.
MEASURES = {
    **{f"energy-{k}": f"share of δ's squared length in the table's {k} leading directions" for k in LEADING},
    "energy-half": "the same in as many directions as hold half of the table's variance",
    "nearest": "share of the words whose x + δ is still nearest to their own row of the table",
    "reach": "mean length of a word's δ, in distances from the word to its nearest other",
}
#: Figures of one sentence by `DIRECTION/EPSILON/MEASURE`; None where δ is 0 and has no direction.
Figures = Mapping[str, float | None]


@dataclass(frozen=True)
class Probe:
    """The δ that are measured.

    Attributes:
        directions: of `alumbench.adversary.DIRECTIONS`; K = 1, as in the paper.
        epsilons: lengths, in units of the sentence's own token embeddings' RMS length (L2 of a sentence).
    """

    directions: tuple[str, ...] = DIRECTIONS
    epsilons: tuple[float, ...] = (0.05, 0.15, 0.3)


def probe_sentences(
    victim: Victim, table: EmbeddingTable, examples: Sequence[Example], probe: Probe
) -> Iterator[tuple[Example, Figures]]:
    """The figures of each sentence, dropout off; sentences without a word to perturb are left out.

    Args:
        victim: a fine-tuned classifier.
        table: of its word embeddings.
        examples: with their right labels; `label` increases the loss on them.
        probe: the δ to measure.
    """
    gaps = _Gaps(table)
    half = table.holding(0.5)
    for numbers in victim.batches_by_length([example.texts for example in examples]):
        chosen = [examples[i] for i in numbers]
        batch = victim.encode([example.texts for example in chosen])
        space = Perturbation(victim.model, batch, _special(victim), seed=0, step=0, examples=numbers)
        gold = torch.tensor([victim.task.labels.index(str(e.label)) for e in chosen], device=victim.device)
        found: list[dict[str, float | None]] = [{} for _ in chosen]
        for name, delta in _deltas(victim, space, gold, probe):
            for at in range(len(chosen)):
                free = space.perturbable[at].cpu()
                ids = batch["input_ids"][at].cpu()[free]
                figures = _figures(table, gaps, ids, delta[at].cpu()[free], half)
                found[at] |= {f"{name}/{measure}": value for measure, value in figures.items()}
        words = space.perturbable.any(-1).tolist()
        yield from ((example, values) for example, values, has in zip(chosen, found, words, strict=True) if has)


def table_of(victim: Victim) -> EmbeddingTable:
    """The table of a victim's word embeddings."""
    return EmbeddingTable.of(WordEmbeddings(victim.model))


def _special(victim: Victim) -> Tensor:
    return torch.tensor(special_token_ids(victim.tokenizer), device=victim.device)


def _deltas(victim: Victim, space: Perturbation, gold: Tensor, probe: Probe) -> Iterator[tuple[str, Tensor]]:
    """`DIRECTION/EPSILON` and its δ, (batch, tokens, hidden); one clean pass serves all of them."""
    zero, ball = space.zero(), Ball("l2-sentence", space.perturbable)
    clean = space.forward(zero)
    target = clean.answers.detach()
    loss = cross_entropy(victim.in_task_order(clean.answers.logits[0]), gold)
    (gradient,) = torch.autograd.grad(loss, zero, retain_graph=True)
    at_clean = Pass(clean.answers, loss, gradient, None)

    def objective(delta: Tensor) -> Tensor:
        return divergence(target, space.forward(delta).answers) * target.rows()

    for direction in probe.directions:
        ascent, read_off = Ascent(direction), None
        climb: Callable[[Tensor], Tensor] = objective
        if direction == "vat":
            # Its gradient is taken at the first noise, which does not depend on ε: once for every ε, as a plane.
            start = ball.steepest(space.noise(), ascent.init_scale * space.rms).requires_grad_()
            (slope,) = torch.autograd.grad(objective(start), start)
            climb = partial(_plane, slope)
        elif ascent.needs_clean_gradient():
            read_off = zero
        once = ascent.find(space, ball, space.rms, space.rms, at_clean, read_off, climb).delta
        for epsilon in probe.epsilons:
            delta = once * epsilon  # one step from δ = 0, of length ε
            if direction == "vat":
                delta = ascent.find(space, ball, epsilon * space.rms, space.rms, at_clean, None, climb).delta
            yield f"{direction}/{epsilon:g}", delta.detach().float()


def _plane(slope: Tensor, delta: Tensor) -> Tensor:
    return (slope * delta).sum()


def _figures(table: EmbeddingTable, gaps: _Gaps, ids: Tensor, delta: Tensor, half: int) -> dict[str, float | None]:
    """The measures of a sentence: `ids` (words,) are its words' rows of the table, `delta` (words, hidden) their δ."""
    if not len(ids) or not delta.any():
        return dict.fromkeys(MEASURES)
    length, gap = torch.linalg.vector_norm(delta, dim=-1), gaps.of(ids)
    # Up to half of the distance to the nearest other row, a word's own row is the nearest in any direction.
    far = length >= gap / 2
    kept = ~far
    kept[far] = length[far] <= table.nearest_other(table.rows[ids[far]] + delta[far], ids[far])
    energy = table.energy(delta)
    return {
        **{f"energy-{k}": float(energy[:k].sum()) for k in LEADING},
        "energy-half": float(energy[:half].sum()),
        "nearest": float(kept.float().mean()),
        "reach": float((length / gap)[gap > 0].mean()),
    }


class _Gaps:
    """The distance from a word's row to the nearest other row, computed once a word."""

    def __init__(self, table: EmbeddingTable) -> None:
        self._table = table
        self._known = torch.full((len(table.rows),), torch.nan)

    def of(self, ids: Tensor) -> Tensor:
        new = torch.unique(ids[self._known[ids].isnan()])
        self._known[new] = self._table.nearest_other(self._table.rows[new], new)
        return self._known[ids]

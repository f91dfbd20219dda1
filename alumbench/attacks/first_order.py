"""First-order estimates: what a change of a text does to the margin, from one gradient and no further answer.

With g_t the gradient of the margin at token t of a text, and e_t its embedding, a change that turns the tokens O into
the tokens N (what remains after the common beginning and end of both) moves the margin by about

    sum over the pairs (t, n) of O and N, in their order, of g_t . (e_n - e_t).

If N is longer, its further tokens are taken for the last of O turned from nothing, g_t . e_n; if O is longer, its
further tokens are taken for turned into nothing, -g_t . e_t. An insertion between tokens (O is empty) uses the mean
gradient of its two neighbours. Where O and N are one token each, this is equation 1 of Ebrahimi et al. 2018,
https://arxiv.org/abs/1712.06751. An edited character makes other tokens of its whole word, so this serves both words
and characters. That later tokens move to other positions is left out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from alumbench.adversary import WordEmbeddings
from alumbench.attacks.gradient import TokenGradient
from alumbench.attacks.victim import Victim

Ids = tuple[int, ...]


class FirstOrder:
    """Estimates changes of the margin of one victim."""

    def __init__(self, victim: Victim) -> None:
        """Stores the victim's embeddings."""
        self._embed, self._device = WordEmbeddings(victim.model), victim.device

    def changes(self, at: TokenGradient, variants: Sequence[Ids]) -> np.ndarray:
        """The estimated change of the margin, (n,), from a text to each variant.

        Args:
            at: the text, and the gradient at it.
            variants: the tokens of each variant, special tokens included.
        """
        places = [_apart(at.ids, ids) for ids in variants]
        new = [ids[begin:end] for ids, (begin, _, end) in zip(variants, places, strict=True)]
        number = {token: row for row, token in enumerate(dict.fromkeys([*at.ids, *(n for part in new for n in part)]))}
        embedded, gradient = self._embedded(list(number)), at.gradient.numpy()
        gained = gradient @ embedded.T  # (tokens of the text, distinct tokens)
        lost = (gradient * embedded[: len(set(at.ids))][[number[token] for token in at.ids]]).sum(-1)
        return np.array(
            [
                _change(gained, lost, [number[token] for token in part], begin, end)
                for part, (begin, end, _) in zip(new, places, strict=True)
            ]
        )

    def _embedded(self, tokens: list[int]) -> np.ndarray:
        found = self._embed(torch.tensor([tokens], device=self._device))[0]
        return found.float().cpu().numpy()


def _apart(old: Ids, new: Ids) -> tuple[int, int, int]:
    """Where two lists of tokens differ: from there on, up to there in the old, up to there in the new."""
    shorter, begin, after = min(len(old), len(new)), 0, 0
    while begin < shorter and old[begin] == new[begin]:
        begin += 1
    while after < shorter - begin and old[-1 - after] == new[-1 - after]:
        after += 1
    return begin, len(old) - after, len(new) - after


def _change(gained: np.ndarray, lost: np.ndarray, new: list[int], begin: int, end: int) -> float:
    """The change where the text's tokens from `begin` to `end` become the new ones."""
    paired = min(len(new), end - begin)
    change = -lost[begin:end].sum() + sum(gained[begin + at, new[at]] for at in range(paired))
    if further := new[paired:]:
        rows = gained[end - 1 : end] if end > begin else gained[max(begin - 1, 0) : begin + 1]
        change += rows.mean(0)[further].sum()
    return float(change)

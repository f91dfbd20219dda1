"""Word substitution guided by the victim's gradient: first-order gains rank the swaps, the model scores the best.

The gain of swapping a word with tokens T for w is sum_(t in T) g_t . (e(w) - e_t), with g_t the gradient of the loss at
token t, e_t its embedding, and e(w) the mean of w's token embeddings: eq. 1 of Ebrahimi et al. 2018 where both are one
token (https://arxiv.org/abs/1712.06751).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import torch
from textattack.goal_function_results import GoalFunctionResultStatus
from textattack.search_methods import SearchMethod
from textattack.shared import utils
from textattack.transformations.word_swaps import WordSwap
from torch import Tensor

from alumbench.attacks.gradient import WithGradient

#: Maximum number of ranked swaps per word; synonym lists are shorter.
PER_WORD = 64


class _Swap(NamedTuple):
    gain: float
    position: int
    word: str


class RankedSwap(WordSwap):  # type: ignore[misc]
    """Swaps words for others, largest first-order gain first."""

    is_black_box = False

    def __init__(
        self, wrapper: WithGradient, synonyms: Callable[[str], Sequence[str]] | None, one_token: bool = False
    ) -> None:
        """Stores the victim and the source of words.

        Args:
            wrapper: the victim.
            synonyms: gives the words that may replace a word; None for any whole word in the victim's vocabulary.
            one_token: whether to swap only words that are one token of the victim, and only for such words.
        """
        super().__init__()
        self._wrapper, self._synonyms, self._one_token = wrapper, synonyms, one_token
        self._means: dict[str, tuple[Tensor, int]] = {}

    @cached_property
    def _embeddings(self) -> Tensor:
        weight: Tensor = self._wrapper.model.get_input_embeddings().weight
        return weight.detach().float().cpu()

    def _get_replacement_words(self, word: str) -> Sequence[str]:
        return self._vocabulary()[1] if self._synonyms is None else self._synonyms(word)

    def _vocabulary(self) -> tuple[list[int], list[str]]:
        return _whole_words(self._wrapper.tokenizer, len(self._embeddings))

    def gradients(self, texts: Sequence[Any]) -> list[dict[str, object]]:
        """The victim's gradient at each text, as from `WithGradient.get_grads`."""
        return self._wrapper.get_grads([text.tokenizer_input for text in texts])

    def ranked(self, text: Any, answer: Mapping[str, object], indices: Sequence[int]) -> list[_Swap]:
        """All swaps at these positions of a text with this gradient, largest gain first."""
        gradient, ids = torch.as_tensor(answer["gradient"]), torch.as_tensor(answer["ids"])[0]
        tokens = self._wrapper.tokens_of_words(text)
        swaps: list[_Swap] = []
        for index in indices:
            at = tokens.get(index, [])
            if not at or (self._one_token and len(at) > 1):
                continue
            slope, now = gradient[at].sum(0), (gradient[at] * self._embeddings[ids[at]]).sum()
            words, vectors = self._candidates(text.words[index])
            if words:
                gains = (vectors @ slope - now).topk(min(PER_WORD, len(words)))
                best = zip(gains.values.tolist(), gains.indices.tolist(), strict=True)
                swaps += [_Swap(gain, index, words[number]) for gain, number in best]
        return sorted(swaps, key=lambda swap: (-swap.gain, swap.position, swap.word))

    def _candidates(self, word: str) -> tuple[list[str], Tensor]:
        if self._synonyms is None:
            numbers, words = self._vocabulary()
            return words, self._embeddings[numbers]
        found = [(other, *self._mean(other)) for other in self._synonyms(word) if other != word]
        kept = [(other, mean) for other, mean, length in found if length == 1 or (length and not self._one_token)]
        vectors = torch.stack([mean for _, mean in kept]) if kept else torch.zeros(0, self._embeddings.shape[1])
        return [other for other, _ in kept], vectors

    def _mean(self, word: str) -> tuple[Tensor, int]:
        """The mean of a word's token embeddings, and their number, tokenized as after a space."""
        if word not in self._means:
            ids = self._wrapper.tokenizer(f" {word}", add_special_tokens=False)["input_ids"]
            self._means[word] = (self._embeddings[ids].mean(0), len(ids))
        return self._means[word]


@lru_cache(maxsize=4)
def _whole_words(tokenizer: Any, size: int) -> tuple[list[int], list[str]]:
    """Tokens that are whole words with letters, as they occur in a text: their ids, and the words."""
    tokens = tokenizer.convert_ids_to_tokens(list(range(size)))
    marked = next((mark for mark in ("Ġ", "▁") if any((token or "").startswith(mark) for token in tokens)), "")
    special = set(tokenizer.all_special_ids)
    found = []
    for number, token in enumerate(tokens):
        if token is None or number in special or token.startswith("##") or not token.startswith(marked):
            continue
        word = token.removeprefix(marked)
        if utils.has_letter(word) and utils.words_from_text(word) == [word]:
            found.append((number, word))
    return [number for number, _ in found], [word for _, word in found]


class GradientSearch(SearchMethod):  # type: ignore[misc]
    """Beam search: takes the gradient at each text of the beam, scores its best swaps, and keeps the best texts.

    A gradient counts as a query, because it costs a forward and a backward pass.
    """

    def __init__(self, swap: RankedSwap, beam: int, few: int) -> None:
        """Stores the settings.

        Args:
            swap: ranks the swaps.
            beam: texts kept at each step.
            few: swaps per text that the model scores at each step, among those that satisfy the constraints.
        """
        self.swap, self.beam, self.few = swap, beam, few

    def perform_search(self, initial_result: Any) -> Any:
        """The first text found that changes the answer, or else the closest one."""
        beam = [initial_result]
        best = initial_result
        seen = {initial_result.attacked_text.text}
        while beam:
            beam = beam[: self._gradients_left()]
            self.goal_function.num_queries += len(beam)
            texts = []
            starts = [result.attacked_text for result in beam]
            for start, answer in zip(starts, self.swap.gradients(starts) if starts else [], strict=True):
                for text in itertools.islice(self._swapped(start, answer, initial_result), self.few):
                    if text.text not in seen:
                        seen.add(text.text)
                        texts.append(text)
            results, over = self.get_goal_results(texts) if texts else ([], True)
            best = max([best, *results], key=lambda result: result.score)
            if over or best.goal_status == GoalFunctionResultStatus.SUCCEEDED:
                return best
            beam = sorted(results, key=lambda result: -result.score)[: self.beam]
        return best

    def _gradients_left(self) -> int:
        """Number of gradients that the budget allows, with at least one more query for scoring."""
        goal = self.goal_function
        return int(max(0, min(self.beam, goal.query_budget - goal.num_queries - 1)))

    def _swapped(self, text: Any, answer: Mapping[str, object], initial_result: Any) -> Iterator[Any]:
        """Swaps that satisfy the constraints, largest gain first."""
        _, indices = self.get_indices_to_order(text)
        ranked = self.swap.ranked(text, answer, sorted(indices))
        for at in range(0, len(ranked), self.few):
            part = []
            for swap in ranked[at : at + self.few]:
                part.append(text.replace_word_at_index(swap.position, swap.word))
                part[-1].attack_attrs["last_transformation"] = self.swap
            kept = {one.text for one in self.filter_transformations(part, text, initial_result.attacked_text)}
            yield from (one for one in part if one.text in kept)

    def check_transformation_compatibility(self, transformation: Any) -> bool:
        """True for the swaps that the search was created with."""
        return transformation is self.swap

    @property
    def is_black_box(self) -> bool:
        """False: it needs gradients."""
        return False

    def extra_repr_keys(self) -> list[str]:
        """Names of the attributes that an attack prints."""
        return ["beam", "few"]

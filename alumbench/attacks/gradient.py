"""The victim with gradients, for attacks that rank words by them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from alumbench.adversary import WordEmbeddings
from alumbench.attacks.engine.flight import ask
from alumbench.attacks.engine.rows import Row, RowModel
from alumbench.attacks.victim import Named, Victim, VictimWrapper

THE_GRADIENT = Named("gradient")

PREFIXES = ("##", "Ġ", "▁")
#: Above this probability of the answer, cross entropy's gradient is a difference of numbers that are nearly the same.
SURE = 1 - 1e-4


class Gradient(RowModel):
    """The victim's gradient at a text's tokens: of the loss of its own answer, (tokens, hidden) a row.

    Where the answer is very sure it is longer than cross entropy's and points the same way; see `loss_of_answers`.
    """

    def __init__(self, victim: Victim) -> None:
        """Takes the victim."""
        self._victim, self.pad_id, self.longest = victim, victim.pad_id, victim.longest
        self.pad_left = victim.pad_left

    def filling(self, rows: Sequence[Row]) -> int:
        """The victim's."""
        return self._victim.filling(rows)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Gradient) and other._victim is self._victim

    def __hash__(self) -> int:
        return hash((Gradient, id(self._victim)))

    def __reduce__(self) -> tuple[Any, ...]:
        return Named, (THE_GRADIENT.name,)

    @property
    def device(self) -> torch.device:
        """Where the victim is."""
        return self._victim.device

    def forward(self, batch: Mapping[str, Tensor], rows: Sequence[Row]) -> Sequence[Tensor]:
        """One gradient a row, as long as the row."""
        words = WordEmbeddings(self._victim.model)
        zero = torch.zeros_like(words(batch["input_ids"]), requires_grad=True)
        with torch.enable_grad(), words.added(zero):
            logits = self._victim.logits(batch, rows)
            (gradient,) = torch.autograd.grad(loss_of_answers(logits), zero)
        return [gradient[at, batch["attention_mask"][at].bool()].float().cpu() for at in range(len(rows))]


def loss_of_answers(logits: Tensor) -> Tensor:
    """The loss of a model's own answers, summed over a batch of logits, (batch, labels), with a gradient that lasts.

    Cross entropy −log p, and log((1 − p) / p) of answers above `SURE`. The second's gradient is the first's divided by
    1 − p: one direction, so the same ranking of a text's words, but as large logits take p to 1 the first loses its
    digits and then is 0.
    """
    answers = logits.argmax(-1, keepdim=True)
    losses = cross_entropy(logits, answers[:, 0], reduction="none")
    if logits.shape[-1] > 1:
        others = logits.scatter(-1, answers, -torch.inf).logsumexp(-1)
        sure = logits.detach().softmax(-1).amax(-1) > SURE
        losses = torch.where(sure, others - logits.gather(-1, answers)[:, 0], losses)
    return losses.sum()


class WithGradient(VictimWrapper):
    """A victim's wrapper that TextAttack can ask for the gradient at a text's tokens.

    TextAttack's own puts the model into training mode, so that dropout decides the ranking, pads to 512 tokens, and
    leaves gradients in the parameters, which a model that is being trained would learn from.
    """

    def __init__(self, wrapper: VictimWrapper) -> None:
        """Takes the place of a wrapper."""
        super().__init__(wrapper.victim, wrapper.on_query, wrapper.protected)

    def get_grad(self, text: str | tuple[str, ...]) -> dict[str, Any]:
        """Token ids, and the gradient of the loss of the model's own answer, (tokens, hidden), as NumPy arrays."""
        return self.get_grads([text])[0]

    def get_grads(self, texts: Sequence[str | tuple[str, ...]]) -> list[dict[str, Any]]:
        """The same for several texts, asked together."""
        rows = self.rows([(text,) if isinstance(text, str) else tuple(text) for text in texts])
        gradients = ask(Gradient(self.victim), rows, self.victim.scorer)
        self.unique += len(rows)
        return [
            {"ids": np.array([row.ids]), "gradient": gradient.numpy()}
            for row, gradient in zip(rows, gradients, strict=True)
        ]

    def tokenize(self, inputs: Sequence[str | tuple[str, ...]], strip_prefix: bool = False) -> list[list[str]]:
        """The tokens of each text as the model sees them, marks of its own included."""
        rows = []
        for text in inputs:
            columns = (text,) if isinstance(text, str) else tuple(text)
            tokens = self.tokenizer.convert_ids_to_tokens(list(self.rows([columns])[0].ids))
            rows.append([_bare(token) for token in tokens] if strip_prefix else tokens)
        return rows

    def tokens_of_words(self, text: Any) -> dict[int, list[int]]:
        """For each word of a TextAttack text the tokens it is made of, by what characters they share.

        Words that are cut off have none.
        """
        view = self.victim.view(list(text._text_input.values()), self.shares)
        spans = word_spans(text)
        found: dict[int, list[int]] = {}
        word = 0
        for token, (column, (begin, end)) in enumerate(zip(view.columns, view.spans, strict=True)):
            if column is None or begin == end:
                continue
            while word < len(spans) and (spans[word][0], spans[word][2]) <= (column, begin):
                word += 1
            if word < len(spans) and spans[word][0] == column and spans[word][1] < end:
                found.setdefault(word, []).append(token)
        return found


def word_spans(text: Any) -> list[tuple[int, int, int]]:
    """Where each word of a TextAttack text stands: its column, and there (begin, end)."""
    return [
        (column, begin, end)
        for column, (words, content) in enumerate(zip(text.words_per_input, text._text_input.values(), strict=True))
        for begin, end in _spans(words, content)
    ]


def _spans(words: Sequence[str], content: str) -> list[tuple[int, int]]:
    """Where each word of a text stands, (begin, end)."""
    spans, at = [], 0
    for word in words:
        begin = content.find(word, at)
        begin = at if begin < 0 else begin
        at = begin + len(word)
        spans.append((begin, at))
    return spans


def _bare(token: str) -> str:
    for prefix in PREFIXES:
        token = token.removeprefix(prefix)
    return token

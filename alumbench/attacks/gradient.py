"""The victim with gradients, for attacks that rank words by them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from alumbench.adversary import WordEmbeddings
from alumbench.arguments import described
from alumbench.attacks.victim import THE_VICTIM, THE_VICTIM_IN_BF16, Named, Victim
from alumbench.attacks.victim_wrapper import VictimWrapper
from alumbench.engine.scheduler import query_model
from alumbench.engine.token_rows import BatchedModel, TokenizedText
from alumbench.errors import AlumbenchError, ClassifierStopped
from alumbench.models.classifier import WordPlace, has_gradient

THE_GRADIENT = Named("gradient")
THE_MARGIN_GRADIENT = Named("margin gradient")

PREFIXES = ("##", "Ġ", "▁")
#: Above this probability of the answer, cross entropy's gradient is a difference of nearly equal numbers.
SURE = 1 - 1e-4


class Gradient(BatchedModel):
    """The gradient of the loss of the victim's own answer at a text's tokens, (tokens, hidden) per row.

    If the answer is very sure, it is longer than cross entropy's but has the same direction; see `loss_of_answers`.
    """

    name = THE_GRADIENT

    def __init__(self, victim: Victim) -> None:
        """Stores the victim."""
        self._victim, self.pad_id, self.longest = victim, victim.pad_id, victim.longest
        self.pad_left = victim.pad_left

    def filling(self, rows: Sequence[TokenizedText]) -> int:
        """The victim's padding token for these rows."""
        return self._victim.filling(rows)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and isinstance(other, Gradient) and other._victim is self._victim

    def __hash__(self) -> int:
        return hash((type(self), id(self._victim)))

    def __reduce__(self) -> tuple[Any, ...]:
        return Named, (self.name.name,)

    @property
    def device(self) -> torch.device:
        """The victim's device."""
        return self._victim.device

    def forward(self, batch: Mapping[str, Tensor], rows: Sequence[TokenizedText]) -> Sequence[Tensor]:
        """One gradient per row, as long as the row."""
        words = WordEmbeddings(self._victim.model)
        zero = torch.zeros_like(words(batch["input_ids"]), requires_grad=True)
        with torch.enable_grad(), words.added(zero):
            logits = self._victim.logits(batch, rows)
            (gradient,) = torch.autograd.grad(self.loss(logits), zero)
        return [gradient[at, batch["attention_mask"][at].bool()].float().cpu() for at in range(len(rows))]

    def loss(self, logits: Tensor) -> Tensor:
        """The loss, summed over logits, (batch, labels)."""
        return loss_of_answers(logits)


class MarginGradient(Gradient):
    """The gradient of the margin of the victim's own answer at a text's tokens, (tokens, hidden) per row.

    The margin is the answer's logit minus the largest other. Its gradient does not vanish however sure the answer is,
    and all of it is what a search has to bring below 0.
    """

    name = THE_MARGIN_GRADIENT

    def loss(self, logits: Tensor) -> Tensor:
        """The margins' sum; 0 for a victim of one label."""
        best = logits.topk(min(2, logits.shape[-1]), dim=-1).values
        return (best[:, 0] - best[:, -1]).sum()


class TokenGradient(NamedTuple):
    """A text's tokens and the gradient at them.

    Attributes:
        ids: the tokens as the victim reads them, special tokens included.
        gradient: of the margin, (tokens, hidden).
    """

    ids: tuple[int, ...]
    gradient: Tensor


class MarkedText(NamedTuple):
    """A text or pair with the places of its words.

    Attributes:
        texts: one string per column.
        words: the place of each word.
    """

    texts: tuple[str, ...]
    words: tuple[WordPlace, ...]


class WordGradient(BatchedModel):
    """The gradient of a `WhiteBoxClassifier` at the words of a text, (words, dim) per row."""

    pad_id = longest = None

    def __init__(self, victim: Victim) -> None:
        """Stores the victim."""
        assert victim.classifier is not None and has_gradient(victim.classifier)
        self._victim, self._gradient, self.texts_a_batch = victim, victim.classifier.gradient, victim.texts_a_batch

    def __repr__(self) -> str:
        return f"{self._victim}: gradient"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, WordGradient) and other._victim is self._victim

    def __hash__(self) -> int:
        return hash((WordGradient, id(self._victim)))

    def __reduce__(self) -> tuple[Any, ...]:
        return Named, (THE_GRADIENT.name,)

    @property
    def device(self) -> torch.device:
        """The victim's device."""
        return self._victim.device

    def forward(self, batch: Mapping[str, Tensor], rows: Sequence[TokenizedText]) -> Sequence[Tensor]:
        """One gradient per row.

        Raises:
            ClassifierStopped: What the classifier gives does not meet the contract.
        """
        marked: Sequence[MarkedText] = rows  # type: ignore[assignment]
        given = self._gradient([row.texts for row in marked], [row.words for row in marked])
        if not isinstance(given, Iterable):
            raise ClassifierStopped(f"{self} gave {described(given)}, expected a list with a tensor per text")
        found = list(given)
        if len(found) != len(marked):
            raise ClassifierStopped(f"{self} gave {len(found)} tensors for {len(marked)} texts")
        for row, tensor in zip(marked, found, strict=True):
            shape = tuple(tensor.shape) if isinstance(tensor, Tensor) else type(tensor).__name__
            if not isinstance(tensor, Tensor) or tensor.dim() not in (1, 2) or len(tensor) != len(row.words):
                count = len(row.words)
                raise ClassifierStopped(f"{self} gave {shape}, expected a tensor ({count}, dim) or ({count},)")
        return [tensor.detach().cpu().float().reshape(len(tensor), -1) for tensor in found]


def models_of(victim: Victim) -> dict[object, BatchedModel]:
    """The models that names from other processes refer to: the victim, in bf16 too, and its gradient if it has one."""
    models: dict[object, BatchedModel] = {THE_VICTIM: victim}
    if victim.in_bf16 is not None:
        models[THE_VICTIM_IN_BF16] = victim.in_bf16
    if victim.classifier is None:
        models |= {THE_GRADIENT: Gradient(victim), THE_MARGIN_GRADIENT: MarginGradient(victim)}
    elif not victim.no_word_gradient:
        models[THE_GRADIENT] = WordGradient(victim)
    return models


def loss_of_answers(logits: Tensor) -> Tensor:
    """The loss of a model's own answers, summed over logits, (batch, labels), with a gradient that does not vanish.

    Cross entropy −log p, or log((1 − p) / p) for answers above `SURE`. The second's gradient is the first's divided by
    1 − p: the same direction, so the same ranking of a text's words. But as p nears 1, the first loses its digits and
    finally becomes 0.
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

    TextAttack's own puts the model into training mode, so that dropout affects the ranking, pads to 512 tokens, and
    leaves gradients in the parameters, which would affect a model in training.
    """

    def __init__(self, wrapper: VictimWrapper) -> None:
        """Replaces a wrapper.

        Raises:
            AlumbenchError: The victim has no gradient.
        """
        if wrapper.victim.no_gradient:
            raise AlumbenchError(
                f"it is white-box, and {wrapper.victim} gives no gradient: {wrapper.victim.no_gradient}"
            )
        super().__init__(wrapper.victim, wrapper.on_query, wrapper.protected)

    def get_grad(self, text: str | tuple[str, ...]) -> dict[str, object]:
        """Token ids, and the gradient of the loss of the model's own answer, (tokens, hidden), as NumPy arrays."""
        return self.get_grads([text])[0]

    def get_grads(self, texts: Sequence[str | tuple[str, ...]]) -> list[dict[str, object]]:
        """Like `get_grad`, for several texts together."""
        rows = self.rows([(text,) if isinstance(text, str) else tuple(text) for text in texts])
        gradients = query_model(Gradient(self.victim), rows, self.victim.scorer)
        self.unique += len(rows)
        return [
            {"ids": np.array([row.ids]), "gradient": gradient.numpy()}
            for row, gradient in zip(rows, gradients, strict=True)
        ]

    def tokenize(self, inputs: Sequence[str | tuple[str, ...]], strip_prefix: bool = False) -> list[list[str]]:
        """The tokens of each text as the model sees them, including special tokens."""
        rows = []
        for text in inputs:
            columns = (text,) if isinstance(text, str) else tuple(text)
            tokens = self.tokenizer.convert_ids_to_tokens(list(self.rows([columns])[0].ids))
            rows.append([_bare(token) for token in tokens] if strip_prefix else tokens)
        return rows

    def tokens_of_words(self, text: Any) -> dict[int, list[int]]:
        """For each word of a TextAttack text, the tokens that share characters with it.

        Words that are cut off are left out.
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


class WithWordGradient(VictimWrapper):
    """The wrapper of a `WhiteBoxClassifier`: to TextAttack, its tokens are the words of a text."""

    def get_grad(self, text: str | tuple[str, ...]) -> dict[str, object]:
        """The gradient at each word, (words, dim), as a NumPy array."""
        marked = self._marked(text)
        row = MarkedText(tuple(marked._text_input.values()), tuple(word_spans(marked)))
        (gradient,) = query_model(WordGradient(self.victim), [row], self.victim.scorer)  # type: ignore[list-item]
        self.unique += 1
        return {"gradient": gradient.numpy()}

    def tokenize(self, inputs: Sequence[str | tuple[str, ...]], strip_prefix: bool = False) -> list[list[str]]:
        """The words of each text."""
        return [list(self._marked(text).words) for text in inputs]

    def _marked(self, text: str | tuple[str, ...]) -> Any:
        from textattack.shared import AttackedText

        texts = (text,) if isinstance(text, str) else text
        return AttackedText(OrderedDict(zip(self.victim.task.columns, texts, strict=True)))


def with_word_gradient(wrapper: VictimWrapper) -> VictimWrapper:
    """A wrapper for attacks that rank words by their gradient, and read neither tokens nor embeddings.

    Raises:
        AlumbenchError: The victim has no gradient.
    """
    victim = wrapper.victim
    if victim.classifier is None or victim.hard_labels:
        return WithGradient(wrapper)
    if victim.no_word_gradient:
        raise AlumbenchError(f"it is white-box, and {victim} gives no gradient: {victim.no_word_gradient}")
    return WithWordGradient(victim, wrapper.on_query, wrapper.protected)


def word_spans(text: Any) -> list[tuple[int, int, int]]:
    """The position of each word of a TextAttack text: (column, begin, end)."""
    return [
        (column, begin, end)
        for column, (words, content) in enumerate(zip(text.words_per_input, text._text_input.values(), strict=True))
        for begin, end in _spans(words, content)
    ]


def _spans(words: Sequence[str], content: str) -> list[tuple[int, int]]:
    """The position of each word of a text, (begin, end)."""
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

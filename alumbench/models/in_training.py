"""A transformers classifier in memory: one in training, or one that the caller has loaded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

from alumbench.adversary import WordEmbeddings
from alumbench.errors import AlumbenchError
from alumbench.models.answers import hard
from alumbench.models.checkpoint import finds_last_token, longest, set_padding
from alumbench.models.checkpoint.reading import tells_texts_apart
from alumbench.models.classifier import Identity, Texts, WordPlace, check_labels, check_texts

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class InMemoryClassifier:
    """A model with its tokenizer, called with one unpadded text at a time, as plain transformers would be.

    It answers in evaluation mode, and the previous mode is restored. Attacks on many texts go through
    `attacks.victim.InMemoryVictim`, which batches them. It cannot be sent to another process.

    Attributes:
        model: the classifier.
        tokenizer: its tokenizer.
        longest: tokens that a text is cut to; None for no limit.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        labels: Sequence[str],
        *,
        max_length: int | None = None,
        name: str = "the model in training",
        hard_labels: bool = False,
    ) -> None:
        """Stores the model as it is.

        Args:
            model: the classifier.
            tokenizer: its tokenizer.
            labels: names of its outputs, in order; () for a regression.
            max_length: tokens that a text is cut to, None for what the model can read.
            name: its name in messages.
            hard_labels: use only its label.
        """
        self.model, self.tokenizer, self.hard_label_only = model, tokenizer, hard_labels
        is_regression = not labels and model.config.num_labels == 1
        self._labels, self._name = () if is_regression else check_labels(labels, name), name
        limits = [limit for limit in (max_length, longest(tokenizer, model)) if limit is not None]
        self.longest = min(limits, default=None)

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of its outputs, in order."""
        return self._labels

    @property
    def identity(self) -> Identity:
        """Only its name: the weights of a model in training change."""
        return Identity("in-training", self._name)

    def predict(self, texts: Sequence[Texts]) -> Tensor:
        """Logits, (n, labels) float32 on the CPU."""
        import torch

        check_texts(texts)
        with self._reading(), torch.inference_mode():
            rows = [self.model(**self._encoded(text)).logits[0].float().cpu() for text in texts]
        logits = torch.stack(rows) if rows else torch.zeros(0, len(self._labels))
        return hard(logits) if self.hard_label_only else logits

    def gradient(self, texts: Sequence[Texts], words: Sequence[Sequence[WordPlace]]) -> list[Tensor]:
        """The gradient of the cross entropy of its own answer at each word, the mean of its tokens', (words, hidden).

        Raises:
            AlumbenchError: Its tokenizer is slow: it does not tell which token is of which word.
        """
        import torch

        if not self.tokenizer.is_fast:
            raise AlumbenchError(f"{self._name}: its tokenizer is slow, and cannot say which token is of which word")
        found = []
        with self._reading(), torch.enable_grad():
            embeddings = WordEmbeddings(self.model)
            for text, places in zip(texts, words, strict=True):
                batch, tokens = self._encoded(text), self._tokens(text)
                zero = torch.zeros_like(embeddings(batch["input_ids"]), requires_grad=True)
                with embeddings.added(zero):
                    logits = self.model(**batch).logits
                loss = torch.nn.functional.cross_entropy(logits, logits.argmax(-1))
                (gradient,) = torch.autograd.grad(loss, zero)
                rows = gradient[0].float().cpu()
                of_words = [[at for at, token in enumerate(tokens) if _overlap(token, place)] for place in places]
                means = [rows[at].mean(0) if at else torch.zeros(rows.shape[-1]) for at in of_words]
                found.append(torch.stack(means) if means else torch.zeros(0, rows.shape[-1]))
        return found

    def cut(self, texts: Sequence[Texts]) -> list[bool]:
        """For each text, whether it is longer than the model reads."""
        limit = self.longest
        return [
            limit is not None and len(self.tokenizer(*([part] for part in text), verbose=False)["input_ids"][0]) > limit
            for text in texts
        ]

    def _tokens(self, text: Texts) -> list[WordPlace | None]:
        """The place of each token in the texts; None for a special token."""
        limit = {} if self.longest is None else {"truncation": True, "max_length": self.longest}
        encoded = self.tokenizer(*([part] for part in text), return_offsets_mapping=True, **limit)
        columns, spans = encoded.sequence_ids(0), encoded["offset_mapping"][0]
        return [None if column is None else (column, *span) for column, span in zip(columns, spans, strict=True)]

    def _encoded(self, text: Texts) -> dict[str, Tensor]:
        limit = {} if self.longest is None else {"truncation": True, "max_length": self.longest}
        # As a batch of one: for a single pair, a tokenizer drops an empty second text.
        encoded = self.tokenizer(*([part] for part in text), return_tensors="pt", **limit)
        if not tells_texts_apart(self.model):
            encoded.pop("token_type_ids", None)
        return {name: values.to(self.model.device) for name, values in encoded.items()}

    def __reduce__(self) -> NoReturn:
        """Always raises: the weights are in this process, and may be in training."""
        raise AlumbenchError(f"{self._name}: is in the memory of this process, and cannot be sent to another")

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """Puts the model into evaluation mode, and restores the mode of each module."""
        modes = [(module, module.training) for module in self.model.modules()]
        self.model.eval()
        try:
            yield
        finally:
            for module, mode in modes:
                module.training = mode

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Evaluation mode for single texts: nothing is padded, so a decoder reads each text at its last token."""
        paddings = [(config, config.pad_token_id) for config in _configs(self.model)]
        if finds_last_token(self.model):
            set_padding(self.model, None)
        try:
            with self.evaluating():
                yield
        finally:
            for config, token in paddings:
                config.pad_token_id = token


def _overlap(token: WordPlace | None, word: WordPlace) -> bool:
    return token is not None and token[0] == word[0] and token[1] < word[2] and word[1] < token[2]


def _configs(model: PreTrainedModel) -> list[Any]:
    own, text = model.config, model.config.get_text_config()
    return [own] if own is text else [own, text]

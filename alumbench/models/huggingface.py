"""A Hugging Face classifier: a folder or hub id, a full model or a PEFT adapter with its base."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from alumbench.data import Task
from alumbench.devices import choose_device
from alumbench.errors import AlumbenchError
from alumbench.models.checkpoint import ModelFiles, check_vocabulary, find_model, fit, load_classifier, load_tokenizer
from alumbench.models.checkpoint.identity import configuration_sha256
from alumbench.models.checkpoint.labels import Outputs, label_order
from alumbench.models.classifier import Identity, Texts, WordPlace
from alumbench.models.in_training import InMemoryClassifier

if TYPE_CHECKING:
    from torch import Tensor


class HuggingFaceClassifier:
    """A transformers sequence classifier. It is loaded on first use.

    Attributes:
        files: its folder.
        labels: names of its outputs, in order.
    """

    def __init__(
        self, files: ModelFiles, labels: Sequence[str] = (), device: str = "auto", hard_labels: bool = False
    ) -> None:
        """Reads its configuration.

        Args:
            files: the folder.
            labels: names of its outputs in order, if it has none of its own.
            device: auto, cpu or cuda.
            hard_labels: use only its label.

        Raises:
            AlumbenchError: Its outputs have no names and none are given.
        """
        self.files, self._device, self.hard_label_only = files, device, hard_labels
        self.given = tuple(labels)
        self.labels = self.given or own_labels(files)
        if not self.labels:
            raise AlumbenchError(
                f"{files.path}: its outputs have no label names; give them in its output order: --labels name0,name1"
            )
        label_order(files, self._task, self.given)

    @property
    def _task(self) -> Task:
        return Task("labels", "", ("text",), self.labels)

    @property
    def identity(self) -> Identity:
        """Its weights (an adapter's and its base's), configuration and tokenizer."""
        kind = "huggingface" if self.files.base is None else "peft"
        parts = {
            "weights_sha256": self.files.weights_sha256(),
            "configuration_sha256": configuration_sha256(self.files),
        }
        return Identity(kind, str(self.files.path), parts, is_named=False)

    def predict(self, texts: Sequence[Texts]) -> Tensor:
        """Logits, (n, labels) float32 on the CPU."""
        return self._loaded.predict(texts)

    def gradient(self, texts: Sequence[Texts], words: Sequence[Sequence[WordPlace]]) -> list[Tensor]:
        """The gradient at each word, the mean of its tokens', (words, hidden) per text."""
        return self._loaded.gradient(texts, words)

    def cut(self, texts: Sequence[Texts]) -> list[bool]:
        """For each text, whether it is longer than the model reads."""
        return self._loaded.cut(texts)

    @cached_property
    def _loaded(self) -> InMemoryClassifier:
        tokenizer = load_tokenizer(self.files)
        model = load_classifier(self.files, outputs=len(self.labels)).to(choose_device(self._device)).eval()
        check_vocabulary(self.files, tokenizer, model)
        fit(tokenizer, model)
        return InMemoryClassifier(
            *(model, tokenizer, self.labels), name=str(self.files.path), hard_labels=self.hard_label_only
        )


def own_labels(files: ModelFiles) -> tuple[str, ...]:
    """The names that a checkpoint gives its outputs, () if it gives only numbers or the names of another head."""
    from alumbench.models.checkpoint.adapter import has_own_head

    if has_own_head(files) and files.config.parent != files.path:
        return ()
    outputs = Outputs.of(files)
    return outputs.names if outputs.named else ()


def open_huggingface(
    name: str, labels: Sequence[str] = (), device: str = "auto", hard_labels: bool = False
) -> HuggingFaceClassifier:
    """Opens the classifier of a folder, hub id or `ID@REVISION`.

    Raises:
        AlumbenchError: It is not found, or cannot be loaded as it is.
    """
    return HuggingFaceClassifier(find_model(name, adapters=True), labels, device, hard_labels)

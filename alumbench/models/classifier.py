"""The interface of models to evaluate: texts in, one score per label out, and an identity that records refer to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeGuard, runtime_checkable

from alumbench.arguments import described, names_of
from alumbench.errors import AlumbenchError
from alumbench.models.checkpoint import ModelFiles

if TYPE_CHECKING:
    from torch import Tensor

#: One text or the texts of a pair, in the order of the task's columns.
Texts = tuple[str, ...]
#: The place of a word: the number of its text (0, for a pair 0 or 1), and its begin and end in characters of it.
WordPlace = tuple[int, int, int]


@dataclass(frozen=True)
class Identity:
    """Identifies a classifier. Records carry it; a run can be resumed and verified only with an equal one.

    Attributes:
        kind: `huggingface`, `peft`, `callable`, `http`, `causal-lm`, or your own.
        name: a readable name, such as `my_module:predict`. It contains no key and no password.
        details: everything known that determines its answers, by name: hashes, a version, a prompt.
        is_named: whether the name is part of the identity. Not if it is a path: a moved folder is the same.
    """

    kind: str
    name: str
    details: Mapping[str, str] = field(default_factory=dict)
    is_named: bool = True

    @property
    def sha256(self) -> str:
        """One hash of kind, name and details."""
        name = self.name if self.is_named else ""
        values = {"kind": self.kind, "name": name, "details": dict(self.details)}
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()

    def to_dict(self) -> dict[str, str]:
        """The identity as flat JSON values."""
        return {"kind": self.kind, "name": self.name, **self.details}

    def changes(self, recorded: Mapping[str, str]) -> list[str]:
        """Names of the values that differ from a recorded identity, sorted."""
        now = self.to_dict()
        names = (now.keys() | recorded.keys()) - (set() if self.is_named else {"name"})
        return sorted(name for name in names if now.get(name) != recorded.get(name))


@runtime_checkable
class Classifier(Protocol):
    """Anything that scores texts.

    The engine makes batches, removes duplicate texts, and calls `predict` from one thread of one process. Two methods
    are optional. `cut(texts)` returns for each text whether it is truncated. `gradient(texts, words)` is that of a
    `WhiteBoxClassifier`. `hard_label_only = True` means that scores are 0 or 1.

    >>> class Lengths:
    ...     labels = ("short", "long")
    ...     identity = Identity("example", "lengths", {"version": "1"})
    ...     def predict(self, texts):
    ...         import torch
    ...         return torch.tensor([[20.0, len(" ".join(text))] for text in texts])
    >>> isinstance(Lengths(), Classifier)
    True
    """

    @property
    def labels(self) -> Sequence[str]:
        """Names of the outputs, in order."""
        ...

    @property
    def identity(self) -> Identity:
        """The identity of the classifier."""
        ...

    def predict(self, texts: Sequence[Texts]) -> Tensor:
        """Scores as logits (their softmax is recorded), (n, labels) float32 on the CPU.

        Args:
            texts: for each example, one string per column.

        Raises:
            ClassifierStopped: It can no longer answer anything.
            Exception: Any other exception counts only against these texts, if the classifier still answers others.
        """
        ...


class WhiteBoxClassifier(Classifier, Protocol):
    """A classifier with a gradient, for attacks that rank the words of a text by it (`a2t…`).

    Attacks that choose a new word by its embedding (`hotflip…`, `gradient-words`) or move embeddings need a Hugging
    Face classifier.
    """

    def gradient(self, texts: Sequence[Texts], words: Sequence[Sequence[WordPlace]]) -> Sequence[Tensor]:
        """For each text, the gradient of the loss at each of its words, (words, dim), or its norms, (words,).

        The loss is the cross entropy of the classifier's own answer, and the gradient is taken at whatever vector it
        reads for a word: the embedding, the mean of those of its tokens, or the weight of its count. Words are ranked
        by the L1 norm of their row. A word that is not read has 0.

        Args:
            texts: as for `predict`.
            words: for each text, the place of each word.
        """
        ...


def has_gradient(classifier: Classifier) -> TypeGuard[WhiteBoxClassifier]:
    """True for a `WhiteBoxClassifier`; an `isinstance` would compute its identity."""
    return callable(getattr(classifier, "gradient", None))


def label_order(names: Sequence[str], wanted: Sequence[str], who: str) -> list[int]:
    """For each label of a task, the number of its output, matched by name (case, `-` and `_` do not matter).

    Args:
        names: names of the outputs, in order.
        wanted: the task's labels.
        who: the classifier, for messages.

    Raises:
        AlumbenchError: The names are not the same.
    """
    own, asked = [plain(name) for name in names], [plain(name) for name in wanted]
    if sorted(own) != sorted(asked):
        raise AlumbenchError(
            f"{who}: its labels are {', '.join(names)}; the task has {', '.join(wanted)}. "
            f"Name its outputs with --labels, in their order, by the task's names"
        )
    return [own.index(name) for name in asked]


def check_labels(labels: Sequence[object], who: str) -> tuple[str, ...]:
    """Checks the names of a classifier's outputs, which only its user knows.

    Raises:
        AlumbenchError: There are fewer than two, one is repeated, or they are no list.
    """
    names = names_of(labels, "labels", "['negative', 'positive']")  # scikit-learn's `classes_` are NumPy strings
    if len(names) < 2 or len({plain(name) for name in names}) < len(names):
        what = f"got {', '.join(names)}" if names else "got none"
        raise AlumbenchError(
            f"{who}: name its outputs in their order, two or more and each once ({what}): --labels negative,positive"
        )
    return names


def check_texts(texts: Sequence[Texts]) -> None:
    """Checks the argument of `predict`: a plain string would be read letter by letter, as if each were a text.

    Raises:
        AlumbenchError: It is one string, or not every example is a tuple of strings.
    """
    wrong: object = texts
    where = ""
    if isinstance(texts, Iterable) and not isinstance(texts, str | bytes):
        for text in texts:
            if not isinstance(text, tuple | list) or not text or not all(isinstance(part, str) for part in text):
                wrong, where = text, " in it"
                break
        else:
            return
    raise AlumbenchError(
        f"predict: expected a list with a tuple of strings per example, such as [('a text',), ('another',)], "
        f"got {described(wrong)}{where}"
    )


def plain(name: object) -> str:
    """A label's name in the form used for comparison."""
    return str(name).casefold().replace("_", " ").replace("-", " ").strip()


@dataclass(frozen=True)
class ClassifierFiles(ModelFiles):
    """Takes the place of a checkpoint's folder for a classifier that has none.

    Attributes:
        identity: the classifier's identity.
    """

    identity: Identity = field(default_factory=lambda: Identity("", ""))

    @classmethod
    def of(cls, identity: Identity) -> ClassifierFiles:
        """The files of a classifier: none, under its name."""
        return cls(Path(identity.name), identity=identity)

    @property
    def weights(self) -> list[Path]:
        """An empty list: there are no weights here."""
        return []

    def weights_sha256(self) -> str:
        """The hash of its identity."""
        return self.identity.sha256

"""Victims that take texts instead of tokens: a function, an endpoint, a causal LM."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NoReturn

import torch
from torch import Tensor

from alumbench.attacks.victim import BATCH_SIZE, HARD_LABELS, ReadingFacts, ScoresTaken, Texts, Victim
from alumbench.data import Task
from alumbench.devices import choose_device
from alumbench.engine.scorer import Scorer
from alumbench.engine.token_rows import TextRow, TokenizedText
from alumbench.engine.tokens import Shares, View
from alumbench.errors import AlumbenchError, ClassifierStopped
from alumbench.models.answers import AUTO
from alumbench.models.classifier import Classifier, ClassifierFiles, Identity, has_gradient, label_order

UNSEEN = "how it reads texts is not known: it is asked by texts, and no tokenizer of it is here"


class _Outside:
    """Takes the place of a `Victim`'s model: attacks read from it the device for their own models."""

    def __init__(self, device: torch.device) -> None:
        self.device = device


class Described:
    """Represents a classifier in a process that gets its answers from another process."""

    def __init__(self, labels: Sequence[str], identity: Identity, hard_label_only: bool = False) -> None:
        """Stores the description."""
        self.labels, self.identity, self.hard_label_only = tuple(labels), identity, hard_label_only

    @classmethod
    def of(cls, classifier: Classifier) -> Described:
        """The description of a classifier."""
        kind = _DescribedWhiteBox if has_gradient(classifier) else cls
        return kind(classifier.labels, classifier.identity, bool(getattr(classifier, "hard_label_only", False)))

    def predict(self, texts: Sequence[tuple[str, ...]]) -> NoReturn:
        """Always raises: the classifier is in another process."""
        raise ClassifierStopped(f"{self.identity.name}runs in another process")


class _DescribedWhiteBox(Described):
    """Represents a classifier with a gradient."""

    def gradient(self, texts: Sequence[tuple[str, ...]], words: object) -> NoReturn:
        """Always raises: the classifier is in another process."""
        self.predict(texts)


class TextVictim(Victim):
    """Scores texts or pairs through a `Classifier`, in batches of `batch_size`.

    It has no tokens and no parameters: `model` has only a device. White-box attacks are refused, except those that rank
    words by the gradient of a `WhiteBoxClassifier`.

    Attributes:
        classifier: the classifier that answers.
    """

    def __init__(
        self,
        classifier: Classifier,
        task: Task,
        device: str = "auto",
        batch_size: int = BATCH_SIZE,
        scorer: Scorer | None = None,
        hard_labels: bool = False,
    ) -> None:
        """Stores the classifier.

        Args:
            classifier: the classifier; its labels are matched with the task's by name.
            task: the task it is evaluated on.
            device: device of the attacks' own models; auto, cpu or cuda.
            batch_size: texts per call.
            scorer: batches the texts; None for the default.
            hard_labels: whether its answers are only labels.

        Raises:
            AlumbenchError: Its labels are not the task's, or the task is a regression.
        """
        identity = classifier.identity
        if task.is_regression:
            raise AlumbenchError(f"{identity.name}: task {task.name} is a regression, which only checkpoints support")
        order = label_order(classifier.labels, task.labels, identity.name)
        self.classifier, self.task, self.files = classifier, task, ClassifierFiles.of(identity)
        self._name, self._predict = identity.name, classifier.predict
        self._device, self._order = choose_device(device), torch.tensor(order)
        self.model, self.tokenizer = _Outside(self._device), None
        self.batch_size = self.texts_a_batch = batch_size
        self.scorer = scorer or Scorer()
        self.hard_labels = hard_labels or bool(getattr(classifier, "hard_label_only", False))
        self.longest = self.positions = self.pad_id = None
        self.unseen = "" if hasattr(classifier, "cut") else UNSEEN
        self._answered_once: tuple[str, ...] | None = None

    def __repr__(self) -> str:
        return self._name

    @property
    def place(self) -> str:
        """Its name."""
        return self._name

    @property
    def device_kind(self) -> str:
        """The device's type, or `unknown`: a function or an endpoint may use any."""
        known = getattr(getattr(self.classifier, "model", None), "device", None)
        return known.type if isinstance(known, torch.device) else "unknown"

    @property
    def unpadded_reason(self) -> str:
        """The reason: padding, if any, is not visible here."""
        return "batches are made by the classifier"

    @property
    def no_gradient(self) -> str:
        """Why it has no gradient that attacks on words could use."""
        if self.hard_labels:
            return super().no_gradient
        return "such attacks read the tokens and embeddings of a Hugging Face classifier"

    @property
    def no_word_gradient(self) -> str:
        """Why attacks that rank words by their gradient are impossible; '' if they are possible."""
        if self.hard_labels:
            return super().no_gradient
        if self.classifier is not None and has_gradient(self.classifier):
            return ""
        return "only a Hugging Face classifier, or one with gradient(texts, words), does"

    def rows(self, texts: Sequence[Texts], shares: Sequence[Shares | None] | None = None) -> list[TokenizedText]:
        """The texts themselves."""
        return [TextRow(tuple(text)) for text in texts]  # type: ignore[misc]

    def shares(self, texts: Texts, protected: Sequence[str]) -> None:
        """None: the classifier itself decides how to cut a text."""
        return None

    def view(self, texts: Texts, shares: Shares | None = None) -> View:
        """Always raises: the part of a text that it reads is unknown."""
        raise AlumbenchError(f"{self}: {UNSEEN}")

    def cut(self, texts: Sequence[Texts]) -> list[bool]:
        """For each text, whether it is cut, as far as the classifier reports it."""
        known = getattr(self.classifier, "cut", None)
        return [False] * len(texts) if known is None else list(known([tuple(text) for text in texts]))

    def reading(self) -> ReadingFacts:
        """Facts about its reading of texts, for the record: null for what is unknown, with a `reason`."""
        found: ReadingFacts = {"longest": None, "padding": None, "notes": [HARD_LABELS] if self.hard_labels else []}
        if self.unseen:
            found["reason"] = self.unseen
        return {**found, **self.scores_taken_for()}

    def scores_taken_for(self) -> ScoresTaken:
        """`scores`: `probabilities` or `logits`, if it is a function or an endpoint that has answered."""
        found = getattr(self.classifier, "scores", None)
        return {"scores": found} if isinstance(found, str) and found != AUTO and not self.hard_labels else {}

    def take_scores_for(self, scores: str) -> None:
        """Interprets the classifier's scores as in the run that is resumed or verified."""
        take = getattr(self.classifier, "take_scores_for", None)
        if take is not None and scores:
            take(scores)

    def filling(self, rows: Sequence[TokenizedText]) -> int:
        """0: there is no padding."""
        return 0

    def forward(self, batch: Mapping[str, Tensor], rows: Sequence[TokenizedText]) -> Sequence[Tensor]:
        """Logits, (labels,) float32 per text.

        Raises:
            ClassifierStopped: It fails, even on a text that it answered before.
            Exception: It fails only on these texts.
        """
        texts = [row.texts for row in rows]  # type: ignore[attr-defined]
        try:
            logits = self._predicted(texts)
        except ClassifierStopped:
            raise
        except Exception as error:
            self._check_still_answers(error)
            raise
        self._answered_once = texts[0]
        return logits.unbind()

    def logits(self, batch: Mapping[str, Tensor], rows: Sequence[TokenizedText]) -> Tensor:
        """Always raises: it is only for white-box attacks."""
        raise AlumbenchError(f"{self} gives no gradient: {self.no_gradient}")

    def batches_by_length(self, texts: Sequence[Texts]) -> list[list[int]]:
        """Numbers of the texts of each batch, in their order."""
        return [list(range(len(texts)))[at : at + self.batch_size] for at in range(0, len(texts), self.batch_size)]

    def plain(self, texts: Texts) -> Tensor:
        """Logits of one text by itself, (labels,)."""
        return self._predicted([tuple(texts)])[0]

    def encode(self, texts: Sequence[Texts]) -> dict[str, Tensor]:
        """Always raises: it is only for white-box attacks."""
        raise AlumbenchError(f"{self} gives no gradient: {self.no_gradient}")

    def _predicted(self, texts: Sequence[tuple[str, ...]]) -> Tensor:
        logits = self._predict(texts)
        expected = (len(texts), len(self.task.labels))
        if not isinstance(logits, Tensor) or tuple(logits.shape) != expected:
            shape = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
            raise ClassifierStopped(f"{self}: predict gave {shape}, expected a tensor {expected}")
        return self._answered(self.in_task_order(logits.detach().cpu().float()))

    def _check_still_answers(self, error: Exception) -> None:
        """Checks that the classifier still answers a text that it answered before.

        Raises:
            ClassifierStopped: It no longer does, or it has never answered a text.
        """
        try:
            if self._answered_once is not None:
                self._predicted([self._answered_once])
                return
        except Exception as again:
            error = again
        what = str(error) if isinstance(error, AlumbenchError) else f"{self}: {type(error).__name__}: {error}"
        raise ClassifierStopped(what) from error


def victim_of_classifier(
    classifier: Classifier,
    task: Task,
    device: str = "auto",
    batch_size: int = BATCH_SIZE,
    scorer: Scorer | None = None,
) -> Victim:
    """Wraps any classifier for attacks and evaluations: a Hugging Face one by tokens, others by texts.

    Args:
        classifier: from `alumbench.models`, or your own.
        task: the task it is evaluated on.
        device: where it, or the attacks' own models, run.
        batch_size: texts per call, or per batch of an embedding attack.
        scorer: batches the texts.

    Raises:
        AlumbenchError: It cannot be loaded, its labels are not the task's, or the scorer needs a model that runs here.
    """
    from alumbench.models.huggingface import HuggingFaceClassifier

    if isinstance(classifier, HuggingFaceClassifier):
        given = classifier.given
        return Victim(classifier.files, task, device, given, batch_size, scorer, classifier.hard_label_only)
    if scorer is not None and (scorer.scoring != "fixed" or scorer.precision != "fp32"):
        raise AlumbenchError(
            f"{classifier.identity.name}: --scoring and --precision apply to Hugging Face classifiers only; "
            f"leave them out"
        )
    return TextVictim(classifier, task, device, batch_size, scorer)

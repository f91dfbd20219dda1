"""Answers of functions and endpoints: checked against the contract and converted to logits; nothing is guessed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from alumbench.errors import AlumbenchError, ClassifierStopped, shown
from alumbench.models.classifier import plain

if TYPE_CHECKING:
    from torch import Tensor

PROBABILITIES, LOGITS, AUTO = "probabilities", "logits", "auto"
KINDS = (AUTO, PROBABILITIES, LOGITS)
#: Largest distance of a row's sum from 1 at which the row counts as probabilities.
NEAR = 1e-3
#: The same per label if the user declares probabilities: endpoints round to two decimals.
ROUNDED = 5e-3
#: The logit of a probability of 0: its softmax is exactly 0.
NEVER = -1000.0


def print_note(line: str) -> None:
    """Prints a line. Unlike `print`, which Ray replaces, it can be pickled by name."""
    print(line)


class AnswerReader:
    """Reads the answers of one classifier; all are interpreted like the first ones.

    Attributes:
        scores: `probabilities` or `logits`; `auto` until the first answer.
    """

    def __init__(
        self,
        who: str,
        labels: Sequence[str],
        scores: str = AUTO,
        hard_labels: bool = False,
        say: Callable[[str], None] = print_note,
    ) -> None:
        """Stores the contract.

        Args:
            who: the classifier, for messages.
            labels: names of its outputs, in order.
            scores: what its scores are.
            hard_labels: whether only the label of an answer counts; an answer may then be just a label.
            say: called with one line about how the scores are interpreted, if that was `auto`.

        Raises:
            AlumbenchError: `scores` is not one of `KINDS`.
        """
        if scores not in KINDS:
            raise AlumbenchError(f"--scores {scores}: expected one of {', '.join(KINDS)}")
        self._who, self._labels, self.scores, self._hard, self._say = who, tuple(labels), scores, hard_labels, say
        self._said = scores != AUTO

    def __getstate__(self) -> dict[str, object]:
        """The state for another process, which prints its notes itself."""
        return vars(self) | {"_say": print_note}

    def logits(self, answer: Any, count: int) -> Tensor:
        """Converts an answer to logits, (count, labels) float32. The logits of probabilities are their logarithms.

        Args:
            answer: lists, a NumPy array or a tensor with one row of scores per text; with hard labels also one label
                name or number per text.
            count: number of texts in the request.

        Raises:
            ClassifierStopped: It has another shape, or mixes rows of probabilities and logits.
            AlumbenchError: A score is NaN or infinite; the message names the row.
        """
        import torch

        rows = self._rows(answer, count)
        broken = np.flatnonzero(~np.isfinite(rows).all(1))
        if len(broken):
            raise AlumbenchError(
                f"{self._who}: row {broken[0]} is {_row(rows[broken[0]])}: not finite (NaN or infinite)"
            )
        if self._hard:
            return hard(torch.from_numpy(rows))
        self._decide(rows)
        if self.scores == PROBABILITIES:
            with np.errstate(divide="ignore"):
                rows = np.where(rows > 0, np.log(rows), NEVER)
        return torch.from_numpy(rows).float()

    def _rows(self, answer: Any, count: int) -> np.ndarray:
        if hasattr(answer, "detach"):  # a tensor, on whatever device and in whatever precision
            answer = answer.detach().cpu().double().numpy()
        elif hasattr(answer, "to_numpy"):  # a pandas frame or series
            answer = answer.to_numpy()
        try:
            rows = np.asarray(answer)
        except ValueError:  # rows of different lengths
            raise self._wrong(f"rows of {len(self._labels)} scores each were expected") from None
        if rows.ndim == 1 and len(rows) == count and rows.dtype.kind in "USOiu":
            return self._one_hot(rows.tolist())
        if rows.dtype.kind not in "fiub":
            raise self._wrong(f"gave {shown(type(answer).__name__, 60)} of {rows.dtype}, expected numbers")
        expected = (count, len(self._labels))
        if rows.shape != expected:
            hint = "; it is called with a list of texts, and must return a row for each" if len(rows.shape) < 2 else ""
            if rows.shape == (count, 1) and len(self._labels) == 2:
                hint = "; with two labels, both scores are needed: [[1 - p, p], …]"
            raise self._wrong(
                f"gave scores of shape {rows.shape}, expected {expected}: {count} texts, "
                f"{len(self._labels)} labels ({', '.join(self._labels)}){hint}"
            )
        return rows.astype(np.float64)

    def _one_hot(self, answers: Sequence[Any]) -> np.ndarray:
        if not self._hard:
            raise self._wrong(
                f"gave one value per text ({shown(repr(answers[0]), 60)}), expected a row of {len(self._labels)} "
                f"scores; "
                f"if it is a label, give --hard-labels"
            )
        names = {plain(name): at for at, name in enumerate(self._labels)}
        rows = np.zeros((len(answers), len(self._labels)))
        for number, answer in enumerate(answers):
            place = names.get(plain(answer))
            if place is None and isinstance(answer, int) and 0 <= answer < len(self._labels):
                place = answer
            if place is None:
                raise self._wrong(f"row {number} is {shown(repr(answer), 60)}, not one of {', '.join(self._labels)}")
            rows[number, place] = 1.0
        return rows

    def _decide(self, rows: np.ndarray) -> None:
        """Finds out from the first rows what the scores are; then checks that probabilities stay probabilities."""
        if self.scores == LOGITS or not len(rows):
            return
        near = ROUNDED * len(self._labels) + 1e-6 if self._said else NEAR
        fits = (rows >= 0).all(1) & (np.abs(rows.sum(1) - 1) <= near)
        if self.scores == PROBABILITIES or fits.any():
            strange = np.flatnonzero(~fits)
            if len(strange):
                others = (
                    "others are" if self.scores == AUTO else "those before were" if not self._said else "it was said"
                )
                raise self._wrong(
                    f"row {strange[0]} is {_row(rows[strange[0]])}, which does not sum to 1 as probabilities do "
                    f"({others}); say what its scores are: --scores probabilities or --scores logits"
                )
        if self.scores == AUTO:
            self.scores = PROBABILITIES if fits.all() else LOGITS
            how = (
                "probabilities (each row sums to 1); their logarithm is taken as logits"
                if self.scores == PROBABILITIES
                else "logits (rows do not sum to 1); their softmax is recorded"
            )
            self._say(f"note: {self._who}: its scores are taken as {how}; set --scores to change this")

    def _wrong(self, what: str) -> ClassifierStopped:
        return ClassifierStopped(f"{self._who}: {what}")


def hard(logits: Tensor) -> Tensor:
    """Logits of only the predicted label, float32: their softmax is 1 for the largest (first of equal ones), else 0.

    A row with a score that is NaN or infinite becomes NaN.
    """
    import torch

    logits = logits.cpu()
    found = torch.full(logits.shape, NEVER).scatter_(-1, logits.argmax(-1, keepdim=True), 0.0)
    return found.masked_fill(~logits.isfinite().all(-1, keepdim=True), torch.nan)


class LabelScore(TypedDict):
    """An item of a text-classification pipeline's answer."""

    label: str | int
    score: float


def named_scores(rows: Sequence[Sequence[LabelScore]], labels: Sequence[str], who: str) -> list[list[float]]:
    """Scores in the order of the labels, from rows of `{"label": …, "score": …}`.

    `LABEL_0` means the first label.

    Raises:
        ClassifierStopped: A row has other labels.
    """
    names = {plain(name): at for at, name in enumerate(labels)}
    names |= {f"label {at}": at for at in range(len(labels)) if f"label {at}" not in names}
    found = []
    for number, row in enumerate(rows):
        scores: dict[int, float] = {}
        for one in row:
            place = names.get(plain(one["label"]))
            if place is None or place in scores:
                what = "not one of" if place is None else "twice, out of"
                raise ClassifierStopped(
                    f"{who}: row {number} has the label {shown(repr(one['label']), 80)}, {what} {', '.join(labels)}; "
                    f"name its labels with --labels"
                )
            scores[place] = one["score"]
        if len(scores) < len(labels):
            raise ClassifierStopped(
                f"{who}: row {number} has scores for {len(scores)} of {len(labels)} labels; it must give all "
                f"(top_k), or its label alone with --hard-labels"
            )
        found.append([scores[at] for at in range(len(labels))])
    return found


def _row(values: np.ndarray) -> str:
    return shown(f"[{', '.join(f'{value:.4g}' for value in values)}]", 120)

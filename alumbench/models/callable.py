"""A Python function as a classifier: `list[str] -> scores`, which suffices for a scikit-learn pipeline."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import inspect
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alumbench.arguments import described
from alumbench.errors import NAME, AlumbenchError, shown
from alumbench.models.answers import AUTO, AnswerReader
from alumbench.models.classifier import Identity, Texts, check_labels, check_texts, plain
from alumbench.storage import sha256_of

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class CallableOptions:
    """The facts about a function that only its user knows.

    Attributes:
        scores: `probabilities`, `logits`, or `auto` to decide by its first answer and print the decision.
        hard_labels: use only its label; it may then return labels instead of scores.
        version: identifies what the source file does not show, such as the weights that it loads.
    """

    scores: str = AUTO
    hard_labels: bool = False
    version: str = ""


class CallableClassifier:
    """A function that takes a list of texts (tuples for pairs) and returns one row of scores per text."""

    def __init__(
        self,
        function: Callable[[list[Any]], Any],
        labels: Sequence[str],
        options: CallableOptions | None = None,
        *,
        name: str = "",
        source: Path | None = None,
        found_by: tuple[Callable[..., Any], str, str] | None = None,
        say: Callable[[str], None] = print,
    ) -> None:
        """Stores the function; it is not called yet.

        Args:
            function: called with `["a text", …]`, for pairs with `[("premise", "hypothesis"), …]`; returns lists,
                an array or a tensor, (n, labels).
            labels: names of its outputs, in order.
            options: its other settings.
            name: its name in tables; '' for `module:function`.
            source: its source file; None to look it up.
            found_by: the function that finds it in another process, its reference, and the current folder.
            say: called with one line about how the scores are interpreted.

        Raises:
            AlumbenchError: It is no function, there are fewer than two labels, they contradict the function's own, or a
                change to the function could not be detected.
        """
        options = options or CallableOptions()
        if not callable(function):
            raise AlumbenchError(f"function: expected a function that takes a list of texts, got {described(function)}")
        owner = getattr(function, "__self__", None)
        if owner is None and not inspect.isroutine(function):
            owner = function
        self._function, self._options, self._found_by = function, options, found_by
        self.hard_label_only = options.hard_labels
        self.name = name or f"{getattr(function, '__module__', '')}:{getattr(function, '__qualname__', 'function')}"
        self._labels = check_labels(labels, self.name)
        _check_classes(owner, self._labels, self.name)
        self._reader = AnswerReader(self.name, self._labels, options.scores, options.hard_labels, say)
        self._identity = self._made_identity(owner, source)

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of its outputs, in order."""
        return self._labels

    @property
    def identity(self) -> Identity:
        """Its name, and the hash of its source, or of its state if it is a fitted estimator."""
        return self._identity

    @property
    def scores(self) -> str:
        """`probabilities` or `logits`, how its scores are interpreted; may be `auto` before its first answer."""
        return self._reader.scores

    def take_scores_for(self, scores: str) -> None:
        """Interprets its scores as in the run that is resumed."""
        self._reader.scores = scores

    def predict(self, texts: Sequence[Texts]) -> Tensor:
        """Logits, (n, labels) float32. What the function prints goes to standard error.

        Raises:
            ClassifierStopped: Its answer does not meet the contract.
            AlumbenchError: It raised an exception, or returned a score that is NaN or infinite.
        """
        check_texts(texts)
        asked = [text[0] if len(text) == 1 else text for text in texts]
        try:
            with contextlib.redirect_stdout(sys.stderr):
                answer = self._function(asked)
        except (Exception, SystemExit) as error:
            what = f"{type(error).__name__}: {shown(error, NAME)}" if str(error) else type(error).__name__
            raise AlumbenchError(f"{self.name} raised {what}{place_of(error)}") from error
        return self._reader.logits(answer, len(texts))

    def _made_identity(self, owner: Any, source: Path | None) -> Identity:
        found: dict[str, str] = {"version": self._options.version} if self._options.version else {}
        fitted = _fitted_state(owner)
        if fitted:
            found["fitted_sha256"] = fitted
        # The class of a fitted estimator is in a file of scikit-learn, which says nothing about its state.
        code = "" if fitted and source is None else _source_sha256(self._function, source)
        if code:
            found["source_sha256"] = code
        if not found:
            raise AlumbenchError(
                f"{self.name}: its source is not found, so a change to it would go unnoticed; "
                f"give it a version: from_callable(…, version='1')"
            )
        said = {"scores": self._options.scores} if self._options.scores != AUTO else {}
        return Identity("callable", self.name, found | said)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles its reference if it was loaded by one, else its values."""
        if self._found_by is None:
            return _restored, (dict(vars(self)),)
        again, *where = self._found_by
        return again, (*where, self._labels, self._options, self.scores)


def _restored(values: dict[str, object]) -> CallableClassifier:
    made = CallableClassifier.__new__(CallableClassifier)
    vars(made).update(values)
    return made


def place_of(error: BaseException) -> str:
    """The place of an error in the user's file: ' (my_module.py, line 3)'."""
    own, at = os.path.dirname(__file__), error.__traceback__
    frames = []
    while at is not None:
        frames.append((at.tb_frame.f_code.co_filename, at.tb_lineno))
        at = at.tb_next
    outside = [(file, line) for file, line in frames if os.path.dirname(file) != own and not file.startswith("<frozen")]
    users = [one for one in outside if "site-packages" not in one[0] and one[0] != contextlib.__file__] or outside
    return f" ({os.path.basename(users[-1][0])}, line {users[-1][1]})" if users else ""


def _fitted_state(owner: Any) -> str:
    """A hash of a fitted scikit-learn estimator, '' for anything else."""
    if owner is None or not hasattr(owner, "get_params") or not hasattr(owner, "fit"):
        return ""
    import joblib  # scikit-learn's own

    return str(joblib.hash(owner))


def _source_sha256(function: Any, source: Path | None) -> str:
    """The hash of a function's file or, if it has none (in a notebook), of its own source; '' if neither is found."""
    if source is not None:
        return sha256_of(source)
    while isinstance(function, functools.partial):
        function = function.func
    code = inspect.unwrap(function) if inspect.isroutine(function) else type(function)
    with contextlib.suppress(TypeError, OSError):
        if function.__module__ == "__main__" or not Path(inspect.getsourcefile(code) or "").is_file():
            return hashlib.sha256(inspect.getsource(code).encode()).hexdigest()
    with contextlib.suppress(TypeError, OSError):
        return sha256_of(Path(inspect.getsourcefile(code) or ""))
    return ""


def _check_classes(owner: Any, labels: Sequence[str], who: str) -> None:
    """Checks the labels against an estimator's own `classes_`, which give the order of its outputs."""
    classes = getattr(owner, "classes_", None)
    if classes is None or isinstance(classes, Mapping):
        return
    names = [str(name) for name in classes]
    if len(names) != len(labels):
        raise AlumbenchError(f"{who}: has {len(names)} classes ({', '.join(names[:20])}), --labels names {len(labels)}")
    known = {plain(name) for name in labels}
    if known == {plain(name) for name in names} and [plain(n) for n in names] != [plain(n) for n in labels]:
        raise AlumbenchError(
            f"{who}: its classes_ are {', '.join(names)} in this order; give --labels {','.join(names)}"
        )

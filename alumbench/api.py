"""The public API: what `import alumbench` offers. Everything else may change."""

from __future__ import annotations

import inspect
import multiprocessing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from alumbench.arguments import described, name_or_path, names_of, path_of
from alumbench.config import check, convert
from alumbench.errors import AlumbenchError, unknown
from alumbench.evaluation.options import EvaluationOptions
from alumbench.models import from_callable, from_causal_lm, from_http, from_pretrained
from alumbench.models.callable import CallableClassifier, CallableOptions
from alumbench.models.classifier import Classifier as AnyClassifier
from alumbench.models.classifier import Identity
from alumbench.models.resolve import ModelOptions
from alumbench.old_names import ATTACK, renamed

if TYPE_CHECKING:
    from alumbench.data import Task
    from alumbench.leaderboard.verify import Replayed
    from alumbench.reports.table import Table
    from alumbench.results import Comparison, Evaluation
    from alumbench.training.api import Checkpoint

__all__ = ["Classifier", "Leaderboard", "compare", "evaluate", "load_evaluation"]


class Classifier:
    """Makes classifiers that can be evaluated.

    Any object with `labels`, `identity` and `predict(texts)` is a classifier too; see
    `alumbench.models.classifier.Classifier`.

    >>> classifier = Classifier.from_callable(
    ...     lambda texts: [[0.2, 0.8] if "good" in text else [0.9, 0.1] for text in texts],
    ...     ["negative", "positive"],
    ...     name="words",
    ...     version="1",
    ... )
    >>> classifier.labels
    ('negative', 'positive')
    """

    from_pretrained = staticmethod(from_pretrained)
    from_callable = staticmethod(from_callable)
    from_http = staticmethod(from_http)
    from_causal_lm = staticmethod(from_causal_lm)


def evaluate(
    model: str | Path | Checkpoint | AnyClassifier | Callable[[list[Any]], Any],
    suite: str | Path = "",
    *,
    data: str | Path | None = None,
    labels: Sequence[str] = (),
    out: str | Path | None = None,
    progress: bool = True,
    say: Callable[[str], None] = print,
    device: str = "auto",
    hard_labels: bool = False,
    **options: Any,
) -> Evaluation:
    r"""Runs a suite on a model, as `alumbench attack` does; the same call again resumes it.

    Args:
        model: a folder, a `Checkpoint`, a hub id, `module:function`, an address, a classifier, or a function that takes
            a list of texts and returns one row of scores per text (then `labels` are needed).
        suite: a name of `alumbench suites`, or a TOML file; '' for `standard`.
        data: your own examples instead of the suite's: a CSV, JSON-lines or parquet file.
        labels: names of the model's outputs in order, if it has none.
        out: the evaluation's folder; None for one inside the model's folder or `alumbench-results`.
        progress: whether to show progress bars.
        say: called with each line of notes, such as settings that were inferred.
        device: auto, cpu or cuda.
        hard_labels: use only the model's label, not its scores.
        options: other fields of `EvaluationOptions`: `attack_seed=1`, `limit=100`, `only=("clean",)`, `task="sst2"`, ….
            With `workers`, a script keeps its calls below `if __name__ == "__main__":`, as worker processes import it.

    Raises:
        AlumbenchError: An argument is of another type or an option unknown, the model or suite is not found, they do
            not fit together, or the folder holds another evaluation.

    >>> words = Classifier.from_callable(
    ...     lambda texts: [[0.2, 0.8] if "good" in text else [0.9, 0.1] for text in texts],
    ...     ["negative", "positive"],
    ...     name="words",
    ...     version="1",
    ...     scores="probabilities",
    ... )
    >>> folder, notes = Path(tempfile.mkdtemp()), []
    >>> _ = (folder / "films.csv").write_text("text,label\na good film,positive\na dull one,negative\n")
    >>> found = evaluate(words, data=folder / "films.csv", out=folder / "words", progress=False, say=notes.append)
    >>> found.metrics["clean"]["accuracy"].value
    1.0
    >>> found.metrics["worst case standard@2"]["accuracy_under_attack"].n
    2
    """
    from alumbench.evaluation.evaluate import evaluate as run
    from alumbench.evaluation.opening import open_evaluation
    from alumbench.evaluation.progress import Bars
    from alumbench.training.api import Checkpoint

    if getattr(multiprocessing.current_process(), "_inheriting", False):  # as multiprocessing itself asks
        raise AlumbenchError(
            "evaluate: a worker process runs the script again; put the script's calls below if __name__ == '__main__':"
        )
    if isinstance(model, Checkpoint):
        model = model.folder
    options = renamed(options, ATTACK, say)
    _check_model(model)
    check(Literal["auto", "cpu", "cuda"], device, "evaluate: device")
    check(bool, hard_labels, "evaluate: hard_labels")
    names = names_of(labels, "labels", "['negative', 'positive']")
    file = None if data is None else path_of(data, "data", "the path of a CSV, JSON-lines or parquet file")
    folder = None if out is None else path_of(out, "out", "the path of a folder")
    named = name_or_path(suite, "suite", "a name of 'alumbench suites' or the path of a TOML file")
    said = ModelOptions(labels=names, device=device, hard_labels=hard_labels)
    if callable(model) and not isinstance(model, AnyClassifier):
        model = CallableClassifier(model, names, CallableOptions(hard_labels=hard_labels), say=say)
        said = ModelOptions(device=device, hard_labels=hard_labels)
    asked = _evaluation_options(options, suite=named, data=file, model=said)
    opened = open_evaluation(model, asked, folder, say)
    if progress:
        with Bars() as bars:
            run(opened.request, opened.victim, opened.folder, bars, say)
    else:
        run(opened.request, opened.victim, opened.folder, lambda done: None, say)
    return load_evaluation(opened.folder)


def _check_model(model: object) -> None:
    """Checks that something is a model, before anything is read.

    Raises:
        AlumbenchError: It is not; the message says what it lacks.
    """
    if isinstance(model, AnyClassifier):
        if not isinstance(model.identity, Identity):
            raise AlumbenchError(
                f"model: the identity of a classifier is an alumbench.Identity, got {described(model.identity)}"
            )
    elif isinstance(model, type) or not (isinstance(model, str | Path) or callable(model)):
        lacks = [name for name in ("labels", "identity", "predict") if not hasattr(model, name)]
        raise AlumbenchError(
            f"model: expected a folder, a hub id, an address, a function, or an object with labels, identity and "
            f"predict(texts); got {described(model)}, which lacks {', '.join(lacks)}"
        )


def _evaluation_options(options: Mapping[str, object], **given: Any) -> EvaluationOptions:
    """The options of an evaluation, each checked against its field's type.

    Raises:
        AlumbenchError: One is unknown or of another type.
    """
    known = [item.name for item in fields(EvaluationOptions)]
    for name in options:
        if name not in known:
            raise unknown("option", name, {*known, *inspect.signature(evaluate).parameters} - {"options"})
    return convert(EvaluationOptions, dict(options), "evaluate", **given)


def load_evaluation(folder: str | Path) -> Evaluation:
    """Loads a stored evaluation.

    Raises:
        AlumbenchError: The folder holds no evaluation.
    """
    from alumbench.evaluation.stored import Stored
    from alumbench.results import Evaluation

    path = path_of(folder, "folder", "the folder of an evaluation")
    return Evaluation(path, Stored.read(path).document)


def compare(evaluations: Sequence[Evaluation | str | Path]) -> Comparison:
    r"""Compares models on the same examples, each other model with the first.

    Args:
        evaluations: two or more evaluations, or folders of evaluations or checkpoints.

    Raises:
        AlumbenchError: They have no entry in common, or were evaluated differently.

    >>> folder, notes, labels = Path(tempfile.mkdtemp()), [], ["negative", "positive"]
    >>> _ = (folder / "films.csv").write_text("text,label\na good film,positive\na dull one,negative\n")
    >>> for word in ("good", "a"):
    ...     model = Classifier.from_callable(
    ...         lambda texts: [labels[word in text] for text in texts], labels, hard_labels=True, name=word, version="1"
    ...     )
    ...     quiet = {"progress": False, "say": notes.append}
    ...     found = evaluate(model, data=folder / "films.csv", out=folder / word, only=("clean",), **quiet)
    >>> found = compare([folder / "good", folder / "a"])
    >>> found.to_pandas()[["checkpoint", "measure", "value", "difference", "p"]].to_dict("records")[1]
    {'checkpoint': 'a', 'measure': 'accuracy', 'value': 0.5, 'difference': -0.5, 'p': 1.0}
    """
    from alumbench.leaderboard.compare import compare as compare_folders
    from alumbench.results import Comparison

    if isinstance(evaluations, str | Path) or not isinstance(evaluations, Sequence) or len(evaluations) < 2:
        raise AlumbenchError(
            f"compare: expected a list of two or more evaluations or folders, such as [one, other], got "
            f"{described(evaluations)}"
        )
    return Comparison(compare_folders([_folder(one) for one in evaluations]))


def _folder(evaluated: Evaluation | str | Path) -> Path:
    return path_of(evaluated, "evaluation", "an evaluation, or the folder of one or of a checkpoint")


class Leaderboard:
    """A leaderboard: a folder with `board.toml`, entries with their records, and pages built from them.

    Attributes:
        folder: its folder.

    >>> board = Leaderboard.start(Path(tempfile.mkdtemp()) / "board", "sst2", ["standard"])
    >>> board.check()  # what is wrong with it, a line each
    [...: no entries; ...]
    """

    def __init__(self, folder: str | Path) -> None:
        """Opens a board's folder; `Leaderboard.start` makes a new one."""
        self.folder = path_of(folder, "folder", "the path of a board's folder")

    def __repr__(self) -> str:
        return f"Leaderboard({str(self.folder)!r})"

    @classmethod
    def start(cls, folder: str | Path, task: str | Task, suites: Sequence[str], title: str = "") -> Leaderboard:
        """Writes a `board.toml` with a column for everything the suites measure.

        Args:
            folder: the board's folder.
            task: a name of `alumbench tasks`, or a task.
            suites: names of `alumbench suites`, or TOML files.
            title: its title; '' for the task's.

        Raises:
            AlumbenchError: The folder already holds a board, or no suite has an entry for the task.
        """
        from alumbench.data import Task, load_task
        from alumbench.evaluation.suite import load_suite
        from alumbench.leaderboard.init import start

        board, named = cls(folder), names_of(suites, "suites", "['standard']")
        if not named:
            raise AlumbenchError("suites: name one or more; 'alumbench suites' lists them")
        task = task if isinstance(task, Task) else load_task(name_or_path(task, "task", "a name of 'alumbench tasks'"))
        start(board.folder, task, [load_suite(suite) for suite in named], title)
        return board

    def add(self, evaluated: Evaluation | str | Path, row: str = "", replace: bool = False) -> Path:
        """Adds an evaluated checkpoint and its records to the board.

        Args:
            evaluated: a checkpoint's folder, a folder of one evaluation, or an evaluation.
            row: name of its table row; '' for its method and the parameters that differ from the defaults.
            replace: whether it may replace another checkpoint of the same row and seed.

        Returns:
            The entry's file.

        Raises:
            AlumbenchError: The evaluation is unfinished, or does not fit this board.
        """
        from alumbench.leaderboard.submit import add

        return add(self.folder, _folder(evaluated), row, replace)

    def build(self) -> Table:
        """Rebuilds the table and page from the entries; the same entries give the same bytes.

        Raises:
            AlumbenchError: An entry's figures do not follow from its records.
        """
        from alumbench.leaderboard.board import build

        return build(self.folder)

    def check(self) -> list[str]:
        """Problems of the board, its entries and its built files, one line each."""
        from alumbench.leaderboard.board import outdated
        from alumbench.leaderboard.validate import check

        problems = check(self.folder)
        return problems or outdated(self.folder)

    def verify(self, *checkpoints: str | Path | Checkpoint | AnyClassifier, device: str = "auto") -> list[Replayed]:
        """Scores the recorded texts again.

        Args:
            checkpoints: folders, hub ids, or what `train` or `Classifier.from_pretrained` returned.
            device: auto, cpu or cuda.

        Returns:
            One result per entry: `fallen` is False if all is as recorded; no scores for entries without a checkpoint.
        """
        from alumbench.leaderboard.verify import replay_board

        names = [_checkpoint_name(one) for one in checkpoints]
        return list(replay_board(self.folder, names, device))


def _checkpoint_name(given: str | Path | Checkpoint | AnyClassifier) -> str:
    """The folder or hub id of a checkpoint, also of one that is opened as a classifier."""
    if isinstance(given, AnyClassifier) and given.identity.kind == "huggingface":
        return given.identity.name
    return name_or_path(given, "checkpoint", "a folder or a hub id")

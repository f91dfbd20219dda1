"""The examples of a task or of a table as texts and labels, for code of one's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from alumbench.arguments import name_or_path, names_of
from alumbench.data.dataset import load_examples_from
from alumbench.data.from_files import task_from_files
from alumbench.data.inferred import infer_task
from alumbench.data.table import FILE_FORMATS
from alumbench.data.task import Task, load_task
from alumbench.errors import AlumbenchError, unknown

SPLITS = ("train", "dev")


@dataclass(frozen=True)
class LabelledTexts:
    """Examples as parallel lists.

    Attributes:
        texts: one string per example, for pairs a tuple of two.
        labels: the gold label of each, by name; numbers for a regression.
        label_names: all label names in the order of a model's outputs; () for a regression.
    """

    texts: list[str] | list[tuple[str, ...]]
    labels: list[str | float]
    label_names: tuple[str, ...]

    def __len__(self) -> int:
        """Number of examples."""
        return len(self.texts)

    def __repr__(self) -> str:
        return f"<LabelledTexts: {len(self)} examples, labels {', '.join(self.label_names) or 'are numbers'}>"

    @property
    def label_ids(self) -> list[int]:
        """The position of each label in `label_names`, which a model learns; not for a regression."""
        number = {name: at for at, name in enumerate(self.label_names)}
        return [number[str(label)] for label in self.labels]


def load_data(
    source: str | Path | Task,
    split: str = "",
    *,
    columns: Sequence[str] = (),
    label_column: str = "",
    labels: Sequence[str] = (),
    say: Callable[[str], None] = print,
) -> LabelledTexts:
    r"""Loads the examples of a task, or of a file of your own.

    Args:
        source: a name of `alumbench tasks` or a task's TOML file; or a CSV, TSV, JSON-lines or parquet file.
        split: of a task, `train` or `dev`; '' for `dev`. A file has none.
        columns: of a file: its text column, or two for pairs; () to find them.
        label_column: of a file; '' to find it.
        labels: of a file: label names in the order of its integers; () for the texts in its label column, sorted.
        say: called with one line about the columns that were found in a file.

    Raises:
        AlumbenchError: The task, file, split or a column does not exist, or the meaning of a label is not clear.

    >>> data = load_data("mini-sentiment", "dev")
    >>> data
    <LabelledTexts: 400 examples, labels negative, positive>
    >>> data.texts[0], data.labels[0], data.label_ids[0]
    ('after all , the concert was really boring .', 'negative', 0)
    >>> file = Path(tempfile.mkdtemp()) / "films.csv"
    >>> _ = file.write_text("text,label\na good film,positive\na dull one,negative\n")
    >>> load_data(file).texts
    films.csv: texts in text, labels in label (found; --text-columns and --label-column name others)
    ['a good film', 'a dull one']
    """
    if not isinstance(source, Task):
        source = name_or_path(source, "source", "a task's name or the path of a file")
    columns, labels = names_of(columns, "columns", "['text']"), names_of(labels, "labels", "['negative', 'positive']")
    if split and split not in SPLITS:
        raise unknown("split", split, SPLITS)
    if not isinstance(source, Task) and Path(source).suffix.lower() in FILE_FORMATS:
        if split:
            raise AlumbenchError(f"{source}: a file has no splits; leave out split={split!r}")
        task = _of_file(Path(source), columns, label_column, labels, say)
        sources = task.train
    elif columns or label_column or labels:
        raise AlumbenchError(f"{source}: columns and labels are for a file; a task has its own")
    else:
        task = source if isinstance(source, Task) else load_task(source)
        sources = task.train if split == "train" else task.dev
    if not sources:
        raise AlumbenchError(f"task {task.name}: has no {split or 'dev'} split")
    examples, _ = load_examples_from(sources, task.columns, task.labels)
    pairs = len(task.columns) > 1
    texts = [example.texts if pairs else example.texts[0] for example in examples]
    return LabelledTexts(texts, [example.label for example in examples], task.labels)  # type: ignore[arg-type]


def _of_file(
    file: Path, columns: Sequence[str], label_column: str, labels: Sequence[str], say: Callable[[str], None]
) -> Task:
    """The task of a file, whose columns are found where they are not named."""
    found = infer_task(file, labels, columns=columns, label_column=label_column)
    if not (columns and label_column):
        say(found.line)
    return task_from_files(file, None, columns=found.task.columns, label_column=found.label_column, labels=labels)

"""Sources of rows: a hub data set, its copy in an offline mirror, a local file, or our own grammar."""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from alumbench.data.table import Rows, read_table
from alumbench.errors import AlumbenchError
from alumbench.storage import sha256_of

#: Keys added after the first records of tasks and suites: left out at these values, so that old records still match.
LATER: Mapping[str, object] = {"take": "", "where": {}, "values": {}, "ordered": True, "delimiter": "", "encoding": ""}


def mirror() -> Path | None:
    """The offline mirror: a folder with `data/` and `models/` named as on the hub, from `ALUMBENCH_MIRROR`.

    Raises:
        AlumbenchError: The variable is set but does not name such a folder.
    """
    value = os.environ.get("ALUMBENCH_MIRROR", "")
    if not value:
        return None
    folder = Path(value).expanduser()
    if not (folder / "data").is_dir() and not (folder / "models").is_dir():
        raise AlumbenchError(
            f"ALUMBENCH_MIRROR={value}: not a folder with data/ or models/ in it; unset it to use the hub"
        )
    return folder


class DataOrigin(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The source of rows, as recorded; None for what does not apply.

    Attributes:
        kind: hub, mirror, file, grammar or held-out; `from` in files.
        set: the set of our own grammar.
        id: id of a hub data set.
        config: its configuration.
        split: its split.
        revision: its commit.
        path: path of a file, or below the mirror's `data/`.
        sha256: hash of the file.
        form: format of the file, if it was guessed.
        rows: the part of the rows that the mirror's copy holds, in words.
        where: values of columns whose rows were used.
        take: the slice of the rows that was used.
        examples: number of rows used.
        without_label: number of rows left out because they have no label.
        empty: number of rows left out because they have no text.
        labels: counts of each label in a user's file.
        trained_on: number of examples that the checkpoint was trained on.
        key: of published predictions: the column that identifies rows.
        column: of published predictions: the column of the labels.
    """

    kind: str = msgspec.field(name="from")
    set: str | None = None
    id: str | None = None
    config: str | None = None
    split: str | None = None
    revision: str | None = None
    path: str | None = None
    sha256: str | None = None
    form: str | None = None
    rows: str | None = None
    where: dict[str, list[str]] | None = None
    take: str | None = None
    examples: int | None = None
    without_label: int | None = None
    empty: int | None = None
    labels: dict[str, int] | None = None
    trained_on: int | None = None
    key: str | None = None
    column: str | None = None

    @property
    def name(self) -> str:
        """The shortest name of the source."""
        return self.id or self.path or self.set or self.kind


@dataclass(frozen=True)
class Source:
    """One table. One of `hub`, `file` and `generated` is set; `mirror` replaces `hub` if a mirror is set.

    Attributes:
        hub: data set id on the Hugging Face hub.
        config: its configuration ('' for the default).
        split: its split.
        revision: a commit that was verified in a public source, or '' (then the newest; the commit is recorded).
        mirror: path below the mirror's `data/`; '' if the mirror does not have it.
        rows: what the mirror's file lacks (if it is a sample, say), or ''; printed and recorded when it is used.
        generated: a set of the miniature grammar, `name/split`.
        file: a local csv, tsv, json lines or parquet file.
        labels: the data's label names by integer, if they differ from the task's; () for the task's own.
        columns: the data's text columns, if they are named differently; () for the task's own.
        label_column: the column with the label.
        take: '' for all rows, or a slice of them as Python writes it: `:-2000` leaves out the last 2,000.
        where: a column's values, as texts, whose rows are used; the others are left out.
        values: labels for values of a `file`'s label column ('' for no label).
        ordered: whether a `file`'s integers are positions in the labels; False if their order is not given.
        delimiter: of a csv or tsv `file`; '' detects it.
        encoding: of a `file`; '' detects it.
        folder: folder of a relative `file`; never recorded, since a checkpoint's own files move with it.
    """

    hub: str = ""
    config: str = ""
    split: str = ""
    revision: str = ""
    mirror: str = ""
    rows: str = ""
    generated: str = ""
    file: str = ""
    labels: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    label_column: str = "label"
    take: str = ""
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    ordered: bool = True
    delimiter: str = ""
    encoding: str = ""
    folder: str = ""

    def check(self) -> None:
        """Checks its values, before anything is loaded.

        Raises:
            AlumbenchError: It names no table, `take` is not a slice, or the mirror's path leads out of the mirror.
        """
        if not (self.hub or self.generated or self.file or self.mirror):
            raise AlumbenchError("names no table: give hub, file, generated or mirror")
        if self.take:
            _slice(self.take, "source")
        if Path(self.mirror).is_absolute() or ".." in Path(self.mirror).parts:
            raise AlumbenchError(f"mirror = '{self.mirror}' points outside the mirror's data/")

    @staticmethod
    def without_later(values: Mapping[str, object]) -> dict[str, object]:
        """A source's fields, except its folder and those of `LATER` at their defaults."""
        said = {key: value for key, value in values.items() if key not in LATER or value != LATER[key]}
        return {key: value for key, value in said.items() if key != "folder"}

    @property
    def name(self) -> str:
        """Its name in messages."""
        return self.generated or self.file or "/".join(filter(None, [self.hub, self.config, self.split])) or self.mirror

    def missing_reason(self) -> str:
        """'' if the rows can be read offline, else what is missing and how to get it."""
        if self.generated or self.file:
            return ""
        root = mirror()
        if root is not None:
            if not self.mirror:
                return f"the mirror has no {self.name}; unset ALUMBENCH_MIRROR to use the hub"
            path = root / "data" / self.mirror
            return "" if path.exists() else f"{path} does not exist; unset ALUMBENCH_MIRROR to use the hub"
        if not self.hub:
            return f"{self.name} is not in a hub data set: set ALUMBENCH_MIRROR"
        return f"from the hub when needed: {self.name}"

    def load(self) -> tuple[Rows, DataOrigin]:
        """The rows as columns, and their origin (for `training.json` and `evaluation.json`).

        Raises:
            AlumbenchError: The source is unavailable (the message says how to get it), `take` is not a slice, or a
                column of `where` is missing.
        """
        rows, origin = self._whole()
        for column, values in self.where.items():
            if column not in rows:
                raise AlumbenchError(f"{self.name}: no column '{column}'; it has {', '.join(sorted(rows))}")
            kept = [str(value) in values for value in rows[column]]
            rows = {name: list(itertools.compress(column, kept)) for name, column in rows.items()}
            where = {name: list(values) for name, values in self.where.items()}
            origin = msgspec.structs.replace(origin, where=where)
        if self.take:
            part = _slice(self.take, self.name)
            rows = {name: column[part] for name, column in rows.items()}
            origin = msgspec.structs.replace(origin, take=self.take)
        return rows, origin

    def _whole(self) -> tuple[Rows, DataOrigin]:
        if self.generated:
            from alumbench.data import miniature

            return miniature.rows(self.generated), DataOrigin(kind="grammar", set=self.generated)
        if self.file:
            path = Path(self.folder, self.file)
            table = read_table(path, self.delimiter, self.encoding)
            return table.rows, DataOrigin(kind="file", path=self.file, sha256=sha256_of(path), form=table.form or None)
        root = mirror()
        if root is not None or not self.hub:
            missing = self.missing_reason()
            if missing or root is None:
                raise AlumbenchError(missing)
            path = root / "data" / self.mirror
            origin = DataOrigin(kind="mirror", path=self.mirror, sha256=sha256_of(path), rows=self.rows or None)
            return read_table(path).rows, origin
        return self._from_hub()

    def _from_hub(self) -> tuple[Rows, DataOrigin]:
        import datasets
        import huggingface_hub

        try:
            commit = self.revision or str(huggingface_hub.HfApi().dataset_info(self.hub).sha)
            table = datasets.load_dataset(self.hub, self.config or None, split=self.split, revision=commit)
        except Exception as error:
            raise AlumbenchError(
                f"{self.name}: the hub request failed ({type(error).__name__}: {str(error)[:200]}). "
                f"Go online, or set ALUMBENCH_MIRROR to a folder with data/{self.mirror or self.hub}"
            ) from error
        origin = DataOrigin(kind="hub", id=self.hub, config=self.config, split=self.split, revision=commit)
        return {name: table[name][:] for name in table.column_names}, origin


def _slice(text: str, where: str) -> slice:
    try:
        start, stop = (int(number) if number else None for number in text.split(":"))
    except ValueError:
        raise AlumbenchError(
            f"{where}: take = {text!r} is not a slice of rows; give ':-2000' or '1000:3000', for example"
        ) from None
    return slice(start, stop)

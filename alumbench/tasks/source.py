"""Where rows come from: a hub data set, its copy in an offline mirror, a local file, or our own grammar."""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alumbench.errors import AlumbenchError
from alumbench.storage import sha256_of
from alumbench.tasks.table import Rows, read_table

#: Keys that came after records of tasks and suites were written: where they say nothing, those stay as they were.
LATER: Mapping[str, Any] = {"take": "", "where": {}, "values": {}, "ordered": True, "delimiter": "", "encoding": ""}


def mirror() -> Path | None:
    """The offline mirror: a folder with `data/` and `models/` named as on the hub, from `ALUMBENCH_MIRROR`.

    Raises:
        AlumbenchError: The variable is set and names no such folder.
    """
    value = os.environ.get("ALUMBENCH_MIRROR", "")
    if not value:
        return None
    folder = Path(value).expanduser()
    if not (folder / "data").is_dir() and not (folder / "models").is_dir():
        raise AlumbenchError(
            f"ALUMBENCH_MIRROR={value}: no folder with data/ or models/ in it; unset it to use the hub"
        )
    return folder


@dataclass(frozen=True)
class Source:
    """One table. Of `hub`, `file` and `generated` one is set; `mirror` stands in for `hub` when a mirror is set.

    Attributes:
        hub: data set id on the Hugging Face hub.
        config: its configuration ('' for the default one).
        split: its split.
        revision: a commit that was verified in a public source, or '' (then the newest; the commit is recorded).
        mirror: path below the mirror's `data/`; '' where the mirror has none.
        rows: '' or what the mirror's file is short of (a sample, say), printed and recorded when it is used.
        generated: a set of the miniature grammar, `name/split`.
        file: a local csv, tsv, json lines or parquet file.
        labels: the data's label names by integer, where they differ from the task's; () for the task's own.
        columns: the data's text columns, where they are named differently; () for the task's own.
        label_column: the column with the label.
        take: '' for all rows, or a slice of them as Python writes it: `:-2000` leaves out the last 2,000.
        where: a column's values, as texts, whose rows are taken; the others are left out.
        values: what values of a `file`'s label column stand for ('' for no label).
        ordered: whether a `file`'s integers are positions in the labels; not where nobody said their order.
        delimiter: of a csv or tsv `file`; '' finds it.
        encoding: of a `file`; '' finds it.
        folder: where a relative `file` lies; never recorded, since a checkpoint's own files move with it.
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
    where: Mapping[str, Sequence[str]] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    ordered: bool = True
    delimiter: str = ""
    encoding: str = ""
    folder: str = ""

    def check(self) -> None:
        """Looks its values through, before anything is loaded.

        Raises:
            AlumbenchError: It names no table, `take` is no slice, or the mirror's path leads out of the mirror.
        """
        if not (self.hub or self.generated or self.file or self.mirror):
            raise AlumbenchError("names no table: give hub, file, generated or mirror")
        if self.take:
            _slice(self.take, "source")
        if Path(self.mirror).is_absolute() or ".." in Path(self.mirror).parts:
            raise AlumbenchError(f"mirror = '{self.mirror}' leads out of the mirror's data/")

    @staticmethod
    def without_later(values: dict[str, Any]) -> dict[str, Any]:
        """A source's fields less those of `LATER` that say nothing, and less its folder."""
        said = {key: value for key, value in values.items() if key not in LATER or value != LATER[key]}
        return {key: value for key, value in said.items() if key != "folder"}

    @property
    def name(self) -> str:
        """How messages call it."""
        return self.generated or self.file or "/".join(filter(None, [self.hub, self.config, self.split])) or self.mirror

    def here(self) -> str:
        """'' if the rows can be read without a network now, else what is missing and how it comes."""
        if self.generated or self.file:
            return ""
        root = mirror()
        if root is not None:
            if not self.mirror:
                return f"the mirror has no {self.name}; unset ALUMBENCH_MIRROR to use the hub"
            path = root / "data" / self.mirror
            return "" if path.exists() else f"{path} is absent; unset ALUMBENCH_MIRROR to use the hub"
        if not self.hub:
            return f"{self.name} is in no hub data set: set ALUMBENCH_MIRROR"
        return f"from the hub when asked for: {self.name}"

    def load(self) -> tuple[Rows, dict[str, Any]]:
        """The rows as columns, and where they came from (for `training.json` and `evaluation.json`).

        Raises:
            AlumbenchError: It cannot be had; the text says how it can. Or `take` is no slice, or a column of `where` is
                not there.
        """
        rows, origin = self._whole()
        for column, values in self.where.items():
            if column not in rows:
                raise AlumbenchError(f"{self.name}: no column '{column}'; it has {', '.join(sorted(rows))}")
            kept = [str(value) in values for value in rows[column]]
            rows = {name: list(itertools.compress(column, kept)) for name, column in rows.items()}
            origin |= {"where": {name: list(values) for name, values in self.where.items()}}
        if self.take:
            part = _slice(self.take, self.name)
            rows, origin = {name: column[part] for name, column in rows.items()}, origin | {"take": self.take}
        return rows, origin

    def _whole(self) -> tuple[Rows, dict[str, Any]]:
        if self.generated:
            from alumbench.tasks import miniature

            return miniature.rows(self.generated), {"from": "grammar", "set": self.generated}
        if self.file:
            path = Path(self.folder, self.file)
            table = read_table(path, self.delimiter, self.encoding)
            form = {"form": table.form} if table.form else {}
            return table.rows, {"from": "file", "path": self.file, "sha256": sha256_of(path)} | form
        root = mirror()
        if root is not None or not self.hub:
            missing = self.here()
            if missing or root is None:
                raise AlumbenchError(missing)
            path = root / "data" / self.mirror
            origin = {"from": "mirror", "path": self.mirror, "sha256": sha256_of(path)}
            return read_table(path).rows, origin | ({"rows": self.rows} if self.rows else {})
        return self._from_hub()

    def _from_hub(self) -> tuple[Rows, dict[str, Any]]:
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
        origin = {"from": "hub", "id": self.hub, "config": self.config, "split": self.split, "revision": commit}
        return {name: table[name][:] for name in table.column_names}, origin


def _slice(text: str, where: str) -> slice:
    try:
        start, stop = (int(number) if number else None for number in text.split(":"))
    except ValueError:
        raise AlumbenchError(f"{where}: take = {text!r} is no slice of rows; ':-2000' or '1000:3000' is one") from None
    return slice(start, stop)

"""The published data set of an entry's examples, found from where they were read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from alumbench.data import Source, Task
from alumbench.data.source import DataOrigin
from alumbench.evaluation.results import EntryResult
from alumbench.evaluation.suite import load_suite, suite_names


@dataclass(frozen=True)
class DataSet:
    """A data set on the hub.

    Attributes:
        hub: its id.
        config: its configuration, '' for the default one.
        split: its split.
        revision: the commit that was read; '' for a mirror's copy, for which only the file's hash is known.
        note: what the copy lacks.
    """

    hub: str
    config: str = ""
    split: str = ""
    revision: str = ""
    note: str = ""

    @property
    def name(self) -> str:
        """Id, configuration and split in one."""
        return "/".join(filter(None, [self.hub, self.config, self.split]))


def data_set_of(entry: EntryResult, task: Task) -> DataSet | None:
    """The data set that an entry's examples come from; None for one's own files, generated sets and mixtures.

    Args:
        entry: the entry's part of `evaluation.json`.
        task: the evaluation's.
    """
    found = {_published(origin, entry, task) for origin in entry.sources or ()}
    return found.pop() if len(found) == 1 else None


def _published(origin: DataOrigin, entry: EntryResult, task: Task) -> DataSet | None:
    if origin.kind == "hub":
        return DataSet(origin.id or "", origin.config or "", origin.split or "", origin.revision or "")
    if origin.kind != "mirror":
        return None
    for source in _sources(entry, task):
        if source.mirror == origin.path and source.hub:
            return DataSet(source.hub, source.config, source.split, note=origin.rows or "")
    return None


def _sources(entry: EntryResult, task: Task) -> Iterator[Source]:
    """Tables that name both a mirror's file and the hub's data set: the task's own, then the suite's."""
    yield from task.dev
    yield from task.train
    suite = entry.signature.partition("@")[0]
    if suite in suite_names():
        for part in load_suite(suite).entries:
            yield from part.source

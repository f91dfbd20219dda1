"""Which published data set an entry's examples are of, told from where they were read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from alumbench.evaluation.suite import load_suite, suite_names
from alumbench.tasks import Source, Task


@dataclass(frozen=True)
class DataSet:
    """A data set on the hub.

    Attributes:
        hub: its id.
        config: its configuration, '' for the default one.
        split: its split.
        revision: the commit that was read; '' where a mirror's copy was, of which only the file's hash is known.
        note: what the copy is short of.
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


def data_set_of(entry: Mapping[str, Any], task: Task) -> DataSet | None:
    """The data set that an entry's examples are of; None for one's own files, generated sets and mixtures.

    Args:
        entry: its part of `evaluation.json`, with `sources` and `signature`.
        task: the evaluation's.
    """
    found = {_published(origin, entry, task) for origin in entry.get("sources", ())}
    return found.pop() if len(found) == 1 else None


def _published(origin: Mapping[str, Any], entry: Mapping[str, Any], task: Task) -> DataSet | None:
    if origin["from"] == "hub":
        return DataSet(origin["id"], origin["config"], origin["split"], origin["revision"])
    if origin["from"] != "mirror":
        return None
    for source in _sources(entry, task):
        if source.mirror == origin["path"] and source.hub:
            return DataSet(source.hub, source.config, source.split, note=origin.get("rows", ""))
    return None


def _sources(entry: Mapping[str, Any], task: Task) -> Iterator[Source]:
    """Tables that name both a mirror's file and the hub's data set: the task's own, then the suite's."""
    yield from task.dev
    yield from task.train
    suite = str(entry["signature"]).partition("@")[0]
    if suite in suite_names():
        for part in load_suite(suite).entries:
            yield from part.source

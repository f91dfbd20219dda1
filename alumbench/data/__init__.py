"""Tasks and their data: one TOML file per task in `catalog/`."""

from alumbench.data.example import Example, data_hash, examples_from_rows
from alumbench.data.source import Source, mirror
from alumbench.data.task import Task, load_task, task_names

__all__ = ["Example", "Source", "Task", "data_hash", "examples_from_rows", "load_task", "mirror", "task_names"]

"""What is learned, and from where: one TOML file a task in `catalog/`."""

from alumbench.tasks.example import Example, data_hash, examples_from_rows
from alumbench.tasks.source import Source, mirror
from alumbench.tasks.task import Task, load_task, task_names

__all__ = ["Example", "Source", "Task", "data_hash", "examples_from_rows", "load_task", "mirror", "task_names"]

"""A board from nothing: what its `runs.toml` says is swept, trained, attacked and added, however often it is cut."""

from alumbench.studies.plan import Plan
from alumbench.studies.study import run_study

__all__ = ["Plan", "run_study"]

"""Makes a board from scratch: sweeps, trains, attacks and adds all that its `runs.toml` names; can be resumed."""

from alumbench.studies.plan import Plan
from alumbench.studies.study import run_study

__all__ = ["Plan", "run_study"]

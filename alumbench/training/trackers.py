"""Where the Trainer's losses and dev figures go while it runs: experiment trackers, through its own `report_to`.

A tracker changes no figure, so it is no part of a request: a run begun without one can go on with one.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from alumbench.errors import AlumbenchError, unknown

#: Folder of TensorBoard's files in the run's own; the Trainer's folder, its default, is cleared at the run's end.
TENSORBOARD = "tensorboard"
#: What transformers can report to that is no tracker, or that writes into the Trainer's folder alone.
NOT_KEPT = {"codecarbon", "flyte", "kubeflow"}
#: Names on PyPI, where they are not the tracker's.
PACKAGES = {"azure_ml": "azureml-core", "comet_ml": "comet-ml"}


def check_trackers(names: Sequence[str]) -> None:
    """Whether all of these can be reported to.

    Raises:
        AlumbenchError: One is unknown, or not installed; the command that brings it is named.
    """
    if not names:
        return
    from transformers.integrations.integration_utils import (
        INTEGRATION_TO_CALLBACK,
        get_available_reporting_integrations,
    )

    known, here = set(INTEGRATION_TO_CALLBACK) - NOT_KEPT, get_available_reporting_integrations()
    for name in names:
        if name not in known:
            raise unknown("tracker", name, known)
        if name not in here:
            raise AlumbenchError(
                f"--report-to {name}: it is not installed: pip install {PACKAGES.get(name, name)}, or leave it out"
            )


def tracker_arguments(names: Sequence[str], out: Path) -> dict[str, Any]:
    """The fields of `TrainingArguments` for these trackers; the run is called as its folder."""
    from transformers import TrainingArguments

    if not names:
        return {"report_to": "none"}
    values: dict[str, Any] = {"report_to": list(names), "run_name": out.resolve().name}
    if TENSORBOARD in names and "logging_dir" in {item.name for item in fields(TrainingArguments)}:
        values["logging_dir"] = str(out / TENSORBOARD)
    elif TENSORBOARD in names:  # transformers 5 has a variable in place of the field
        os.environ["TENSORBOARD_LOGGING_DIR"] = str(out / TENSORBOARD)
    return values

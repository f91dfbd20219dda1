"""Experiment trackers for the Trainer's losses and dev figures, through its own `report_to`.

A tracker changes no figure, so a request does not include it: a run started without one can resume with one.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from alumbench.errors import AlumbenchError, unknown

#: TensorBoard's folder in the run's folder; its default, the Trainer's folder, is removed at the run's end.
TENSORBOARD = "tensorboard"
#: Values of `report_to` that are not trackers, or write only to the Trainer's folder.
NOT_KEPT = {"codecarbon", "flyte", "kubeflow"}
#: Names on PyPI that differ from the tracker's.
PACKAGES = {"azure_ml": "azureml-core", "comet_ml": "comet-ml"}


def check_trackers(names: Sequence[str]) -> None:
    """Checks that all of these trackers can be used.

    Raises:
        AlumbenchError: One is unknown, or not installed; the command that installs it is given.
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


def tracker_arguments(names: Sequence[str], out: Path) -> dict[str, object]:
    """The fields of `TrainingArguments` for these trackers; the run is named after its folder."""
    from transformers import TrainingArguments

    if not names:
        return {"report_to": "none"}
    values: dict[str, object] = {"report_to": list(names), "run_name": out.resolve().name}
    if TENSORBOARD in names and "logging_dir" in {item.name for item in fields(TrainingArguments)}:
        values["logging_dir"] = str(out / TENSORBOARD)
    elif TENSORBOARD in names:  # transformers 5 has a variable instead of the field
        os.environ["TENSORBOARD_LOGGING_DIR"] = str(out / TENSORBOARD)
    return values

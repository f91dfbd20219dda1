"""What a run leaves that failed or was killed at any point is not pushed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from alumbench.errors import AlumbenchError
from alumbench.hub.model_card import CARD
from alumbench.hub.upload_files import belongings
from alumbench.training.fine_tuning import fine_tune
from alumbench.training.method_trainer import MethodTrainer
from alumbench.training.request import FineTuning


def half_the_weights(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / "training.json").unlink(), "has no training.json"),
        (
            lambda folder: (folder / "trainer").mkdir(),
            "its training is not finished; rerun 'alumbench train' to finish it",
        ),
        (lambda folder: (folder / "model.safetensors").unlink(), "no .safetensors file"),
        (lambda folder: (folder / "config.json").unlink(), "config.json"),
        (half_the_weights, "not a complete safetensors file"),
    ],
    ids=["no-record", "not-cleared", "no-weights", "no-config", "half-weights"],
)
def test_an_unfinished_folder_is_refused(checkpoint: Path, change: Callable[[Path], None], message: str) -> None:
    (checkpoint / CARD).write_text("---\n---\n")
    assert belongings(checkpoint)
    change(checkpoint)
    with pytest.raises(AlumbenchError, match=message):
        belongings(checkpoint)


def test_a_run_that_failed_in_the_middle_is_refused(
    small_request: Callable[..., FineTuning], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    out = tmp_path / "out"
    monkeypatch.setattr(MethodTrainer, "_save_checkpoint", fail)
    with pytest.raises(AlumbenchError, match="No space left on device"):
        fine_tune(small_request(), out, lambda line: None)
    (out / CARD).write_text("---\n---\n")
    with pytest.raises(AlumbenchError):
        belongings(out)
    shutil.rmtree(out)

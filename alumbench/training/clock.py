"""Tracks time spent and left, and decides when intermediate checkpoints are written."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from alumbench.storage import write_json
from alumbench.training.resuming import TIME_FILE, time_spent


class Clock(TrainerCallback):  # type: ignore[misc]
    """Prints progress at each log, and saves the time with each checkpoint, so that a resumed run reports the total.

    A checkpoint at an epoch's end waits for the epoch's dev figures, which a resumed run would lose.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        """Starts the clock; `say` is called with each line of progress."""
        self.start, self.before, self.say = time.monotonic(), 0.0, say
        self.cpu_start, self.cpu_before = time.process_time(), 0.0
        self._first_step = 0
        self._save_waits = False

    def resume(self, checkpoint: Path) -> None:
        """Continues from the time of an intermediate checkpoint."""
        self.before, self.cpu_before = time_spent(checkpoint)

    def seconds(self) -> float:
        """Seconds spent so far, before and after resuming."""
        return self.before + time.monotonic() - self.start

    def cpu_seconds(self) -> float:
        """CPU seconds spent so far, which other programs do not lengthen."""
        return self.cpu_before + time.process_time() - self.cpu_start

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Remembers the step at which this part starts."""
        self._first_step = state.global_step

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, object] | None = None, **kwargs: Any) -> None:
        """One line: step, losses or dev figures, time left."""
        logs = logs or {}
        figures = [
            f"{name.removeprefix('eval_')} {value:.4g}"
            for name, value in logs.items()
            if name == "embedding_norm"
            or name.startswith("loss")
            or (name.startswith("eval_") and not name.endswith(("runtime", "second")))
        ]
        done = state.global_step - self._first_step
        if figures and done:
            left = (time.monotonic() - self.start) / done * (state.max_steps - state.global_step)
            about = "dev " if "eval_loss" in logs else ""
            self.say(f"step {state.global_step}/{state.max_steps}: {about}{', '.join(figures)}; {_clock(left)} left")

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Postpones a checkpoint at an epoch's end."""
        ends = abs(state.epoch - round(state.epoch)) < 1e-9 or state.global_step >= state.max_steps
        if control.should_save and ends:
            control.should_save, self._save_waits = False, True

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Writes the postponed checkpoint, after the evaluation."""
        if self._save_waits:
            control.should_save, self._save_waits = True, False

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Saves the seconds so far."""
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        if state.is_world_process_zero:
            write_json(folder / TIME_FILE, {"seconds": self.seconds(), "cpu_seconds": self.cpu_seconds()})


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"

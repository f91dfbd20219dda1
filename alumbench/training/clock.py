"""Time spent and time left, and when intermediate checkpoints are written."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from alumbench.storage import read_json, write_json

TIME_FILE = "alumbench.json"


class Clock(TrainerCallback):  # type: ignore[misc]
    """A line of progress at each log; the seconds beside each checkpoint, so that a resumed run reports all of them.

    Two things that the Trainer of transformers 4.57 does not do for a resumed run: the order of an epoch is drawn from
    torch's generator before the checkpoint's generators are loaded, so the state at the epoch's begin is kept and put
    back; and a checkpoint that falls on an epoch's end waits for the epoch's dev figures, which would be lost.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        """Starts the clock; `say` takes a line."""
        self.start, self.before, self.say = time.monotonic(), 0.0, say
        self._first_step = 0
        self._save_waits = False
        self._begun = False
        self._epoch_begin: list[int] | None = None

    def resume(self, checkpoint: Path) -> None:
        """Takes up the time and the epoch's order of an intermediate checkpoint."""
        if (checkpoint / TIME_FILE).exists():
            kept = read_json(checkpoint / TIME_FILE)
            self.before, self._epoch_begin = kept["seconds"], kept["generator_at_epoch_begin"]

    def seconds(self) -> float:
        """Spent so far, in all parts of the run."""
        return self.before + time.monotonic() - self.start

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Draws a resumed epoch's order again as it was, and remembers how a new one is drawn."""
        if self._epoch_begin is not None and not self._begun:
            torch.set_rng_state(torch.tensor(self._epoch_begin, dtype=torch.uint8))
        self._begun = True
        self._epoch_begin = torch.get_rng_state().tolist()

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Notes where this part begins."""
        self._first_step = state.global_step

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        """One line: step, losses or dev figures, time left."""
        logs = logs or {}
        figures = [
            f"{name.removeprefix('eval_')} {value:.4f}"
            for name, value in logs.items()
            if (name.startswith("loss") or (name.startswith("eval_") and not name.endswith(("runtime", "second"))))
        ]
        done = state.global_step - self._first_step
        if figures and done:
            left = (time.monotonic() - self.start) / done * (state.max_steps - state.global_step)
            about = "dev " if "eval_loss" in logs else ""
            self.say(f"step {state.global_step}/{state.max_steps}: {about}{', '.join(figures)}; {_clock(left)} left")

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Puts a checkpoint off that falls on an epoch's end."""
        ends = abs(state.epoch - round(state.epoch)) < 1e-9 or state.global_step >= state.max_steps
        if control.should_save and ends:
            control.should_save, self._save_waits = False, True

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Writes it after the evaluation, which comes first when both are asked for."""
        if self._save_waits:
            control.should_save, self._save_waits = True, False

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Keeps the seconds so far."""
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        at_epoch_end = float(state.epoch).is_integer()  # then the next epoch draws its own order
        generator = None if at_epoch_end else self._epoch_begin
        write_json(folder / TIME_FILE, {"seconds": self.seconds(), "generator_at_epoch_begin": generator})


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"

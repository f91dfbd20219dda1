"""Progress bars of an evaluation, on standard error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alumbench.attacks.outcome import OUTCOME_WORDS

if TYPE_CHECKING:
    from alumbench.evaluation.entry_runner import Done


class Bars:
    """One bar an entry: records made, outcomes so far, queries a second, and the useful share of the tokens."""

    def __init__(self) -> None:
        """Starts without a bar."""
        self._bar: Any = None
        self._entry = ""

    def __call__(self, done: Done) -> None:
        """Updates the entry's bar."""
        from tqdm import tqdm

        if done.entry != self._entry:
            self.close()
            self._bar = tqdm(total=done.total, initial=done.done, desc=done.entry, unit="ex", mininterval=1.0)
            self._entry = done.entry
        self._bar.n = done.done
        if done.queries_per_second:
            speed = {"queries/s": f"{done.queries_per_second:.0f}"}
            speed |= {"useful tokens": f"{done.useful:.0%}"} if done.useful else {}
            outcomes = {OUTCOME_WORDS[name].words: count for name, count in done.outcomes.items()}
            self._bar.set_postfix(outcomes | speed, refresh=False)
        self._bar.update(0)

    def close(self) -> None:
        """Closes the last bar."""
        if self._bar is not None:
            self._bar.refresh()
            self._bar.close()

    def __enter__(self) -> Bars:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

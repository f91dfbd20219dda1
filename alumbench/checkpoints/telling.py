"""Libraries' errors and other people's names in one line of a message."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from alumbench.errors import AlumbenchError, shown


@contextmanager
def told(what: str, why: Callable[[], str] | None = None) -> Iterator[None]:
    """Turns whatever a library makes of somebody's file into one line, and silences its warnings.

    Libraries have no common error for a file that makes no sense: they fail as their code happens to.

    Args:
        what: begins the line.
        why: finds out what is wrong in the file, '' where it cannot; the library's own words are shown then.

    Raises:
        AlumbenchError: Anything was raised inside but an AlumbenchError or an interrupt.
    """
    from transformers.utils import logging

    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        with without_bars():
            yield
    except AlumbenchError:
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":  # of Rust's, in tokenizers
            raise
        reason = ""
        with suppress(Exception):  # it asks the same library of the same file
            reason = why() if why is not None else ""
        raise AlumbenchError(f"{what}: {reason or shown(str(error) or type(error).__name__, 300)}") from error
    finally:
        logging.set_verbosity(verbosity)


@contextmanager
def without_bars() -> Iterator[None]:
    """Silences transformers' progress bars: version 5 draws one for each file that it reads or writes."""
    from transformers.utils import logging

    shown_before = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown_before:
            logging.enable_progress_bar()


def brief(text: object) -> str:
    """A name or value of somebody else's, for a message."""
    return shown(text, 80)


def some(names: Sequence[str], most: int = 4, show: Callable[[str], str] = brief) -> str:
    """The first few names, each bounded by `show`, and how many more there are."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(show(name) for name in names[:most]) + more

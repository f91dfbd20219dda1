"""Shows libraries' errors and third-party names in one line of a message."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from alumbench.errors import AlumbenchError, shown


@contextmanager
def errors_told(what: str, why: Callable[[], str] | None = None) -> Iterator[None]:
    """Turns any error of a library about a file into one line, and silences its warnings.

    Libraries have no common error for an invalid file: they raise all kinds of exceptions.

    Args:
        what: start of the line.
        why: finds the fault in the file, '' if it cannot; then the library's own message is shown.

    Raises:
        AlumbenchError: Anything was raised inside except an AlumbenchError or an interrupt.
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
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":  # from Rust, in tokenizers
            raise
        reason = ""
        with suppress(Exception):  # it uses the same library on the same file
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
    """A third-party name or value, shortened for a message."""
    return shown(text, 80)


def some(names: Sequence[str], most: int = 4, show: Callable[[str], str] = brief) -> str:
    """The first few names, each shortened by `show`, and the number of further ones."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(show(name) for name in names[:most]) + more

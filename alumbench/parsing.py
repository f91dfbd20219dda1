"""The only reader of TOML and JSON files: limited sizes, only plain values, errors in one line."""

from __future__ import annotations

import json
import math
import os
import stat
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from alumbench.config import key_at, wrong
from alumbench.errors import NAME, AlumbenchError, shown

#: Maximum bytes of a JSON and of a TOML file, and maximum nesting depth.
JSON_BYTES, TOML_BYTES, DEPTH = 64 << 20, 4 << 20, 64
_PLAIN = (str, bool, int, type(None))


def read_bytes(path: Path, limit: int = JSON_BYTES, form: str = "a file") -> bytes:
    """The content of a file.

    Args:
        path: a regular file.
        limit: maximum bytes.
        form: the expected kind of file, for messages.

    Raises:
        AlumbenchError: It is missing, not a regular file, too large, or cannot be read.
    """
    try:
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise AlumbenchError(f"{path}: expected {form}, found something else, such as a device or pipe")
            content = file.read(limit + 1)
    except FileNotFoundError:
        raise AlumbenchError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise AlumbenchError(f"{path}: expected {form}, found a folder") from None
    except (OSError, ValueError) as error:
        raise AlumbenchError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from None
    if len(content) > limit:
        raise AlumbenchError(f"{path}: is larger than {limit >> 20} MiB, too large for {form}")
    return content


def read_text(path: Path, limit: int = JSON_BYTES, form: str = "a text file") -> str:
    """The text of a file; a byte order mark is left out. Arguments as `read_bytes`.

    Raises:
        AlumbenchError: It is missing, not a regular file, too large, cannot be read, or is not UTF-8.
    """
    return decoded(read_bytes(path, limit, form), str(path))


def decoded(content: bytes, where: str) -> str:
    """Bytes as UTF-8 text; a byte order mark is left out.

    Raises:
        AlumbenchError: They are not UTF-8; the line is named.
    """
    try:
        return content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise AlumbenchError(f"{where}: line {line} is not UTF-8 (byte 0x{content[error.start]:02x})") from None


def read_toml(path: Path) -> dict[str, object]:
    """The content of a TOML file.

    Raises:
        AlumbenchError: See `read_text` and `parse_toml`.
    """
    return parse_toml(read_text(path, TOML_BYTES, "a TOML file"), str(path))


def parse_toml(text: str, where: str) -> dict[str, object]:
    """The content of TOML text: tables, lists, text, finite numbers, and true or false.

    Raises:
        AlumbenchError: It is not TOML, nested too deep, or holds dates or numbers that are not finite.
    """
    values = _parsed(lambda: tomllib.loads(text), "TOML", where)
    _plain(values, where)
    return values  # type: ignore[no-any-return]


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        AlumbenchError: See `read_text` and `parse_json`.
    """
    return parse_json(read_text(path, JSON_BYTES, "a JSON file"), str(path))


def parse_json(text: str, where: str) -> Any:
    """The content of JSON text; all numbers must be finite.

    Raises:
        AlumbenchError: It is not JSON, nested too deep, or has NaN, Infinity or a number that is too large.
    """
    value = _parsed(lambda: _JSON.decode(text), "JSON", where)
    _plain(value, where)
    return value


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


_JSON = json.JSONDecoder(parse_constant=_no_number)  # made once: `json.loads` makes one for each line of records


def _parsed(parse: Callable[[], Any], form: str, where: str) -> Any:
    try:
        return parse()
    except json.JSONDecodeError as error:
        at = f"line {error.lineno}, column {error.colno}"
        raise AlumbenchError(f"{where}: cannot be read as JSON: {error.msg} (at {at})") from None
    except RecursionError:
        raise AlumbenchError(f"{where}: is nested too deep") from None
    except (ValueError, OverflowError) as error:
        digits = "Exceeds the limit" in str(error)  # Python's limit, for numbers that would take minutes
        what = "a number has more than 4,300 digits" if digits else shown(error, NAME)
        raise AlumbenchError(f"{where}: cannot be read as {form}: {what}") from None


def _plain(value: Any, where: str) -> None:
    """Rejects values that are not plain and could not be written back."""
    odd = _odd(value, DEPTH)
    if odd is None:
        return
    at, found = "", odd[0]
    for key in reversed(odd[1:]):
        at = key_at(at, key)
    if isinstance(found, dict | list):
        raise AlumbenchError(f"{where}: is nested more than {DEPTH} deep")
    expected = "a finite number" if isinstance(found, float) else "text, a number, true or false, a list or a table"
    raise wrong(where, at, expected, found)


def _odd(value: Any, deeper: int) -> list[Any] | None:
    """The first value that is not plain, then the keys that lead to it, innermost first; None if all are plain."""
    if isinstance(value, dict | list):
        if not deeper:
            return [value]
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            if not isinstance(item, _PLAIN):
                odd = _odd(item, deeper - 1)
                if odd is not None:
                    return [*odd, key]
        return None
    plain = math.isfinite(value) if isinstance(value, float) else isinstance(value, _PLAIN)
    return None if plain else [value]

"""Detects a text file's encoding from its first bytes and from what decodes, never guessing between alphabets."""

from __future__ import annotations

import codecs
from pathlib import Path

from alumbench.errors import AlumbenchError

_CHUNK = 1 << 20
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig", ""),
    (codecs.BOM_UTF32_LE, "utf-32", "UTF-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)
_BINARY = {
    b"PK\x03\x04": "a zip file (an Excel workbook?); save it as CSV",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook; save it as CSV",
    b"\x1f\x8b": "compressed; gunzip it first",
    b"PAR1": "a parquet file; name it .parquet",
}
#: Letters and signs of Western European languages. Others in Windows-1252 (þ, ¹, š, …) suggest another code page.
_WESTERN = frozenset("àâäáãåæçèéêëìíîïñòóôöõøùúûüÿœßÀÂÄÁÃÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÖÕØÙÚÛÜŒ‘’‚“”„–—…€£«»¡¿°§©®·´\u00a0")
#: Texts in Latin letters have a smaller share of non-ASCII characters; one that is all "Ïðèâåò" is Cyrillic.
_MOST = 0.2


def text_encoding(path: Path, encoding: str = "") -> tuple[str, str]:
    """The codec for reading a text file, and its name in messages ('' for UTF-8).

    Args:
        path: the file.
        encoding: its encoding if the user gives it, else ''.

    Raises:
        AlumbenchError: It is not text, is not in the given encoding, or its encoding cannot be detected.
    """
    with path.open("rb") as file:
        head = file.read(4096)
    for magic, what in _BINARY.items():
        if head.startswith(magic):
            raise AlumbenchError(f"{path}: is not text but {what}")
    if encoding:
        return _named(path, encoding)
    for mark, codec, said in _BOMS:
        if head.startswith(mark):
            _check(path, codec)
            return codec, said
    if head.count(0) * 5 > len(head):
        codec = "utf-16-le" if head[1::2].count(0) > head[::2].count(0) else "utf-16-be"
        _check(path, codec)
        return codec, "UTF-16"
    if _decodes(path, "utf-8"):
        return "utf-8", ""
    if _is_western(path):
        return "cp1252", "Latin-1"
    raise AlumbenchError(
        f"{path}: cannot be read as {path.suffix.lstrip('.').lower()}: it is not UTF-8, and its encoding cannot be "
        f"detected; name it with --encoding (cp1251, say), or save it as UTF-8"
    )


def _named(path: Path, encoding: str) -> tuple[str, str]:
    try:
        codec = codecs.lookup(encoding).name
        "".encode(codec)
    except (LookupError, ValueError):
        raise AlumbenchError(
            f"--encoding {encoding}: Python has no such text encoding; give utf-8 or cp1252, for example"
        ) from None
    _check(path, codec)
    return ("utf-8-sig", "") if codec == "utf-8" else (codec, codec)


def _check(path: Path, codec: str) -> None:
    if not _decodes(path, codec):
        raise AlumbenchError(f"{path}: is not valid {codec}; name its encoding with --encoding, or save it as UTF-8")


def _decodes(path: Path, codec: str) -> bool:
    try:
        with path.open(encoding=codec, newline="") as file:
            while file.read(_CHUNK):
                pass
    except UnicodeError:
        return False
    return True


def _is_western(path: Path) -> bool:
    letters = foreign = 0
    try:
        with path.open(encoding="cp1252", newline="") as file:
            while chunk := file.read(_CHUNK):
                strange = [character for character in chunk if not character.isascii()]
                if not _WESTERN.issuperset(strange):
                    return False
                foreign += len(strange)
                letters += sum(map(str.isalpha, chunk))
    except UnicodeError:
        return False
    return foreign <= _MOST * letters

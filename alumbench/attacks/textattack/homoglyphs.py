"""Letters that look like Latin ones, and a fix that makes TextAttack's homoglyph swap work from a wheel.

TextAttack reads `intentional_homoglyphs.txt`, the Unicode Consortium's table of intentional confusables. Its wheels
lack this file, so every recipe with homoglyphs fails when it is built. The table below is ours, made from the scripts'
charts: letters that common fonts draw alike. The published table is larger (digits, punctuation, and pairs between
other scripts), so counts made with the two tables are not comparable. TextBugger does not use the table: it takes one
look-alike per letter from a list in TextAttack's code.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator

#: Letter to look-alikes: Greek, Cyrillic, Cherokee and Lisu, in the order of their code points.
TABLE = {
    "A": "ΑАᎪꓮ",
    "B": "ΒВᏴꓐ",
    "C": "ϹСᏟꓚ",
    "D": "Ꭰꓓ",
    "E": "ΕЕᎬꓰ",
    "F": "Ϝꓝ",
    "G": "ԌᏀꓖ",
    "H": "ΗНᎻꓧ",
    "I": "ΙІӀꓲ",
    "J": "ͿЈᎫꓙ",
    "K": "ΚКᏦꓗ",
    "L": "Ꮮꓡ",
    "M": "ΜМᎷꓟ",
    "N": "Νꓠ",
    "O": "ΟОꓳ",
    "P": "ΡРᏢꓑ",
    "Q": "Ԛ",
    "R": "Ꭱꓣ",
    "S": "ЅᏚꓢ",
    "T": "ΤТᎢꓔ",
    "U": "ꓴ",
    "V": "Ꮩꓦ",
    "W": "ԜᎳꓪ",
    "X": "ΧХꓫ",
    "Y": "ΥҮꓬ",
    "Z": "ΖᏃꓜ",
    "a": "а",
    "c": "ϲс",
    "d": "ԁ",
    "e": "е",
    "h": "һ",
    "i": "і",
    "j": "ϳј",
    "l": "ӏ",
    "o": "οо",
    "p": "р",
    "q": "ԛ",
    "s": "ѕ",
    "v": "ѵ",
    "w": "ԝ",
    "x": "х",
    "y": "у",
}


def as_file() -> str:
    """The table in the file format that TextAttack reads."""
    pairs = [(letter, other) for letter, others in TABLE.items() for other in others]
    return "".join(f"{ord(a):04X} ; {ord(b):04X} # ( {a} ~ {b} )\n" for a, b in pairs)


@contextlib.contextmanager
def provided() -> Iterator[None]:
    """Within the context, TextAttack's homoglyph swap finds its table."""
    from textattack.transformations.word_swaps import word_swap_homoglyph_swap as module

    module.open = lambda *args, **kwargs: io.StringIO(as_file())  # a module's own name takes precedence over a built-in
    try:
        yield
    finally:
        del module.open

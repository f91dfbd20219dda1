"""TextAttack's way of cutting a text into words, remembered word by word: half of an attack's time goes there."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from alumbench.attacks.textattack.loader import load_textattack

#: Texts with these go to TextAttack's own function, which cuts them into words with jieba first.
CHINESE = re.compile("[\u4e00-\u9fff]")


@contextlib.contextmanager
def words_remembered() -> Iterator[None]:
    """Within the context, `textattack.shared.utils.words_from_text` gives the same results from a cache.

    It looks at each piece between spaces on its own, so the pieces can be remembered; candidates of one text differ in
    one of them.
    """
    attacked_text, strings = load_textattack().shared.attacked_text, load_textattack().shared.utils.strings
    original = strings.words_from_text

    @lru_cache(maxsize=2**17)
    def of_piece(piece: str) -> tuple[str, ...] | None:
        return None if CHINESE.search(piece) else tuple(original(piece))

    def words_from_text(text: str, words_to_ignore: Sequence[str] = ()) -> list[str]:
        words: list[str] = []
        for piece in text.split():
            found = of_piece(piece)
            if found is None:
                return list(original(text, list(words_to_ignore)))
            words += found
        return [word for word in words if word not in words_to_ignore] if words_to_ignore else words

    places = [module for module in (attacked_text, strings) if module.words_from_text is original]
    for module in places:
        module.words_from_text = words_from_text
    try:
        yield
    finally:
        for module in places:
            module.words_from_text = original

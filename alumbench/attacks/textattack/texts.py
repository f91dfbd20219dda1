"""TextAttack's candidates, made in a step instead of a walk over all words, where that is the same."""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Any

from alumbench.attacks.textattack.loader import load_textattack


@contextlib.contextmanager
def words_replaced_in_place() -> Iterator[None]:
    """Within the context, an `AttackedText` with one word in another's place is cut and pasted there.

    TextAttack walks over all words of the text for each candidate. Where the words stand is the same for all candidates
    of a text, and a word in a word's place moves no other. Deletions, insertions and merges walk as before.
    """
    attacked_text = load_textattack().shared.attacked_text
    kind = attacked_text.AttackedText
    walk = kind.generate_new_attacked_text

    def generate_new_attacked_text(self: Any, new_words: Iterable[str]) -> Any:
        words, new = self.words, list(new_words)
        changed = [at for at, (before, after) in enumerate(zip(words, new, strict=False)) if before != after]
        if len(changed) != 1 or len(new) != len(words):
            return walk(self, new)
        (at,) = changed
        if len(attacked_text.words_from_text(new[at])) != 1 or kind.SPLIT_TOKEN in new[at]:
            return walk(self, new)
        places = self.__dict__.get("_word_places")
        if places is None:
            plain = all(len(attacked_text.words_from_text(word)) == 1 for word in words)
            places = self._word_places = _places(self, kind.SPLIT_TOKEN) if plain else []
        if not places:
            return walk(self, new)
        text = kind.SPLIT_TOKEN.join(self._text_input.values())
        pasted = text[: places[at]] + new[at] + text[places[at] + len(words[at]) :]
        columns = OrderedDict(zip(self._text_input.keys(), pasted.split(kind.SPLIT_TOKEN), strict=False))
        kept = {"label_names": self.attack_attrs["label_names"]} if "label_names" in self.attack_attrs else {}
        attributes = kept | {
            "newly_modified_indices": {at},
            "previous_attacked_text": self,
            "modified_indices": self.attack_attrs["modified_indices"] | {at},
            "original_index_map": self.attack_attrs["original_index_map"].copy(),
        }
        return kind(columns, attack_attrs=attributes)

    kind.generate_new_attacked_text = generate_new_attacked_text
    try:
        yield
    finally:
        kind.generate_new_attacked_text = walk


def _places(text: Any, split: str) -> list[int]:
    """The start of each word in the columns joined by the split token, found as TextAttack finds them."""
    rest, begun, places = split.join(text._text_input.values()), 0, []
    for word in text.words:
        at = rest.index(word)
        if word in split and split in rest:
            begin = rest.index(split)
            if begin <= at < begin + len(split):
                at = rest.replace(split, "").index(word) + len(split)
        places.append(begun + at)
        begun += at + len(word)
        rest = rest[at + len(word) :]
    return places

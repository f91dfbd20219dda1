"""A grammar proxy: do the words that were put in exist, and are they of the part of speech that stood there?

It is no grammar checker. Agreement, tense, word order and meaning go unseen; a typo that happens to be a word passes; a
name that WordNet lacks fails, and so does any text that is not English. It tells texts with misspelt or misplaced words
from texts without, deterministically and from NLTK's data alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from functools import cache
from typing import Any

from alumbench.attacks.resources import RESOURCES

#: Raised whenever its figures could change.
VERSION = 1
NEEDS = ("wordnet", "stopwords", "averaged_perceptron_tagger_eng", "universal_tagset")
TOKEN = re.compile(r"\w+(?:['’-]\w+)*|[^\w\s]")


def absent() -> str:
    """Why it cannot be computed here and what mends that, empty where it can."""
    problems = {name: RESOURCES[name].problem() for name in NEEDS}
    return "; ".join(f"{name}: {problem}" for name, problem in problems.items() if problem)


def kept_edits(original: str, adversarial: str) -> tuple[int, int]:
    """Of the words that were replaced, added or taken away, how many pass, and how many there are.

    `the film was good` → `the movie was god` has two edits: `movie` passes, a known word and a noun for a noun; `god`
    does not, a noun for an adjective. A replaced word passes if the new one is known (WordNet has it or a base form of
    it, or it is a stopword or stands in the original) and both have the same universal part of speech, by NLTK's
    perceptron tagger on either text; an added word passes if it is known; a word taken away never does.
    """
    before, after = TOKEN.findall(original), TOKEN.findall(adversarial)
    there = {word.lower() for word in before}
    edits = list(_edits(before, after))
    if not edits:
        return 0, 0
    parts_before, parts_after = _parts_of_speech(before), _parts_of_speech(after)
    passed = 0
    for old, new in edits:
        if new is not None and _is_known(after[new].lower(), there):
            passed += old is None or parts_before[old] == parts_after[new]
    return passed, len(edits)


def _edits(before: Sequence[str], after: Sequence[str]) -> Iterator[tuple[int | None, int | None]]:
    """Positions of a word and of what took its place, None on the side where there is none."""
    for kind, old, old_end, new, new_end in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind != "equal":
            for at in range(max(old_end - old, new_end - new)):
                yield (old + at if old + at < old_end else None, new + at if new + at < new_end else None)


def _is_known(word: str, there: set[str]) -> bool:
    from nltk.corpus import wordnet

    return word in there or word in _stopwords() or bool(wordnet.synsets(word))


@cache
def _stopwords() -> frozenset[str]:
    from nltk.corpus import stopwords

    return frozenset(stopwords.words("english"))


@cache
def _tagger() -> Any:
    from nltk.tag.perceptron import PerceptronTagger

    return PerceptronTagger()


def _parts_of_speech(words: Sequence[str]) -> list[str]:
    from nltk.tag import map_tag

    return [map_tag("en-ptb", "universal", tag) for _, tag in _tagger().tag(list(words))]

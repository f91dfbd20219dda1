"""A grammar proxy: do the new words exist, and do they have the part of speech of the words they replace?

It is not a grammar checker. It ignores agreement, tense, word order and meaning. A typo that happens to be a word
passes; a name that WordNet lacks fails, and so does any text that is not English. It detects misspelt or misplaced
words, deterministically and from NLTK's data alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from functools import cache
from typing import Any

from alumbench.attacks.resources import RESOURCES

#: Increased whenever its figures could change.
VERSION = 1
NEEDS = ("wordnet", "stopwords", "averaged_perceptron_tagger_eng", "universal_tagset")
TOKEN = re.compile(r"\w+(?:['’-]\w+)*|[^\w\s]")


def absent() -> str:
    """The reason why it cannot be computed here and the remedy, empty if it can."""
    problems = {name: RESOURCES[name].problem() for name in NEEDS}
    return "; ".join(f"{name}: {problem}" for name, problem in problems.items() if problem)


def kept_edits(original: str, adversarial: str) -> tuple[int, int]:
    """Number of edited words (replaced, added or removed) that pass, and number of all edited words.

    `the film was good` → `the movie was god` has two edits: `movie` passes, a known word and a noun for a noun; `god`
    does not, a noun for an adjective. A replaced word passes if the new one is known (WordNet has it or a base form of
    it, or it is a stopword or occurs in the original) and both have the same universal part of speech, by NLTK's
    perceptron tagger on either text. An added word passes if it is known; a removed word never passes.
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
    """Positions of an old word and of its replacement, None for the one that does not exist."""
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

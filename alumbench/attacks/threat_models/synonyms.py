"""`synonyms-r%`: at most r% of the words are replaced with synonyms of two published lists.

The lists, in this order:

- **Neighbours in counter-fitted vectors** (Mrkšić et al. 2016), as Jia et al. 2019 published them: at most 8 a word,
  the nearest first. Counter-fitting pulls synonyms together and pushes antonyms apart.
- **WordNet** (Miller 1995): the words of all synsets that the word, or its base form, has as the part of speech that it
  has in the text, in WordNet's order of senses. Phrases are left out.

The set is the union, so that it contains what each list alone allows. Both must be installed: with one of them it would
be another set, which has a name of its own, `synonyms-jia` or `synonyms-wordnet`. What holds beyond the lists, for stop
words, case, parts of speech and the similarity of sentences, is in `word_sets`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import ClassVar

from alumbench.attacks.neighbours import published, published_sha256
from alumbench.attacks.nltk_data import find_nltk_data
from alumbench.attacks.parts_of_speech import TaggedText
from alumbench.attacks.threat_models.choices import Slot
from alumbench.attacks.threat_models.threat_model import Setting, Texts
from alumbench.attacks.threat_models.word_sets import NEEDS, Proposals, WordThreatModel, word_at

NEIGHBOURS, WORDNET = "counter-fitted-neighbours", "wordnet"
#: WordNet's letters of universal parts of speech; it has no others.
LETTERS = {"NOUN": "n", "VERB": "v", "ADJ": "a", "ADV": "r"}


class Synonyms(WordThreatModel):
    """Words of both lists.

    Attributes:
        lists: the lists, by the names of their resources, in the order in which their words are tried.
    """

    name = "synonyms"
    version = 1
    description = (
        "replace at most r% of the words, no stop words, with WordNet's synonyms or published neighbours in "
        "counter-fitted vectors; part of speech kept, sentence similarity at least .84"
    )
    source = (
        "lists of Jia et al. 2019, https://aclanthology.org/D19-1423/, and WordNet, as in PWWS (Ren et al. 2019), "
        "https://aclanthology.org/P19-1103/; limits of TextFooler (Jin et al. 2020), https://arxiv.org/abs/1907.11932"
    )
    lists: ClassVar[tuple[str, ...]] = (NEIGHBOURS, WORDNET)
    needs: ClassVar[tuple[str, ...]] = (*NEEDS, NEIGHBOURS, WORDNET)

    def installed(self) -> dict[str, str]:
        """Also the hash of the neighbours' file and WordNet's version."""
        versions: dict[str, Callable[[], str]] = {NEIGHBOURS: published_sha256, WORDNET: wordnet_version}
        return super().installed() | {name: versions[name]() for name in self.lists}

    def proposals(self, texts: Texts, slots: Sequence[Slot], setting: Setting) -> Proposals:
        """The words of the lists."""
        tagged = [TaggedText(text) for text in texts]
        words: list[list[str]] = []
        for slot in slots:
            word = word_at(texts, slot)
            (tag,) = tagged[slot.column].tags(slot.begin, [word])
            words.append([other for name in self.lists for other in LISTED[name](word, tag)])
        return Proposals(words)


def neighbours(word: str, tag: str) -> Sequence[str]:
    """Neighbours in counter-fitted vectors, the nearest first, of any part of speech."""
    return published().get(word.lower(), ())


def synonyms_in_wordnet(word: str, tag: str) -> Sequence[str]:
    """Words of all synsets of this universal part of speech, in WordNet's order of senses."""
    letter = LETTERS.get(tag)
    return _lemmas(word.lower(), letter) if letter else ()


LISTED: dict[str, Callable[[str, str], Sequence[str]]] = {NEIGHBOURS: neighbours, WORDNET: synonyms_in_wordnet}


@cache
def wordnet_version() -> str:
    """The version that WordNet's files name: `3.0` of Princeton's, `2024` of the Open English WordNet's."""
    find_nltk_data()
    from nltk.corpus import wordnet

    return wordnet.get_version() or "unknown"


@lru_cache(maxsize=2**14)
def _lemmas(word: str, letter: str) -> tuple[str, ...]:
    find_nltk_data()
    from nltk.corpus import wordnet

    found = [lemma for synset in wordnet.synsets(word, letter) for lemma in synset.lemma_names()]
    return tuple(dict.fromkeys(found))


THREAT_MODEL = Synonyms()

"""`synonyms-wordnet-r%`: `synonyms-r%` with WordNet's synonyms alone; a subset of it."""

from __future__ import annotations

from alumbench.attacks.threat_models.synonyms import WORDNET, Synonyms
from alumbench.attacks.threat_models.word_sets import NEEDS


class WordNet(Synonyms):
    """Words of one list."""

    name = "synonyms-wordnet"
    version = 1
    description = (
        "replace at most r% of the words, no stop words, with WordNet's synonyms; "
        "part of speech kept, sentence similarity at least .84"
    )
    source = (
        "WordNet, as in PWWS (Ren et al. 2019), https://aclanthology.org/P19-1103/; limits of TextFooler "
        "(Jin et al. 2020), https://arxiv.org/abs/1907.11932"
    )
    lists = (WORDNET,)
    needs = (*NEEDS, WORDNET)


THREAT_MODEL = WordNet()

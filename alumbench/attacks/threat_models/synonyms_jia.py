"""`synonyms-jia-r%`: `synonyms-r%` with published neighbours in counter-fitted vectors alone; a subset of it."""

from __future__ import annotations

from alumbench.attacks.threat_models.synonyms import NEIGHBOURS, Synonyms
from alumbench.attacks.threat_models.word_sets import NEEDS


class Neighbours(Synonyms):
    """Words of one list."""

    name = "synonyms-jia"
    version = 1
    description = (
        "replace at most r% of the words, no stop words, with published neighbours in counter-fitted vectors; "
        "part of speech kept, sentence similarity at least .84"
    )
    source = (
        "neighbours of Jia et al. 2019, https://aclanthology.org/D19-1423/; limits of TextFooler (Jin et al. 2020), "
        "https://arxiv.org/abs/1907.11932"
    )
    lists = (NEIGHBOURS,)
    needs = (*NEEDS, NEIGHBOURS)


THREAT_MODEL = Neighbours()

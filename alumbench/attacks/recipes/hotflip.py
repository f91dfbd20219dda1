"""HotFlip: at most two words replaced, found with the victim's gradient and a beam of ten."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from alumbench.attacks.recipe import Recipe


def flips(wrapper: Any, synonyms: Callable[[str], Sequence[str]] | None, *constraints: Any) -> Any:
    """HotFlip's word-level attack on a transformers classifier; TextAttack's validator accepts only LSTMs.

    TextAttack takes one flip per text, the best in the whole vocabulary, and then checks the constraints, which few
    pass. Here, as in the paper, the ten best flips that pass are taken per text.

    Args:
        wrapper: the victim.
        synonyms: gives the words that may replace a word; None for the victim's whole vocabulary.
        constraints: in addition to the paper's: same part of speech, at most two words, no stopwords.
    """
    from textattack import Attack
    from textattack.constraints.grammaticality import PartOfSpeech
    from textattack.constraints.overlap import MaxWordsPerturbed
    from textattack.constraints.pre_transformation import RepeatModification, StopwordModification
    from textattack.goal_functions import UntargetedClassification

    from alumbench.attacks.gradient import WithGradient
    from alumbench.attacks.textattack.gradient_search import GradientSearch, RankedSwap

    white = WithGradient(wrapper)
    swap = RankedSwap(white, synonyms, one_token=True)
    kept = [RepeatModification(), StopwordModification(), MaxWordsPerturbed(max_num_words=2), *constraints]
    search = GradientSearch(swap, beam=10, few=10)
    return Attack(UntargetedClassification(white), [*kept, PartOfSpeech()], swap, search)


def build(wrapper: Any) -> Any:
    """Flips to words with a cosine of .8 in counter-fitted vectors; the paper uses the victim's own vectors."""
    from textattack.constraints.semantics import WordEmbeddingDistance
    from textattack.transformations import WordSwapEmbedding

    near = WordSwapEmbedding(max_candidates=50)
    return flips(wrapper, near._get_replacement_words, WordEmbeddingDistance(min_cos_sim=0.8))


RECIPE = Recipe(
    name="hotflip",
    version=1,
    build=build,
    needs=("stopwords", "averaged_perceptron_tagger_eng", "universal_tagset", "counter-fitted-vectors"),
    source="Ebrahimi et al. 2018, https://arxiv.org/abs/1712.06751",
    description="white-box: flip at most two words to others of the victim's vocabulary (cosine .8 in counter-fitted "
    "vectors, same part of speech); beam of 10",
)

"""HotFlip: at most two words flipped, found with the victim's gradient and a beam of ten."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from alumbench.attacks.recipe import Recipe


def flips(wrapper: Any, synonyms: Callable[[str], Sequence[str]] | None, *constraints: Any) -> Any:
    """HotFlip's word-level attack on a classifier of transformers; TextAttack's validator lets LSTMs alone through.

    TextAttack takes one flip a text, the best in the whole vocabulary, and holds it against the constraints then, which
    few pass; here, as in the paper, the best flips are sought among those that pass, ten a text.

    Args:
        wrapper: the victim.
        synonyms: words to flip a word to, None for the victim's whole vocabulary.
        constraints: beside the paper's same part of speech, at most two words, and stopwords left alone.
    """
    from textattack import Attack
    from textattack.constraints.grammaticality import PartOfSpeech
    from textattack.constraints.overlap import MaxWordsPerturbed
    from textattack.constraints.pre_transformation import RepeatModification, StopwordModification
    from textattack.goal_functions import UntargetedClassification

    from alumbench.attacks.gradient import WithGradient
    from alumbench.attacks.gradient_search import GradientSearch, RankedSwap

    white = WithGradient(wrapper)
    swap = RankedSwap(white, synonyms, one_token=True)
    kept = [RepeatModification(), StopwordModification(), MaxWordsPerturbed(max_num_words=2), *constraints]
    search = GradientSearch(swap, beam=10, few=10)
    return Attack(UntargetedClassification(white), [*kept, PartOfSpeech()], swap, search)


def build(wrapper: Any) -> Any:
    """Flips to words of a cosine of .8 in counter-fitted vectors; the paper's vectors are the victim's own."""
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
    parts="white-box: flip at most two words to others of the victim's vocabulary (cosine .8 in counter-fitted "
    "vectors, "
    "same part of speech); beam of 10",
)

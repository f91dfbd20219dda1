"""CLARE: words replaced, inserted and merged with a masked language model's predictions."""

from __future__ import annotations

from typing import Any

from alumbench.attacks.recipe import Recipe, SentenceSettings


def assemble(wrapper: Any, masked_lm: Any, encoder: Any) -> Any:
    """CLARE with TextAttack's settings: 50 words per position, with probabilities of at least 5e-4, 0 and 5e-3.

    Part-of-speech tags for merges are from NLTK; TextAttack uses flair.

    Args:
        wrapper: the victim.
        masked_lm: the masked LM.
        encoder: the sentence-similarity constraint.
    """
    from textattack import Attack
    from textattack.constraints.pre_transformation import RepeatModification, StopwordModification
    from textattack.goal_functions import UntargetedClassification
    from textattack.search_methods import GreedySearch
    from textattack.transformations import CompositeTransformation

    from alumbench.attacks.textattack.masked_lm import MaskedLmInsertion, MaskedLmMerge, MaskedLmSwap

    changes = CompositeTransformation(
        [
            MaskedLmSwap(masked_lm, max_candidates=50, min_confidence=5e-4),
            MaskedLmInsertion(masked_lm, max_candidates=50, min_confidence=0.0),
            MaskedLmMerge(masked_lm, max_candidates=50, min_confidence=5e-3),
        ]
    )
    constraints = [RepeatModification(), StopwordModification(), encoder]
    return Attack(UntargetedClassification(wrapper), constraints, changes, GreedySearch())


#: Settings of the encoder.
SENTENCES: SentenceSettings = {
    "threshold": 0.7,
    "metric": "cosine",
    "compare_against_original": True,
    "window_size": 15,
    "skip_text_shorter_than_window": True,
}


def build(wrapper: Any) -> Any:
    """CLARE with distilroberta-base and the Universal Sentence Encoder."""
    from textattack.constraints.semantics.sentence_encoders import UniversalSentenceEncoder

    from alumbench.attacks.textattack.masked_lm import named

    return assemble(wrapper, named("distilroberta-base", wrapper), UniversalSentenceEncoder(**SENTENCES))


RECIPE = Recipe(
    name="clare",
    version=1,
    build=build,
    needs=(
        *("stopwords", "averaged_perceptron_tagger_eng", "universal_tagset"),
        *("distilroberta-base", "universal-sentence-encoder"),
    ),
    source="Li et al. 2021, https://arxiv.org/abs/2009.07502",
    description="replace, insert and merge words by what a masked LM proposes (50 a position) while sentence "
    "similarity in a window of 15 words is .7; greedy",
)

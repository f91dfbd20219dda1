"""BERT-Attack: words replaced by a masked language model's predictions at their position, without masking them."""

from __future__ import annotations

from typing import Any

from alumbench.attacks.recipe import Recipe, SentenceSettings


def assemble(wrapper: Any, masked_lm: Any, encoder: Any) -> Any:
    """BERT-Attack with TextAttack's settings: K = 8 (the paper's 48 explodes on words of several pieces), 40% of words.

    Args:
        wrapper: the victim.
        masked_lm: the masked LM.
        encoder: the sentence-similarity constraint.
    """
    from textattack import Attack
    from textattack.constraints.overlap import MaxWordsPerturbed
    from textattack.constraints.pre_transformation import RepeatModification, StopwordModification
    from textattack.goal_functions import UntargetedClassification
    from textattack.search_methods import GreedyWordSwapWIR

    from alumbench.attacks.textattack.masked_lm import BertAttackSwap

    swap = BertAttackSwap(masked_lm, max_candidates=8)
    constraints = [RepeatModification(), StopwordModification(), MaxWordsPerturbed(max_percent=0.4), encoder]
    return Attack(UntargetedClassification(wrapper), constraints, swap, GreedyWordSwapWIR(wir_method="unk"))


#: Settings of the encoder; the paper's threshold varies with the data set, from 0 to .7.
SENTENCES: SentenceSettings = {"threshold": 0.2, "metric": "cosine", "compare_against_original": True}


def build(wrapper: Any) -> Any:
    """BERT-Attack with bert-base-uncased and the Universal Sentence Encoder."""
    from textattack.constraints.semantics.sentence_encoders import UniversalSentenceEncoder

    from alumbench.attacks.textattack.masked_lm import named

    return assemble(wrapper, named("bert-base-uncased", wrapper), UniversalSentenceEncoder(**SENTENCES))


RECIPE = Recipe(
    name="bert-attack",
    version=1,
    build=build,
    needs=("stopwords", "bert-base-uncased", "universal-sentence-encoder"),
    source="Li et al. 2020, https://arxiv.org/abs/2004.09984",
    description="replace words by what a masked LM proposes at their place (8), at most 40% of them, while sentence "
    "similarity is .2; greedy by word importance",
)

"""BERT-Attack: words replaced by what a masked language model says at their place while they stand there."""

from __future__ import annotations

from typing import Any

from alumbench.attacks.recipe import Recipe


def assemble(wrapper: Any, masked_lm: Any, encoder: Any) -> Any:
    """BERT-Attack with TextAttack's numbers: K = 8 (the paper's 48 explodes on words of several pieces), 40% of words.

    Args:
        wrapper: the victim.
        masked_lm: the masked LM.
        encoder: the constraint on sentences.
    """
    from textattack import Attack
    from textattack.constraints.overlap import MaxWordsPerturbed
    from textattack.constraints.pre_transformation import RepeatModification, StopwordModification
    from textattack.goal_functions import UntargetedClassification
    from textattack.search_methods import GreedyWordSwapWIR

    from alumbench.attacks.masked_lm import BertAttackSwap

    swap = BertAttackSwap(masked_lm, max_candidates=8)
    constraints = [RepeatModification(), StopwordModification(), MaxWordsPerturbed(max_percent=0.4), encoder]
    return Attack(UntargetedClassification(wrapper), constraints, swap, GreedyWordSwapWIR(wir_method="unk"))


#: How the encoder is asked; the paper's threshold varies with the data set, from 0 to .7.
SENTENCES: dict[str, Any] = {"threshold": 0.2, "metric": "cosine", "compare_against_original": True}


def build(wrapper: Any) -> Any:
    """With bert-base-uncased and the Universal Sentence Encoder."""
    from textattack.constraints.semantics.sentence_encoders import UniversalSentenceEncoder

    from alumbench.attacks.masked_lm import named

    return assemble(wrapper, named("bert-base-uncased", wrapper), UniversalSentenceEncoder(**SENTENCES))


RECIPE = Recipe(
    name="bert-attack",
    version=1,
    build=build,
    needs=("stopwords", "bert-base-uncased", "universal-sentence-encoder"),
    source="Li et al. 2020, https://arxiv.org/abs/2004.09984",
    parts="replace words by what a masked LM says at their place (8), at most 40% of them, while sentence similarity "
    "is "
    ".2; greedy by word importance",
)

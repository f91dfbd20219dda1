"""BAE: words replaced by a masked language model's predictions."""

from __future__ import annotations

from typing import Any

from alumbench.attacks.recipe import Recipe, SentenceSettings


def assemble(wrapper: Any, masked_lm: Any, encoder: Any) -> Any:
    """BAE-R with TextAttack's settings (K = 50, same part of speech) and the given encoder.

    Args:
        wrapper: the victim.
        masked_lm: the masked LM.
        encoder: the sentence-similarity constraint.
    """
    from textattack import Attack
    from textattack.constraints.grammaticality import PartOfSpeech
    from textattack.constraints.pre_transformation import RepeatModification, StopwordModification
    from textattack.goal_functions import UntargetedClassification
    from textattack.search_methods import GreedyWordSwapWIR

    from alumbench.attacks.textattack.masked_lm import MaskedLmSwap

    swap = MaskedLmSwap(masked_lm, max_candidates=50, min_confidence=0.0)
    constraints = [RepeatModification(), StopwordModification(), PartOfSpeech(allow_verb_noun_swap=True), encoder]
    return Attack(UntargetedClassification(wrapper), constraints, swap, GreedyWordSwapWIR(wir_method="delete"))


#: Settings of the encoder. 1 - .2 / pi is the paper's .8: its code, like TextFooler's, omits the division by pi.
SENTENCES: SentenceSettings = {
    "threshold": 0.936338023,
    "metric": "cosine",
    "compare_against_original": True,
    "window_size": 15,
    "skip_text_shorter_than_window": True,
}


def build(wrapper: Any) -> Any:
    """BAE with bert-base-uncased and the Universal Sentence Encoder."""
    from textattack.constraints.semantics.sentence_encoders import UniversalSentenceEncoder

    from alumbench.attacks.textattack.masked_lm import named

    return assemble(wrapper, named("bert-base-uncased", wrapper), UniversalSentenceEncoder(**SENTENCES))


RECIPE = Recipe(
    name="bae",
    version=1,
    build=build,
    needs=(
        *("stopwords", "averaged_perceptron_tagger_eng", "universal_tagset"),
        *("bert-base-uncased", "universal-sentence-encoder"),
    ),
    source="Garg and Ramakrishnan 2020, https://arxiv.org/abs/2004.01970",
    description="replace words by what a masked LM proposes (50; same part of speech) while sentence similarity in a "
    "window of 15 words is .94; greedy by word importance",
)

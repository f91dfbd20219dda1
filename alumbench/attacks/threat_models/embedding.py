"""`embedding-0.1`: a ball of that radius around the word embeddings, for entries of kind `embedding`; no texts."""

from __future__ import annotations

from alumbench.attacks.threat_models.threat_model import Family
from alumbench.records import Ascent

#: |δ| / ε above 1 that rounding explains: δ is projected in float32.
ROUNDING = 1e-3


class EmbeddingBall(Family):
    """All δ added to a text's word embeddings whose L2 length over the text is at most ε."""

    name = "embedding"
    version = 1
    description = (
        "white-box, no texts: add a δ of L2 length up to ε to the word embeddings, ε in units of the RMS length of the "
        "text's token embeddings"
    )
    unit = "radius"
    symbol = "ε"
    source = "Miyato et al. 2017, https://arxiv.org/abs/1605.07725; Madry et al. 2018, https://arxiv.org/abs/1706.06083"
    not_promised = "no text has these embeddings, so robustness within the ball says little about robustness to texts"

    def contains(self, ascent: Ascent) -> bool:
        """True if the δ of a record is inside the ball."""
        return 0 <= ascent.moved <= 1 + ROUNDING


THREAT_MODEL = EmbeddingBall()

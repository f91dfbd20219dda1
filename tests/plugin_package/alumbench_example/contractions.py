"""A threat model: words are contracted, or contractions written out."""

import re

from alumbench import ChoiceSet, Slot, ThreatModel

SHORT = {"is not": "isn't", "was not": "wasn't", "it is": "it's", "i am": "i'm", "i have": "i've"}
OTHER = SHORT | {short: long for long, short in SHORT.items()}
PATTERN = re.compile(rf"\b({'|'.join(OTHER)})\b")


class Contractions(ThreatModel):
    """The other form of at most k contractions."""

    name = "contractions"
    version = 1
    description = "contract at most k pairs of words, or write contractions out (English, lower case)"
    unit = "contraction"
    source = "an invariance of CheckList, Ribeiro et al. 2020, https://arxiv.org/abs/2005.04118"
    not_promised = "tone: a contraction is less formal"

    def around(self, texts, spans, degree, setting):
        """The set around one example: what can be replaced, and by what."""
        found = [
            (Slot(column, *match.span()), [OTHER[match[0]]])
            for column, (text, (begin, end)) in enumerate(zip(texts, spans, strict=True))
            for match in PATTERN.finditer(text)
            if begin <= match.start() and match.end() <= end
        ]
        return ChoiceSet(texts, [slot for slot, _ in found], [choices for _, choices in found], degree)


THREAT_MODEL = Contractions()

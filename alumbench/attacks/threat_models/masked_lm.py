"""`masked-lm-r%`: at most r% of the words are replaced with words that a masked language model proposes.

The word is masked in the original text, and the model's likeliest whole words are proposed for its place: the first 50
(K of BAE and CLARE in TextAttack), each with a probability of at least 5e-4 (that of CLARE's replacements). The masked
text is the original whatever else was replaced, so that the set is a product of choices; BAE and CLARE propose again
after each replacement. Pieces that only continue a word are no words.

The suite's entry names the model, `models = { masked_lm = "…" }`; its weights are part of the signature, and it always
answers in fp32. Where its tokenizer cuts the mask off, or the text has a mask of its own, nothing is proposed.

What holds beyond the proposals, for stop words, case, parts of speech and the similarity of sentences, is in
`word_sets`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor

from alumbench.attacks.threat_models.choices import Slot
from alumbench.attacks.threat_models.threat_model import Setting, Texts
from alumbench.attacks.threat_models.word_sets import Proposals, WordThreatModel
from alumbench.attacks.words import WORD
from alumbench.models.auxiliary import MaskedLm, masked_lm

#: K, the most words proposed for a place, as in TextAttack's recipes of BAE and CLARE.
MOST = 50
#: Least probability of a word, as in TextAttack's recipe of CLARE for replacements.
LEAST = 5e-4
#: Words whose logit is this much too low are accepted in judged texts: another machine may have ranked them higher.
ROUNDING = 1e-2


class MaskedLmWords(WordThreatModel):
    """Words that fit the place, by a masked LM."""

    name = "masked-lm"
    version = 1
    description = (
        f"replace at most r% of the words, no stop words, with the {MOST} likeliest words of a masked LM for their "
        f"place; part of speech kept, sentence similarity at least .84"
    )
    source = (
        "BAE (Garg and Ramakrishnan 2020), https://arxiv.org/abs/2004.01970, and CLARE (Li et al. 2021), "
        "https://arxiv.org/abs/2009.07502; limits of TextFooler (Jin et al. 2020), https://arxiv.org/abs/1907.11932"
    )
    not_promised = (
        "words that fit a place are no synonyms, antonyms fit it as well: a proposed word can change the meaning, and "
        "the sentence encoder does not see every negation or antonym"
    )
    required_models = ("masked_lm",)

    def proposals(self, texts: Texts, slots: Sequence[Slot], setting: Setting) -> Proposals:
        """The model's words; all places are asked together."""
        lm = masked_lm(setting.models["masked_lm"], setting.device, "fp32")
        mask, mask_id = lm.tokenizer.mask_token, lm.tokenizer.mask_token_id
        rows = lm.rows([texts[column][:begin] + mask + texts[column][end:] for column, begin, end in slots])
        asked = [number for number, row in enumerate(rows) if row.count(mask_id) == 1]
        places = [rows[number].index(mask_id) for number in asked]
        logits = lm.answers([rows[number] for number in asked], [[place] for place in places]) if asked else []
        words: list[list[str]] = [[] for _ in slots]
        tolerated: list[list[str]] = [[] for _ in slots]
        for number, place, found in zip(asked, places, logits, strict=True):
            words[number], tolerated[number] = proposed(found[0], vocabulary(lm, first=place == 1))
        return Proposals(words, tolerated)


def proposed(logits: Tensor, words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The likeliest words, and those that would be among them with a logit higher by `ROUNDING`; likeliest first.

    Args:
        logits: of one place, (vocabulary,).
        words: the word of each token, '' for tokens that are none.
    """
    floor = math.log(LEAST) + float(logits.double().logsumexp(0))
    is_word = torch.tensor([bool(word) for word in words])
    ranked = logits.double().masked_fill(~is_word, -torch.inf).sort(descending=True, stable=True)
    first = int((ranked.values[:MOST] >= floor).sum())
    least = max(floor, float(ranked.values[first - 1])) if first == MOST else floor
    more = int((ranked.values >= least - ROUNDING).sum())
    found = [words[number] for number in ranked.indices[:more].tolist()]
    return found[:first], found[first:]


@cache
def vocabulary(lm: MaskedLm, first: bool) -> tuple[str, ...]:
    """The word that each token is, '' for pieces that continue a word, marks and punctuation.

    Args:
        lm: the model.
        first: whether the place is the first of the text, where byte-level tokenizers do not mark the begin of a word.
    """
    return tuple(_word(lm, token, first) for token in lm.tokens)


def _word(lm: MaskedLm, token: str, first: bool) -> str:
    if lm.marker == "##":
        word = "" if token.startswith("##") else token
    elif token.startswith(lm.marker) or first:
        word = str(lm.tokenizer.convert_tokens_to_string([token])).strip()
    else:
        word = ""
    return word if WORD.fullmatch(word) and any(char.isalpha() for char in word) else ""


THREAT_MODEL = MaskedLmWords()

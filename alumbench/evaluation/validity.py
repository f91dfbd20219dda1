"""Validity of adversarial texts: similarity, words changed and a grammar proxy, compared with stated thresholds.

No filter replaces people: published checks find most adversarial texts that pass such filters invalid or ambiguous
(Morris et al. 2020, https://arxiv.org/abs/2004.14174). So figures with it are shown beside those without.

Typos fail the grammar proxy, as they fail a spelling checker; a suite that should count typos sets `min_grammar = 0`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from msgspec.structs import replace

from alumbench.attacks.outcome import BROKEN, ROBUST, SKIPPED
from alumbench.attacks.resources import MINILM, RESOURCES
from alumbench.evaluation import grammar
from alumbench.evaluation.results import Measure, Validity
from alumbench.evaluation.seeds import main_records
from alumbench.evaluation.summary import proportion_with_ci, right_at_first, undefined
from alumbench.evaluation.thresholds import Thresholds
from alumbench.records import Attacked, Judged, Record

ENCODER = MINILM.rpartition("/")[2]
MEASURES = ("valid_success_rate", "accuracy_under_valid_attack")
#: The wording of a reason if similarity, or grammar, is missing.
NOT_MEASURED = ("similarity of meaning was not measured", "grammar was not measured")


def judge(records: Sequence[Attacked], thresholds: Thresholds, device: str) -> list[Attacked]:
    """The records, with `validity` added if an adversarial text lacks it or lacks a part that can be measured now.

    A record with complete validity is returned unchanged.

    Args:
        records: of one attack.
        thresholds: the bounds for a valid text.
        device: device of the sentence encoder.
    """
    broken = [record for record in records if record.outcome == BROKEN]
    semantic = [record.validity.semantic if record.validity else None for record in broken]
    grammatical = [record.validity.grammar if record.validity else None for record in broken]
    if None in semantic and not RESOURCES[ENCODER].problem():
        semantic = _similarities(broken, device)
    if None in grammatical and not grammar.absent():
        grammatical = [_grammar(record) for record in broken]
    measured = iter(zip(semantic, grammatical, strict=True))
    return [_judged(record, *next(measured), thresholds) if record.outcome == BROKEN else record for record in records]


def _judged(record: Attacked, semantic: float | None, kept: float | None, thresholds: Thresholds) -> Attacked:
    judged = replace(record, validity=Judged(semantic, kept, None))
    judged = replace(record, validity=Judged(semantic, kept, passes(judged, thresholds)))
    return record if judged == record else judged


def passes(record: Attacked, thresholds: Thresholds) -> bool | None:
    """True if an adversarial text is within the thresholds; None if a missing measurement leaves this open."""
    verdicts: list[bool | None] = [record.words_changed <= thresholds.max_words_changed * record.words]
    for value, least in (
        (_semantic(record), thresholds.min_similarity),
        (_grammar_of(record), thresholds.min_grammar),
    ):
        if least > 0:
            verdicts.append(None if value is None else value >= least)
    if False in verdicts:
        return False
    return None if None in verdicts else True


def is_right_validly(record: Record) -> bool:
    """True if the answer is right when adversarial texts that fail the filter do not count."""
    if isinstance(record, Attacked) and record.outcome == BROKEN:
        return record.validity is not None and record.validity.passes is False
    return record.outcome == ROBUST


def summarize_validity(records: Sequence[Attacked], thresholds: Thresholds) -> Validity:
    """An attack's figures through the filter.

    Args:
        records: of one attack that looks for another label.
        thresholds: the bounds for a valid text.

    Returns:
        The thresholds, the tools that measured, and the measures with n and interval, or null with the reason.
        `valid_success_rate` is the share of texts that pass, of the examples answered right at first.
        `accuracy_under_valid_attack` is a share of all examples; one whose text does not pass counts as robust. It is
        an upper bound: the attack did not look for texts that pass, and a search under the thresholds could find more.
    """
    main = main_records(records)
    broken = [record for record in main if record.outcome == BROKEN]
    verdicts = [passes(record, thresholds) for record in broken]
    skipped = sum(record.outcome == SKIPPED for record in main)
    if skipped or None in verdicts:
        reason = f"--skip-broken: {skipped} examples were not attacked" if skipped else _reason(broken, thresholds)
        measures = dict.fromkeys(MEASURES, undefined(reason))
    else:
        right = sum(record.outcome == ROBUST for record in main) + verdicts.count(False)
        measures = {
            "valid_success_rate": proportion_with_ci(verdicts.count(True), right_at_first(main)),
            "accuracy_under_valid_attack": proportion_with_ci(right, len(main)),
        }
    return Validity(
        thresholds=thresholds,
        means={"semantic": f"cosine of {ENCODER}", "grammar": f"grammar-proxy@{grammar.VERSION}"},
        texts=len(broken),
        passed=verdicts.count(True),
        failed=verdicts.count(False),
        semantic=_middle([_semantic(record) for record in broken]),
        grammar=_middle([_grammar_of(record) for record in broken]),
        measures=measures,
    )


def _semantic(record: Attacked) -> float | None:
    return record.validity.semantic if record.validity else None


def _grammar_of(record: Attacked) -> float | None:
    return record.validity.grammar if record.validity else None


def _similarities(records: Sequence[Attacked], device: str) -> list[float | None]:
    """The cosine of the sentence vectors for each record, from the column with the lowest."""
    import torch

    from alumbench.models.auxiliary import sentence_encoder

    pairs = [
        (number, before, adversarial)
        for number, record in enumerate(records)
        for before, adversarial in _texts(record)
        if before != adversarial
    ]
    texts = list(dict.fromkeys(text for _, before, after in pairs for text in (before, after)))
    encoder = sentence_encoder(MINILM, device)
    vectors = dict(zip(texts, encoder.answers(encoder.rows(texts)), strict=True))
    least = [1.0] * len(records)
    for number, before, after in pairs:
        cosine = torch.nn.functional.cosine_similarity(vectors[before].double(), vectors[after].double(), dim=0)
        least[number] = min(least[number], round(float(cosine), 4))
    return list(least)


def _texts(record: Attacked) -> list[tuple[str, str]]:
    """Original and adversarial text of each column."""
    adversarial = record.adversarial or {}
    return [(text, adversarial[column]) for column, text in (record.texts or {}).items()]


def _grammar(record: Attacked) -> float:
    counts = [grammar.kept_edits(text, adversarial) for text, adversarial in _texts(record)]
    edits = sum(edits for _, edits in counts)
    return round(sum(kept for kept, _ in counts) / edits, 4) if edits else 1.0


def without_remedies(measures: Mapping[str, Measure]) -> dict[str, Measure]:
    """Measures whose reasons name only what was not measured, which follows from the records alone.

    Reasons written by alumbench 0.1 also said how that machine could get what it lacked.
    """
    return {
        name: replace(
            measure, reason="; ".join(lack for lack in NOT_MEASURED if lack in measure.reason) or measure.reason
        )
        for name, measure in measures.items()
    }


def _reason(broken: Sequence[Attacked], thresholds: Thresholds) -> str:
    """Names what was not measured and how to measure it; the same on every machine."""
    lacks = (
        thresholds.min_similarity and any(_semantic(record) is None for record in broken),
        thresholds.min_grammar and any(_grammar_of(record) is None for record in broken),
    )
    needs = (ENCODER, f"NLTK's {', '.join(grammar.NEEDS)}")
    told = [f"{NOT_MEASURED[at]}, for want of {needs[at]}" for at in (0, 1) if lacks[at]]
    return f"{'; '.join(told)} ('alumbench doctor' says how to get it; the same command then adds the figure)"


def _middle(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.median(known)) if known and len(known) == len(values) else None

"""Are adversarial texts still fair? Similarity, words changed and a grammar proxy, held against stated thresholds.

No filter replaces people: published checks find most adversarial texts that pass such filters invalid or ambiguous
(Morris et al. 2020, https://arxiv.org/abs/2004.14174). So figures with it stand beside those without.

Typos fail the grammar proxy, as they fail a spelling checker; a suite whose typos are to count sets `min_grammar = 0`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from alumbench.attacks.outcome import BROKEN, ROBUST, SKIPPED
from alumbench.attacks.resources import MINILM, RESOURCES
from alumbench.evaluation import grammar
from alumbench.evaluation.seeds import main_records
from alumbench.evaluation.summary import no_number, right_at_first, share
from alumbench.evaluation.thresholds import Thresholds

Record = Mapping[str, Any]
ENCODER = MINILM.rpartition("/")[2]
MEASURES = ("valid_success_rate", "accuracy_under_valid_attack")
#: How a reason says that similarity, or grammar, is what lacks.
NOT_MEASURED = ("similarity of meaning was not measured", "grammar was not measured")


def judge(records: Sequence[dict[str, Any]], thresholds: Thresholds, device: str) -> bool:
    """Adds `validity` to the records of adversarial texts that lack it, or lack a part that can be had now.

    Args:
        records: of one attack.
        thresholds: what a text has to keep.
        device: where the sentence encoder runs.

    Returns:
        Whether a record was changed.
    """
    broken = [record for record in records if record["outcome"] == BROKEN]
    semantic = [record.get("validity", {}).get("semantic") for record in broken]
    grammatical = [record.get("validity", {}).get("grammar") for record in broken]
    if None in semantic and not RESOURCES[ENCODER].problem():
        semantic = _similarities(broken, device)
    if None in grammatical and not grammar.absent():
        grammatical = [_grammar(record) for record in broken]
    changed = False
    for record, similarity, kept in zip(broken, semantic, grammatical, strict=True):
        found = {"semantic": similarity, "grammar": kept}
        found["passes"] = passes(record | {"validity": found}, thresholds)
        changed |= record.get("validity") != found
        record["validity"] = found
    return changed


def passes(record: Record, thresholds: Thresholds) -> bool | None:
    """Whether an adversarial text keeps to the thresholds; None where what would tell was not measured."""
    found = record.get("validity", {})
    verdicts: list[bool | None] = [record["words_changed"] <= thresholds.max_words_changed * record["words"]]
    for value, least in (
        (found.get("semantic"), thresholds.min_similarity),
        (found.get("grammar"), thresholds.min_grammar),
    ):
        if least > 0:
            verdicts.append(None if value is None else value >= least)
    if False in verdicts:
        return False
    return None if None in verdicts else True


def is_right_validly(record: Record) -> bool:
    """Whether the answer is right as long as an adversarial text that does not pass counts for nothing."""
    if record["outcome"] == BROKEN:
        return record.get("validity", {}).get("passes") is False
    return bool(record["outcome"] == ROBUST)


def summarize_validity(records: Sequence[Record], thresholds: Thresholds) -> dict[str, Any]:
    """An attack's figures through the filter.

    Args:
        records: of one attack that looks for another label.
        thresholds: what a text has to keep.

    Returns:
        Thresholds, what they were held against, and the measures with n and interval, or null and why:
        `valid_success_rate` counts texts that pass, of examples answered right at first; `accuracy_under_valid_attack`
        counts an example whose text does not pass as withstood, of all. The attack did not look for texts that pass, so
        it is an upper bound: a search under these thresholds could find more.
    """
    main = main_records(records)
    broken = [record for record in main if record["outcome"] == BROKEN]
    verdicts = [passes(record, thresholds) for record in broken]
    found: dict[str, Any] = {
        "thresholds": asdict(thresholds),
        "means": {"semantic": f"cosine of {ENCODER}", "grammar": f"grammar-proxy@{grammar.VERSION}"},
        "texts": len(broken),
        "passed": verdicts.count(True),
        "failed": verdicts.count(False),
        "semantic": _middle([record.get("validity", {}).get("semantic") for record in broken]),
        "grammar": _middle([record.get("validity", {}).get("grammar") for record in broken]),
    }
    skipped = sum(record["outcome"] == SKIPPED for record in main)
    if skipped or None in verdicts:
        reason = f"--skip-broken: {skipped} examples were not attacked" if skipped else _reason(broken, thresholds)
        return found | {"measures": dict.fromkeys(MEASURES, no_number(reason))}
    right = sum(record["outcome"] == ROBUST for record in main) + verdicts.count(False)
    return found | {
        "measures": {
            "valid_success_rate": share(verdicts.count(True), right_at_first(main)),
            "accuracy_under_valid_attack": share(right, len(main)),
        }
    }


def _lacks(record: Record, name: str) -> bool:
    return record.get("validity", {}).get(name) is None


def _similarities(records: Sequence[Record], device: str) -> list[float | None]:
    """For each record the cosine of its texts' sentence vectors, of the column that lost most."""
    import torch

    from alumbench.attacks.local_models import sentence_encoder

    pairs = [
        (number, record["texts"][column], record["adversarial"][column])
        for number, record in enumerate(records)
        for column in record["texts"]
        if record["texts"][column] != record["adversarial"][column]
    ]
    texts = list(dict.fromkeys(text for _, before, after in pairs for text in (before, after)))
    encoder = sentence_encoder(MINILM, device)
    vectors = dict(zip(texts, encoder.answers(encoder.rows(texts)), strict=True))
    least = [1.0] * len(records)
    for number, before, after in pairs:
        cosine = torch.nn.functional.cosine_similarity(vectors[before].double(), vectors[after].double(), dim=0)
        least[number] = min(least[number], round(float(cosine), 4))
    return list(least)


def _grammar(record: Record) -> float:
    counts = [grammar.kept_edits(text, record["adversarial"][column]) for column, text in record["texts"].items()]
    edits = sum(edits for _, edits in counts)
    return round(sum(kept for kept, _ in counts) / edits, 4) if edits else 1.0


def without_remedies(measures: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Measures whose reasons say what was not measured, and no more: what follows from the records alone.

    Evaluations of alumbench 0.1 went on with how the machine that made them could get what it lacked.
    """
    return {
        name: {**measure, "reason": [lack for lack in NOT_MEASURED if lack in measure["reason"]] or measure["reason"]}
        if measure.get("reason")
        else measure
        for name, measure in measures.items()
    }


def _reason(broken: Sequence[Record], thresholds: Thresholds) -> str:
    """What was not measured, and how it can be: the same on every machine."""
    lacks = (
        thresholds.min_similarity and any(_lacks(record, "semantic") for record in broken),
        thresholds.min_grammar and any(_lacks(record, "grammar") for record in broken),
    )
    needs = (ENCODER, f"NLTK's {', '.join(grammar.NEEDS)}")
    told = [f"{NOT_MEASURED[at]}, for want of {needs[at]}" for at in (0, 1) if lacks[at]]
    return f"{'; '.join(told)} ('alumbench doctor' says how to get it; the same command then adds the figure)"


def _middle(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.median(known)) if known and len(known) == len(values) else None

"""Are the adversarial texts still adversarial? Re-scores each against the checkpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from alumbench.attacks.engine.scoring import Scorer
from alumbench.attacks.outcome import BROKEN
from alumbench.attacks.victim import BATCH_SIZE, Texts, Victim
from alumbench.checkpoints import ModelFiles
from alumbench.checkpoints.telling import some
from alumbench.errors import AlumbenchError
from alumbench.evaluation.document import model_changes
from alumbench.evaluation.stored import Stored
from alumbench.tasks import Task

#: A probability margin below this may flip with padding or device; it is reported, not failed.
CLOSE = 1e-5


@dataclass(frozen=True)
class Verdict:
    """How the stored texts of one entry fare.

    Attributes:
        entry: which.
        texts: adversarial texts re-scored.
        hold: those that still do what was recorded.
        close: those whose margin is below `CLOSE`, whichever side they are on.
        fallen: ids of those that no longer do, by more than that.
    """

    entry: str
    texts: int
    hold: int
    close: int
    fallen: tuple[str, ...]


def victim_of(files: ModelFiles, task: Task, device: str, identity: Mapping[str, Any]) -> Victim:
    """A checkpoint that scores as an evaluation's did: an answer in bf16 is another than in fp32."""
    scorer = Scorer(identity.get("scoring", "fixed"), identity.get("precision", "fp32"))
    batch = identity.get("batch_size", BATCH_SIZE)
    return Victim(files, task, device, identity.get("labels", ()), batch, scorer)


def verify(stored: Stored, victim: Victim) -> list[Verdict]:
    """Re-scores every adversarial text of an evaluation.

    Raises:
        AlumbenchError: The checkpoint is not the one that was attacked.
    """
    check_model(stored.document["identity"], victim.files, str(stored.folder))
    columns = victim.task.columns
    originals: dict[str, dict[str, Texts]] = {}
    for record in stored.records:
        originals.setdefault(record["entry"], {})[record["id"]] = [record["texts"][column] for column in columns]
    return replay(stored.document["entries"], stored.records, victim, originals)


def check_model(identity: Mapping[str, Any], files: ModelFiles, where: str) -> None:
    """Checks that a model is the one that was evaluated: weights, and configuration and tokenizer where recorded.

    Raises:
        AlumbenchError: It is not; what differs is named.
    """
    changes = model_changes(identity, files)
    if "weights" in changes:
        made_with, now = identity["model"], files.weights_sha256()
        raise AlumbenchError(
            f"{files.path}: its weights ({now[:12]}) are not those that {where} was made with "
            f"({made_with[:12]}); name the right ones with --checkpoint"
        )
    if changes:
        raise AlumbenchError(
            f"{files.path}: has the weights that {where} was made with, but these changed since: {some(changes)}; "
            f"name the unchanged checkpoint with --checkpoint"
        )


def replay(
    entries: Mapping[str, Mapping[str, Any]],
    records: Sequence[Mapping[str, Any]],
    victim: Victim,
    originals: Mapping[str, Mapping[str, Texts]],
) -> list[Verdict]:
    """Re-scores the adversarial texts of attacks.

    Args:
        entries: what the records are of, by name.
        records: theirs.
        victim: the checkpoint that was attacked.
        originals: texts of the examples, by entry and id, of those that are here.
    """
    known = victim.task.labels  # a label that is none of them is told where answers are scored again
    broken = [record for record in records if record["outcome"] == BROKEN and record["label"] in known]
    return [
        _verify_entry(name, entry, [r for r in broken if r["entry"] == name], victim, originals.get(name, {}))
        for name, entry in entries.items()
        if entry["kind"] == "attack"
    ]


def _verify_entry(
    name: str,
    entry: Mapping[str, Any],
    records: Sequence[Mapping[str, Any]],
    victim: Victim,
    originals: Mapping[str, Texts],
) -> Verdict:
    goal, protected = entry["goal"], entry.get("protected") or ()
    # Since it is recorded what was cut, a pair that is too long is cut as its original says; before, as it came.
    shares = [
        victim.shares(originals[r["id"]], protected) if r.get("truncated") and r["id"] in originals else None
        for r in records
    ]
    labels = list(victim.task.labels)
    texts = [tuple(record["adversarial"][column] for column in victim.task.columns) for record in records]
    first = min((record["seed"] for record in records), default=0)
    hold = close = 0
    fallen = []
    for batch, logits in victim.predictions(texts, shares):
        for number, scores in zip(batch, logits.softmax(-1), strict=True):
            record = records[number]
            gold = labels.index(record["label"])
            others = torch.cat([scores[:gold], scores[gold + 1 :]]).max()
            # Above 0 the gold label loses; a reduction wants it to win.
            margin = float(others - scores[gold]) * (-1 if goal == "reduction" else 1)
            hold += margin > 0
            close += abs(margin) < CLOSE
            if margin <= -CLOSE:
                under = f" under seed {record['seed']}" if record["seed"] != first else ""
                fallen.append(record["id"] + under)
    return Verdict(name, len(records), hold, close, tuple(sorted(fallen)))

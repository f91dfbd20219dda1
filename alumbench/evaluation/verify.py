"""Scores adversarial texts again, to check that they are still adversarial for the checkpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from alumbench.attacks.outcome import BROKEN
from alumbench.attacks.victim import BATCH_SIZE, Texts, Victim
from alumbench.data import Task
from alumbench.engine.scorer import Scorer
from alumbench.errors import AlumbenchError
from alumbench.evaluation.document import model_changes
from alumbench.evaluation.results import EntryResult, Identity
from alumbench.evaluation.stored import Stored
from alumbench.models.checkpoint import ModelFiles
from alumbench.models.checkpoint.telling import some
from alumbench.models.classifier import ClassifierFiles
from alumbench.records import Attacked, Record

#: A probability margin below this may flip with padding or device; it is reported and not counted as a failure.
CLOSE = 1e-5


@dataclass(frozen=True)
class Verdict:
    """The result of verifying the stored texts of one entry.

    Attributes:
        entry: its name.
        texts: number of adversarial texts re-scored.
        hold: number of texts with the recorded effect.
        close: number of texts whose margin is below `CLOSE`, on either side.
        fallen: ids of texts that lost the effect by `CLOSE` or more.
        unread: number of texts not re-scored: the cut of a long pair depends on its original, which is missing here.
    """

    entry: str
    texts: int
    hold: int
    close: int
    fallen: tuple[str, ...]
    unread: int = 0


def victim_of(files: ModelFiles, task: Task, device: str, identity: Identity) -> Victim:
    """A checkpoint that scores as in the evaluation: answers in bf16 differ from those in fp32."""
    scorer, labels = Scorer(identity.scoring or "fixed", identity.precision or "fp32"), identity.labels or ()
    hard = bool(identity.hard_labels)
    return Victim(files, task, device, labels, identity.batch_size or BATCH_SIZE, scorer, hard)


def verify(stored: Stored, victim: Victim) -> list[Verdict]:
    """Re-scores every adversarial text of an evaluation.

    Raises:
        AlumbenchError: The checkpoint is not the one that was attacked.
    """
    check_model(stored.document.identity, victim.files, str(stored.folder))
    columns = victim.task.columns
    originals: dict[str, dict[str, Texts]] = {}
    for record in stored.records:
        texts = record.texts or {}
        originals.setdefault(record.entry, {})[record.id] = [texts[column] for column in columns]
    return replay(stored.document.entries, stored.records, victim, originals)


def check_model(identity: Identity, files: ModelFiles, where: str) -> None:
    """Checks that a model is the one that was evaluated: weights, and configuration and tokenizer where recorded.

    Raises:
        AlumbenchError: It is not; names what differs.
    """
    changes = model_changes(identity, files)
    if changes and isinstance(files, ClassifierFiles):
        raise AlumbenchError(
            f"{files.identity.name}: is not the classifier that {where} was made with, changed: {some(changes)}; "
            f"give the one that was evaluated: --checkpoint, with the same options"
        )
    if "weights" in changes:
        made_with, now = identity.model, files.weights_sha256()
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
    entries: Mapping[str, EntryResult],
    records: Sequence[Record],
    victim: Victim,
    originals: Mapping[str, Mapping[str, Texts]],
) -> list[Verdict]:
    """Re-scores the adversarial texts of attacks.

    Args:
        entries: the records' entries, by name.
        records: the records.
        victim: the checkpoint that was attacked.
        originals: texts of the available examples, by entry and id.
    """
    known = victim.task.labels  # other labels are reported where answers are scored again
    broken = [r for r in records if isinstance(r, Attacked) and r.outcome == BROKEN and r.label in known]
    return [
        _verify_entry(name, entry, [r for r in broken if r.entry == name], victim, originals.get(name, {}))
        for name, entry in entries.items()
        if entry.kind == "attack"
    ]


def _verify_entry(
    name: str,
    entry: EntryResult,
    records: Sequence[Attacked],
    victim: Victim,
    originals: Mapping[str, Texts],
) -> Verdict:
    goal, protected = entry.goal, entry.protected or ()
    every = len(records)
    records = [r for r in records if r.id in originals or not (protected and r.truncated)]
    # If the record says that a text was cut, a long pair is cut like its original; older records, as it comes.
    shares = [victim.shares(originals[r.id], protected) if protected and r.truncated else None for r in records]
    labels = list(victim.task.labels)
    texts = [tuple((record.adversarial or {})[column] for column in victim.task.columns) for record in records]
    first = min((record.attack_seed for record in records), default=0)
    hold = close = 0
    fallen = []
    for batch, logits in victim.predictions(texts, shares):
        for number, scores in zip(batch, logits.softmax(-1), strict=True):
            record = records[number]
            gold = labels.index(str(record.label))
            others = torch.cat([scores[:gold], scores[gold + 1 :]]).max()
            # Above 0 the gold label loses; a reduction wants it to win.
            margin = float(others - scores[gold]) * (-1 if goal == "reduction" else 1)
            hold += margin > 0
            close += abs(margin) < CLOSE
            if margin <= -CLOSE:
                under = f" under seed {record.attack_seed}" if record.attack_seed != first else ""
                fallen.append(record.id + under)
    return Verdict(name, len(records), hold, close, tuple(sorted(fallen)), every - len(records))

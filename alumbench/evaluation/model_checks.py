"""Checks once, before the attacks, that attacks on a checkpoint can be meaningful."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from msgspec.structs import replace
from torch import Tensor

from alumbench.attacks.gradient import Gradient
from alumbench.attacks.search import Searcher
from alumbench.attacks.single_search import Limits
from alumbench.attacks.victim import Victim
from alumbench.data import Example
from alumbench.engine.scheduler import query_model
from alumbench.engine.scorer import Scorer
from alumbench.errors import ClassifierStopped
from alumbench.evaluation.results import ModelCheck
from alumbench.evaluation.suite_entry import SuiteEntry

#: Number of clean texts that are checked.
TEXTS = 32


def check_model(victim: Victim, examples: Sequence[Example], collapse: Mapping[str, str]) -> ModelCheck:
    """Looks for active dropout, answers that change, and zero gradients, on the first `TEXTS` examples.

    Args:
        victim: the checkpoint.
        examples: unchanged ones.
        collapse: for a set with fewer labels, the set's label for each label of the task.

    Returns:
        `texts`; `training_modules`, names; `again` and `alone`, the largest difference in a probability (a score, for
        a regression) between two passes, and between texts scored together and one by one; `unpadded`, likewise
        between texts scored in fp32 as they are evaluated and by plain transformers, each alone and without padding,
        with `unpadded_labels`, the number of answers that differ; `zero_gradients` of `right_answers`: examples
        answered right where the gradient of the loss at the embeddings is 0, and not because cross entropy's gradient
        rounds to 0 at large logits. A check that failed is null, with a `reason`; one that the classifier does not
        allow is null, with a reason in `unseen`.
    """
    examples = examples[:TEXTS]
    found = ModelCheck(
        texts=len(examples),
        training_modules=_training_modules(victim),
        again=None,
        alone=None,
        unpadded=None,
        unpadded_labels=None,
        zero_gradients=None,
        right_answers=None,
        reason="",
    )
    devices = [victim.device] if victim.device.type == "cuda" else []
    try:
        with torch.random.fork_rng(devices=devices):
            together = _probabilities(victim, examples)
            found = replace(found, again=_largest(together, _probabilities(victim, examples)))
            one_by_one = torch.cat([_probabilities(victim, [one]) for one in examples])
            found = replace(found, alone=_largest(together, one_by_one))
            if not victim.unpadded_reason:
                unpadded, changed = _against_plain(victim, examples)
                found = replace(found, unpadded=unpadded, unpadded_labels=changed)
            if not victim.task.is_regression and not victim.no_gradient:
                zero, right = _gradients(victim, examples, together, collapse)
                found = replace(found, zero_gradients=zero, right_answers=right)
    except ClassifierStopped:
        raise
    except Exception as error:  # an attack on the same text is recorded as an error, and the run continues
        found = replace(found, reason=f"{type(error).__name__}: {error}"[:300])
    reasons = {"unpadded": victim.unpadded_reason, "zero_gradients": victim.no_gradient}
    unseen = {name: reason for name, reason in reasons.items() if reason}
    return replace(found, unseen=unseen or None)


def _training_modules(victim: Victim) -> list[str] | None:
    """Names of modules in training mode; None if there are no modules here."""
    model = victim.model if victim.classifier is None else getattr(victim.classifier, "model", None)
    if not isinstance(model, torch.nn.Module):
        return None
    return [name or "all" for name, module in model.named_modules() if module.training]


def uses_gradients(entry: SuiteEntry, victim: Victim) -> bool:
    """True if an attack is white-box: it uses more than the model's answers."""
    limits = Limits(entry.load_threat_model())
    searcher = Searcher(entry.load_recipe(), victim, seed=0, models=entry.models, limits=limits)
    return searcher.searches.is_white_box


def _probabilities(victim: Victim, examples: Sequence[Example]) -> Tensor:
    return _as_probabilities(victim, victim.scores([example.texts for example in examples]))


def _as_probabilities(victim: Victim, scores: Tensor) -> Tensor:
    return scores if victim.task.is_regression else scores.softmax(-1)


def _against_plain(victim: Victim, examples: Sequence[Example]) -> tuple[float, int]:
    rows = victim.rows([example.texts for example in examples])
    batched = _as_probabilities(victim, torch.stack(query_model(victim, rows, Scorer(victim.scorer.scoring))))
    plain = _as_probabilities(victim, torch.stack([victim.plain(example.texts) for example in examples]))
    changed = 0 if victim.task.is_regression else int((batched.argmax(-1) != plain.argmax(-1)).sum())
    return _largest(batched, plain), changed


def _largest(a: Tensor, b: Tensor) -> float:
    return float((a - b).abs().max())


def _gradients(
    victim: Victim, examples: Sequence[Example], probabilities: Tensor, collapse: Mapping[str, str]
) -> tuple[int, int]:
    """Number of rightly answered examples with a zero gradient, and of all; the loss is that of the model's answer."""
    labels = [victim.task.labels[at] for at in probabilities.argmax(-1).tolist()]
    right = [one.texts for one, label in zip(examples, labels, strict=True) if collapse.get(label, label) == one.label]
    gradients = query_model(Gradient(victim), victim.rows(right), victim.scorer) if right else []
    return sum(not bool(gradient.abs().max() > 0) for gradient in gradients), len(right)

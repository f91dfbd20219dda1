"""Can a checkpoint's answers be attacked at all in a way that means something? Asked once, before the attacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from alumbench.attacks.engine.flight import ask
from alumbench.attacks.engine.scoring import Scorer
from alumbench.attacks.gradient import Gradient
from alumbench.attacks.recipe import Recipe
from alumbench.attacks.search import Searcher
from alumbench.attacks.victim import Victim
from alumbench.tasks import Example

#: Clean texts that are looked at.
TEXTS = 32


def check_model(victim: Victim, examples: Sequence[Example], collapse: Mapping[str, str]) -> dict[str, Any]:
    """Looks for dropout, answers that change, and gradients that are nothing, on the first `TEXTS` examples.

    Args:
        victim: the checkpoint.
        examples: unchanged ones.
        collapse: for a set with fewer labels, which of its labels each of the task's counts as.

    Returns:
        `texts`; `training_modules`, names; `again` and `alone`, the largest difference in a probability (a score, for
        a regression) between two passes, and between texts scored together and one by one; `unpadded`, likewise
        between texts scored in fp32 as they are evaluated and by plain transformers, each alone and not filled up,
        with `unpadded_labels`, answers that differ; `zero_gradients` of
        `right_answers`: examples answered right at whose embeddings the gradient of the loss is 0, and not because
        large logits round cross entropy's away. What could not be
        found out is null, with a `reason`.
    """
    examples = examples[:TEXTS]
    found: dict[str, Any] = {
        "texts": len(examples),
        "training_modules": [name or "all" for name, module in victim.model.named_modules() if module.training],
        **dict.fromkeys(("again", "alone", "unpadded", "unpadded_labels", "zero_gradients", "right_answers")),
        "reason": "",
    }
    devices = [victim.device] if victim.device.type == "cuda" else []
    try:
        with torch.random.fork_rng(devices=devices):
            together = _probabilities(victim, examples)
            found["again"] = _largest(together, _probabilities(victim, examples))
            found["alone"] = _largest(together, torch.cat([_probabilities(victim, [one]) for one in examples]))
            found |= _against_plain(victim, examples)
            if not victim.task.is_regression:
                found |= _gradients(victim, examples, together, collapse)
    except Exception as error:  # an attack on the same text is recorded as an error, and the run goes on
        found["reason"] = f"{type(error).__name__}: {error}"[:300]
    return found


def uses_gradients(recipe: Recipe, victim: Victim, parts: Mapping[str, str]) -> bool:
    """Whether an attack is white-box: one that asks for more than answers."""
    return not Searcher(recipe, victim, seed=0, parts=parts).attack.is_black_box


def _probabilities(victim: Victim, examples: Sequence[Example]) -> Tensor:
    return _as_probabilities(victim, victim.scores([example.texts for example in examples]))


def _as_probabilities(victim: Victim, scores: Tensor) -> Tensor:
    return scores if victim.task.is_regression else scores.softmax(-1)


def _against_plain(victim: Victim, examples: Sequence[Example]) -> dict[str, Any]:
    rows = victim.rows([example.texts for example in examples])
    batched = _as_probabilities(victim, torch.stack(ask(victim, rows, Scorer(victim.scorer.scoring))))
    plain = _as_probabilities(victim, torch.stack([victim.plain(example.texts) for example in examples]))
    changed = 0 if victim.task.is_regression else int((batched.argmax(-1) != plain.argmax(-1)).sum())
    return {"unpadded": _largest(batched, plain), "unpadded_labels": changed}


def _largest(a: Tensor, b: Tensor) -> float:
    return float((a - b).abs().max())


def _gradients(
    victim: Victim, examples: Sequence[Example], probabilities: Tensor, collapse: Mapping[str, str]
) -> dict[str, int]:
    """Of the examples answered right, those without a gradient; the loss is that of the answer given, the right one."""
    labels = [victim.task.labels[at] for at in probabilities.argmax(-1).tolist()]
    right = [one.texts for one, label in zip(examples, labels, strict=True) if collapse.get(label, label) == one.label]
    gradients = ask(Gradient(victim), victim.rows(right), victim.scorer) if right else []
    return {
        "zero_gradients": sum(not bool(gradient.abs().max() > 0) for gradient in gradients),
        "right_answers": len(right),
    }

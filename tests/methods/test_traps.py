"""What would train silently wrong, or fail with a puzzle, is an error with a reason."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers.modeling_outputs import SequenceClassifierOutput

from alumbench.errors import AlumbenchError
from alumbench.methods import StepContext, make_method
from tests.methods.tiny import SPECIAL, batch_of, step_of, tiny_classifier


class Own(nn.Module):
    """A model of a user's own: mean of word vectors; neither a config nor `inputs_embeds`."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.words, self.head = nn.Embedding(12, 8), nn.Linear(8, 3)

    def get_input_embeddings(self) -> nn.Module:
        return self.words

    def forward(self, input_ids: Tensor, attention_mask: Tensor, labels: Tensor | None = None) -> Any:
        mask = attention_mask[..., None].float()
        logits = self.head(torch.tanh((self.words(input_ids) * mask).sum(1) / mask.sum(1)))
        loss = nn.functional.cross_entropy(logits, labels) if labels is not None else None
        return SequenceClassifierOutput(loss=loss, logits=logits)


class Unfound(Own):
    """Its embeddings cannot be found."""

    get_input_embeddings = None


class Around(nn.Module):
    """A module written around a transformers model."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = tiny_classifier()

    def forward(self, **batch: Tensor) -> Any:
        return self.encoder(**batch)


class Tuples(Own):
    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return super().forward(*args, **kwargs).to_tuple()


class Names(Own):
    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return SimpleNamespace(**super().forward(*args, **kwargs))


class NoLoss(Own):
    def forward(self, *args: Any, labels: Tensor | None = None, **kwargs: Any) -> Any:
        return super().forward(*args, **kwargs)


def without(*names: str, **more: Tensor) -> dict[str, Tensor]:
    return {name: value for name, value in batch_of().items() if name not in names} | more


def not_returning_dicts() -> nn.Module:
    model = tiny_classifier()
    model.config.return_dict = False
    return model


EMBEDDED = {"inputs_embeds": torch.zeros(4, 6, 8)}
TRAPS: dict[str, tuple[Callable[[], nn.Module], dict[str, Tensor], str]] = {
    "wrong-length ids": (tiny_classifier, {n: v[:3] for n, v in batch_of().items()}, "3 examples and the context numb"),
    "no labels": (tiny_classifier, without("labels"), "the batch has no labels"),
    "no mask": (tiny_classifier, without("attention_mask"), "no attention_mask, so padding would be perturbed"),
    "mask of another shape": (tiny_classifier, batch_of() | {"attention_mask": torch.ones(4, 5)}, "must be (batch,"),
    "embeddings for ids": (tiny_classifier, without("input_ids", **EMBEDDED), "give input_ids only"),
    "embeddings beside ids": (tiny_classifier, batch_of() | EMBEDDED, "give input_ids only"),
    "DataParallel": (lambda: nn.DataParallel(tiny_classifier()), batch_of(), "DistributedDataParallel with one proc"),
    "tuple": (Tuples, batch_of(), "Tuples returned a tuple"),
    "return_dict=False": (not_returning_dicts, batch_of(), "set model.config.return_dict = True"),
    "namespace": (Names, batch_of(), "is not a ModelOutput"),
    "no loss": (NoLoss, batch_of(), "NoLoss returned no loss although the batch has labels"),
    "no embeddings": (Unfound, batch_of(), "Unfound has no word-embedding module to perturb: give it"),
}


@pytest.mark.parametrize(("make", "batch", "reason"), TRAPS.values(), ids=TRAPS)
def test_a_trap_is_an_error_of_one_line(make: Callable[[], nn.Module], batch: dict[str, Tensor], reason: str) -> None:
    with pytest.raises(AlumbenchError, match=re.escape(reason)) as caught:
        make_method("alum", {}).loss(make().train(), batch, step_of())
    assert "\n" not in str(caught.value)


#: What stops any method; the rest is about embeddings, which these leave alone.
ANY = ("wrong-length ids", "no labels", "DataParallel", "tuple", "return_dict=False", "no loss")


@pytest.mark.parametrize("name", ["standard", "rdrop", "label-smoothing"])
@pytest.mark.parametrize("trap", ANY)
def test_methods_that_perturb_nothing_are_guarded_too(name: str, trap: str) -> None:
    make, batch, reason = TRAPS[trap]
    with pytest.raises(AlumbenchError, match=re.escape(reason)):
        make_method(name, {}).loss(make().train(), batch, step_of())


@pytest.mark.parametrize("make", [Own, Around], ids=["no-inputs_embeds", "around-transformers"])
@pytest.mark.parametrize("name", ["alum", "fgm", "freelb", "rdrop", "r3f"])
def test_a_module_of_one_s_own_trains(make: Callable[[], nn.Module], name: str) -> None:
    """δ is added by a hook: the model need not take `inputs_embeds`, nor be of transformers."""
    model = make().train()
    make_method(name, {}).loss(model, batch_of(), step_of()).total.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_a_model_in_eval_mode_is_warned_of() -> None:
    model, method = tiny_classifier(), make_method("alum", {})
    with pytest.warns(UserWarning, match="eval mode, so dropout is off"):
        method.loss(model.eval(), batch_of(), step_of())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        method.loss(model.train(), batch_of(), step_of())
        make_method("alum", {"replay_dropout": False}).loss(model.eval(), batch_of(), step_of())


def test_a_method_that_makes_its_own_data_says_so_where_nobody_makes_them() -> None:
    with pytest.raises(AlumbenchError, match="method a2t: generates training texts .*alumbench train"):
        make_method("a2t", {}).loss(tiny_classifier(), batch_of(), step_of())
    off = make_method("a2t", {"share": 0.0}).loss(tiny_classifier(dropout=0.0), batch_of(), step_of())
    assert torch.equal(off.total, tiny_classifier(dropout=0.0)(**batch_of()).loss)


def test_a_failure_of_the_model_s_own_is_left_as_it_is() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'extra'"):
        make_method("alum", {}).loss(Own(), batch_of() | {"extra": torch.zeros(4)}, step_of())


def test_distributed_data_parallel_is_one_step_and_the_plain_module_s(tmp_path: Path) -> None:
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/meet", rank=0, world_size=1)
    try:
        found = []
        for wrap in (lambda model: model, nn.parallel.DistributedDataParallel):
            model = wrap(tiny_classifier(dropout=0.0))
            context = StepContext.start(SPECIAL).next(batch_of())
            make_method("alum", {}).loss(model, batch_of(), context).total.backward()
            found.append([p.grad for p in model.parameters()])
        assert all(map(torch.equal, *found))
    finally:
        torch.distributed.destroy_process_group()

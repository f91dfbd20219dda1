"""R4F: R3F with a spectral norm on the classification head, so that the head cannot undo the smoothness."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import spectral_norm

from alumbench.errors import AlumbenchError
from alumbench.methods.method import Loss, StepContext
from alumbench.methods.r3f import R3f

HEADS = ("last", "all")


@dataclass(frozen=True)
class R4f(R3f):
    """`r3f` with W / σ(W) in place of the head's weight W, σ its largest singular value: Lip(head) ≤ 1.

    6 forward units a step; σ comes from one power iteration a step, and both passes use the same. The paper bounds the
    whole head, the released code its last layer alone (`head=last`, the default). The checkpoint holds the normalized
    weight as a plain one. α = 0 still has the spectral norm, its only difference from `standard`.

    The parameters are those of `r3f` and these.

    Attributes:
        head: the linear layers outside of the encoder that are normalized: `last` (the code) or `all` (the paper).
    """

    name: ClassVar[str] = "r4f"
    classifiers_only: ClassVar[str] = "it rescales the output layer, which a masked-LM shares with its embeddings"

    head: str = "last"

    def __post_init__(self) -> None:
        """Checks the values."""
        super().__post_init__()
        if self.head not in HEADS:
            raise ValueError(f"unknown head '{self.head}'; known: {', '.join(HEADS)}")

    def prepare(self, model: nn.Module) -> None:
        """Adds the spectral norm.

        Raises:
            AlumbenchError: The model has no linear layer outside of its encoder.
        """
        layers = head_layers(model)
        for layer in layers if self.head == "all" else layers[-1:]:
            with torch.random.fork_rng(devices=[]):  # its first vectors are random and must not shift dropout
                spectral_norm(layer)

    def finish(self, model: nn.Module) -> None:
        """Leaves the normalized weights as plain ones, as they are in evaluation."""
        for layer in head_layers(model):
            if parametrize.is_parametrized(layer, "weight"):
                training = layer.training
                layer.eval()  # in training mode, access to the weight would run one more power iteration
                parametrize.remove_parametrizations(layer, "weight", leave_parametrized=True)
                layer.train(training)

    def loss(self, model: nn.Module, batch: Mapping[str, Tensor], step: StepContext) -> Loss:
        """The loss of `r3f`, with one weight for both passes."""
        with parametrize.cached():
            return super().loss(model, batch, step)


def head_layers(model: nn.Module) -> list[nn.Linear]:
    """The linear layers of a classifier outside of its encoder, in the order of the model.

    Raises:
        AlumbenchError: There is none.
    """
    encoder = getattr(model, "base_model", model)
    inside = {id(module) for module in encoder.modules()}
    layers = [m for m in model.modules() if isinstance(m, nn.Linear) and id(m) not in inside]
    if not layers:
        raise AlumbenchError(
            f"method r4f: {type(model).__name__} has no linear layer outside of its encoder to put a spectral norm on; "
            f"use --method r3f"
        )
    return layers


METHOD = R4f

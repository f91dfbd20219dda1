"""One batch, clean and perturbed: the basis of every method that adds δ to the embeddings."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.func import functional_call

from alumbench.adversary.divergence import to_float32
from alumbench.adversary.embedding_hook import WordEmbeddings, perturbable_mask
from alumbench.adversary.noise import DropoutReplay, example_noise, example_uniform
from alumbench.adversary.norm_ball import token_rms
from alumbench.adversary.outputs import Outputs, read_answers


@dataclass(frozen=True)
class Pass:
    """One forward pass.

    Attributes:
        answers: the model's answers.
        loss: the task's loss, None in a pass without labels.
        gradient: of the loss at δ, (batch, tokens, hidden), if `forward_backward` took it.
        outputs: the model's whole output.
    """

    answers: Outputs
    loss: Tensor
    gradient: Tensor | None
    outputs: Any


class PerturbationSite(Protocol):
    """The place in a model where δ is added, such as `WordEmbeddings`."""

    def __call__(self, input_ids: Tensor) -> Tensor:
        """The tensor δ is added to, (batch, tokens, hidden), without a graph; or any tensor of its shape."""

    def added(self, delta: Tensor) -> contextlib.AbstractContextManager[None]:
        """Adds δ during one forward pass."""


class Perturbation:
    """A batch, its tokens that may be perturbed, and passes through the model with any δ.

    The first pass draws dropout as usual; all later ones drop the same units, unless `replay_dropout` is off.

    Attributes:
        perturbable: (batch, tokens) booleans; δ must be 0 elsewhere.
    """

    def __init__(
        self,
        model: nn.Module,
        batch: Mapping[str, Tensor],
        special_ids: Tensor | None,
        seed: int,
        step: int,
        examples: Sequence[int],
        replay_dropout: bool = True,
        place: PerturbationSite | None = None,
    ) -> None:
        """Prepares a batch; make it before its first pass, since dropout is replayed from here.

        Args:
            model: the plain module, not a wrapper that counts passes.
            batch: `input_ids`, `attention_mask` and all other inputs of the model, including labels.
            special_ids: ids that stay untouched, or None to perturb them too.
            seed: the run's seed.
            step: the optimizer step.
            examples: (batch,) numbers of the examples, which seed their noise.
            replay_dropout: True if all passes drop the same units.
            place: the place where δ is added; None for the word embeddings.
        """
        self._model, self._batch = model, dict(batch)
        self._seed, self._step, self._examples = seed, step, examples
        self.perturbable = perturbable_mask(batch["input_ids"], batch["attention_mask"], special_ids)
        self._words: PerturbationSite = WordEmbeddings(model) if place is None else place
        self._dropout = (
            DropoutReplay(self.perturbable.device, _eager_on_cpu(model, self.perturbable)) if replay_dropout else None
        )
        self._passes = 0

    @cached_property
    def embeddings(self) -> Tensor:
        """The clean word embeddings, (batch, tokens, hidden), detached."""
        return self._words(self._batch["input_ids"])

    @cached_property
    def rms(self) -> Tensor:
        """Root mean square length of each sentence's free token embeddings, (batch, 1, 1)."""
        return token_rms(self.embeddings, self.perturbable)

    def zero(self) -> Tensor:
        """A zero δ that requires a gradient, to get directions from a pass."""
        return torch.zeros_like(to_float32(self.embeddings), requires_grad=True)

    def noise(self, draw: Callable[..., Tensor] = torch.randn) -> Tensor:
        """Noise on the free tokens, (batch, tokens, hidden), seeded per (seed, step, example)."""
        return example_noise(self.perturbable, self.embeddings.shape[-1], self._seed, self._step, self._examples, draw)

    def uniform(self, count: int = 1) -> Tensor:
        """(batch, count) uniform numbers in [0, 1), seeded likewise."""
        return example_uniform(self._seed, self._step, self._examples, count).to(self.perturbable.device)

    def forward(
        self,
        delta: Tensor | None = None,
        labels: bool = False,
        parameters: Mapping[str, Tensor] | None = None,
        **options: Any,
    ) -> Pass:
        """A pass at x + δ, or at x.

        Args:
            delta: (batch, tokens, hidden) or None.
            labels: True to compute the task's loss.
            parameters: values by name that replace the model's own, such as a teacher's.
            options: further arguments of the model's forward, such as `output_hidden_states`.
        """
        batch = self._batch if labels else {k: v for k, v in self._batch.items() if k not in LABELS}
        self._passes += 1
        with (
            self._same_units(),
            self._words.added(delta) if delta is not None else contextlib.nullcontext(),
        ):
            if parameters is None:
                outputs = self._model(**batch, **options)
            else:
                outputs = functional_call(self._model, dict(parameters), (), {**batch, **options})
        return Pass(read_answers(outputs, self._batch), outputs.get("loss"), None, outputs)

    def _same_units(self) -> contextlib.AbstractContextManager[None]:
        if self._dropout is None:
            return contextlib.nullcontext()
        return self._dropout.first() if self._passes == 1 else self._dropout.again()

    def forward_backward(self, delta: Tensor, keep_graph: bool = False) -> Pass:
        """A labelled pass whose whole backward runs at once, to δ and to the parameters together: 3 units.

        Its `loss` carries the parameters' gradients to the outer backward, which then costs nothing more. This makes
        free adversarial training free: the ascent takes its gradient from passes that the update needs anyway.

        Args:
            delta: (batch, tokens, hidden).
            keep_graph: True if the answers must keep their graph; then only δ's gradient is taken here, 1 unit less
                here and 2 more in the outer backward.
        """
        if not delta.requires_grad:
            delta = delta.detach().requires_grad_()
        done = self.forward(delta, labels=True)
        if keep_graph:
            (gradient,) = torch.autograd.grad(done.loss, delta, retain_graph=True)
            return Pass(done.answers, done.loss, gradient, done.outputs)
        parameters = [p for p in self._model.parameters() if p.requires_grad]
        gradient, *rest = torch.autograd.grad(done.loss, [delta, *parameters], allow_unused=True)
        loss: Tensor = _Collected.apply(done.loss.detach(), rest, *parameters)  # type: ignore[no-untyped-call]
        return Pass(done.answers.detach(), loss, gradient, done.outputs)


def _eager_on_cpu(model: nn.Module, tensor: Tensor) -> bool:
    if tensor.device.type != "cpu":
        return False
    return all(
        module._compiled_call_impl is None and not getattr(module, "gradient_checkpointing", False)
        for module in model.modules()
    )


#: Inputs that a pass without the task's loss leaves out.
LABELS = ("labels", "start_positions", "end_positions")


class _Collected(torch.autograd.Function):
    """A number whose parameter gradients are already known.

    Unlike adding to `.grad`, this goes through the outer backward, so accumulation, clipping and DDP's hooks see it.
    """

    @staticmethod
    def forward(ctx: Any, value: Tensor, gradients: list[Tensor | None], *parameters: Tensor) -> Tensor:
        ctx.gradients = gradients
        return value.clone()

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        return (None, None, *(None if g is None else g * upstream for g in ctx.gradients))

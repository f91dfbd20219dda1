"""Randomness per example: seeded by (run seed, step, example), independent of batch and padding."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

#: Each use of randomness has its own stream, so that one method's draws never shift another's.
STREAMS = {"noise": 0, "labels": 1, "rows": 2}


def _generator(seed: int, step: int, example: int, stream: str) -> torch.Generator:
    # Large odd factors keep neighbouring steps and examples on unrelated seeds; torch mixes the result further.
    mixed = seed * 0x9E3779B97F4A7C15 + step * 0xBF58476D1CE4E5B9 + example * 0x94D049BB133111EB + STREAMS[stream]
    return torch.Generator().manual_seed(mixed % 2**63)


def example_noise(
    free: Tensor,
    hidden: int,
    seed: int,
    step: int,
    examples: Sequence[int],
    draw: Callable[..., Tensor] = torch.randn,
) -> Tensor:
    """Noise for the free tokens, 0 elsewhere; the same for an example in any batch.

    Args:
        free: (batch, tokens) booleans.
        hidden: size of an embedding.
        seed: the run's seed.
        step: the optimizer step.
        examples: (batch,) numbers of the examples in the training set.
        draw: `torch.randn`, standard normal, or `torch.rand`, uniform in [0, 1).

    Returns:
        (batch, tokens, hidden) on the device of `free`.
    """
    mask = free.cpu()
    noise = torch.zeros(*mask.shape, hidden)
    for row, example in enumerate(examples):
        count = int(mask[row].sum())
        noise[row, mask[row]] = draw(count, hidden, generator=_generator(seed, step, int(example), "noise"))
    return noise.to(free.device)


def example_uniform(seed: int, step: int, examples: Sequence[int], count: int = 1, stream: str = "labels") -> Tensor:
    """`count` uniform numbers in [0, 1) an example, (batch, count), on the CPU."""
    draws = [torch.rand(count, generator=_generator(seed, step, int(example), stream)) for example in examples]
    return torch.stack(draws)


class DropoutReplay:
    """Makes later passes drop the same units as the clean one, so that they differ only by δ.

    A different mask alone gives a larger symmetric KL than a small δ does. The generators are left as the clean pass
    left them, so that the run's other draws are those of standard training.

    On a CPU, drawing dropout takes a tenth of a forward pass or more, so the clean pass's masks can be kept (a byte a
    unit) and reused. Otherwise the generators are reset and the masks drawn again. Both give the same units.
    """

    def __init__(self, device: torch.device, keep_masks: bool = False) -> None:
        """Saves the state of the generators; call it just before the clean pass.

        Args:
            device: the device of the model.
            keep_masks: reuse the clean pass's masks. Impossible for a compiled model, whose draws are not visible, and
                for a checkpointed one, which draws again in its backward.
        """
        self._cuda = device if device.type == "cuda" else None
        self._before = self._state()
        self._kept: list[Tensor] | None = [] if keep_masks else None

    @contextmanager
    def first(self) -> Iterator[None]:
        """Runs the clean pass."""
        if self._kept is None:
            yield
            return
        with _Keep(self._kept) as keep:
            yield
        if not keep.complete:
            self._kept = None

    @contextmanager
    def again(self) -> Iterator[None]:
        """Runs a pass with the masks of the clean one."""
        after = self._state()
        self._restore(self._before)
        try:
            with _HandOut(self._kept) if self._kept is not None else nullcontext():
                yield
        finally:
            self._restore(after)

    def _state(self) -> tuple[Tensor, Tensor | None]:
        return torch.get_rng_state(), torch.cuda.get_rng_state(self._cuda) if self._cuda is not None else None

    def _restore(self, state: tuple[Tensor, Tensor | None]) -> None:
        torch.set_rng_state(state[0])
        if state[1] is not None and self._cuda is not None:
            torch.cuda.set_rng_state(state[1], self._cuda)


_DRAW = torch.ops.aten.bernoulli_.float  # the operation behind every dropout on a CPU


class _Keep(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Keeps each mask that is drawn; `complete` unless there was other randomness, such as a skipped layer."""

    def __init__(self, kept: list[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._kept, self.complete = kept, True

    def __torch_dispatch__(self, op: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = op(*args, **(kwargs or {}))
        if op is _DRAW:
            self._kept.append(result.bool())
        elif torch.Tag.nondeterministic_seeded in op.tags:
            self.complete = False
        return result


class _HandOut(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Returns the kept masks in the order in which they were drawn."""

    def __init__(self, kept: list[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._masks = iter(kept)

    def __torch_dispatch__(self, op: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if op is _DRAW:
            mask = next(self._masks, None)
            if mask is not None and mask.shape == args[0].shape:
                return args[0].copy_(mask)
        return op(*args, **(kwargs or {}))

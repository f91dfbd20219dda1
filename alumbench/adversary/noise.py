"""Randomness that an example carries with it: seeded per (run seed, step, example), blind to batch and padding."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

#: Each use of chance has a stream of its own, so that one method's draws never shift another's.
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
    """Noise for the free tokens, 0 elsewhere; the same for an example whatever it is batched with.

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
    """`count` numbers in [0, 1) an example, (batch, count), on the CPU."""
    draws = [torch.rand(count, generator=_generator(seed, step, int(example), stream)) for example in examples]
    return torch.stack(draws)


class DropoutReplay:
    """Lets later passes drop the same units as the clean one, so that only δ tells them apart.

    A mismatched mask alone makes a symmetric KL larger than the one that small δ make. The generators are left as the
    clean pass left them, so that the run's other draws are those of standard training.
    """

    def __init__(self, device: torch.device) -> None:
        """Remembers the generators; make it just before the clean pass."""
        self._cuda = device if device.type == "cuda" else None
        self._before = self._state()

    @contextmanager
    def again(self) -> Iterator[None]:
        """Runs a pass with the masks of the clean one."""
        after = self._state()
        self._restore(self._before)
        try:
            yield
        finally:
            self._restore(after)

    def _state(self) -> tuple[Tensor, Tensor | None]:
        return torch.get_rng_state(), torch.cuda.get_rng_state(self._cuda) if self._cuda is not None else None

    def _restore(self, state: tuple[Tensor, Tensor | None]) -> None:
        torch.set_rng_state(state[0])
        if state[1] is not None and self._cuda is not None:
            torch.cuda.set_rng_state(state[1], self._cuda)

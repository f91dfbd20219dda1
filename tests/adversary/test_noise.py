"""Noise belongs to the example, not to its batch; replayed dropout leaves no trace."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from alumbench.adversary import DropoutReplay, example_noise, example_uniform

LENGTHS = {7: 3, 11: 5, 12: 1, 100_000: 4}


def batch(examples: list[int], padding: int, on_the_left: bool = False) -> tuple[Tensor, Tensor]:
    """Noise of a padded batch and its free tokens."""
    width = max(LENGTHS[example] for example in examples) + padding
    free = torch.stack([torch.arange(width) < LENGTHS[example] for example in examples])
    free = free.flip(-1) if on_the_left else free
    return example_noise(free, 6, seed=3, step=9, examples=examples), free


@given(
    examples=st.lists(st.sampled_from(sorted(LENGTHS)), unique=True, min_size=1),
    padding=st.integers(0, 4),
    on_the_left=st.booleans(),
)
def test_noise_does_not_depend_on_neighbours_or_padding(examples: list[int], padding: int, on_the_left: bool) -> None:
    noise, free = batch(examples, padding, on_the_left)
    assert not noise[~free].any()
    for row, example in enumerate(examples):
        alone, _ = batch([example], 0)
        assert torch.equal(noise[row, free[row]], alone[0])


def test_noise_is_standard_normal() -> None:
    noise = example_noise(torch.ones(50, 20, dtype=torch.bool), 32, seed=1, step=0, examples=range(50))
    assert abs(float(noise.mean())) < 0.02
    assert abs(float(noise.std()) - 1) < 0.02


@pytest.mark.parametrize("changed", [{"seed": 4}, {"step": 10}, {"examples": [8]}], ids=str)
def test_seed_step_and_example_each_change_the_noise(changed: dict) -> None:
    values = {"seed": 3, "step": 9, "examples": [7]}
    free = torch.ones(1, 4, dtype=torch.bool)
    assert not torch.equal(example_noise(free, 8, **values), example_noise(free, 8, **values | changed))
    assert not torch.equal(example_uniform(**values), example_uniform(**values | changed))


def test_noise_leaves_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    batch([7, 11], 0)
    example_uniform(1, 2, [3])
    assert torch.equal(torch.get_rng_state(), before)


def test_uniform_is_uniform_and_its_own_draw() -> None:
    draws = example_uniform(5, 0, range(2000))
    assert draws.shape == (2000, 1)
    assert ((draws >= 0) & (draws < 1)).all()
    assert abs(float(draws.mean()) - 0.5) < 0.02
    assert abs(float(torch.corrcoef(torch.cat([draws[:-1], draws[1:]], 1).T)[0, 1])) < 0.06


@pytest.mark.parametrize("keep_masks", [False, True])
def test_replay_drops_the_same_units_and_leaves_the_generator_as_the_clean_pass_did(keep_masks: bool) -> None:
    dropout, values = nn.Dropout(0.5), torch.ones(200)
    torch.manual_seed(1)
    clean, following = dropout(values), dropout(values)
    torch.manual_seed(1)
    replay = DropoutReplay(torch.device("cpu"), keep_masks)
    with replay.first():
        assert torch.equal(dropout(values), clean)
    for _ in range(2):
        with replay.again():
            assert torch.equal(dropout(values), clean)
            torch.rand(17)
    assert torch.equal(dropout(values), following)


def test_kept_masks_give_way_to_the_generator_where_chance_comes_in_another_way() -> None:
    """A layer that is skipped at random must be skipped again, and its dropout with it."""

    def net(values: torch.Tensor) -> torch.Tensor:
        values = F.dropout(values, 0.5) if float(torch.rand(())) < 0.5 else values
        return F.dropout(values, 0.5)

    for seed in range(8):
        torch.manual_seed(seed)
        replay = DropoutReplay(torch.device("cpu"), keep_masks=True)
        with replay.first():
            clean = net(torch.ones(200))
        with replay.again():
            assert torch.equal(net(torch.ones(200)), clean)


def test_kept_masks_are_drawn_once() -> None:
    replay = DropoutReplay(torch.device("cpu"), keep_masks=True)
    with replay.first():
        F.dropout(torch.ones(8), 0.5)
    with replay.again():
        before = torch.get_rng_state()
        F.dropout(torch.ones(8), 0.5)
        assert torch.equal(torch.get_rng_state(), before)
        F.dropout(torch.ones(9), 0.5)
        assert not torch.equal(torch.get_rng_state(), before), "a mask that was never drawn is drawn"


def test_replay_gives_the_generator_back_after_an_error() -> None:
    replay = DropoutReplay(torch.device("cpu"))
    torch.rand(3)
    state = torch.get_rng_state()
    with pytest.raises(ValueError, match="inside"), replay.again():
        raise ValueError("inside")
    assert torch.equal(torch.get_rng_state(), state)

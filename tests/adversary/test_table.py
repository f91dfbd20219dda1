"""Directions and nearest words of an embedding table, against plain arithmetic."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from alumbench.adversary import EmbeddingTable, WordEmbeddings

WORDS, HIDDEN = 40, 8


class Model(nn.Module):
    """No more than embeddings whose first components vary most."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(WORDS, HIDDEN)
        scale = torch.tensor([9.0, 5.0, 3.0, 1.0, 1.0, 1.0, 1.0, 1.0])
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():
            self.embed.weight.copy_(torch.randn(WORDS, HIDDEN, generator=generator) * scale + 7)

    def get_input_embeddings(self) -> nn.Module:
        return self.embed


@pytest.fixture(scope="module")
def table() -> EmbeddingTable:
    return EmbeddingTable.of(WordEmbeddings(Model()))


def test_directions_are_those_of_the_centred_table_by_variance(table: EmbeddingTable) -> None:
    centred = table.rows - table.rows.mean(0)
    along = (centred @ table.directions).square().sum(0)
    assert torch.allclose(along / along.sum(), table.variance, atol=1e-5)
    assert (table.variance[:-1] >= table.variance[1:]).all()
    assert abs(table.directions[0, 0]) > 0.9, "the first component varies most, whatever the mean is"


def test_as_many_directions_as_hold_a_share_and_no_more(table: EmbeddingTable) -> None:
    for share in (0.3, 0.5, 0.9):
        k = table.holding(share)
        assert table.variance[:k].sum() >= share > table.variance[: k - 1].sum()


def test_energy_is_one_along_a_direction_and_a_share_of_random_delta(table: EmbeddingTable) -> None:
    along = torch.outer(torch.tensor([1.0, -3.0]), table.directions[:, 1])
    assert table.energy(along)[1] == pytest.approx(1.0) and table.energy(along)[0] == pytest.approx(0.0, abs=1e-6)
    noise = torch.randn(5000, HIDDEN, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(table.energy(noise), torch.full((HIDDEN,), 1 / HIDDEN), atol=0.01)


def test_the_nearest_other_row_against_all_distances(table: EmbeddingTable) -> None:
    own = torch.arange(WORDS).repeat(8)  # more points than are held at a time
    points = table.rows[own] + torch.randn(len(own), HIDDEN, generator=torch.Generator().manual_seed(2)) * 3
    distances = torch.cdist(points.double(), table.rows.double())
    distances[torch.arange(len(own)), own] = torch.inf
    assert torch.allclose(table.nearest_other(points, own), distances.amin(1).float(), atol=1e-4)
    assert table.nearest_other(points[:0], own[:0]).shape == (0,)

"""What each method's documentation says it costs, in forward units, against a count of multiplications."""

from __future__ import annotations

from typing import Any

import pytest

from alumbench.methods import make_method
from tests.methods.tiny import units

COSTS: list[tuple[str, dict[str, Any], float]] = [
    ("standard", {}, 3),
    ("smart", {}, 9),
    ("smart", {"direction": "fisher"}, 8),
    ("smart", {"alpha": 0}, 4),
    ("smart", {"mu": 0}, 8),
    ("smart", {"alpha": 0, "mu": 0}, 3),
    ("r3f", {}, 6),
    ("r4f", {}, 6),
    ("creat", {}, 8),
    ("creat", {"num_steps": 3}, 10),
    ("tavat", {}, 6),
    ("tavat", {"num_steps": 3}, 9),
    ("sift", {}, 8),
    ("sift", {"num_steps": 0}, 6),
    ("infobert", {"num_steps": 2, "alpha": 0}, 8),
    ("infobert", {"num_steps": 2, "alpha": 0, "beta": 0}, 6),
]


@pytest.mark.parametrize(("name", "values", "expected"), COSTS, ids=str)
def test_a_step_costs_what_its_documentation_says(name: str, values: dict[str, Any], expected: float) -> None:
    assert units(make_method(name, values)) == pytest.approx(expected, rel=0.02)

"""What a claims.toml may say."""

from __future__ import annotations

from pathlib import Path

import pytest

from alumbench.errors import AlumbenchError
from experiments.claims.settings import Claims
from tests.experiments.conftest import CLAIMS


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('direction = "more"', 'direction = "mor"', "unknown direction 'mor'. Did you mean 'more'"),
        ("margin = 3", "margin = -3", "margin: expected a number from 0 to"),
        ("margin = 3", "", "margin = 0 with direction 'no less'"),
        ('shows = "the gain"', "margin = 3", "margin = 3 with direction 'more'"),
        ('shows = "the gain"', 'show = "the gain"', r"part\[0\] .*: unknown key 'show'. Did you mean 'shows'"),
        ('shows = "the gain"', 'figures = "g.json"', "has board, row and column, or figures and name"),
        ('column = "PGD .1"\n', "", "has board, row and column, or figures and name"),
        ('against = "standard"', 'against = "alum:fisher"', "'alum:fisher' is held against itself"),
        ('id = "code"', 'id = "both"', "two claims are 'both'"),
        ('title = "Claims"', "", "title"),
        ('title = "Claims"', 'title = "Claims', "claims.toml: "),
    ],
)
def test_what_cannot_decide_anything_is_refused(tmp_path: Path, before: str, after: str, message: str) -> None:
    assert before in CLAIMS
    (tmp_path / "claims.toml").write_text(CLAIMS.replace(before, after, 1))
    with pytest.raises(AlumbenchError, match=message):
        Claims.read(tmp_path)


def test_claims_without_evidence_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AlumbenchError, match="claims.toml: no such file. It has a title, and"):
        Claims.read(tmp_path)
    (tmp_path / "claims.toml").write_text('title = "None"')
    with pytest.raises(AlumbenchError, match="claims.toml: claim is missing"):
        Claims.read(tmp_path)
    (tmp_path / "claims.toml").write_text('title = "One"\n[[claim]]\nid = "a"\nsays = "b"\nsource = "c"')
    with pytest.raises(AlumbenchError, match=r"claim\[0\] \(a\): part is missing"):
        Claims.read(tmp_path)

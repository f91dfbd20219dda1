"""Claims beside a copy of a board of this repository."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

BOARD = Path(__file__).parents[2] / "leaderboards" / "sst2-methods"
CLAIMS = """
title = "Claims"
about = "On a copy."
[[claim]]
id = "both"
says = "it gains robustness at no loss"
source = "section 1"
[[claim.part]]
board = "../sst2-methods"
row = "alum:fisher"
against = "standard"
column = "PGD .1"
direction = "more"
shows = "the gain"
[[claim.part]]
board = "../sst2-methods"
row = "alum:fisher"
against = "standard"
column = "SST-2 dev"
direction = "no less"
margin = 3
[[claim]]
id = "code"
says = "the code's rule is as good"
source = "the code"
[[claim.part]]
board = "../sst2-methods"
row = "alum-ref"
against = "alum:fisher"
column = "PGD .1"
direction = "no less"
margin = 2
[[claim]]
id = "planned"
says = "another thing"
source = "section 2"
[[claim.part]]
board = "../planned"
row = "a"
against = "b"
column = "SST-2 dev"
direction = "more"
"""


@pytest.fixture(scope="session")
def leaderboards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A board with its records and one that is only planned."""
    folder = tmp_path_factory.mktemp("claims") / "leaderboards"
    shutil.copytree(BOARD, folder / BOARD.name)
    (folder / "planned").mkdir()
    (folder / "planned" / "runs.toml").write_text('rows = [{ row = "a" }, { row = "b" }]')
    (folder / "claims").mkdir()
    (folder / "claims" / "claims.toml").write_text(CLAIMS)
    return folder

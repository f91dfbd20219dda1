"""The table of recipes in the documentation is the registry's."""

from __future__ import annotations

from pathlib import Path

import pytest

from alumbench.attacks.listing import markdown

DOCS = Path(__file__).parents[2] / "docs/attacks.md"


@pytest.mark.skipif(not DOCS.exists(), reason="only in the repository")
def test_the_table_of_recipes_is_up_to_date():
    assert DOCS.read_text().endswith(markdown().rstrip() + "\n"), "alumbench recipes --markdown gives the new table"

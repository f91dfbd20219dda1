from __future__ import annotations

import gc

import pytest


@pytest.fixture(scope="package", autouse=True)
def no_collecting():
    """statsmodels collects garbage at every Holm correction, a tenth of a second; simulations take thousands."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gc, "collect", lambda: 0)
        yield

"""Recipes under a name: options of `alumbench train` that were searched on dev data and confirmed on a board."""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import Any

from alumbench.errors import unknown


def preset_names() -> list[str]:
    """The presets that come with the package, sorted."""
    return sorted(p.name.removesuffix(".toml") for p in _folder().iterdir() if p.name.endswith(".toml"))


def preset(name: str) -> dict[str, Any]:
    """The options of a preset.

    Raises:
        AlumbenchError: There is none of that name.
    """
    if name not in preset_names():
        raise unknown("preset", name, preset_names())
    return tomllib.loads((_folder() / f"{name}.toml").read_text(encoding="utf-8"))


def _folder() -> Any:
    return resources.files("alumbench.training") / "presets"

"""Paths of the machine that something was made on, which are nobody else's business."""

from __future__ import annotations

from typing import Any


def without_places(value: Any) -> Any:
    """JSON values with every absolute path in them cut to its last part: it names users and folders of a machine."""
    if isinstance(value, dict):
        return {key: without_places(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_places(item) for item in value]
    if isinstance(value, str) and (value.startswith(("/", "~/", "\\\\")) or value[1:3] in {":\\", ":/"}):
        return value.replace("\\", "/").rstrip("/").rpartition("/")[2]
    return value

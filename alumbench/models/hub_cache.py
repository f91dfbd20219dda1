"""Models that are already local: in a folder, the offline mirror, or the hub's cache."""

from __future__ import annotations

from pathlib import Path

from alumbench.data import mirror


def find_cached(name: str) -> Path | None:
    """A model's folder, by path, in the mirror or in the hub's cache; None if not found. Never downloads."""
    import huggingface_hub
    from huggingface_hub.errors import HFValidationError

    root = mirror()
    for folder in [Path(name).expanduser(), *([root / "models" / name] if root is not None else [])]:
        if folder.is_dir():
            return folder
    try:
        config = huggingface_hub.try_to_load_from_cache(name, "config.json")
    except HFValidationError:  # neither a folder nor a valid hub id
        return None
    return Path(config).parent if isinstance(config, str) else None

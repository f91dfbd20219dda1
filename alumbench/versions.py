"""The versions that a result depends on."""

from __future__ import annotations

import platform
from importlib import metadata

LIBRARIES = ("torch", "transformers", "tokenizers", "datasets", "textattack", "nltk", "numpy")


def library_versions() -> dict[str, str]:
    """Versions of alumbench, Python and the libraries that affect results, by name."""
    from alumbench import __version__

    versions = {"alumbench": __version__, "python": platform.python_version()}
    for name in LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "absent"
    return versions

"""The origin of third-party code and data, as written in records and signatures."""

from __future__ import annotations

import hashlib
import importlib.metadata
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass

#: The name of this package as an origin.
OWN = "alumbench"


@dataclass(frozen=True)
class Origin:
    """The package or file that something comes from; empty for this package.

    Attributes:
        package: the distribution.
        version: its version.
        module: the module in it or, for a TOML file, the package whose folder holds it.
        file: the name of a file that belongs to no package.
        sha256: hash of the file's or module's content.
    """

    package: str = ""
    version: str = ""
    module: str = ""
    file: str = ""
    sha256: str = ""

    @classmethod
    def of(cls, content: bytes, *, package: str = "", version: str = "", module: str = "", file: str = "") -> Origin:
        """The origin of something whose file has this content."""
        return cls(package, version, module, file, hashlib.sha256(content).hexdigest())

    @classmethod
    def read(cls, record: Mapping[str, str]) -> Origin:
        """The origin in a record; unknown keys and values of other types are left out."""
        known = {name: record.get(name, "") for name in cls.__dataclass_fields__}
        return cls(**{name: value for name, value in known.items() if isinstance(value, str)})

    def __bool__(self) -> bool:
        """True if it is not this package."""
        return self != Origin()

    def __str__(self) -> str:
        """A short form: `package 1.0`, `mine.py (SHA-256 0123456789ab)`."""
        if self.package:
            return f"{self.package} {self.version}".strip()
        return f"{self.file} (SHA-256 {self.sha256[:12]})" if self.file else OWN

    def record(self) -> dict[str, str]:
        """Its form in a record, {} for this package."""
        return {name: value for name, value in asdict(self).items() if value}

    @property
    def signature(self) -> str:
        """Its part of a signature: `from:package@1.0:0123456789ab`, `from:mine.py:0123456789ab`."""
        name = f"{self.package}@{self.version}" if self.package else self.file
        return f"from:{re.sub(r'[^A-Za-z0-9_.+@-]', '_', name)}:{self.sha256[:12]}"

    def absent(self) -> str:
        """The reason if its package version is not installed; '' if it is, and for a file, which is not checked."""
        if not self.package:
            return ""
        try:
            here = importlib.metadata.version(self.package)
        except importlib.metadata.PackageNotFoundError:
            return f"{self} is not installed here: pip install {self.package}=={self.version}"
        return "" if here == self.version else f"{self.package} is installed in version {here}, not {self.version}"

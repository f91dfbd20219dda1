"""Finds methods, recipes, tasks, suites and classifiers, of this package and of plug-ins.

A name means a file of this package or an entry point of another installed package (in the group `alumbench.methods`,
say); a path means a file (`./mine.py`, `./mine.py:METHOD`, `./mine.toml`). Listing imports nothing.

A name that two packages use, including this one, is ambiguous and refers to neither: the choice would depend on the
machine. Everything that is not part of this package has an `Origin`, which is written to the records.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import pkgutil
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from alumbench.errors import AlumbenchError, shown, unknown
from alumbench.origins import OWN, Origin
from alumbench.parsing import TOML_BYTES, decoded, read_bytes

#: Allowed names of plug-ins, which become parts of signatures and columns.
NAME = re.compile(r"[A-Za-z0-9][\w.+-]*")


@dataclass(frozen=True)
class Kind:
    """A kind of named item.

    Attributes:
        name: in messages; `alumbench NAMEs` lists it, and `alumbench.NAMEs` is its group of entry points, with a
            hyphen and an underscore for a space.
        package: the package with the built-in files; '' if there are none.
        folder: below the package, for TOML files; in a checkout it may be beside the package.
        attribute: its name in a Python file; '' for TOML files.
        others: files of the package that are not of this kind.
    """

    name: str
    package: str = ""
    folder: str = ""
    attribute: str = ""
    others: frozenset[str] = frozenset()

    @property
    def group(self) -> str:
        """Its group of entry points."""
        return f"alumbench.{self.name.replace(' ', '_')}s"

    @property
    def suffix(self) -> str:
        """The suffix of its files."""
        return ".py" if self.attribute else ".toml"


METHODS = Kind(
    "method",
    "alumbench.methods",
    attribute="METHOD",
    others=frozenset({"checks", "context", "distributed", "method", "perturbing", "training_data"}),
)
RECIPES = Kind("recipe", "alumbench.attacks.recipes", attribute="RECIPE")
THREAT_MODELS = Kind(
    "threat model",
    "alumbench.attacks.threat_models",
    attribute="THREAT_MODEL",
    others=frozenset({"choices", "edits", "references", "threat_model", "word_sets"}),
)
TASKS = Kind("task", "alumbench.data", "catalog")
SUITES = Kind("suite", "alumbench", "suites")
CLASSIFIERS = Kind("classifier", attribute="CLASSIFIER")
KINDS = (METHODS, RECIPES, THREAT_MODELS, TASKS, SUITES, CLASSIFIERS)


@dataclass(frozen=True)
class Found:
    """A named item that is not loaded yet.

    Attributes:
        kind: its kind.
        name: its name; for a Python file the file's name, since its own is known only after loading.
        package: its distribution; '' for a file.
        version: of the distribution; '' for this one.
        module: its Python module or, for a TOML file, the package whose folder holds it.
        attribute: its attribute in the module.
        path: the file, if known without an import.
        problem: the reason why it cannot be used, as far as known without loading it.
    """

    kind: Kind
    name: str
    package: str = ""
    version: str = ""
    module: str = ""
    attribute: str = ""
    path: Path | None = None
    problem: str = ""

    @property
    def built_in(self) -> bool:
        """True if it is part of this package."""
        return self.package == OWN

    @property
    def source(self) -> str:
        """Its source in short: `alumbench`, `package 1.0`, `./mine.py`."""
        return " ".join(filter(None, [self.package, self.version])) or str(self.path)

    @property
    def where(self) -> str:
        """Its name in messages: kind, name, package and file."""
        if not self.package:
            return f"{self.kind.name} {self.path}"
        file = self.module.replace(".", "/") + (".py" if self.kind.attribute else f"/{self.name}.toml")
        package = "" if self.built_in else f"{self.source}, "
        return f"{self.kind.name} {self.name} ({package}{file})"

    def load(self) -> object:
        """The object of a Python file or module.

        Raises:
            AlumbenchError: It cannot be used or loaded; package and file are named.
        """
        self._check()
        try:
            module = run_file(self.path) if self.path else importlib.import_module(self.module)
            return getattr(module, self.attribute)
        except (Exception, SystemExit) as error:  # whatever third-party code raises
            told = "" if isinstance(error, AlumbenchError) else f"{type(error).__name__}: "
            raise AlumbenchError(f"{self.where}: cannot be loaded: {told}{shown(error, 200)}") from error

    def text(self) -> str:
        """The text of a TOML file.

        Raises:
            AlumbenchError: It cannot be used or read; package and file are named.
        """
        self._check()
        path = self.file()
        return decoded(read_bytes(path, TOML_BYTES, "a TOML file"), str(path) if not self.package else self.where)

    def file(self) -> Path:
        """The file itself.

        Raises:
            AlumbenchError: The package or the file in it is missing.
        """
        if self.path is not None:
            return self.path
        spec = _spec(self.module, self.where)
        if self.kind.attribute:
            return Path(spec.origin or "")
        for folder in spec.submodule_search_locations or [str(Path(spec.origin or "").parent)]:
            if (path := Path(folder) / f"{self.name}.toml").is_file():
                return path
        raise AlumbenchError(f"{self.where}: no such file")

    def origin(self) -> Origin:
        """Its origin for records; empty if it is part of this package.

        Raises:
            AlumbenchError: Its file cannot be read.
        """
        if self.built_in:
            return Origin()
        content = read_bytes(self.file(), TOML_BYTES, "a file of text")
        if self.package:
            return Origin.of(content, package=self.package, version=self.version, module=self.module)
        return Origin.of(content, file=self.file().name)

    def named(self, name: object) -> None:
        """Checks the name that it declares.

        Raises:
            AlumbenchError: It is invalid, differs from the entry point's or, for a file, is already taken.
        """
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise AlumbenchError(
                f"{self.where}: its name {name!r:.80} is not valid: use letters, digits, '-', '.', '_'"
            )
        if self.package and name != self.name:
            raise AlumbenchError(
                f"{self.where}: calls itself '{shown(name, 80)}', but is registered under another name"
            )
        taken = [] if self.package else [other for other in listed(self.kind) if other.name == name]
        if taken:
            raise AlumbenchError(
                f"{self.where}: its name '{name}' is that of a {self.kind.name} of {taken[0].source}; give it another"
            )

    def _check(self) -> None:
        if self.problem:
            raise AlumbenchError(f"{self.where}: {self.problem}")


def names(kind: Kind, built_in: bool = False) -> list[str]:
    """All names of a kind, sorted.

    Args:
        kind: the kind.
        built_in: leave out other packages.
    """
    return sorted({found.name for found in listed(kind) if found.built_in or not built_in})


def listed(kind: Kind) -> list[Found]:
    """All named items, sorted by name; a name used twice is listed once, with a `problem`."""
    by_name: dict[str, Found] = {}
    for found in [*_built_in(kind), *_entry_points(kind, tuple(sys.path))]:
        first = by_name.setdefault(found.name, found)
        if first is not found:
            both = f"{first.where.partition(' (')[2].rstrip(')')} and {found.where.partition(' (')[2].rstrip(')')}"
            problem = f"both {both} have this name; uninstall one of the packages"
            by_name[found.name] = replace(found, problem=problem)
    return [by_name[name] for name in sorted(by_name)]


def from_whom(found: Found) -> str:
    """The suffix of third-party items in listings: ` [from package 1.0]`; '' for this package."""
    return "" if found.built_in else f" [from {found.source}]"


def find(kind: Kind, reference: str, folder: str | Path = "") -> Found:
    """Finds an item by name or path.

    Args:
        kind: its kind.
        reference: a name, or a path: `./mine.py`, `./mine.py:ATTRIBUTE`, `./mine.toml`.
        folder: folder of a relative path.

    Raises:
        AlumbenchError: The name is unknown; the nearest is suggested.
    """
    if is_path(kind, reference):
        path, _, attribute = reference.partition(".py:")
        file = Path(folder, path + (".py" if attribute else "")).expanduser()
        return Found(kind, file.stem, attribute=attribute or kind.attribute, path=file)
    known = listed(kind)
    for found in known:
        if found.name == reference:
            return found
    raise unknown(kind.name, reference, [found.name for found in known], f"alumbench {kind.name.replace(' ', '-')}s")


def is_path(kind: Kind, reference: str) -> bool:
    """True if a reference is a path, not a name."""
    return reference.endswith(kind.suffix) or (bool(kind.attribute) and ".py:" in reference)


def run_file(path: Path) -> object:
    """Runs a Python file as a module, once for the same content.

    The content that is read is the content that is run, so that its hash identifies the code that ran.

    Raises:
        AlumbenchError: The file cannot be read.
    """
    content = read_bytes(path, TOML_BYTES, "a Python file")
    name = f"alumbench_file_{Origin.of(content).sha256[:16]}_{path.stem}"
    if name not in sys.modules:
        module = type(sys)(name)
        module.__file__ = str(path)
        sys.modules[name] = module  # dataclasses look up their types there
        try:
            exec(compile(content, str(path), "exec", dont_inherit=True), vars(module))  # noqa: S102 - as an import would
        except BaseException:
            del sys.modules[name]
            raise
    return sys.modules[name]


def _built_in(kind: Kind) -> Iterator[Found]:
    for folder in _folders(kind.package) if kind.package else ():
        if not kind.attribute:
            for path in _toml_folder(Path(folder), kind.folder).glob("*.toml"):
                yield Found(kind, path.stem, OWN, module=f"{kind.package}.{kind.folder}", path=path)
            continue
        for module in pkgutil.iter_modules([folder]):
            if module.name not in kind.others:
                name = module.name.replace("_plus", "+").replace("_", "-")
                yield Found(kind, name, OWN, module=f"{kind.package}.{module.name}", attribute=kind.attribute)


def _toml_folder(package: Path, name: str) -> Path:
    """A folder of TOML files in the package; in a checkout, the one beside the package."""
    inside, checkout = package / name, package.parent
    return inside if inside.is_dir() or not (checkout / "pyproject.toml").is_file() else checkout / name


def _folders(package: str) -> list[str]:
    """A package's folders, found without importing it, which can take seconds."""
    if package in sys.modules:
        return list(sys.modules[package].__path__)
    return list(_spec(package, package).submodule_search_locations or ())


def _spec(module: str, where: str) -> importlib.machinery.ModuleSpec:
    try:
        spec = importlib.util.find_spec(module)
    except (Exception, SystemExit) as error:  # it imports the parent packages
        raise AlumbenchError(f"{where}: cannot be loaded: {type(error).__name__}: {shown(error, 200)}") from error
    if spec is None:
        raise AlumbenchError(f"{where}: cannot be loaded: there is no module {module}")
    return spec


@cache
def _entry_points(kind: Kind, path: tuple[str, ...]) -> tuple[Found, ...]:
    """Items of other packages on this path; cached, since the search takes tens of milliseconds."""
    found = []
    for point in importlib.metadata.entry_points(group=kind.group):
        package, version = (point.dist.name, point.dist.version) if point.dist else ("a package without a name", "")
        parts = re.fullmatch(r"([A-Za-z_][\w.]*)(?:\s*:\s*([A-Za-z_]\w*))?", point.value.strip())
        problem = "" if parts else f"its entry point {shown(repr(point.value), 80)} is not MODULE or MODULE:NAME"
        if not NAME.fullmatch(point.name):
            problem = "its name has other characters than letters, digits, '-', '.', '+' and '_'"
        module, attribute = (parts[1], parts[2] or kind.attribute) if parts else (point.value, "")
        found.append(Found(kind, point.name, package, version, module, attribute, problem=problem))
    return tuple(found)

"""The package as a whole: its floors, its wheel, and a first run without a network."""

from __future__ import annotations

import ast
import graphlib
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

import alumbench

PACKAGE = Path(alumbench.__file__).parent
REPOSITORY = PACKAGE.parent

#: Imports go down only. Same rank and another name: no import either way.
RANKS = {
    "errors": -2,
    "old_names": -1.5,
    "config": -1,
    "arguments": -1,
    "fields": 0,
    "formatting": 0,
    "records": 0,
    "parsing": 0,
    "commands": 0,
    "statistics": 0,
    "adversary": 0,
    "bfloat16": 0,
    "origins": 0,
    "registry": 1,
    "storage": 1,
    "versions": 1,
    "devices": 1,
    "engine": 1,
    "data": 2,
    "metrics": 3,
    "models": 3,
    "methods": 4,
    "attacks": 4,
    "training": 5,
    "pretraining": 6,
    "evaluation": 5,
    "reports": 5.5,
    "leaderboard": 6,
    "listing": 2,
    "results": 7,
    "api": 7.5,
    "demo": 7,
    "hub": 7,
    "studies": 7,
    "cli": 8,
    "__main__": 9,
}


def _part(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def _imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("alumbench"):
            found |= {node.module} if "." in node.module else {f"alumbench.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.startswith("alumbench")}
    return found


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_down_only(path: Path) -> None:
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if own == "__init__":  # the public API, imported when it is used
        return
    for module in _imports(path):
        part = _part(module)
        if part in {own, "__version__"}:
            continue
        assert RANKS[part] < RANKS[own], f"{path} imports {module}, which is not below it"
        assert own not in {"adversary", "statistics"}, f"{path} imports {module}; it must stand alone"


def _files_imported(path: Path, modules: dict[str, Path]) -> set[str]:
    """Files of the package that a file imports anywhere in it, but for types alone."""
    found, left = set(), [ast.parse(path.read_text(encoding="utf-8"))]
    while left:
        node = left.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found |= {name if name in modules else node.module for name in names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        left += ast.iter_child_nodes(node)
    return found & modules.keys()


def test_no_circles_of_files() -> None:
    """Inside folders too, and whether a file is imported at its top or within a function."""
    modules = {}
    for path in PACKAGE.rglob("*.py"):
        name = ".".join(("alumbench", *path.relative_to(PACKAGE).with_suffix("").parts))
        modules[name.removesuffix(".__init__")] = path
    graph = {name: _files_imported(path, modules) - {name} for name, path in modules.items()}
    graphlib.TopologicalSorter(graph).prepare()  # a CycleError names the files


def test_help_imports_neither_torch_nor_transformers() -> None:
    code = (
        "import sys\nfrom alumbench.cli import group\n"
        "try:\n    group(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'transformers', 'datasets', 'numpy', 'textattack'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert "attack" in run.stdout and "train" in run.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this checkout."""
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True)
    return next(out.glob("*.whl"))


def test_wheel_carries_suites_tasks_and_types(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for source, folder in ((REPOSITORY / "suites", "suites"), (PACKAGE / "data/catalog", "data/catalog")):
        paths = list(source.glob("*.toml"))
        assert paths and not [path for path in paths if f"alumbench/{folder}/{path.name}" not in names]
    assert "alumbench/py.typed" in names
    assert not [name for name in names if name.startswith(("tests", "leaderboards", "experiments"))]


def test_wheel_runs_the_demo_without_network_or_nltk_data(wheel: Path, tmp_path: Path) -> None:
    """R20: the installed wheel, a home of its own, no NLTK data, and every connection an error that is written down."""
    installed, home, calls = tmp_path / "site", tmp_path / "home", tmp_path / "calls"
    zipfile.ZipFile(wheel).extractall(installed)
    home.mkdir()
    (installed / "sitecustomize.py").write_text(
        "import socket\n"
        "def refuse(self, address, *rest):\n"
        f"    if self.family != socket.AF_UNIX:\n        open({str(calls)!r}, 'a').write(f'{{address}}\\n')\n"
        "    raise OSError('no network in this test')\n"
        "socket.socket.connect = socket.socket.connect_ex = refuse\n"
    )
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "NLTK_DATA": str(tmp_path / "none"),
        # The wheel first, then the libraries of this environment (whose own alumbench is an import hook, not a folder).
        "PYTHONPATH": os.pathsep.join([str(installed), sysconfig.get_paths()["purelib"]]),
        "OMP_NUM_THREADS": "1",
    }
    code = "import alumbench, sys; from alumbench.cli import main; print(alumbench.__file__); main()"
    run = subprocess.run(
        [sys.executable, "-S", "-c", "import sitecustomize; " + code, "demo", "--seeds", "1", "--out", "out"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert str(installed) in run.stdout.splitlines()[0]
    assert not calls.exists(), calls.read_text()
    assert "| standard" in run.stdout and "| alum" in run.stdout and "n=100" in run.stdout
    assert "next: alumbench compare" in run.stdout
    assert (tmp_path / "out/board/README.md").is_file()
    assert not (home / ".cache/textattack").exists()

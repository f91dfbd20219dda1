"""The notebooks and scripts of examples/, each run as it is, and the README's first block of Python."""

from __future__ import annotations

import ast
import json
import re
import runpy
from pathlib import Path
from typing import Any

import pytest

import alumbench as ab
from tests.conftest import REPOSITORY

EXAMPLES = REPOSITORY / "examples"
SCRIPTS = sorted(EXAMPLES.glob("*.py"))
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))
#: What an example leaves behind, by its name.
LEAVES = {
    "adversarial_trainer": "alum-sentiment/model.safetensors",
    "attack_sklearn_pipeline": "report.html",
    "compare_standard_and_alum": "runs/alum-1/training.json",
    "evaluate_http_endpoint": "endpoint-report.html",
    "plain_pytorch_loop": "alum-nli/model.safetensors",
}


def cells(notebook: Path) -> list[dict[str, Any]]:
    """The code cells."""
    return [cell for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]


def run_cell(source: str, names: dict[str, Any], where: str) -> Any:
    """Runs a cell as Jupyter does; its last expression."""
    tree = ast.parse(source, where)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, where, "exec"), names)
    return None if last is None else eval(compile(ast.Expression(last.value), where, "eval"), names)


def test_every_example_is_named_in_the_list_and_here() -> None:
    listed = set(re.findall(r"`(\w+)\.(?:py|ipynb)` \|", (EXAMPLES / "README.md").read_text(encoding="utf-8")))
    assert {path.stem for path in [*SCRIPTS, *NOTEBOOKS]} == set(LEAVES) == listed
    assert len(SCRIPTS) == 3 and len(NOTEBOOKS) == 2


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_runs(
    script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(script), run_name="__main__")
    assert (tmp_path / LEAVES[script.stem]).is_file()
    printed = capsys.readouterr().out
    accuracy = re.search(r"(?:dev accuracy|accuracy +\|) *0?\.?(\d+)", printed)
    assert accuracy, printed


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(notebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "__main__"}
    shown = [
        run_cell("".join(cell["source"]), names, f"{notebook.name}, cell {at}")
        for at, cell in enumerate(cells(notebook), 1)
    ]
    tables = [value._repr_html_() for value in shown if hasattr(value, "_repr_html_")]
    assert tables and all("<table" in table for table in tables)
    assert any(isinstance(value, ab.Comparison) for value in shown)
    assert (tmp_path / LEAVES[notebook.stem]).is_file()


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_committed_without_outputs(notebook: Path) -> None:
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells(notebook))


@pytest.mark.parametrize("page", ["README.md", "docs/get-started.md"])
def test_the_first_block_of_python_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [f"a good film {at},positive\na bad film {at},negative\n" for at in range(4)]
    Path("my.csv").write_text("text,label\n" + "".join(rows))
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    block = re.search(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    Path("block.py").write_text(block[1] if block else "")
    names = runpy.run_path("block.py")
    assert names["result"].metrics["clean"]["accuracy"].value == 1.0

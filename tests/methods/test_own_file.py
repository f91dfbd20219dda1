"""A user's own method file: its parameters' types are read however it writes them, and what is wrong is one line."""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import alumbench.methods
from alumbench.cli import group
from alumbench.errors import AlumbenchError
from alumbench.methods import load_method, make_method
from alumbench.training.fine_tuning import fine_tune
from alumbench.training.request import FineTuning

BODY = '''
from dataclasses import dataclass
from typing import ClassVar, Literal, Optional

from alumbench.methods.method import Loss, Method


@dataclass(frozen=True)
class Mine(Method):
    """Scales the loss.

    Attributes:
        scale: of the loss.
    """

    name: ClassVar[str] = "mine"
    source: ClassVar[str] = "http://localhost"

    scale: float = 1.0
    steps: int = 1
    on: bool = True
    label: str = "a"
    limit: Optional[float] = None
    mode: Literal["sum", "mean"] = "sum"
    layers: tuple[int, ...] = (1, 2)
    pair: tuple[float, float] = (0.0, 1.0)
    either: "int | None" = None

    def loss(self, model, batch, step):
        return Loss(self.scale * model(**batch).loss)


METHOD = Mine
'''

Own = Callable[[str], None]


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Own]:
    """Puts a method file `mine.py` beside the methods."""
    monkeypatch.setattr(alumbench.methods, "__path__", [*alumbench.methods.__path__, str(tmp_path)])

    def write(content: str) -> None:
        (tmp_path / "mine.py").write_text(content)
        importlib.invalidate_caches()
        sys.modules.pop("alumbench.methods.mine", None)

    yield write
    sys.modules.pop("alumbench.methods.mine", None)


@pytest.mark.parametrize("future", ["", "from __future__ import annotations\n"], ids=["plain", "future"])
@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("scale", 2, 2.0),
        ("scale", "2", 2.0),
        ("steps", "3", 3),
        ("steps", 3.0, 3),
        ("on", "no", False),
        ("on", "TRUE", True),
        ("on", 0, False),
        ("label", "b", "b"),
        ("label", 7, "7"),
        ("limit", None, None),
        ("limit", "2", 2.0),
        ("mode", "mean", "mean"),
        ("layers", [3], (3,)),
        ("pair", [1, 2], (1.0, 2.0)),
        ("either", "4", 4),
    ],
    ids=str,
)
def test_each_type_is_read(own: Own, future: str, name: str, value: Any, expected: Any) -> None:
    own(future + BODY)
    found = getattr(make_method("mine", {name: value}), name)
    assert found == expected and type(found) is type(expected)


@pytest.mark.parametrize("future", ["", "from __future__ import annotations\n"], ids=["plain", "future"])
@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("scale", "abc", "method mine, scale: 'abc' is not a valid float"),
        ("scale", math.nan, "scale: nan is not a valid float"),
        ("scale", "inf", "scale: 'inf' is not a valid float"),
        ("scale", True, "scale: True is not a valid float"),
        ("scale", 10**400, "scale: 10+ is not a valid float"),
        ("steps", 1.5, "steps: 1.5 is not a valid int"),
        ("steps", True, "steps: True is not a valid int"),
        ("steps", None, "steps: None is not a valid int"),
        ("on", "maybe", "on: 'maybe' is not a valid bool"),
        ("on", 2, "on: 2 is not a valid bool"),
        ("label", [1], r"label: \[1\] is not a valid str"),
        ("limit", "x", r"limit: 'x' is not a valid Optional\[float\]"),
        ("mode", "max", "mode: 'max' is not one of sum, mean"),
        ("layers", [1.5], r"layers: \[1.5\] is not a valid tuple\[int, ...\]"),
        ("layers", "12", r"layers: '12' is not a valid tuple\[int, ...\]"),
        ("pair", [1], r"pair: \[1\] is not a valid tuple\[float, float\]"),
        ("pair", [1, math.inf], r"pair: \[1, inf\] is not a valid tuple\[float, float\]"),
        ("sclae", 1, "unknown parameter 'sclae'. Did you mean 'scale'"),
    ],
    ids=str,
)
def test_what_is_no_value_is_one_line(own: Own, future: str, name: str, value: Any, message: str) -> None:
    own(future + BODY)
    with pytest.raises(AlumbenchError, match=message) as told:
        make_method("mine", {name: value})
    assert "\n" not in str(told.value) and len(str(told.value)) < 250


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("import nowhere_at_all", r"method mine \(alumbench/methods/mine.py\): cannot be loaded: ModuleNotFoundError"),
        ("def (:", "cannot be loaded: SyntaxError"),
        ("x = 1", "cannot be loaded: AttributeError: .*METHOD"),
        ("METHOD = 3", "METHOD must be a class that extends Method"),
        (BODY.replace("@dataclass(frozen=True)\n", ""), "METHOD must be a class that extends Method, with @dataclass"),
        (BODY.replace("scale: float = 1.0", "scale: float"), "scale has no default; give --set scale=VALUE"),
        (BODY.replace('"int | None"', '"Nowhere"'), "type of a parameter cannot be read .*'Nowhere' is not defined"),
        (BODY.replace("def loss", "def lost"), "method mine: Can't instantiate abstract class Mine"),
    ],
    ids=["import", "syntax", "no-method", "no-class", "no-dataclass", "no-default", "no-type", "no-loss"],
)
def test_a_file_that_is_no_method_is_one_line(own: Own, content: str, message: str) -> None:
    own(content)
    with pytest.raises(AlumbenchError, match=message):
        make_method("mine", {})


def test_a_file_without_the_import_trains_and_is_listed(
    own: Own, small_request: Callable[..., FineTuning], tmp_path: Path
) -> None:
    own(BODY)
    assert load_method("mine").name == "mine"
    told = CliRunner().invoke(group, ["methods", "mine"]).output
    assert "--set scale=1.0" in told and "of the loss." in told
    record = fine_tune(
        small_request(method="mine", parameters={"layers": [3], "mode": "mean"}, trainer={"max_steps": 2}),
        tmp_path / "out",
        lambda line: None,
    )
    assert record["method"]["parameters"]["layers"] == [3]
    own(BODY.replace("scale: float = 1.0", "scale: float"))
    assert "--set scale=…" in CliRunner().invoke(group, ["methods", "mine"]).output


def test_a_file_that_cannot_be_loaded_does_not_hide_the_others(own: Own) -> None:
    own("import nowhere_at_all")
    listed = CliRunner().invoke(group, ["methods"])
    assert listed.exit_code == 0, listed.output
    assert "nowhere_at_all" in listed.output and "standard" in listed.output

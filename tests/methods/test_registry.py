"""Methods are files; their parameters are checked before anything is read."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

import alumbench.methods
from alumbench.errors import AlumbenchError
from alumbench.methods import Method, load_method, make_method, method_names
from alumbench.registry import METHODS


def test_every_file_is_a_method_and_every_method_a_file() -> None:
    folder = Path(alumbench.methods.__file__).parent
    files = {path.stem for path in folder.glob("*.py")} - {"__init__"} - METHODS.others
    assert {load_method(name).__module__.rpartition(".")[2] for name in method_names()} == files
    assert len(method_names()) == len(files)
    assert {"standard", "alum", "alum-ref", "freelb++"} <= set(method_names())


@pytest.mark.parametrize("name", method_names())
def test_each_method_is_a_named_frozen_dataclass_with_a_source(name: str) -> None:
    cls = load_method(name)
    assert issubclass(cls, Method)
    assert cls.name == name
    assert "http" in cls.source
    method = make_method(name, {})
    assert method.parameters() == {item.name: item.default for item in fields(cls)}
    with pytest.raises(AttributeError):
        method.anything = 1


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"alpha": "2"}, {"alpha": 2.0}),
        ({"alpha": 2}, {"alpha": 2.0}),
        ({"num_steps": "3"}, {"num_steps": 3}),
        ({"replay_dropout": "false"}, {"replay_dropout": False}),
        ({"replay_dropout": False}, {"replay_dropout": False}),
        ({"perturb_special_tokens": "1"}, {"perturb_special_tokens": True}),
        ({"norm": "linf", "direction": "vat"}, {"norm": "linf", "direction": "vat"}),
    ],
    ids=str,
)
def test_parameters_are_parsed_to_their_type(values: dict[str, Any], expected: dict[str, Any]) -> None:
    method = make_method("alum", values)
    for name, value in expected.items():
        assert getattr(method, name) == value
        assert type(getattr(method, name)) is type(value)


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("allum", {}, r"unknown method 'allum'. Did you mean 'alum'\? 'alumbench methods' lists them"),
        ("alum", {"alfa": 1}, r"unknown parameter 'alfa'. Did you mean 'alpha'\?"),
        ("standard", {"alpha": 1}, "method standard has no parameters, so 'alpha' cannot be set"),
        ("alum", {"alpha": -1}, "alpha = -1.0: must be 0 or more"),
        ("alum", {"epsilon": 0}, "epsilon = 0.0: must be above 0"),
        ("alum", {"epsilon": -0.1}, "epsilon = -0.1: must be above 0"),
        ("alum", {"norm": "l2"}, "unknown norm 'l2'; known: l2-sentence"),
        ("alum", {"direction": "up"}, "unknown direction 'up'; known: fisher"),
        ("alum", {"num_steps": -1}, "K = -1 ascent steps"),
        ("alum", {"num_steps": "many"}, "method alum, num_steps: 'many' is not a valid int"),
        ("alum", {"num_steps": 1.5}, "method alum, num_steps: 1.5 is not a valid int"),
        ("alum", {"alpha": "big"}, "method alum, alpha: 'big' is not a valid float"),
        ("alum", {"alpha": None}, "method alum, alpha: None is not a valid float"),
        ("alum", {"alpha": [1]}, r"method alum, alpha: \[1\] is not a valid float"),
        ("alum", {"alpha": "nan"}, "alpha"),
        ("alum", {"epsilon": "inf"}, "epsilon"),
        (
            "alum",
            {"divergence": "wasserstein"},
            "unknown divergence 'wasserstein'; known: symmetric-kl, kl, js, squared",
        ),
        ("alum", {"stop_gradient": "both"}, "unknown stop_gradient 'both'; known: auto, none, clean, targets"),
        (
            "alum",
            {"divergence": "js", "stop_gradient": "targets"},
            "'targets' applies only to the two terms of symmetric-kl",
        ),
        ("alum", {"step_size": 0}, "step_size = 0.0: must be above 0"),
        ("alum", {"init_scale": -1}, "init_scale = -1.0: must be above 0"),
        ("fgm", {"epsilon": 0}, "epsilon = 0.0: must be above 0"),
        ("pgd", {"num_steps": 0}, "num_steps = 0: must be 1 or more"),
        ("pgd", {"alpha": -1}, "alpha = -1.0: must be 0 or more"),
        ("freelb", {"num_steps": 0}, "num_steps = 0: must be 1 or more"),
        ("freelb", {"init_scale": -1}, "init_scale = -1.0: must be 0 or more"),
        ("rdrop", {"alpha": -1}, "alpha = -1.0: must be 0 or more"),
        ("alum", {"replay_dropout": "maybe"}, "method alum, replay_dropout: 'maybe' is not a valid bool"),
    ],
    ids=str,
)
def test_what_is_wrong_is_refused_with_a_reason(name: str, values: dict[str, Any], message: str) -> None:
    with pytest.raises(AlumbenchError, match=message):
        make_method(name, values)


@pytest.mark.parametrize(
    ("name", "values", "precision", "told"),
    [
        ("alum", {"direction": "vat", "init_scale": 1e-5}, "bf16", True),
        ("alum-paper", {}, "bf16", True),
        ("alum-ref", {}, "bf16", True),
        ("alum", {"direction": "vat", "init_scale": 1e-5}, "fp32", False),
        ("alum", {"direction": "vat"}, "bf16", False),
        ("alum", {"direction": "fisher", "init_scale": 1e-5}, "bf16", False),
        ("alum", {"direction": "vat", "init_scale": 1e-5, "num_steps": 0}, "bf16", False),
        ("standard", {}, "bf16", False),
    ],
    ids=str,
)
def test_a_noise_that_bf16_rounds_away_is_told(name: str, values: dict[str, Any], precision: str, told: bool) -> None:
    lines = make_method(name, values).warnings(precision)
    assert bool(lines) is told
    if told:
        assert "init_scale = 1e-05 is so small that bf16 rounds it away" in lines[0]
        assert "--set init_scale=0.01" in lines[0] and "direction=fisher" in lines[0]

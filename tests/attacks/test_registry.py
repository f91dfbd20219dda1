"""A recipe is one file and nothing else to edit."""

from __future__ import annotations

from pathlib import Path

import pytest

from alumbench.attacks import load_recipe, recipe_names, recipes
from alumbench.attacks.resources import RESOURCES
from alumbench.errors import AlumbenchError

FILES = sorted(path.stem for path in Path(recipes.__file__).parent.glob("*.py") if path.stem != "__init__")


def test_the_registry_lists_exactly_the_files():
    assert recipe_names() == [stem.replace("_", "-") for stem in FILES]
    assert len(FILES) >= 5


@pytest.mark.parametrize("stem", FILES)
def test_each_recipe_says_what_it_is(stem):
    recipe = load_recipe(stem.replace("_", "-"))
    assert recipe.name == stem.replace("_", "-")
    assert recipe.version >= 1 and recipe.signature == f"{recipe.name}@{recipe.version}"
    assert "https://" in recipe.source and recipe.description
    assert recipe.goal in {"untargeted", "reduction"}
    assert set(recipe.needs) <= set(RESOURCES)


def test_a_new_file_is_a_new_recipe(tmp_path, monkeypatch):
    (tmp_path / "my_own_attack.py").write_text(
        "from alumbench.attacks.recipe import Recipe\n"
        "RECIPE = Recipe(name='my-own-attack', version=3, build=None, source='https://x', description='p')\n"
    )
    monkeypatch.setattr(recipes, "__path__", [*recipes.__path__, str(tmp_path)])
    assert "my-own-attack" in recipe_names()
    assert load_recipe("my-own-attack").signature == "my-own-attack@3"


@pytest.mark.parametrize(("name", "near"), [("deepwordbgu", "deepwordbug"), ("PWWS", "pwws"), ("puthi", "pruthi")])
def test_unknown_recipe_offers_the_nearest(name, near):
    with pytest.raises(AlumbenchError, match=rf"unknown recipe '{name}'. Did you mean '{near}.*alumbench recipes"):
        load_recipe(name)


@pytest.mark.parametrize("name", RESOURCES)
def test_each_resource_names_the_command_that_brings_it(name):
    commands = (f"nltk.downloader {name}", "hf download", "python -c", "set ALUMBENCH_MIRROR", f"pip install {name}")
    assert any(command in RESOURCES[name].remedy for command in commands)
    assert RESOURCES[name].about

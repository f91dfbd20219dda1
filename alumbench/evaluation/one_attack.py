"""A suite of one attack, for those who name a recipe and a threat model instead of a suite."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from msgspec.structs import replace

from alumbench.attacks import load_recipe
from alumbench.attacks.threat_models.references import load_threat_model, without_degree
from alumbench.attacks.threat_models.threat_model import ThreatModelAt
from alumbench.errors import AlumbenchError
from alumbench.evaluation.results import OneAttack
from alumbench.evaluation.suite import Suite
from alumbench.evaluation.suite_entry import SuiteEntry
from alumbench.registry import RECIPES, THREAT_MODELS, is_path
from alumbench.storage import file_name

#: Searches a threat model if no recipe is named.
DEFAULT_RECIPE = "standard"


def suite_of(attack: OneAttack, run_files: bool = True) -> Suite:
    """The suite whose only entry is this attack; its name says what it is, so that each has its own folder.

    Args:
        attack: the attack; versions in it may be left out.
        run_files: run the Python files that it names; only if the user named them, never because a record does.

    Raises:
        AlumbenchError: It is not one attack: nothing is named, a name is unknown, or its parts do not fit together.
    """
    if not attack.recipe and not attack.threat_model:
        raise AlumbenchError("name an attack: --recipe, --threat-model or both")
    asked, wanted = _split(attack.recipe or DEFAULT_RECIPE)
    named = ((RECIPES, asked), (THREAT_MODELS, without_degree(attack.threat_model)))
    files = [name for kind, name in named if is_path(kind, name)]
    if files and not run_files:
        raise AlumbenchError(
            f"names the Python file {files[0]}, which runs only in a suite that you name: --suite FILE"
        )
    recipe = load_recipe(asked)
    at = load_threat_model(attack.threat_model) if attack.threat_model else None
    entry = SuiteEntry(
        name=recipe.name,
        kind="attack",
        recipe=f"{_whole(asked)}@{wanted or recipe.version}",
        threat_model=_reference(at) if at else "",
        examples=attack.examples,
        queries=attack.queries,
        queries_per_word=attack.queries_per_word,
        models=dict(attack.models),
    )
    entry.check()
    said = {"n": attack.examples, "q": attack.queries, "qpw": attack.queries_per_word}
    parts = [recipe.name, at.name if at else "", *(f"{key}{value}" for key, value in said.items() if value)]
    title = recipe.signature + (f" within {at.signature}" if at else "")
    suite = Suite(file_name("-".join(filter(None, parts))), 1, title, (entry,), attack=_recorded(attack, entry))
    suite.check()
    return suite


def options_of(attack: OneAttack) -> list[str]:
    """The options of `alumbench attack` that name this attack."""
    named: Mapping[str, object] = {
        "--recipe": attack.recipe,
        "--threat-model": attack.threat_model,
        "--examples": attack.examples,
        "--queries": attack.queries,
        "--queries-per-word": attack.queries_per_word,
    }
    models = [word for name, value in attack.models.items() for word in ("--attack-model", f"{name}={value}")]
    return [*(word for option, value in named.items() if value for word in (option, str(value))), *models]


def _recorded(attack: OneAttack, entry: SuiteEntry) -> OneAttack:
    """The attack as records have it: with versions, a path cut to the file's name."""
    return replace(attack, recipe=entry.said_recipe, threat_model=entry.said_threat_model)


def _split(recipe: str) -> tuple[str, str]:
    """Name or path of a recipe, and its version, '' without one."""
    path, python, rest = recipe.rpartition(".py")
    name, _, version = (rest if python else recipe).partition("@")
    return path + python + name, version


def _reference(at: ThreatModelAt) -> str:
    """A threat model at a degree as a suite names it."""
    if not is_path(THREAT_MODELS, at.reference):
        return at.signature
    return f"{_whole(at.reference)}-{at.degree}{'%' if at.model.percent else ''}@{at.model.version}"


def _whole(reference: str) -> str:
    """A path made absolute, as a suite's are; a name unchanged."""
    return str(Path(reference).expanduser().resolve()) if ".py" in reference else reference

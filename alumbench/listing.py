"""Lists what this package and plug-ins offer by name, without heavy imports."""

from __future__ import annotations

from alumbench.registry import METHODS, RECIPES, SUITES, TASKS, THREAT_MODELS, names


def list_methods() -> list[str]:
    """Names of all training methods, including those of plug-ins.

    >>> "alum" in list_methods()
    True
    """
    return names(METHODS)


def list_recipes() -> list[str]:
    """Names of all attacks.

    >>> "pwws" in list_recipes()
    True
    """
    return names(RECIPES)


def list_threat_models() -> list[str]:
    """Names of all threat models, without degrees.

    >>> "chars" in list_threat_models()
    True
    """
    return names(THREAT_MODELS)


def list_tasks() -> list[str]:
    """Names of all tasks.

    >>> "sst2" in list_tasks()
    True
    """
    return names(TASKS)


def list_suites() -> list[str]:
    """Names of all suites.

    >>> "standard" in list_suites()
    True
    """
    return names(SUITES)

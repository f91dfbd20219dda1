"""One attack per example in flight: goal functions and searches hold the state of their current example."""

from __future__ import annotations

import copy
from collections import OrderedDict
from functools import cache
from types import FunctionType, MethodType
from typing import Any

from alumbench.attacks.textattack.loader import load_textattack
from alumbench.attacks.victim_wrapper import VictimWrapper


class CannotCopy(Exception):
    """The attack has to be built again."""


def attack_copy(attack: Any) -> Any:
    """A TextAttack `Attack` that shares models, vectors and word lists with this one, and no state.

    It copies TextAttack's own kinds of parts, the victim's wrapper, the containers that hold them, and methods bound
    to them (a search holds methods of its attack). Caches start empty. All else is shared.

    Raises:
        CannotCopy: A part has a closure, which may hold this attack's state.
    """
    textattack = load_textattack()
    parts = (
        *(textattack.Attack, textattack.goal_functions.GoalFunction, textattack.search_methods.SearchMethod),
        *(textattack.transformations.Transformation, textattack.constraints.Constraint),
        *(textattack.constraints.PreTransformationConstraint, VictimWrapper),
    )
    made: dict[int, Any] = {}

    @cache
    def is_part(kind: Any) -> bool:
        return issubclass(kind, parts)

    def copied(value: Any) -> Any:
        kind: Any = type(value)
        if is_part(kind):
            if id(value) not in made:
                made[id(value)] = new = copy.copy(value)
                vars(new).update({name: copied(item) for name, item in vars(new).items()})
            return made[id(value)]
        if kind is MethodType and is_part(value.__self__.__class__):
            return MethodType(value.__func__, copied(value.__self__))
        if kind is FunctionType and value.__closure__:
            raise CannotCopy(value.__qualname__)
        if kind in (list, tuple, set):
            return kind(copied(item) if is_part(item.__class__) else item for item in value)
        if kind in (dict, OrderedDict):
            return kind((key, copied(item) if is_part(item.__class__) else item) for key, item in value.items())
        return value

    return copied(attack)

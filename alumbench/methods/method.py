"""The base of all training methods: frozen dataclasses of parameters with a `loss`, each in its own file."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields, is_dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Literal, get_args, get_origin, get_type_hints

import msgspec
from torch import Tensor, nn

from alumbench import old_names
from alumbench.arguments import described
from alumbench.errors import AlumbenchError, unknown
from alumbench.methods.checks import checked
from alumbench.methods.context import Step, StepContext
from alumbench.methods.training_data import TrainingData
from alumbench.registry import METHODS, RECIPES, find, names

__all__ = ["Loss", "Method", "Step", "StepContext", "load_method", "make_method", "method_names", "parameters_of"]

#: Keys of a run's request, each with the key of the method's record that holds its value.
ORIGINS = {"method_origin": "origin", "attack_origin": "attack_origin"}


@dataclass(frozen=True)
class Loss:
    """A scalar to minimize.

    Attributes:
        total: the scalar.
        parts: its named parts, detached, for the log.
        finite: True if all gradients of an inner search were finite; None without a search.
    """

    total: Tensor
    parts: Mapping[str, Tensor] = field(default_factory=dict)
    finite: Tensor | None = None


class Method(metaclass=old_names.TakesOldNames):
    """A training method. Subclasses are frozen dataclasses whose fields are the parameters that `--set` sets.

    Attributes:
        name: its name in commands; the class sets it.
        source: paper and link, likewise.
        classifiers_only: '', or why only a classifier can be trained with it.
        is_plain: True if its loss is only the model's own, so that the Trainer can compute it.
    """

    _OLD_NAMES: ClassVar[Mapping[str, str]] = old_names.PARAMETERS
    _BY_NAME: ClassVar[bool] = True
    name: ClassVar[str]
    source: ClassVar[str]
    classifiers_only: ClassVar[str] = ""
    is_plain: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Puts the checks of `checks.py` before each method's loss.

        Raises:
            TypeError: It gives a new default to a parameter under an old name, which would have no effect.
        """
        super().__init_subclass__(**kwargs)
        for old, new in old_names.PARAMETERS.items():
            if old in cls.__annotations__ and hasattr(cls, new):
                raise TypeError(f"{cls.__name__}: {old} is now {new}; rename the field")
        if "loss" in cls.__dict__:
            cls.loss = checked(cls.__dict__["loss"])  # type: ignore[method-assign,assignment]

    @abstractmethod
    def loss(self, model: nn.Module, batch: Mapping[str, Tensor], step: StepContext) -> Loss:
        """The loss of one batch.

        Args:
            model: any module that returns a `ModelOutput` with `loss` and `logits`, in training mode.
            batch: `input_ids` and `attention_mask`, (batch, tokens), `labels`, (batch,), and all other inputs.
            step: the state of the run.

        Raises:
            AlumbenchError: The method cannot work with the model or the batch; the message says why.
        """

    def prepare(self, model: nn.Module) -> None:  # noqa: B027
        """Attaches the method's own modules (a teacher, an estimator) to the model, before the first step.

        Attached submodules are trained, checkpointed and resumed with the model.
        """

    def finish(self, model: nn.Module) -> None:  # noqa: B027
        """Removes the modules that `prepare` attached, so that a plain model is saved."""

    def training_data(self) -> TrainingData | None:
        """The rows that the method adds to the training set and makes again during training; None for no rows."""
        return None

    def warnings(self, precision: str) -> list[str]:
        """Warnings for the user before a run in that precision."""
        return []

    def parameters(self) -> dict[str, object]:
        """The method's parameters by name."""
        return asdict(self) if is_dataclass(self) and not isinstance(self, type) else {}


def attached(model: nn.Module, name: str) -> Any:
    """The module that a method's `prepare` attached to the model under that name.

    Raises:
        RuntimeError: The model was not prepared.
    """
    if not hasattr(model, name):
        raise RuntimeError(f"{type(model).__name__} has no {name}: call the method's prepare(model) before its loss")
    return getattr(model, name)


def check_range(least: float = 0.0, **values: float) -> None:
    """Checks that parameters are at least `least`.

    Raises:
        ValueError: One is smaller.
    """
    for name, value in values.items():
        if not value >= least:
            raise ValueError(f"{name} = {value}: must be {least:g} or more")


def method_names() -> list[str]:
    """All methods, sorted: a file `alum_paper.py` is the method `alum-paper`, `freelb_plus_plus.py` is `freelb++`."""
    return names(METHODS)


def load_method(name: str) -> type[Method]:
    """The class of that name, or of a path: `./mine.py`.

    Raises:
        AlumbenchError: There is none (the message suggests the nearest name), or its file is not a method.
    """
    found = find(METHODS, name)
    cls = found.load()
    if not (isinstance(cls, type) and issubclass(cls, Method) and is_dataclass(cls)):
        raise AlumbenchError(f"{found.where}: METHOD must be a class that extends Method, with @dataclass(frozen=True)")
    found.named(getattr(cls, "name", None))
    return cls


def method_record(name: str, method: Method) -> dict[str, object]:
    """The part of a training record that describes a method.

    For a method from outside this package it also has the origin and the parameters not at their defaults, since a
    reader of the record may not have the method. It also has the origin of the recipe that makes the method's data.

    Args:
        name: its name or path.
        method: with its parameters.
    """
    found = find(METHODS, name)
    parameters = method.parameters()
    record: dict[str, object] = {"name": name if found.built_in else method.name, "parameters": parameters}
    data = method.training_data()
    attack = find(RECIPES, data.attack).origin() if data and data.attack else None
    if attack:
        record["attack_origin"] = attack.record()
    if found.built_in:
        return record
    defaults = parameters_of(type(method))
    changed = [key for key, value in parameters.items() if defaults.get(key, MISSING) != value]
    return record | {"changed": changed, "origin": found.origin().record()}


def origins_of(record: Mapping[str, object]) -> dict[str, object]:
    """The origins of a run's method and attack recipe, by key of the request; empty if both are from this package."""
    return {name: record[key] for name, key in ORIGINS.items() if key in record}


def make_method(
    name: str,
    values: Mapping[str, object] = MappingProxyType({}),
    say: Callable[[str], object] = old_names.warn,
) -> Method:
    """A method with these parameters, the others at their defaults; strings are converted to the parameter's type.

    Args:
        name: its name or path.
        values: parameters by name.
        say: called with one line for each old name of a parameter.

    Raises:
        AlumbenchError: A parameter is unknown, missing, of the wrong type, or out of range.
    """
    if not isinstance(name, str):
        raise AlumbenchError(f"name: expected a name of 'alumbench methods', got {described(name)}")
    cls = load_method(name)
    known = parameters_of(cls)
    kinds = _kinds(name, cls)
    parsed = {}
    for key, value in old_names.renamed(values, old_names.PARAMETERS, say, known).items():
        if key not in known:
            if not known:
                raise AlumbenchError(f"method {name} has no parameters, so '{key}' cannot be set")
            raise AlumbenchError(f"method {name}: {unknown('parameter', key, known, 'alumbench methods')}")
        parsed[key] = _parse(value, kinds[key], f"method {name}, {key}")
    for key, default in known.items():
        if default is MISSING and key not in parsed:
            raise AlumbenchError(f"method {name}: {key} has no default; give --set {key}=VALUE")
    try:
        return cls(**parsed)
    except (ValueError, TypeError) as error:
        raise AlumbenchError(f"method {name}: {error}") from error


def present_parameters(name: str, values: Mapping[str, object], say: Callable[[str], object]) -> dict[str, object]:
    """Parameters of a method under their present names; `say` is called with one line for each old one."""
    return old_names.renamed(values, old_names.PARAMETERS, say, parameters_of(load_method(name)))


def parameters_of(method: type[Method]) -> dict[str, object]:
    """The default of each parameter; `dataclasses.MISSING` if it has none."""
    return {
        item.name: item.default if item.default_factory is MISSING else item.default_factory()
        for item in fields(method)  # type: ignore[arg-type]
        if item.init
    }


def _kinds(name: str, method: type[Method]) -> dict[str, object]:
    """The type of each parameter, with or without `from __future__ import annotations` in its file."""
    try:
        return get_type_hints(method)
    except Exception as error:
        raise AlumbenchError(
            f"method {name}: the type of a parameter cannot be read ({type(error).__name__}: {error})"
        ) from error


def _parse(value: Any, kind: Any, where: str) -> Any:
    """The value, from the command line or TOML, as the parameter's type; rounded or infinite numbers are errors."""
    if kind is bool and isinstance(value, str):
        value = {"yes": "true", "no": "false"}.get(value.lower(), value.lower())
    for tried in [value, str(value)] if isinstance(value, int | float) and not isinstance(value, bool) else [value]:
        try:
            parsed = msgspec.convert(tried, kind, strict=False)
        except (msgspec.ValidationError, TypeError, OverflowError):
            continue
        if _bounded(parsed):
            return parsed
    raise AlumbenchError(f"{where}: {value!r:.80} is {_not_of(kind)}")


def _bounded(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(map(_bounded, value.values()))
    if isinstance(value, list | tuple | set | frozenset):
        return all(map(_bounded, value))
    return not isinstance(value, float) or math.isfinite(value)


def _not_of(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return f"not one of {', '.join(map(str, get_args(kind)))}"
    return f"not a valid {kind.__name__ if isinstance(kind, type) and not get_args(kind) else kind}".replace(
        "typing.", ""
    )

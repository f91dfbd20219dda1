"""What every training method is: a frozen dataclass of parameters with a `loss`, in a file of its own."""

from __future__ import annotations

import importlib
import math
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields, is_dataclass
from typing import Any, ClassVar, Literal, get_args, get_origin, get_type_hints

import msgspec
from torch import Tensor, nn

from alumbench.adversary import Perturbation
from alumbench.errors import AlumbenchError, unknown

#: Files of this folder that are no methods.
SHARED = {"method", "perturbing"}


@dataclass(frozen=True)
class Step:
    """Where the run stands, for methods that draw noise or follow a schedule.

    Attributes:
        number: optimizer steps done.
        seed: the run's seed.
        examples: (batch,) numbers of the batch's examples in the training set.
        special_ids: (count,) token ids that are special, on the batch's device.
        total: optimizer steps of the whole run.
        weights: (batch,) weights of the rows, where the training set has rows of other than one.
    """

    number: int
    seed: int
    examples: Sequence[int]
    special_ids: Tensor
    total: int = 0
    weights: Tensor | None = None

    def perturbation(
        self,
        model: nn.Module,
        batch: Mapping[str, Tensor],
        special_tokens: bool = False,
        replay_dropout: bool = True,
    ) -> Perturbation:
        """The batch as the adversarial core sees it."""
        special = None if special_tokens else self.special_ids
        return Perturbation(model, batch, special, self.seed, self.number, self.examples, replay_dropout)


@dataclass(frozen=True)
class Loss:
    """A scalar to minimize.

    Attributes:
        total: the scalar.
        parts: its named parts, detached, for the log.
        finite: whether all gradients of an inner search were finite, where there was one.
    """

    total: Tensor
    parts: Mapping[str, Tensor] = field(default_factory=dict)
    finite: Tensor | None = None


class Method(ABC):
    """A training method. Subclasses are frozen dataclasses whose fields are the parameters that `--set` sets."""

    name: ClassVar[str]
    source: ClassVar[str]
    #: '', or why only a classifier can be trained with it.
    classifiers_only: ClassVar[str] = ""

    @abstractmethod
    def loss(self, model: nn.Module, batch: Mapping[str, Tensor], step: Step) -> Loss:
        """The loss of one batch.

        Args:
            model: the classifier, in training mode.
            batch: `input_ids` and `attention_mask`, (batch, tokens), `labels`, (batch,), and what else the model takes.
            step: where the run stands.
        """

    def prepare(self, model: nn.Module) -> None:  # noqa: B027
        """Gives the model what the method keeps beside it (a teacher, an estimator), before the first step.

        What is attached as a submodule is trained, checkpointed and resumed with the model.
        """

    def finish(self, model: nn.Module) -> None:  # noqa: B027
        """Takes away again what `prepare` attached, so that a plain model is saved."""

    def warnings(self, precision: str) -> list[str]:
        """What a user should know before a run in that precision."""
        return []

    def parameters(self) -> dict[str, Any]:
        """The method's parameters by name."""
        return asdict(self) if is_dataclass(self) and not isinstance(self, type) else {}


def attached(model: nn.Module, name: str) -> Any:
    """What a method's `prepare` attached to the model under that name.

    Raises:
        RuntimeError: It was not prepared.
    """
    if not hasattr(model, name):
        raise RuntimeError(f"{type(model).__name__} has no {name}: call the method's prepare(model) before its loss")
    return getattr(model, name)


def check_range(least: float = 0.0, **values: float) -> None:
    """Checks that parameters are at least that.

    Raises:
        ValueError: One is not.
    """
    for name, value in values.items():
        if not value >= least:
            raise ValueError(f"{name} = {value}: must be {least:g} or more")


def method_names() -> list[str]:
    """All methods, sorted: a file `alum_paper.py` is the method `alum-paper`, `freelb_plus_plus.py` is `freelb++`."""
    return sorted(_files())


def _files() -> dict[str, str]:
    import alumbench.methods as package

    names = [m.name for m in pkgutil.iter_modules(package.__path__) if m.name not in SHARED]
    return {name.replace("_plus", "+").replace("_", "-"): name for name in names}


def load_method(name: str) -> type[Method]:
    """The class of that name.

    Raises:
        AlumbenchError: There is none, and the nearest name is offered; or its file is no method.
    """
    files = _files()
    if name not in files:
        raise unknown("method", name, method_names(), "alumbench methods")
    module = f"alumbench.methods.{files[name]}"
    where = f"method {name} ({module.replace('.', '/')}.py)"
    try:
        cls = importlib.import_module(module).METHOD
    except Exception as error:  # whatever a user's own file does
        raise AlumbenchError(f"{where}: cannot be loaded: {type(error).__name__}: {str(error)[:200]}") from error
    if not (isinstance(cls, type) and issubclass(cls, Method) and is_dataclass(cls)):
        raise AlumbenchError(f"{where}: METHOD must be a class that extends Method, with @dataclass(frozen=True)")
    return cls


def make_method(name: str, values: Mapping[str, Any]) -> Method:
    """A method with these parameters, the others at their defaults; texts are turned into each parameter's type.

    Raises:
        AlumbenchError: A parameter is unknown, missing, of the wrong type, or out of range.
    """
    cls = load_method(name)
    known = parameters_of(cls)
    kinds = _kinds(name, cls)
    parsed = {}
    for key, value in values.items():
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


def parameters_of(method: type[Method]) -> dict[str, Any]:
    """The default of each parameter; `dataclasses.MISSING` where it has none."""
    return {
        item.name: item.default if item.default_factory is MISSING else item.default_factory()
        for item in fields(method)  # type: ignore[arg-type]
        if item.init
    }


def _kinds(name: str, method: type[Method]) -> dict[str, Any]:
    """The type of each parameter, whether its file says `from __future__ import annotations` or not."""
    try:
        return get_type_hints(method)
    except Exception as error:
        raise AlumbenchError(
            f"method {name}: the type of a parameter cannot be read ({type(error).__name__}: {error})"
        ) from error


def _parse(value: Any, kind: Any, where: str) -> Any:
    """The value, from the command line or TOML, as the parameter's type; a rounded or unbounded number is a mistake."""
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
        return f"none of {', '.join(map(str, get_args(kind)))}"
    return f"no {kind.__name__ if isinstance(kind, type) and not get_args(kind) else kind}".replace("typing.", "")

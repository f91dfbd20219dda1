"""What every training method is: a frozen dataclass of parameters with a `loss`, in a file of its own."""

from __future__ import annotations

import importlib
import math
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from typing import Any, ClassVar

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
        AlumbenchError: There is none; the nearest name is offered.
    """
    files = _files()
    if name not in files:
        raise unknown("method", name, method_names(), "alumbench methods")
    module = importlib.import_module(f"alumbench.methods.{files[name]}")
    return module.METHOD  # type: ignore[no-any-return]


def make_method(name: str, values: Mapping[str, Any]) -> Method:
    """A method with these parameters, the others at their defaults; texts are turned into each parameter's type.

    Raises:
        AlumbenchError: A parameter is unknown, of the wrong type, or out of range.
    """
    cls = load_method(name)
    known = {item.name: item for item in fields(cls)}  # type: ignore[arg-type]
    parsed = {}
    for key, value in values.items():
        if key not in known:
            if not known:
                raise AlumbenchError(f"method {name} has no parameters, so '{key}' cannot be set")
            raise AlumbenchError(f"method {name}: {unknown('parameter', key, known, 'alumbench methods')}")
        parsed[key] = _parse(value, str(known[key].type), f"method {name}, {key}")
    try:
        return cls(**parsed)
    except ValueError as error:
        raise AlumbenchError(f"method {name}: {error}") from error


def _parse(value: Any, kind: str, where: str) -> Any:
    """The value, from the command line or TOML, as the parameter's type; a rounded or unbounded number is a mistake."""
    text = str(value)
    try:
        if kind == "bool":
            return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[text.lower()]
        if kind == "float":
            if not math.isfinite(float(text)):
                raise ValueError
            return float(text)
        return {"int": int, "str": str}[kind](text)
    except (KeyError, ValueError):
        raise AlumbenchError(f"{where}: {value!r} is no {kind}") from None

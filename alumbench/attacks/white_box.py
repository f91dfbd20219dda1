"""The interface of attacks with gradients on the embeddings: frozen dataclasses of settings that attack batches.

Such an attack makes no text. A suite names it in an entry of kind `embedding`, with its settings; a file of
`recipes/` or a plug-in has one `RECIPE = WhiteBoxRecipe(…)`. Nothing here needs torch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, ClassVar

from alumbench.attacks.recipe import Recipe
from alumbench.config import convert
from alumbench.errors import AlumbenchError

if TYPE_CHECKING:
    from alumbench.attacks.embedding_space import Harm
    from alumbench.attacks.victim import Texts, Victim


@dataclass(frozen=True)
class Batch:
    """A batch of examples to attack.

    Attributes:
        victim: the model to attack.
        texts: for each example, one string per column.
        labels: the right labels, as positions in the task's order.
        ids: ids of the examples. Random draws for one are seeded by its id, so they do not depend on the others.
    """

    victim: Victim
    texts: Sequence[Texts]
    labels: Sequence[int]
    ids: Sequence[str]


class WhiteBoxAttack(ABC):
    """An attack with its settings. Subclasses are frozen dataclasses whose fields a suite's entry sets.

    A method `check` may raise an `AlumbenchError` for values that are invalid together.
    """

    @abstractmethod
    def run(self, batch: Batch) -> Harm:
        """Returns the most harmful answers found; `embedding_space.Climb` does most of the work."""

    @property
    def settings(self) -> str:
        """Its part of an entry's signature: everything that affects its results, without `|`."""
        return ":".join(f"{item.name}={_said(getattr(self, item.name))}" for item in fields(self))  # type: ignore[arg-type]


@dataclass(frozen=True)
class WhiteBoxRecipe(Recipe):
    """A white-box attack for `recipes/` and suites; all else is as in `Recipe`.

    Attributes:
        search: the attack's class.
    """

    build: Callable[..., Any] | None = field(default=None, kw_only=True)
    search: type[WhiteBoxAttack] = field(kw_only=True)

    kind: ClassVar[str] = "embedding"

    def attack(self, settings: Mapping[str, object]) -> WhiteBoxAttack:
        """Returns the attack with these settings.

        Raises:
            AlumbenchError: One is unknown (the message names the nearest), missing, of a wrong type, or out of range.
        """
        return convert(self.search, settings, f"recipe {self.name}")

    def make(self, *_: Any, **__: Any) -> Any:
        """Always raises: this attack makes no text.

        Raises:
            AlumbenchError: Always.
        """
        raise AlumbenchError(f"recipe {self.name} produces no text: use it in a suite entry of kind 'embedding'")


def _said(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "+".join(map(_said, value))
    return (f"{value:g}" if isinstance(value, float) else str(value)).replace("|", "_")

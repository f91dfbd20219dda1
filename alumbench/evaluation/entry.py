"""One entry of a suite: a clean dev set, a fixed set, or an attack with its budget and its choice of examples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from alumbench.attacks import load_recipe
from alumbench.attacks.embedding_protocol import LOSSES, EmbeddingProtocol
from alumbench.attacks.embedding_protocol import RECIPE as EMBEDDING_RECIPE
from alumbench.attacks.recipe import Recipe
from alumbench.config import Amount, Count, Positive, Slug
from alumbench.errors import AlumbenchError, unknown
from alumbench.tasks import Source, Task

KINDS = ("clean", "fixed", "attack", "embedding")
ALL_TASKS = "*"


@dataclass(frozen=True)
class Entry:
    """One column of a table.

    Attributes:
        name: how tables call it.
        kind: `clean` (the task's own dev set), `fixed` (examples made beforehand), `attack` (a search for a text) or
            `embedding` (a search for a δ in embedding space).
        tasks: names of tasks it is for; `*` for every task.
        source: where a fixed set's examples come from, or an attack's if not from the task's dev set.
        group: column that parts the set (HANS: `heuristic`).
        collapse: for a set with fewer labels: which label of the set each label of the task counts as.
        recipe: `name@version` of an attack; of one on embeddings that names none, the version that is here, so that a
            suite's digest says what it was run with.
        examples: how many to take, drawn once for everybody; 0 for all.
        queries: model answers an example may cost, 0 for no limit.
        seconds: time an example may take, 0 for no limit.
        radius: of an embedding attack, in units of a sentence's token RMS length.
        steps: gradient steps of each ascent of an embedding attack.
        note: what to know before comparing.
        parts: of an attack: parts that its recipe leaves open, by name (`masked_lm`: a folder or a hub id).
        seeds: seeds an attack is run under: the run's, and those after it.
        seed_examples: examples that the seeds after the first are for: the first so many of those drawn.
        losses: that an embedding attack's ascents climb.
        restarts: its ascents of each loss from a random δ, beside the one from 0.
    """

    name: Slug
    kind: str
    tasks: tuple[str, ...] = (ALL_TASKS,)
    source: tuple[Source, ...] = field(default=())
    group: str = ""
    collapse: Mapping[str, str] = field(default_factory=dict)
    recipe: str = ""
    examples: Count = 0
    queries: Count = 0
    seconds: Amount = 0.0
    radius: Amount = 0.0
    steps: Count = 0
    note: str = ""
    parts: Mapping[str, str] = field(default_factory=dict)
    seeds: Positive = 1
    seed_examples: Count = 0
    losses: tuple[str, ...] = LOSSES
    restarts: Count = 1

    def __post_init__(self) -> None:
        """Fills an embedding attack's version in."""
        if self.kind == "embedding" and not self.recipe:
            object.__setattr__(self, "recipe", EMBEDDING_RECIPE)

    def check(self) -> None:
        """Looks its values through.

        Raises:
            AlumbenchError: They do not go together.
        """
        if self.kind not in KINDS:
            raise unknown("kind", self.kind, KINDS)
        if self.collapse and self.kind != "fixed":
            raise AlumbenchError(f"collapse is for fixed sets, this entry is of kind {self.kind}")
        for name in ("parts", "seed_examples", "recipe"):
            if getattr(self, name) and self.kind != "attack" and (name, self.kind) != ("recipe", "embedding"):
                raise AlumbenchError(f"{name} is for attacks, this entry is of kind {self.kind}")
        if self.kind in {"attack", "embedding"}:
            here = self.load_recipe().signature if self.kind == "attack" else EMBEDDING_RECIPE
            if self.recipe != here:
                raise AlumbenchError(
                    f"asks for {self.recipe}, this alumbench has {here}; a suite names the version it was made for"
                )
        _check_ascents(self)
        if self.kind == "fixed" and not self.source:
            raise AlumbenchError("a fixed set needs a [[entry.source]]")
        _check_seeds(self)

    def is_for(self, task: Task) -> bool:
        """Whether a checkpoint of that task takes it."""
        if self.kind in {"attack", "embedding"} and task.is_regression:
            return False
        return ALL_TASKS in self.tasks or task.name in self.tasks

    def embedding_protocol(self) -> EmbeddingProtocol:
        """What an embedding attack is run with."""
        return EmbeddingProtocol(self.radius, self.steps, self.losses, self.restarts)

    def load_recipe(self) -> Recipe:
        """The recipe of an attack."""
        return load_recipe(self.recipe.partition("@")[0])


def _check_ascents(entry: Entry) -> None:
    if entry.kind != "embedding":
        for name, default in (("losses", LOSSES), ("restarts", 1)):
            if getattr(entry, name) != default:
                raise AlumbenchError(f"{name} is for embedding attacks, this entry is of kind {entry.kind}")
        return
    if not (entry.radius > 0 and entry.steps > 0):
        raise AlumbenchError("an embedding attack needs a radius and steps above 0")
    if not entry.losses:
        raise AlumbenchError(f"an embedding attack needs a loss: {', '.join(LOSSES)}")
    for loss in entry.losses:
        if loss not in LOSSES:
            raise unknown("loss", loss, LOSSES)


def _check_seeds(entry: Entry) -> None:
    if entry.seeds == 1 and not entry.seed_examples:
        return
    if entry.kind != "attack" or entry.load_recipe().goal == "reduction":
        raise AlumbenchError("seeds are for attacks that look for another label")
    if entry.seeds < 2 or not entry.seed_examples:
        raise AlumbenchError(
            f"seeds = {entry.seeds} with seed_examples = {entry.seed_examples}; several seeds are for the "
            f"first so many examples: seeds = 3 with seed_examples = 50, say"
        )
    if 0 < entry.examples < entry.seed_examples:
        raise AlumbenchError(f"seed_examples = {entry.seed_examples} of examples = {entry.examples}")

"""One entry of a suite: a clean dev set, a fixed set, or an attack with its budget and its choice of examples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from alumbench.attacks import load_recipe
from alumbench.attacks.recipe import Recipe
from alumbench.attacks.recipes.embedding_pgd import LOSSES
from alumbench.attacks.recipes.embedding_pgd import RECIPE as EMBEDDING_PGD
from alumbench.attacks.threat_models.references import load_threat_model, without_degree
from alumbench.attacks.threat_models.threat_model import ThreatModelAt
from alumbench.attacks.white_box import WhiteBoxAttack, WhiteBoxRecipe
from alumbench.config import Amount, Count, Positive, Slug
from alumbench.data import Source, Task
from alumbench.errors import AlumbenchError, unknown
from alumbench.origins import Origin
from alumbench.registry import RECIPES, THREAT_MODELS, find, is_path

KINDS = ("clean", "fixed", "attack", "embedding")
ATTACKS = ("attack", "embedding")
ALL_TASKS = "*"
#: Settings of white-box attacks that have their own keys, with their defaults.
OWN_KEYS: Mapping[str, object] = {"radius": 0.0, "steps": 0, "losses": LOSSES, "restarts": 1}

Setting = float | str | bool | tuple[float | str, ...]


@dataclass(frozen=True)
class SuiteEntry:
    """One column of a table.

    Attributes:
        name: its name in tables.
        kind: `clean` (the task's own dev set), `fixed` (examples made beforehand), `attack` (a search for a text) or
            `embedding` (a white-box attack that makes no text: a search for a δ in embedding space).
        tasks: names of tasks it is for; `*` for every task.
        source: source of a fixed set's examples, or of an attack's if not the task's dev set.
        group: column that divides the set into parts (HANS: `heuristic`).
        collapse: for a set with fewer labels: the set's label for each label of the task.
        recipe: `name@version` of an attack, or `PATH.py:RECIPE@version`. An embedding attack that names none gets the
            installed version of embedding PGD, so that a suite's digest covers it.
        examples: number to take, the same draw for everybody; 0 for all.
        queries: model answers an example may cost, 0 for no limit.
        seconds: time an example may take, 0 for no limit.
        radius: of a white-box attack, in units of a sentence's token RMS length.
        steps: gradient steps of each ascent of a white-box attack.
        note: a caution for comparisons.
        models: of an attack: models that its recipe leaves open, by name (`masked_lm`: a folder or a hub id).
        seeds: number of seeds of an attack: the run's, and those after it.
        seed_examples: number of examples for each seed after the first: the first ones of those drawn.
        losses: losses that a white-box attack's ascents maximize.
        restarts: its ascents of each loss from a random δ, besides the one from 0.
        settings: further settings of a white-box attack, which have no key of their own here.
        threat_model: of an attack: `NAME-DEGREE@VERSION`, or `PATH.py-DEGREE@VERSION`, the set that adversarial texts
            must be in.
        queries_per_word: model answers that an example may cost per word of its text, 0 for no limit; the smaller of
            this and `queries` holds.
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
    models: Mapping[str, str] = field(default_factory=dict)
    seeds: Positive = 1
    seed_examples: Count = 0
    losses: tuple[str, ...] = LOSSES
    restarts: Count = 1
    settings: Mapping[str, Setting] = field(default_factory=dict)
    threat_model: str = ""
    queries_per_word: Count = 0

    def __post_init__(self) -> None:
        """Sets the default recipe of an embedding attack."""
        if self.kind == "embedding" and not self.recipe:
            object.__setattr__(self, "recipe", EMBEDDING_PGD.signature)

    def check(self) -> None:
        """Checks its values.

        Raises:
            AlumbenchError: They do not fit together.
        """
        if self.kind not in KINDS:
            raise unknown("kind", self.kind, KINDS)
        if self.collapse and self.kind != "fixed":
            raise AlumbenchError(f"collapse is for fixed sets, this entry is of kind {self.kind}")
        for name in ("models", "seed_examples", "recipe", "threat_model", "queries_per_word"):
            if getattr(self, name) and self.kind != "attack" and (name, self.kind) != ("recipe", "embedding"):
                raise AlumbenchError(f"{name} is for attacks, this entry is of kind {self.kind}")
        if self.kind in ATTACKS:
            self._check_recipe()
        _check_settings(self)
        if self.kind == "fixed" and not self.source:
            raise AlumbenchError("a fixed set needs a [[entry.source]]")
        _check_seeds(self)

    def is_for(self, task: Task) -> bool:
        """True if it applies to checkpoints of that task."""
        if self.kind in ATTACKS and task.is_regression:
            return False
        return ALL_TASKS in self.tasks or task.name in self.tasks

    @property
    def reference(self) -> str:
        """The registry's name of its recipe: a name, or a path."""
        path, python, rest = self.recipe.rpartition(".py")  # a folder's name may have an @
        if not python:
            return self.recipe.partition("@")[0]
        return path + python + rest.partition("@")[0]

    @property
    def said_recipe(self) -> str:
        """Its recipe as written in the suite, a path cut to the file's name, since folders differ by machine."""
        return _file_name(self.recipe) if is_path(RECIPES, self.reference) else self.recipe

    @property
    def said_threat_model(self) -> str:
        """Its threat model as written in the suite, a path cut to the file's name."""
        is_file = is_path(THREAT_MODELS, without_degree(self.threat_model))
        return _file_name(self.threat_model) if is_file else self.threat_model

    def load_recipe(self) -> Recipe:
        """The recipe of an attack."""
        return load_recipe(self.reference)

    def missing(self) -> list[str]:
        """What an attack lacks here, and how to get it."""
        if self.kind != "attack":
            return []
        recipe, at = self.load_recipe(), self.load_threat_model()
        absent = recipe.missing() or (at.model.missing() if at else [])
        return absent or recipe.check_models(self.models, at.model.required_models if at else ())

    def load_threat_model(self) -> ThreatModelAt | None:
        """The threat model of an attack, None for the recipe's own."""
        return load_threat_model(self.threat_model) if self.threat_model else None

    def origin(self) -> Origin:
        """The origin of an attack's recipe; empty for recipes of this package and for other kinds."""
        return find(RECIPES, self.reference).origin() if self.kind in ATTACKS else Origin()

    def white_box(self) -> tuple[WhiteBoxAttack, str]:
        """A white-box attack with its settings, and its part of the entry's signature."""
        recipe = self.load_recipe()
        assert isinstance(recipe, WhiteBoxRecipe)
        given = {name: getattr(self, name) for name, none in OWN_KEYS.items() if getattr(self, name) != none}
        twice = sorted(given.keys() & self.settings.keys())
        if twice:
            raise AlumbenchError(f"{', '.join(twice)} is given as a key and among the settings")
        attack = recipe.attack({**given, **self.settings})
        return attack, f"{recipe.signature}:{attack.settings}"

    def _check_recipe(self) -> None:
        recipe = self.load_recipe()
        if self.recipe != f"{self.reference}@{recipe.version}":
            has = f"{self.origin() or 'this alumbench'} has {recipe.signature}"
            raise AlumbenchError(f"asks for {self.said_recipe}, {has}; a suite names the version it was made for")
        if recipe.needs_threat_model and not self.threat_model:
            raise AlumbenchError(
                f"recipe {recipe.name} searches the set of a threat model; name one, such as "
                f"threat_model = \"chars-2@1\" ('alumbench threat-models' lists them)"
            )
        if self.threat_model:
            self._check_threat_model()
        if recipe.kind != self.kind:
            raise AlumbenchError(f"recipe {recipe.name} is for entries of kind {recipe.kind}, this is of {self.kind}")

    def _check_threat_model(self) -> None:
        at = load_threat_model(self.threat_model)
        if at.version is None:
            raise AlumbenchError(f"threat_model = {at.name}: name its version too, {at.signature}")
        recipe = self.load_recipe()
        if why := recipe.why_not_within(at):
            raise AlumbenchError(f"recipe {recipe.name} cannot search {at.name}: {why}")


def _file_name(reference: str) -> str:
    return reference.replace("\\", "/").rpartition("/")[2]


def _check_settings(entry: SuiteEntry) -> None:
    if entry.kind == "embedding":
        entry.white_box()
        return
    for name, none in {**OWN_KEYS, "settings": {}}.items():
        if name not in ("radius", "steps") and getattr(entry, name) != none:  # these two were never refused
            raise AlumbenchError(f"{name} is for embedding attacks, this entry is of kind {entry.kind}")


def _check_seeds(entry: SuiteEntry) -> None:
    if entry.seeds == 1 and not entry.seed_examples:
        return
    if entry.kind != "attack" or entry.load_recipe().goal == "reduction":
        raise AlumbenchError("seeds are for attacks that try to change the label")
    if entry.seeds < 2 or not entry.seed_examples:
        raise AlumbenchError(
            f"seeds = {entry.seeds} with seed_examples = {entry.seed_examples}; give both: "
            f"seeds = 3 with seed_examples = 50 attacks the first 50 examples with 3 seeds"
        )
    if 0 < entry.examples < entry.seed_examples:
        raise AlumbenchError(f"seed_examples = {entry.seed_examples} is more than examples = {entry.examples}")
